"""`leaderboard check`, `build`, `serve` and `check-site`."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from compression_leaderboard.cli.app import (
    AsJson,
    Root,
    app,
    describe_commands,
    read_valid,
    report_problems,
)
from compression_leaderboard.records.base import Problem, UserError
from compression_leaderboard.repository.contents import read_contents
from compression_leaderboard.repository.git import Commit, current_commit


@app.command()
def check(root: Root = Path(), as_json: AsJson = False) -> None:
    """Print every problem of runs/ and results/ at once.

    Example: `leaderboard check`
    """
    problems = read_contents(root)[1]
    report_problems(problems, as_json, "runs/ and results/ have no problems")


@app.command()
def build(
    root: Root = Path(),
    html: Annotated[bool, typer.Option(help="Run mkdocs as well.")] = True,
) -> None:
    """Rebuild tables, fits and the site from the records, unless nothing has changed.

    Example: `leaderboard build`
    """
    from compression_leaderboard.repository import site

    commit = current_commit(root)
    folder = root / "build" / "html"
    inputs = site.hash_inputs(root, f"{commit.id} {commit.date}")
    if html and site.is_built(root, inputs):
        print(f"nothing has changed: the site in {folder} is up to date")
        return
    files = site.lay_out(root, _render(root, commit))
    if not html:
        site.write_site(root, files)
        return
    site.build_html(root, files, commit.date)
    site.mark_built(root, inputs)
    print(f"the site is in {folder}; run `leaderboard serve` to show it")


def _render(root: Path, commit: Commit) -> dict[str, bytes]:
    """Render every generated file of the site, from valid contents only."""
    from compression_leaderboard.fits.studied_board import derive_board
    from compression_leaderboard.pages.site import Sources, render_site
    from compression_leaderboard.repository.site import read_sources

    board = derive_board(read_valid(read_contents, root), commit)
    return render_site(board, Sources(*read_sources(root)), describe_commands())


@app.command()
def serve(
    root: Root = Path(),
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 8000,
) -> None:
    """Show the built site on this machine.

    Example: `leaderboard serve --port 8000`
    """
    folder = _built_site(root)
    print(f"http://127.0.0.1:{port}/ (stop with Ctrl-C)")
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    subprocess.run([*command, "--directory", str(folder)], check=False)


@app.command("check-site")
def check_site(root: Root = Path()) -> None:
    """Check that every internal link of the built site resolves and every size is within budget.

    Example: `leaderboard check-site`
    """
    from compression_leaderboard.repository.site import check_links, check_sizes

    folder = _built_site(root)
    total, problems = check_sizes(folder)
    if problems := [*problems, *check_links(folder)]:
        raise UserError(problems)
    print(f"every link resolves; the site has {total / 1e6:.1f} MB")


def _built_site(root: Path) -> Path:
    """Return the folder of the built site. Raises UserError if it is missing."""
    folder = root / "build" / "html"
    if not (folder / "index.html").is_file():
        raise UserError([Problem("build/html", "", "is missing", "run `leaderboard build` first")])
    return folder
