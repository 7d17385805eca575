"""`leaderboard check` and `leaderboard check-site`."""

import json
from pathlib import Path

import typer

from compression_leaderboard.cli.app import AsJson, Root, all_problems, app
from compression_leaderboard.records.base import Problem, UserError


@app.command()
def check(root: Root = Path(), as_json: AsJson = False) -> None:
    """Print every problem of runs/ and results/ at once.

    Example: `leaderboard check`
    """
    problems = all_problems(root)
    if as_json:
        print(json.dumps([vars(problem) for problem in problems], indent=1))
    elif problems:
        raise UserError(problems)
    else:
        print("runs/ and results/ are in order")
    if problems:
        raise typer.Exit(1)


@app.command("check-site")
def check_site(root: Root = Path()) -> None:
    """Check the built site: every link inside of it resolves, and nothing is over its size budget.

    Example: `leaderboard check-site`
    """
    from compression_leaderboard.repository.site import check_links, check_sizes

    folder = root / "build" / "html"
    if not (folder / "index.html").is_file():
        raise UserError(
            [Problem("build/html", "", "is not there", "run `leaderboard build` first")]
        )
    total, problems = check_sizes(folder)
    problems += check_links(folder)
    if problems:
        raise UserError(problems)
    typer.echo(f"every link resolves; {total / 1e6:.1f} MB in all")
