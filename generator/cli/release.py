"""`leaderboard release`."""

from pathlib import Path
from typing import Annotated

import typer

from generator.cli.app import Root, all_problems, app
from generator.files.commits import (
    checked_out,
    latest_release,
    read_commit,
    read_sources,
    write_release,
)
from generator.records.base import UserError


@app.command()
def release(
    commit: Annotated[str, typer.Argument(help="The commit to release.")] = "HEAD",
    root: Root = Path(),
    since: Annotated[
        str | None,
        typer.Option(
            help="The release before: a tag, commit or folder; without it the latest tag data-…."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of releases; without it build/releases.")
    ] = None,
) -> None:
    """Make a dated bundle of a commit's tables and records, ready for a GitHub Release and Zenodo.

    Example: `leaderboard release --since data-2026-01-31`
    """
    from generator.cli.boards import board_folder, read_board
    from generator.export.archive import pack
    from generator.export.bundle import make_release, release_name
    from generator.export.changes import compare_boards

    found = read_commit(root, commit)
    name = release_name(found.date)
    earlier = since or latest_release(root, found.id)
    with checked_out(root, found.id) as folder:
        if problems := all_problems(folder):
            raise UserError(problems)
        board, changes = read_board(folder, found), None
        if earlier is not None:
            with board_folder(root, earlier) as one:
                changes = compare_boards((earlier, read_board(*one)), (name, board))
        files = make_release(board, read_sources(folder), changes)
    target = (out or root / "build" / "releases") / name
    archive = pack({f"{name}/{path}": content for path, content in files.items()}, found.date)
    is_new = write_release(target, files, archive)
    print(f"{target}{'' if is_new else ': unchanged'} ({len(files)} files, and as .tar.gz)")
