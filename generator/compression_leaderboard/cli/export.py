"""`leaderboard export`, `leaderboard diff` and `leaderboard release`."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from compression_leaderboard.cli.app import AsJson, AsMarkdown, Root, all_problems, app, valid_specs
from compression_leaderboard.cli.plan import refuse_unknown
from compression_leaderboard.records.base import Problem, UserError
from compression_leaderboard.repository.git import (
    checked_out,
    latest_release,
    read_commit,
    read_sources,
    write_release,
)
from compression_leaderboard.repository.results import write_atomically

if TYPE_CHECKING:
    from compression_leaderboard.fits.studied_board import StudiedBoard


@app.command()
def export(
    root: Root = Path(),
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to; without it build/export.")
    ] = None,
    model_card: Annotated[
        str | None,
        typer.Option(help="Print the YAML of this model's scores for its page on the Hub instead."),
    ] = None,
    lm_eval: Annotated[
        str | None, typer.Option(help="Print this model's scores as lm-eval result JSON instead.")
    ] = None,
    suite: Annotated[
        str | None, typer.Option(help="With --lm-eval: the suite, where there are several.")
    ] = None,
    site: Annotated[
        str | None, typer.Option(help="With --model-card: address of the board, for links back.")
    ] = None,
) -> None:
    """Write every table, the API, feed, badges and Every Eval Ever records, without the pages.

    Example: `leaderboard export --model-card google__gemma-3-270m@Q4_K_M`
    """
    from compression_leaderboard.cli.app import read_board
    from compression_leaderboard.cli.build import commit_of
    from compression_leaderboard.exports.release import export_files

    if problems := all_problems(root):
        raise UserError(problems)
    if (wanted := model_card or lm_eval) is not None:
        refuse_unknown({"model": ("model", wanted, valid_specs(root).models)})
    board = read_board(root, commit_of(root))
    if model_card is not None:
        print(_model_card(board, model_card, site), end="")
    elif lm_eval is not None:
        print(_lm_eval(board, lm_eval, suite))
    else:
        folder = out or root / "build" / "export"
        files = export_files(board)
        for path, content in files.items():
            write_atomically(folder / path, content)
        print(f"{len(files)} files are in {folder}")


def _model_card(board: "StudiedBoard", model: str, site: str | None) -> str:
    from compression_leaderboard.exchange.model_export import eval_results_yaml, model_index_yaml

    results = eval_results_yaml(board, model, site)
    if results.strip() == "[]":
        note = "no task of a dataset on the Hub is measured: .eval_results has no entry"
        print(f"{model}: {note}", file=sys.stderr)
    return (
        "# .eval_results/llm-compression-leaderboard.yaml\n"
        f"{results}---\n# front matter of the model's README.md\n"
        f"{model_index_yaml(board, model, site)}"
    )


def _lm_eval(board: "StudiedBoard", model: str, suite: str | None) -> str:
    from compression_leaderboard.exchange.model_export import lm_eval_results

    found = lm_eval_results(board, model)
    if suite is None and len(found) == 1:
        suite = next(iter(found))
    if suite not in found:
        wrong = f"has no result of suite {suite}" if suite else "is measured on several suites"
        if not found:
            wrong = "is measured on no suite yet"
        repair = f"choose with --suite from {', '.join(found)}" if found else "measure it first"
        raise UserError([Problem(model, "", wrong, repair)])
    return json.dumps(found[suite], indent=2, ensure_ascii=False)


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
    from compression_leaderboard.cli.app import board_folder, read_board
    from compression_leaderboard.exports.changes import (
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
    from compression_leaderboard.cli.app import board_folder, read_board
    from compression_leaderboard.exports.changes import compare_boards
    from compression_leaderboard.exports.formats import pack
    from compression_leaderboard.exports.release import make_release, release_name

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
