"""Score the user's own text, and predict benchmark scores of the models that scored it."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.progress import Progress

from compression_leaderboard.board.cohorts import make_cohorts
from compression_leaderboard.fits.predict import Answer, predict_model, without_scores
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
from compression_leaderboard.measure.record import MeasureError, Workplace
from compression_leaderboard.measure.weights import Reference, load_reference
from compression_leaderboard.own_text.documents import Faults, list_documents, read_missing
from compression_leaderboard.own_text.journal import Cost, Journal, Listed
from compression_leaderboard.own_text.rows import TextFile
from compression_leaderboard.pages.own_text_report import Predicted
from compression_leaderboard.records.base import UserError
from compression_leaderboard.records.results import CLASSICAL
from compression_leaderboard.repository.contents import read_published
from compression_leaderboard.repository.results import read_results
from compression_leaderboard.repository.specs import Specs
from compression_leaderboard.wording import plural

Score = Callable[[Iterable[tuple[Listed, str]]], Iterator[list[Cost]]]
Open = Callable[[], tuple[str, Score]]  # opens a model: its identity, and what scores with it


@dataclass(frozen=True)
class OwnText:
    """The user's documents, and the journal of their costs."""

    files: Sequence[TextFile]
    field: str
    journal: Journal
    progress: Progress


@dataclass(frozen=True)
class Scorer:
    """A model or a compressor: its title, and its number in the journal."""

    title: str
    number: int
    identity: str  # of its weights, or its settings


def list_text(text: OwnText, seed: int | None, leave_out: bool) -> Faults:
    """List every document. Raises UserError for faulty ones, unless they are to be left out."""
    total = sum(file.path.stat().st_size for file in text.files)
    bar = text.progress.add_task("reading", total=total)
    advance = partial(text.progress.advance, bar)
    faults = list_documents(text.journal, text.files, text.field, seed, advance)
    text.progress.remove_task(bar)
    problems = [str(problem) for problem in faults.shown]
    if more := faults.count - len(faults.shown):
        documents = plural(more, "document")
        problems.append(f"and {more:,} more faulty {documents}; fix these first")
    if problems and not leave_out:
        raise UserError(problems)
    for problem in problems:
        print(f"left out: {problem}", file=sys.stderr)
    if text.journal.extent()[0] == 0:
        raise UserError(["--text: no document has a letter; name files with text"])
    return faults


def score_models(
    references: Sequence[Reference],
    text: OwnText,
    root: Path,
    window: int,
    stride: int,
    seconds: float | None,
) -> tuple[list[Scorer], int | None]:
    """Score with every model in turn, one in memory at a time.

    seconds: of scoring, divided evenly. Returns the rank below which every model has scored: a
    model scores no document that an earlier one has not reached.
    """
    place = Workplace(root.resolve())

    def open_model(reference: Reference) -> tuple[str, Score]:
        loaded, identity = load_reference(reference, place.root, place.cache)
        name = describe_scorer(loaded, identity, window, stride)
        return name, partial(score_pieces, loaded, window, stride)

    models = {reference.title: partial(open_model, reference) for reference in references}
    return _score_all(text, models, seconds, None)


def score_endpoint(
    names: Sequence[str],
    url: str,
    text: OwnText,
    window: int,
    stride: int,
    start: int | None,
    seconds: float | None,
) -> tuple[list[Scorer], int | None]:
    """Score with models of a server; the text is sent to that server only."""

    def open_served(name: str) -> tuple[str, Score]:
        served = meet_endpoint(Endpoint(url, name), window, stride, start)
        return served.identity, partial(score_served, served)

    models = {name: partial(open_served, name) for name in names}
    return _score_all(text, models, seconds, Endpoint(url, "").host)


def _score_all(
    text: OwnText, models: Mapping[str, Open], seconds: float | None, host: str | None
) -> tuple[list[Scorer], int | None]:
    """Score with models, by title. host: the only one that may be reached, if any."""
    scorers: list[Scorer] = []
    before: int | None = None
    share = seconds / len(models) if seconds else None
    for title, open_model in models.items():
        try:
            identity, score = open_model()
            scorer = Scorer(title, text.journal.scorer(identity), identity)
            _score(text, scorer, before, share, score, host)
        except MeasureError as error:
            raise UserError([f"{title}: {error.message}; earlier scores are saved"]) from error
        scorers.append(scorer)
        reached = text.journal.first_missing(scorer.number)
        before = min((rank for rank in (before, reached) if rank is not None), default=None)
    return scorers, before


def score_compressors(text: OwnText, before: int | None) -> list[Scorer]:
    """Score the same documents with the classical compressors."""
    scorers = []
    for number, name in enumerate(compressor_names()):
        title = CLASSICAL.compressors[number].name
        scorers.append(Scorer(title, text.journal.scorer(name), name))
        _score(text, scorers[-1], before, None, partial(compress_pieces, number))
    return scorers


def _score(
    text: OwnText,
    scorer: Scorer,
    before: int | None,
    seconds: float | None,
    score: Score,
    host: str | None = None,
) -> None:
    """Score what the journal lacks, and write each batch into it at once."""
    journal = text.journal
    bar = text.progress.add_task(scorer.title, total=journal.extent(before)[1])
    advance = partial(text.progress.advance, bar)
    with no_network(host):
        missing = read_missing(
            journal, scorer.number, text.files, text.field, before, seconds, advance
        )
        for costs in score(missing):
            journal.write(scorer.number, costs)
    text.progress.remove_task(bar)


def board_predictions(
    specs: Specs, root: Path, scorers: Sequence[Scorer]
) -> tuple[tuple[Predicted, ...], tuple[str, ...]]:
    """Predict the scores of each model on the board as if it had none.

    Returns a sentence for each model and table without a prediction.
    """
    stored = read_results(root, "measured")[0]
    cohorts = make_cohorts(specs, stored, read_published(root)[0])
    predictions: list[Predicted] = []
    silent = []
    for scorer in scorers:
        same = (m.id for m in specs.models.values() if m.weights.revision in scorer.identity)
        model = next(same, None)
        holders = [
            cohort
            for cohort in cohorts
            if cohort.provenance == "measured" and any(row.model == model for row in cohort.rows)
        ]
        if model is None or not holders:
            silent.append(f"{scorer.title} has no record on the board.")
            continue
        for cohort in holders:
            answers, shortages = predict_model(without_scores(cohort, model), model)
            predictions += [_shown(scorer.title, answer) for answer in answers]
            if not answers:
                reason = next(iter(shortages.values()), "no benchmark can be studied")
                silent.append(f"{scorer.title}, {cohort.title}: {reason}.")
    return tuple(predictions), tuple(silent)


def _shown(title: str, answer: Answer) -> Predicted:
    value, (low, high) = answer.prediction.value, answer.prediction.interval(0.8)
    label = answer.study.benchmark.label
    return Predicted(title, label, value, low, high, "; ".join(answer.warnings))
