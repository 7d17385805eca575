"""The pages of measured and of published models."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.comparisons import Comparison
from compression_leaderboard.board.derived import DerivedResult, mean_score
from compression_leaderboard.board.figures import Key, Row
from compression_leaderboard.board.measured import tokens_seen
from compression_leaderboard.fits.study import Study
from compression_leaderboard.pages.board_table import BoardCell, BoardRow, BoardTable
from compression_leaderboard.pages.record_sections import view_record
from compression_leaderboard.pages.rendering import Renderer
from compression_leaderboard.plan.jobs import latest_results
from compression_leaderboard.records.models import Model
from compression_leaderboard.records.results import Result
from compression_leaderboard.repository.specs import Specs

SHORT_HISTORY = 12  # records that the page shows unfolded
NEAR = 3  # models shown on either side, by average compression


@dataclass(frozen=True)
class Dot:
    """A score and its prediction, each a fraction with the ends of its 95 % interval."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    chance: float | None = None
    predicted: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Standing:
    """A row of a table, with the models of the table in order of compression."""

    board: BoardTable
    row: BoardRow
    ranked: Sequence[BoardRow]  # of all models whose compression is known, the best first
    place: int | None  # of the row among them; None where its compression is not known
    model: str  # as its cohort's rows and study name it
    study: Study

    def cell(self, key: str) -> BoardCell | None:
        return self.board.cell(self.row, key)

    @property
    def neighbours(self) -> Sequence[BoardRow]:
        """The models around it in order of compression, with itself; empty if it is alone."""
        if self.place is None or len(self.ranked) < 2:
            return []
        first = max(0, min(self.place - NEAR, len(self.ranked) - 2 * NEAR - 1))
        return self.ranked[first : first + 2 * NEAR + 1]

    @property
    def dots(self) -> list[Dot]:
        """Every score: what was measured, and what a fit without the model's group predicted."""
        cohort = self.board.cohort
        scores = [(score.key, score.label, score.chance) for score in cohort.scores]
        if len(scores) > 1:
            scores.insert(0, (cohort.mean_score, "Mean score", None))
        return [dot for score in scores if (dot := self._dot(*score))]

    def _dot(self, key: Key, label: str, chance: float | None) -> Dot | None:
        """Return a score and its prediction; None where neither is known."""
        cell = self.cell(key.id)
        predicted = self._predict_without_group(key)
        if cell and not cell.is_predicted:
            return Dot(label, cell.value, cell.low, cell.high, chance, predicted)
        if cell and cell.value is not None and cell.low is not None and cell.high is not None:
            predicted = cell.value, cell.low, cell.high
        return Dot(label, None, None, None, chance, predicted) if predicted else None

    def _predict_without_group(self, benchmark: Key) -> tuple[float, float, float] | None:
        """Return the prediction and 95 % interval of a fit to the other groups."""
        fitted = self.study.of(benchmark)
        validation = fitted.validation("group") if fitted else None
        row = validation.by_model.get(self.model) if validation else None
        return (row.prediction.value, *row.prediction.interval()) if row else None


def find_standings(
    boards: Sequence[BoardTable], studies: Mapping[str, Study]
) -> Mapping[str, list[Standing]]:
    """Find standings by address of the model's page. studies: by cohort."""
    standings: dict[str, list[Standing]] = {}
    for board in boards:
        ranked = [row for row in board.models if row.order is not None]
        places = {id(row): place for place, row in enumerate(ranked)}
        names = {row.page: row.model for row in board.cohort.rows}
        study = studies[board.cohort.name]
        for row in board.models:
            standing = Standing(board, row, ranked, places.get(id(row)), names[row.page], study)
            standings.setdefault(row.page, []).append(standing)
    return standings


def render_model(
    render: Renderer,
    model: Model,
    entries: Sequence[DerivedResult],
    specs: Specs,
    comparisons: Sequence[Comparison],
    standings: Sequence[Standing],
    commit: str,
    imported: str = "",
    badges: Sequence[str] = (),
) -> Markup:
    """Show everything known of a measured model, its final weights first.

    entries, comparisons, standings: the model's records, comparisons and places in tables.
    imported: the section of imported results. badges: paths of the model's badges on the site.
    """
    latest = latest_results(entries)
    final = [e for e in latest.values() if e.result.revision == model.weights.revision]
    final.sort(key=_section_order)
    views = [view_record(entry, specs, comparisons) for entry in final]
    return render(
        "model.html",
        root="../../",
        model=model,
        models=specs.models,
        subject=next((e.result.subject for e in final if e.result.subject), None),
        failures=_failures(model, entries, final),
        standings=standings,
        records=[view for view in views if view],
        checkpoints=_checkpoints(model, latest.values()),
        imported=Markup(imported),
        history=_history(entries, latest.values(), model),
        short_history=SHORT_HISTORY,
        commit=commit,
        citation_key="".join(c if c.isalnum() else "-" for c in model.id),
        run_ids=sorted(entry.result.run_id for entry in final),
        badges=badges,
    )


def _section_order(entry: DerivedResult) -> tuple[int, str]:
    """Put texts first, then preferences, proofs and suites."""
    result = entry.result
    kind = "preference" if result.preference else result.kind
    return ("corpus", "preference", "proof", "suite").index(kind), result.name


def _failures(
    model: Model, entries: Sequence[DerivedResult], final: Sequence[DerivedResult]
) -> list[DerivedResult]:
    """Return the last failures of the final weights that no valid record (`final`) followed."""
    valid = {(entry.result.kind, entry.result.name) for entry in final}
    last = {}
    for entry in sorted(entries, key=_started):
        result = entry.result
        job = result.kind, result.name
        if result.error and result.revision == model.weights.revision and job not in valid:
            last[job] = entry
    return [last[job] for job in sorted(last)]


def _started(entry: DerivedResult) -> tuple[object, str]:
    return entry.result.started, entry.file


@dataclass(frozen=True)
class CheckpointRow:
    """The figures of one record of a training run. tokens: seen until then, None if unknown."""

    result: Result
    tokens: int | None
    preference: float | None
    score: float | None


def _checkpoints(model: Model, entries: Iterable[DerivedResult]) -> list[CheckpointRow]:
    """Return every figure over training, in order of tokens seen."""
    seen = tokens_seen(model)
    rows = [
        CheckpointRow(
            entry.result,
            seen[entry.result.revision],
            entry.preference.value if entry.preference else None,
            mean_score(entry.result.tasks)[0] if entry.result.tasks else None,
        )
        for entry in entries
        if entry.result.revision in seen and entry.result.kind != "proof"
    ]
    return sorted(rows, key=lambda row: (row.result.kind, row.result.name, row.tokens or 0))


def _history(
    entries: Sequence[DerivedResult], latest: Iterable[DerivedResult], model: Model
) -> list[tuple[DerivedResult, str]]:
    """Return all records of the model, the oldest first, and whether each counts.

    A revision that the model's file no longer names is history.
    """
    listed = {model.weights.revision, *(checkpoint.revision for checkpoint in model.checkpoints)}
    counting = {entry.file for entry in latest if entry.result.revision in listed}
    return [
        (entry, "counts" if entry.file in counting else "history")
        for entry in sorted(entries, key=_started)
    ]


def render_published(
    render: Renderer, cohort: Cohort, row: Row, standings: Sequence[Standing]
) -> Markup:
    """Show tiles and place in the table first, then every figure with its unit and its source."""
    unit = cohort.unit or ""
    figures = [
        *((c.label, c.unit, row.value(c.key), None) for c in cohort.compression),
        ("Average of the texts", unit, row.value(cohort.mean_compression), None),
        *((s.label, "%", row.value(s.key), s.chance) for s in cohort.scores),
        ("Mean of all benchmarks", "%", row.value(cohort.mean_score), None),
    ]
    return render(
        "published.html",
        root="../../../",
        cohort=cohort,
        row=row,
        standings=standings,
        figures=figures,
    )
