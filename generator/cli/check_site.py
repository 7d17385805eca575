"""`leaderboard check-site`."""

from pathlib import Path

import typer

from generator.cli.app import Root, app
from generator.records.base import Problem, UserError


@app.command("check-site")
def check_site(root: Root = Path()) -> None:
    """Check the built site: every link inside of it resolves, and nothing is over its size budget.

    Example: `leaderboard check-site`
    """
    from generator.files.site_links import check_links, check_sizes

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
