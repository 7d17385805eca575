"""`leaderboard check`, `build`, `serve`, `check-site`, `export`, `diff` and `release`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from compression_leaderboard.cli.app import (
    AsJson,
    AsMarkdown,
    Place,
    Root,
    Text,
    app,
    describe_commands,
    print_answer,
    refusal,
    refuse_unknown,
    report_problems,
)
from compression_leaderboard.wording import counted

if TYPE_CHECKING:
    from compression_leaderboard.fits.study import StudiedBoard
    from compression_leaderboard.repository import git
    from compression_leaderboard.repository.contents import Contents


@app.command()
def check(root: Root = Path(), as_json: AsJson = False) -> None:
    """Print every problem of runs/ and results/ at once.

    Example: `leaderboard check`
    """
    from compression_leaderboard.cli.reading import read_possible

    problems = read_possible(root)[1]
    report_problems(problems, as_json, "runs/ and results/ have no problems")


@app.command()
def build(
    root: Root = Path(),
    html: Annotated[bool, typer.Option(help="Run mkdocs as well.")] = True,
) -> None:
    """Rebuild tables, fits and the site from the records, unless nothing has changed.

    Example: `leaderboard build`
    """
    from compression_leaderboard.repository.files import locked

    with locked(root / "build" / "lock", _wait_for_other):
        _build(root, html)


def _wait_for_other() -> None:
    print("waiting for another build of this repository", file=sys.stderr)


def _build(root: Path, html: bool) -> None:
    from compression_leaderboard.cli.reading import read_board
    from compression_leaderboard.repository import git, site

    commit = git.current_commit(root)
    folder = root / "build" / "html"
    complete = git.has_whole_history(root)  # without it, nobody is known to have added a record
    inputs = site.hash_inputs(root, f"{commit.id} {commit.date} {complete}")
    if html and site.is_built(root, inputs):
        print(f"nothing has changed: the site in {folder} is up to date")
        return
    contents = read_board(root)
    records = [entry.file for entry in contents.stored]
    files = site.lay_out(root, _render(root, contents, commit), records)
    try:
        if html:
            site.build_html(root, files, commit.date)
            site.mark_built(root, inputs)
        else:
            site.write_site(root, files)
    except OSError as error:
        wrong = f"cannot be written: {error.strerror}"
        raise refusal(error.filename or "build/", wrong, "fix that and build again") from error
    except subprocess.CalledProcessError as error:
        raise refusal("mkdocs", "failed", "fix what it names above, and build again") from error
    if html:
        print(f"the site is in {folder}; run `leaderboard serve` to show it")


def _render(root: Path, contents: Contents, commit: git.Commit) -> dict[str, bytes]:
    """Render every generated file of the site."""
    from compression_leaderboard.cli.reading import with_provenance
    from compression_leaderboard.fits.study import derive_board
    from compression_leaderboard.pages.site import Sources, render_site
    from compression_leaderboard.repository import site

    board = derive_board(with_provenance(contents, root), commit)
    return render_site(board, Sources(*site.read_sources(root)), describe_commands())


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
    from compression_leaderboard.records.base import UserError
    from compression_leaderboard.repository import site

    folder = _built_site(root)
    total, problems = site.check_sizes(folder)
    if problems := [*problems, *site.check_links(folder)]:
        raise UserError(problems)
    print(f"every link resolves; the site has {total / 1e6:.1f} MB")


def _built_site(root: Path) -> Path:
    """Return the folder of the built site. Raises UserError if it is missing."""
    folder = root / "build" / "html"
    if not (folder / "index.html").is_file():
        raise refusal("build/html", "is missing", "run `leaderboard build` first")
    return folder


@app.command()
def export(
    root: Root = Path(),
    out: Annotated[Place, typer.Option(help="Target folder. Default: build/export.")] = None,
    model_card: Annotated[
        Text,
        typer.Option(help="Instead, print this model's scores as YAML for its Hub page."),
    ] = None,
    lm_eval: Annotated[
        Text, typer.Option(help="Instead, print this model's scores as lm-eval result JSON.")
    ] = None,
    suite: Annotated[Text, typer.Option(help="With --lm-eval: one suite of several.")] = None,
    site: Annotated[Text, typer.Option(help="With --model-card: the board's address.")] = None,
) -> None:
    """Write every table, the API, feed, badges and Every Eval Ever records, without the pages.

    Example: `leaderboard export --model-card google__gemma-3-270m@Q4_K_M`
    """
    from compression_leaderboard.cli.reading import read_board, with_provenance
    from compression_leaderboard.exports.release import export_files
    from compression_leaderboard.fits.study import derive_board
    from compression_leaderboard.repository import git
    from compression_leaderboard.repository.files import write_atomically

    contents = read_board(root)
    options = {"--model-card": model_card, "--lm-eval": lm_eval}
    models = contents.specs.models
    refuse_unknown({option: ("model", model, models) for option, model in options.items()})
    board = derive_board(with_provenance(contents, root), git.current_commit(root))
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


def _model_card(board: StudiedBoard, model: str, site: str | None) -> str:
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


def _lm_eval(board: StudiedBoard, model: str, suite: str | None) -> str:
    from compression_leaderboard.exchange.model_export import lm_eval_results

    results = lm_eval_results(board, model)
    if not results:
        repair = "run `leaderboard measure` for it first"
        raise refusal(model, "is measured on no suite yet", repair)
    if suite is None and len(results) > 1:
        repair = f"choose with --suite from {', '.join(results)}"
        raise refusal(model, "is measured on several suites", repair)
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
    show = changes.changes_markdown if markdown else changes.changes_text
    print_answer(as_json, changes.changes_json(compared), show(compared).splitlines())


def _read_board(root: Path, reference: str) -> StudiedBoard:
    """Read the board of a release's folder, or of a commit."""
    from compression_leaderboard.repository import git

    release = Path(reference)
    if (release / "results").is_dir():
        return _derive_readable(release, git.Commit(release.name, git.NO_DATE))
    commit = git.read_commit(root, reference)
    with git.checked_out(root, commit.id) as folder:
        return _derive_readable(folder, commit)


def _derive_readable(folder: Path, commit: git.Commit) -> StudiedBoard:
    """Derive a board from the files that can be read, and count the others on stderr.

    An older commit may have records of a format that is no longer read.
    """
    from compression_leaderboard.cli.reading import read_possible
    from compression_leaderboard.fits.study import derive_board

    contents, problems = read_possible(folder)
    if left_out := len({problem.file for problem in problems}):
        print(f"{commit.id[:12]}: {counted(left_out, 'file')} left out", file=sys.stderr)
    return derive_board(contents, commit)


@app.command()
def release(
    commit: Annotated[str, typer.Argument(help="The commit to release.")] = "HEAD",
    root: Root = Path(),
    since: Annotated[
        Text,
        typer.Option(help="Previous release: tag, commit or folder. Default: last data-… tag."),
    ] = None,
    out: Annotated[Place, typer.Option(help="Target folder. Default: build/releases.")] = None,
) -> None:
    """Bundle a commit's tables and records by date, ready for a GitHub Release and Zenodo.

    Example: `leaderboard release --since data-2026-01-31`
    """
    from compression_leaderboard.cli.reading import read_board, with_provenance
    from compression_leaderboard.exports.changes import compare_boards
    from compression_leaderboard.exports.formats import pack
    from compression_leaderboard.exports.release import make_release, release_name
    from compression_leaderboard.fits.study import derive_board
    from compression_leaderboard.repository import git

    released = git.read_commit(root, commit)
    name = release_name(released.date)
    previous = since or git.latest_release(root, released.id)
    with git.checked_out(root, released.id) as folder:
        contents = with_provenance(read_board(folder), root, released.id)
        board, changes = derive_board(contents, released), None
        if previous is not None:
            changes = compare_boards((previous, _read_board(root, previous)), (name, board))
        files = make_release(board, git.read_files(folder), changes)
    target = (out or root / "build" / "releases") / name
    archive = pack({f"{name}/{path}": content for path, content in files.items()}, released.date)
    unchanged = "" if git.write_release(target, files, archive) else ": unchanged"
    print(f"{target}{unchanged} ({counted(len(files), 'file')}, and as .tar.gz)")
