"""`leaderboard export`, `leaderboard diff` and `leaderboard release`."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from compression_leaderboard.cli.app import (
    AsJson,
    AsMarkdown,
    Root,
    app,
    print_json,
    read_valid,
    refuse_unknown,
)
from compression_leaderboard.records.base import Problem, UserError
from compression_leaderboard.repository.contents import read_contents
from compression_leaderboard.repository.files import write_atomically
from compression_leaderboard.repository.git import (
    NO_DATE,
    Commit,
    checked_out,
    current_commit,
    latest_release,
    read_commit,
    read_files,
    write_release,
)
from compression_leaderboard.wording import counted

if TYPE_CHECKING:
    from compression_leaderboard.fits.studied_board import StudiedBoard


@app.command()
def export(
    root: Root = Path(),
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to. Default: build/export.")
    ] = None,
    model_card: Annotated[
        str | None,
        typer.Option(help="Instead, print YAML of this model's scores for its page on the Hub."),
    ] = None,
    lm_eval: Annotated[
        str | None, typer.Option(help="Instead, print this model's scores as lm-eval result JSON.")
    ] = None,
    suite: Annotated[str | None, typer.Option(help="With --lm-eval: one suite of several.")] = None,
    site: Annotated[
        str | None, typer.Option(help="With --model-card: the board's address, for links back.")
    ] = None,
) -> None:
    """Write every table, the API, feed, badges and Every Eval Ever records, without the pages.

    Example: `leaderboard export --model-card google__gemma-3-270m@Q4_K_M`
    """
    from compression_leaderboard.exports.release import export_files
    from compression_leaderboard.fits.studied_board import derive_board

    contents = read_valid(read_contents, root)
    refuse_unknown({"model": ("model", model_card or lm_eval, contents.specs.models)})
    board = derive_board(contents, current_commit(root))
    if model_card is not None:
        print(_model_card(board, model_card, site), end="")
    elif lm_eval is not None:
        print(_lm_eval(board, lm_eval, suite))
    else:
        folder = out or root / "build" / "export"
        files = export_files(board)
        for path, content in files.items():
            write_atomically(folder / path, content)
        print(f"{counted(len(files), 'file is', 'files are')} in {folder}")


def _model_card(board: "StudiedBoard", model: str, site: str | None) -> str:
    from compression_leaderboard.exchange.model_export import eval_results_yaml, model_index_yaml

    results = eval_results_yaml(board, model, site)
    if results.strip() == "[]":
        note = "no measured task has a pinned dataset on the Hub, so .eval_results has no entry"
        print(f"{model}: {note}", file=sys.stderr)
    return (
        "# .eval_results/llm-compression-leaderboard.yaml\n"
        f"{results}---\n# front matter of the model's README.md\n"
        f"{model_index_yaml(board, model, site)}"
    )


def _lm_eval(board: "StudiedBoard", model: str, suite: str | None) -> str:
    from compression_leaderboard.exchange.model_export import lm_eval_results

    results = lm_eval_results(board, model)
    if not results:
        repair = "run `leaderboard measure` for it first"
        raise UserError([Problem(model, "", "is measured on no suite yet", repair)])
    if suite is None and len(results) > 1:
        repair = f"choose with --suite from {', '.join(results)}"
        raise UserError([Problem(model, "", "is measured on several suites", repair)])
    refuse_unknown({"--suite": ("suite of the model", suite, results)})
    return json.dumps(results[suite or next(iter(results))], indent=2, ensure_ascii=False)


@app.command()
def diff(
    before: Annotated[str, typer.Argument(help="A commit, a tag, or the folder of a release.")],
    after: Annotated[str, typer.Argument(help="The later one.")] = "HEAD",
    root: Root = Path(),
    as_json: AsJson = False,
    markdown: AsMarkdown = False,
) -> None:
    """Show which data are new, which are removed, and which moved beyond noise.

    Example: `leaderboard diff HEAD~1 HEAD --markdown`
    """
    from compression_leaderboard.exports import changes

    boards = [(reference, _read_board(root, reference)) for reference in (before, after)]
    compared = changes.compare_boards(*boards)
    if as_json:
        print_json(changes.changes_json(compared))
    else:
        show = changes.changes_markdown if markdown else changes.changes_text
        print(show(compared), end="")


def _read_board(root: Path, reference: str) -> "StudiedBoard":
    """Read the board of a release's folder, or of a commit."""
    release = Path(reference)
    if (release / "results").is_dir():
        return _derive_readable(release, Commit(release.name, NO_DATE))
    commit = read_commit(root, reference)
    with checked_out(root, commit.id) as folder:
        return _derive_readable(folder, commit)


def _derive_readable(folder: Path, commit: Commit) -> "StudiedBoard":
    """Derive a board from the files that can be read, and count the others on stderr.

    An older commit may have records of a format that is no longer read.
    """
    from compression_leaderboard.fits.studied_board import derive_board

    contents, problems = read_contents(folder)
    if unreadable := len({problem.file for problem in problems}):
        print(f"{commit.id[:12]}: {counted(unreadable, 'unreadable file')}", file=sys.stderr)
    return derive_board(contents, commit)


@app.command()
def release(
    commit: Annotated[str, typer.Argument(help="The commit to release.")] = "HEAD",
    root: Root = Path(),
    since: Annotated[
        str | None,
        typer.Option(help="Previous release: a tag, commit or folder. Default: last tag data-…."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of releases. Default: build/releases.")
    ] = None,
) -> None:
    """Bundle a commit's tables and records by date, ready for a GitHub Release and Zenodo.

    Example: `leaderboard release --since data-2026-01-31`
    """
    from compression_leaderboard.exports.changes import compare_boards
    from compression_leaderboard.exports.formats import pack
    from compression_leaderboard.exports.release import make_release, release_name
    from compression_leaderboard.fits.studied_board import derive_board

    released = read_commit(root, commit)
    name = release_name(released.date)
    previous = since or latest_release(root, released.id)
    with checked_out(root, released.id) as folder:
        board, changes = derive_board(read_valid(read_contents, folder), released), None
        if previous is not None:
            changes = compare_boards((previous, _read_board(root, previous)), (name, board))
        files = make_release(board, read_files(folder), changes)
    target = (out or root / "build" / "releases") / name
    archive = pack({f"{name}/{path}": content for path, content in files.items()}, released.date)
    unchanged = "" if write_release(target, files, archive) else ": unchanged"
    print(f"{target}{unchanged} ({counted(len(files), 'file')}, and as .tar.gz)")
