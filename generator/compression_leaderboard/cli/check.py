"""`leaderboard check` and `leaderboard check-site`."""

from pathlib import Path

import typer

from compression_leaderboard.cli.app import AsJson, Root, app, print_json
from compression_leaderboard.records.base import Problem, UserError
from compression_leaderboard.repository.contents import read_contents


@app.command()
def check(root: Root = Path(), as_json: AsJson = False) -> None:
    """Print every problem of runs/ and results/ at once.

    Example: `leaderboard check`
    """
    problems = read_contents(root)[1]
    if as_json:
        print_json([vars(problem) for problem in problems])
    elif problems:
        raise UserError(problems)
    else:
        print("runs/ and results/ have no problems")
    if problems:
        raise typer.Exit(1)


@app.command("check-site")
def check_site(root: Root = Path()) -> None:
    """Check that every internal link of the built site resolves and every size is within budget.

    Example: `leaderboard check-site`
    """
    from compression_leaderboard.repository.site import check_links, check_sizes

    folder = built_site(root)
    total, problems = check_sizes(folder)
    if problems := [*problems, *check_links(folder)]:
        raise UserError(problems)
    print(f"every link resolves; the site has {total / 1e6:.1f} MB")


def built_site(root: Path) -> Path:
    """The folder of the built site."""
    folder = root / "build" / "html"
    if not (folder / "index.html").is_file():
        raise UserError([Problem("build/html", "", "is missing", "run `leaderboard build` first")])
    return folder
