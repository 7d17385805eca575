"""The work of `leaderboard score`: list, score, and predict for the models that scored the text."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.progress import Progress

from compression_leaderboard.board.cohorts import Cohort, make_cohorts
from compression_leaderboard.fits.findings import BenchmarkStudy, Prediction, Study
from compression_leaderboard.fits.intervals import LEVELS
from compression_leaderboard.fits.predict import without_scores
from compression_leaderboard.fits.study import study_cohort
from compression_leaderboard.measure.own_text import (
    Endpoint,
    compress_pieces,
    compressor_names,
    describe_scorer,
    meet_endpoint,
    no_network,
    score_pieces,
    score_served,
)
from compression_leaderboard.measure.record import MeasureError
from compression_leaderboard.measure.weights import Reference, load_reference
from compression_leaderboard.own_text.documents import Faults, list_documents, read_missing
from compression_leaderboard.own_text.journal import Cost, Journal, Listed
from compression_leaderboard.own_text.rows import TextFile
from compression_leaderboard.pages.own_text_report import Predicted
from compression_leaderboard.records.base import UserError
from compression_leaderboard.records.models import Model
from compression_leaderboard.records.results import CLASSICAL
from compression_leaderboard.repository.published import read_published
from compression_leaderboard.repository.results import read_results
from compression_leaderboard.repository.specs import Specs

Score = Callable[[Iterable[tuple[Listed, str]]], Iterator[list[Cost]]]


@dataclass(frozen=True)
class OwnText:
    """The user's documents and where their costs are kept."""

    files: Sequence[TextFile]
    field: str
    journal: Journal
    progress: Progress


@dataclass(frozen=True)
class Scorer:
    """A model or a compressor: what it is called, and its number in the journal."""

    title: str
    number: int
    identity: str  # of its weights, or its settings


def list_text(own: OwnText, seed: int | None, leave_out: bool) -> Faults:
    """List every document. Raises UserError with what is faulty, unless that is to be left out."""
    total = sum(file.path.stat().st_size for file in own.files)
    bar = own.progress.add_task("reading", total=total)
    advance = partial(own.progress.advance, bar)
    faults = list_documents(own.journal, own.files, own.field, seed, advance)
    own.progress.remove_task(bar)
    problems = [str(problem) for problem in faults.shown]
    if more := faults.count - len(faults.shown):
        problems.append(f"and {more:,} more faulty documents; repair these first")
    if problems and not leave_out:
        raise UserError(problems)
    for problem in problems:
        print(f"left out: {problem}", file=sys.stderr)
    if own.journal.extent()[0] == 0:
        raise UserError(["--text: no document holds a letter; name files with text"])
    return faults


def score_models(
    references: Sequence[Reference],
    own: OwnText,
    root: Path,
    window: int,
    stride: int,
    seconds: float | None,
) -> tuple[list[Scorer], int | None]:
    """Every model in its turn, one in memory at a time; and the rank that bounds what all scored.

    seconds: of scoring, shared out evenly. A model scores no document that one before it has not
    reached.
    """
    cache = root.resolve() / "build" / "cache"

    def open_model(reference: Reference) -> tuple[str, Score]:
        loaded, identity = load_reference(reference, root.resolve(), cache)
        name = describe_scorer(loaded, identity, window, stride)
        return name, partial(score_pieces, loaded, window, stride)

    works = [(one.title, partial(open_model, one)) for one in references]
    return _score_all(own, works, seconds, None)


def score_endpoint(
    names: Sequence[str],
    url: str,
    own: OwnText,
    window: int,
    stride: int,
    start: int | None,
    seconds: float | None,
) -> tuple[list[Scorer], int | None]:
    """The same for models that a server answers for; the text goes there and nowhere else."""

    def open_served(name: str) -> tuple[str, Score]:
        served = meet_endpoint(Endpoint(url, name), window, stride, start)
        return served.identity, partial(score_served, served)

    works = [(name, partial(open_served, name)) for name in names]
    return _score_all(own, works, seconds, Endpoint(url, "").host)


def _score_all(
    own: OwnText,
    works: Sequence[tuple[str, Callable[[], tuple[str, Score]]]],
    seconds: float | None,
    host: str | None,
) -> tuple[list[Scorer], int | None]:
    """works: of each model its title, and what opens it and gives its identity and its work.

    host: the only one that may be talked to, if any.
    """
    scorers: list[Scorer] = []
    before: int | None = None
    share = seconds / len(works) if seconds else None
    for title, opened in works:
        try:
            name, work = opened()
            scorer = Scorer(title, own.journal.scorer(name), name)
            _score(own, scorer, before, share, work, host)
        except MeasureError as error:
            repair = "what is scored so far is kept"
            raise UserError([f"{title}: {error.message}; {repair}"]) from error
        scorers.append(scorer)
        reached = own.journal.first_missing(scorer.number)
        before = min((rank for rank in (before, reached) if rank is not None), default=None)
    return scorers, before


def score_compressors(own: OwnText, before: int | None) -> list[Scorer]:
    """The classical compressors on the same documents."""
    scorers = []
    for number, name in enumerate(compressor_names()):
        title = CLASSICAL.compressors[number].name
        scorers.append(Scorer(title, own.journal.scorer(name), name))
        _score(own, scorers[-1], before, None, partial(compress_pieces, number))
    return scorers


def _score(
    own: OwnText,
    scorer: Scorer,
    before: int | None,
    seconds: float | None,
    work: Score,
    host: str | None = None,
) -> None:
    """Score what the journal lacks; write each batch into it as soon as it is there."""
    total = own.journal.extent(before)[1]
    bar = own.progress.add_task(scorer.title, total=total)
    advance = partial(own.progress.advance, bar)
    with no_network(host):
        missing = read_missing(
            own.journal, scorer.number, own.files, own.field, before, seconds, advance
        )
        for costs in work(missing):
            own.journal.write(scorer.number, costs)
    own.progress.remove_task(bar)


def board_predictions(
    specs: Specs, root: Path, scorers: Sequence[Scorer]
) -> tuple[tuple[Predicted, ...], tuple[str, ...]]:
    """Predicted scores of each model as if it had none, and a sentence for each without any."""
    stored = read_results(root, "measured")[0]
    cohorts = make_cohorts(specs, stored, read_published(root)[0])
    told: list[Predicted] = []
    silent = []
    for scorer in scorers:
        model = _on_board(specs, scorer)
        own = [] if model is None else [c for c in cohorts if _holds(c, model)]
        if model is None or not own:
            silent.append(f"{scorer.title} has no record on the board.")
            continue
        for cohort in own:
            study = study_cohort(without_scores(cohort, model.id))
            found = [
                _shown(scorer.title, one, p)
                for one in study.benchmarks
                for p in one.predictions
                if p.model == model.id
            ]
            told += found
            if not found:
                silent.append(f"{scorer.title}, {cohort.title}: {_why_not(study)}.")
    return tuple(told), tuple(silent)


def _on_board(specs: Specs, scorer: Scorer) -> Model | None:
    """The board's model of exactly these weights."""
    return next((m for m in specs.models.values() if m.weights.revision in scorer.identity), None)


def _holds(cohort: Cohort, model: Model) -> bool:
    return cohort.provenance == "measured" and any(row.model == model.id for row in cohort.rows)


def _shown(title: str, one: BenchmarkStudy, p: Prediction) -> Predicted:
    low, high = p.intervals[LEVELS.index(0.8)]
    return Predicted(title, one.benchmark.label, p.value, low, high, "; ".join(one.warnings(p)))


def _why_not(study: Study) -> str:
    reasons = [one.shortage for one in study.benchmarks if one.shortage]
    return reasons[0] if reasons else "too few of its figures are known"
