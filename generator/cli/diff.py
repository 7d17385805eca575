"""`leaderboard diff`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from generator.cli.app import AsJson, AsMarkdown, Root, app


@app.command()
def diff(
    before: Annotated[str, typer.Argument(help="A commit, a tag, or the folder of a release.")],
    after: Annotated[str, typer.Argument(help="The later one.")] = "HEAD",
    root: Root = Path(),
    as_json: AsJson = False,
    markdown: AsMarkdown = False,
) -> None:
    """Say what changed in the data: new, removed, and moved beyond noise.

    Example: `leaderboard diff HEAD~1 HEAD --markdown`
    """
    from generator.cli.boards import board_folder, read_board
    from generator.export.changes import (
        changes_json,
        changes_markdown,
        changes_text,
        compare_boards,
    )

    with board_folder(root, before) as one, board_folder(root, after) as other:
        changes = compare_boards((before, read_board(*one)), (after, read_board(*other)))
    if as_json:
        print(json.dumps(changes_json(changes), indent=1, ensure_ascii=False))
    elif markdown:
        print(changes_markdown(changes), end="")
    else:
        print(changes_text(changes), end="")
