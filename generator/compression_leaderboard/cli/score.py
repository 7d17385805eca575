"""`leaderboard score`: score the user's own text, and predict scores of the models."""

from __future__ import annotations

import errno
import os
import platform
import re
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from compression_leaderboard.cli.app import AsJson, Place, Root, Text, app, print_answer, refusal
from compression_leaderboard.wording import counted, plural

if TYPE_CHECKING:
    from rich.progress import Progress

    from compression_leaderboard.measure.machine import Report
    from compression_leaderboard.measure.weights import Reference
    from compression_leaderboard.own_text.comparison import Summary
    from compression_leaderboard.own_text.documents import Listing
    from compression_leaderboard.own_text.journal import Cost, Journal, Listed, Reading, Setup
    from compression_leaderboard.pages import own_text_report as reports
    from compression_leaderboard.records.results import Compressor
    from compression_leaderboard.repository.specs import Specs

    Score = Callable[[Iterable[tuple[Listed, str]]], Iterator[list[Cost]]]
    # Loads a model: its name in the journal, what its bits depend on, and what scores with it.
    Open = Callable[[Report], tuple[str, Setup, Score]]

COMPRESSORS_SHARE = 0.2  # of the time for scoring


@dataclass(frozen=True)
class OwnText:
    """The user's documents, and the journal of their costs."""

    files: Sequence[Path]
    field: str
    journal: Journal
    progress: Progress
    seed: int  # of a sample
    budget: float | None  # seconds to read and score a sample; None: all is scored

    @property
    def piece_bytes(self) -> int | None:
        from compression_leaderboard.own_text.documents import SAMPLE_BYTES

        return None if self.budget is None else SAMPLE_BYTES


@dataclass(frozen=True)
class Scorer:
    """A model or a compressor: its number in the journal, and what its bits depend on."""

    number: int
    setup: Setup

    @property
    def title(self) -> str:
        return self.setup.scorer


@app.command()
def score(
    model: Annotated[
        list[str],
        typer.Option(help="A model's id, org/name@commit, a folder or a .gguf file; repeatable."),
    ],
    text: Annotated[list[Path], typer.Option(help="Your file or folder; repeatable.")],
    more: Annotated[list[Path] | None, typer.Argument(help="More files or folders.")] = None,
    root: Root = Path(),
    field: Annotated[str, typer.Option(help="Field or column with the text.")] = "text",
    window: Annotated[int, typer.Option(min=2, help="Longest context, in tokens.")] = 1024,
    stride: Annotated[
        int | None, typer.Option(min=1, help="Tokens per step. Default: half the window.")
    ] = None,
    budget: Annotated[Text, typer.Option(help="Time for a random sample: 90s, 5m or 2h.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the random sample.")] = 0,
    leave_out: Annotated[bool, typer.Option("--leave-out", help="Skip faulty documents.")] = False,
    compressors: Annotated[bool, typer.Option(help="Score with classical compressors too.")] = True,
    journal: Annotated[Place, typer.Option(help="Folder. Default: build/score.")] = None,
    endpoint: Annotated[Text, typer.Option(help="Use models of a vLLM server at this URL.")] = None,
    start_token: Annotated[
        int | None, typer.Option(help="With --endpoint: id of the token before each document.")
    ] = None,
    report: Annotated[Place, typer.Option(help="Write an HTML report.")] = None,
    costs: Annotated[Place, typer.Option("--csv", help="Write each document's cost.")] = None,
    as_json: AsJson = False,
) -> None:
    """Score your own text; it stays on this machine unless you name an --endpoint.

    Example: `leaderboard score --model google__gemma-3-270m@Q4_K_M --text notes --report a.html`
    """
    from compression_leaderboard.cli.progress import show_progress

    with show_progress() as progress:
        stage = progress.add_task("loading the libraries", total=None)
        from compression_leaderboard.cli.reading import read_valid
        from compression_leaderboard.own_text.documents import SAMPLE_BYTES, find_files
        from compression_leaderboard.pages import own_text_report as reports
        from compression_leaderboard.repository.specs import read_specs

        stride = stride or max(1, window // 2)
        specs = read_valid(read_specs, root)
        progress.update(stage, description="finding the files")
        begun = time.monotonic()
        listed = find_files([*text, *(more or [])])
        finding = time.monotonic() - begun
        progress.update(stage, description="loading the libraries")
        problems = [str(problem) for problem in listed.problems]
        folder = journal or root / "build" / "score"
        if endpoint:
            models = _served_models(model, endpoint, window, stride, start_token, problems)
        else:
            hurry = None if budget is None else SAMPLE_BYTES
            models = _local_models(model, specs, root, window, stride, problems, hurry)
        for option, target in (("--report", report), ("--csv", costs)):
            problems += _check_target(option, target, [*text, *(more or [])])
        seconds = _check_options(model, window, stride, budget, problems)
        with _writing(folder, costs), closing(_open(folder)) as opened:
            own_text = OwnText(listed.files, field, opened, progress, seed, seconds)
            begun = time.monotonic()
            progress.update(stage, description="opening the files")
            reading = _list_text(own_text, leave_out)
            left = seconds and max(0.0, seconds - finding - (time.monotonic() - begun))
            share = left and left * (1 - COMPRESSORS_SHARE if compressors else 1)
            scorers, before = _score_all(own_text, models, None, share, endpoint)
            rest = left and left * COMPRESSORS_SHARE
            others, before = _score_all(
                own_text, _compressors() if compressors else {}, before, rest
            )
            progress.update(stage, description="comparing the documents")
            summary = _summarise(own_text, reading, scorers, others, before, costs)
        progress.update(stage, description="predicting from the board")
        predictions, silent = _predict(specs, root, scorers)
        page = reports.Report(
            summary=summary,
            setups=tuple(scorer.setup for scorer in scorers),
            date=date.today().isoformat(),
            window_tokens=window,
            stride_tokens=stride,
            machine=f"{platform.machine()}, Python {platform.python_version()}",
            left_out=_left_out(reading, listed),
            predictions=predictions,
            why_no_predictions=silent,
            endpoint=endpoint,
        )
        if report:
            _write_report(report, page, folder)
    words = {"sentences": reports.sentences(summary), "note": reports.OTHER_PROTOCOL}
    print_answer(as_json, asdict(page) | words, reports.describe(page))


def _write_report(file: Path, page: reports.Report, journal: Path) -> None:
    from compression_leaderboard.pages import own_text_report as reports
    from compression_leaderboard.pages.rendering import Renderer
    from compression_leaderboard.repository.files import write_atomically

    template = files("compression_leaderboard.pages").joinpath("report.html")
    render = Renderer({template.name: template.read_text("utf-8")}, page.date)
    with _writing(journal, file):
        write_atomically(file, reports.render_report(render, page))


def _check_target(option: str, path: Path | None, texts: Sequence[Path]) -> list[str]:
    """Say why a file cannot be written; folders are not created for it."""
    if path is None:
        return []
    if path.exists() and any(path.samefile(text) for text in texts if text.exists()):
        return [f"{option} {path}: is your text, which it would replace; name another file"]
    if option == "--report" and path.exists() and not path.is_file() and not path.is_dir():
        return [f"{option} {path}: is no plain file, which it would replace; name another file"]
    if path.is_dir():
        return [f"{option} {path}: is a folder; name a file in it"]
    if not path.parent.is_dir():
        return [f"{option} {path}: has no folder {path.parent}; create it"]
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        return [f"{option} {path}: cannot be written; name another file"]
    return []


def _check_options(
    models: Sequence[str], window: int, stride: int, budget: str | None, problems: list[str]
) -> float | None:
    """Read the seconds of a budget. Raises UserError with these problems and all of the options."""
    from compression_leaderboard.records.base import UserError

    twice = sorted({name for name in models if models.count(name) > 1})
    problems += [f"--model {name}: is named twice; name it once" for name in twice]
    if stride > window:
        problems.append(f"--stride {stride}: exceeds --window {window}; lower it")
    seconds = None
    if budget is not None:
        given = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", budget)
        seconds = float(given[1]) * {"s": 1, "m": 60, "h": 3600}[given[2]] if given else None
        if not seconds:
            problems.append(f"--budget {budget}: is not a time; write one such as 90s, 5m or 2h")
    if problems:
        raise UserError(problems)
    return seconds


def _local_models(
    names: Sequence[str],
    specs: Specs,
    root: Path,
    window: int,
    stride: int,
    problems: list[str],
    batch_bytes: int | None,
) -> dict[str, Open]:
    """Prepare to load models on this machine, by title; append what is wrong with the names.

    batch_bytes: of text scored in one go; None: the usual.
    """
    from compression_leaderboard.measure import own_text as scoring
    from compression_leaderboard.measure.calibration import FOLDER, Windows, calibrate
    from compression_leaderboard.measure.weights import (
        identify_reference,
        load_reference,
        resolve_reference,
    )
    from compression_leaderboard.own_text.journal import Setup

    def load(reference: Reference, report: Report) -> tuple[str, Setup, Score]:
        report("checking the weights", 0, 1)
        identity = identify_reference(reference)
        loading = partial(load_reference, reference, root, report=report)
        loaded = calibrate(loading, identity, root / FOLDER, report, Windows(window))
        name = scoring.describe_scorer(loaded, identity, window, stride)
        setup = Setup(
            scorer=reference.title,
            weights=identity,
            software=scoring.describe_software(),
            dtype=loaded.dtype,
            start_mode=loaded.start.mode,
            start_token=loaded.start.token,
            start_token_id=loaded.start.token_id,
            header_bits=loaded.start.header_bits,
        )
        size = batch_bytes or scoring.BATCH_BYTES
        return name, setup, partial(scoring.score_pieces, loaded, window, stride, size)

    models: dict[str, Open] = {}
    for name in names:
        reference = resolve_reference(name, specs.models)
        if isinstance(reference, str):
            problems.append(reference)
        else:
            models[reference.title] = partial(load, reference)
    return models


def _served_models(
    names: Sequence[str],
    url: str,
    window: int,
    stride: int,
    start: int | None,
    problems: list[str],
) -> dict[str, Open]:
    """Prepare to score with models of a server; append what is wrong with its address."""
    from compression_leaderboard.measure import own_text as scoring
    from compression_leaderboard.own_text.journal import Setup

    if not url.startswith(("http://", "https://")):
        problems.append(f"--endpoint {url}: is not an address; write http://host:port")

    def meet(name: str, report: Report) -> tuple[str, Setup, Score]:
        report("asking the server", 0, 1)
        served = scoring.meet_endpoint(url, name, window, stride, start)
        setup = Setup(name, None, url, start_mode="bos", start_token_id=served.start)
        return served.identity, setup, partial(scoring.score_served, served)

    return {name: partial(meet, name) for name in names}


def _compressors() -> dict[str, Open]:
    """Prepare the classical compressors, by name."""
    from compression_leaderboard.measure import own_text as scoring
    from compression_leaderboard.own_text.journal import Setup
    from compression_leaderboard.records.results import CLASSICAL

    def prepare(compressor: Compressor, _: Report) -> tuple[str, Setup, Score]:
        identity = scoring.describe_compressor(compressor)
        setup = Setup(compressor.name, None, identity)
        return identity, setup, partial(scoring.compress_pieces, compressor)

    return {compressor.name: partial(prepare, compressor) for compressor in CLASSICAL.compressors}


def _list_text(text: OwnText, leave_out: bool) -> Reading:
    """List every document, or a sample. Raises UserError for faulty ones, unless left out."""
    from compression_leaderboard.own_text.journal import list_documents
    from compression_leaderboard.own_text.sample import list_sample
    from compression_leaderboard.records.base import UserError

    total = None if text.budget else sum(file.stat().st_size for file in text.files)
    bar = text.progress.add_task("reading", total=total)
    place = (text.journal, text.files, text.field)
    advance = partial(text.progress.advance, bar)
    if text.budget is None:
        reading = list_documents(*place, advance)
    else:
        reading = list_sample(*place, text.seed, text.budget, advance)
    text.progress.remove_task(bar)
    problems = [str(problem) for problem in reading.shown]
    if more := reading.faulty - len(reading.shown):
        documents = plural(more, "document")
        problems.append(f"and {more:,} more faulty {documents}; fix these first")
    if problems and not leave_out:
        raise UserError(problems)
    for problem in problems:
        print(f"left out: {problem}", file=sys.stderr)
    if text.journal.extent()[0] == 0:
        empty = f" ({reading.empty:,} empty)" if reading.empty else ""
        raise UserError([f"--text: no document has a letter{empty}; name files with text"])
    return reading


def _score_all(
    text: OwnText,
    models: Mapping[str, Open],
    before: int | None,
    seconds: float | None = None,
    endpoint: str | None = None,
) -> tuple[list[Scorer], int | None]:
    """Score with models or compressors in turn, one in memory at a time; save each batch at once.

    before: rank of the first document to leave out; None: score all. seconds: of scoring, divided
    evenly; loading does not count. endpoint: the only server that may be reached. Returns the rank
    below which every scorer has scored: a scorer scores no document that an earlier one has not
    reached.
    """
    from compression_leaderboard.cli.progress import report_on
    from compression_leaderboard.measure.machine import MeasureError
    from compression_leaderboard.measure.own_text import no_network
    from compression_leaderboard.own_text.journal import read_missing
    from compression_leaderboard.records.base import UserError

    scorers = []
    share = None if seconds is None else seconds / max(1, len(models))
    host = urlsplit(endpoint).hostname if endpoint else None
    journal, progress = text.journal, text.progress
    for title, open_model in models.items():
        try:
            bar = progress.add_task(title, total=None)
            name, setup, score_texts = open_model(report_on(progress, bar, f"{title}: "))
            scorer = Scorer(journal.scorer(name), setup)
            progress.reset(bar, total=journal.extent(before)[1], description=title)
            advance = partial(progress.advance, bar)
            place = (journal, scorer.number, text.files, text.field, before, share, advance)
            with no_network(host):
                for batch in score_texts(read_missing(*place, text.piece_bytes)):
                    journal.write(scorer.number, batch)
            progress.remove_task(bar)
        except MeasureError as error:
            wrong = error.message.removeprefix(f"{title}: ")  # loading names it already
            raise UserError([f"{title}: {wrong}; earlier scores are saved"]) from error
        scorers.append(scorer)
        reached = journal.first_missing(scorer.number)
        before = min((rank for rank in (before, reached) if rank is not None), default=None)
    return scorers, before


def _summarise(
    text: OwnText,
    reading: Reading,
    models: Sequence[Scorer],
    compressors: Sequence[Scorer],
    before: int | None,
    file: Path | None,
) -> Summary:
    """Summarise the costs of the documents, and write them into a file if one is named."""
    from compression_leaderboard.own_text.comparison import Sample, summarise
    from compression_leaderboard.own_text.journal import write_costs

    journal = text.journal
    numbers = [scorer.number for scorer in (*models, *compressors)]
    titles = [scorer.title for scorer in models]
    others = [scorer.title for scorer in compressors]
    sample = None
    if text.budget is not None:
        sizes = [path.stat().st_size for path in text.files]
        pieces, drawn = (journal.extent(limit, by_piece=True)[0] for limit in (before, None))
        unread = tuple(reading.unread)
        sample = Sample(text.seed, pieces, drawn, len(sizes), sum(sizes), unread)
    by_piece = sample is not None and journal.extent()[0] == 1 < sample.drawn
    costs = partial(journal.costs, numbers, before, by_piece)
    if file is not None:
        setups = [scorer.setup for scorer in (*models, *compressors)]
        write_costs(file, costs(), setups, journal.costless(before))
    return summarise(
        costs(),
        journal.extent(before, by_piece)[0],
        journal.extent(by_piece=by_piece),
        titles,
        others,
        sample=sample,
        unit="piece" if by_piece else "document",
    )


def _predict(
    specs: Specs, root: Path, scorers: Sequence[Scorer]
) -> tuple[tuple[reports.Predicted, ...], tuple[str, ...]]:
    """Predict the scores of each model on the board as if it had none.

    Returns a sentence for each model and table without a prediction.
    """
    from compression_leaderboard.board.cohorts import make_cohorts
    from compression_leaderboard.cli.reading import read_rechecked
    from compression_leaderboard.fits.predict import predict_model, without_scores
    from compression_leaderboard.pages import own_text_report as reports
    from compression_leaderboard.repository.contents import read_published

    cohorts = make_cohorts(specs, read_rechecked(root)[0], read_published(root)[0])
    measured = [cohort for cohort in cohorts if cohort.provenance == "measured"]
    predictions: list[reports.Predicted] = []
    silent = []
    for scorer in scorers:
        identity = scorer.setup.weights or ""
        same = (m.id for m in specs.models.values() if m.weights.revision in identity)
        model = next(same, None)
        holders = [c for c in measured if any(row.model == model for row in c.rows)]
        if model is None or not holders:
            silent.append(f"{scorer.title} has no record on the board.")
            continue
        for cohort in holders:
            answers, shortages = predict_model(without_scores(cohort, model), model)
            for answer in answers:
                value, (low, high) = answer.prediction.value, answer.prediction.interval(0.8)
                label, note = answer.study.benchmark.label, "; ".join(answer.warnings)
                shown = reports.Predicted(scorer.title, label, value, low, high, note)
                predictions.append(shown)
            if not answers:
                reason = next(iter(shortages.values()), "no benchmark can be studied")
                silent.append(f"{scorer.title}, {cohort.title}: {reason}.")
    return tuple(predictions), tuple(silent)


def _open(folder: Path) -> Journal:
    from compression_leaderboard.own_text.journal import Journal

    try:
        journal = Journal(folder / "journal.sqlite")
    except (FileExistsError, NotADirectoryError) as error:
        raise refusal(f"--journal {folder}", "is no folder", "name another") from error
    if journal.damaged:
        damaged = counted(journal.damaged, "entry is", "entries are")
        print(f"{journal.path}: {damaged} damaged; scored again", file=sys.stderr)
    return journal


def _left_out(reading: Reading, listed: Listing) -> str:
    counts = (("empty", reading.empty), ("faulty", reading.faulty))
    parts = [f"{n:,} {kind} {plural(n, 'document')}" for kind, n in counts if n]
    if skipped := sum(listed.passed_over.values()):
        kinds = ", ".join(f"{n} {kind}" for kind, n in listed.passed_over.most_common(8))
        parts.append(f"{skipped:,} {plural(skipped, 'file')} without text ({kinds})")
    return "; ".join(parts)


@contextmanager
def _writing(journal: Path, target: Path | None) -> Iterator[None]:
    """Explain in one line why the journal, the table of costs or the report cannot be written."""
    from compression_leaderboard.records.base import UserError

    try:
        yield
    except sqlite3.OperationalError as error:
        wrong = f"{journal}: cannot be written ({error})"
        repair = "free some disk, or name another --journal"
        raise UserError([f"{wrong}; {repair}"]) from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        wrong = f"{target or journal}: the disk is full"
        raise UserError([f"{wrong}; free some of it: what is scored is in {journal}"]) from error
