"""`leaderboard build` and `leaderboard serve`."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from compression_leaderboard.cli.app import Root, app, describe_commands, read_valid
from compression_leaderboard.cli.check import built_site
from compression_leaderboard.repository.contents import read_contents
from compression_leaderboard.repository.git import Commit, current_commit


@app.command()
def build(
    root: Root = Path(),
    html: Annotated[bool, typer.Option(help="Run mkdocs as well.")] = True,
) -> None:
    """Rebuild tables, fits and the site from the records, unless nothing has changed.

    Example: `leaderboard build`
    """
    from compression_leaderboard.repository.site import (
        build_html,
        hash_inputs,
        is_built,
        lay_out,
        mark_built,
        write_site,
    )

    commit = current_commit(root)
    folder = root / "build" / "html"
    inputs = hash_inputs(root, f"{commit.id} {commit.date}")
    if html and is_built(root, inputs):
        print(f"nothing has changed: the site in {folder} is up to date")
        return
    files = lay_out(root, _render(root, commit))
    if not html:
        write_site(root, files)
        return
    build_html(root, files, commit.date)
    mark_built(root, inputs)
    print(f"the site is in {folder}; `leaderboard serve` shows it")


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
    folder = built_site(root)
    print(f"http://127.0.0.1:{port}/ (stop with Ctrl-C)")
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    subprocess.run([*command, "--directory", str(folder)], check=False)
