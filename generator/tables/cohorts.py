"""Cohorts: sets of models whose figures are comparable. Cohorts are never mixed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from generator.files.published import PublishedTable
from generator.files.results import StoredResult
from generator.files.specs import Specs
from generator.plan import latest_results
from generator.records.models import Model
from generator.records.published import Citation, PublishedSource
from generator.records.results import Result
from generator.tables.derive import bits_interval, main_score, mean_score, place_on_plane

MEASURED_LICENCE = "CC-BY-4.0"
HEADLINE_ORDER = 1  # of the n-gram labels whose optimality stands in the leaderboard


@dataclass(frozen=True)
class Column:
    """A figure of every row: compression (lower is better unless it says so) or a score."""

    name: str
    label: str
    unit: str
    higher_is_better: bool
    chance: float | None = None  # scores only
    ceiling: float | None = None


@dataclass(frozen=True)
class Cohort:
    """Rows that may be ranked and fitted together.

    rows: one a model, in order of name; columns model, name, family, parameters, training_tokens,
    training_flop, page, the compression columns, `compression` (their mean), the score columns and
    `score` (their mean where all are known). Unknown = NaN.
    """

    name: str
    title: str
    provenance: str  # "measured" or "published"
    comparable_with: str
    compression: tuple[Column, ...]
    scores: tuple[Column, ...]
    citations: tuple[Citation, ...]
    rows: pd.DataFrame


def make_cohorts(
    specs: Specs, stored: Iterable[StoredResult], published: Sequence[PublishedTable]
) -> list[Cohort]:
    """Measured cohorts first, base before instruct, then every published source."""
    latest = [entry.result for entry in latest_results(stored).values()]
    measured = [
        cohort
        for kind in ("base", "instruct")
        if (cohort := _measured(specs, latest, kind)) is not None
    ]
    return measured + [_published(table) for table in published]


def _measured(specs: Specs, latest: Sequence[Result], kind: str) -> Cohort | None:
    """Models of one kind, from records of today's protocols and of the models' final weights."""
    corpora = {
        name: Column(name, corpus.title, "bits per byte", higher_is_better=False)
        for name, corpus in sorted(specs.corpora.items())
    }
    tasks = {
        task.task: Column(task.task, task.label, "fraction", True, task.chance, task.ceiling)
        for suite in specs.suites.values()
        for task in suite.tasks
    }
    rows = []
    for model in specs.models.values():
        results = [
            result
            for result in latest
            if result.model == model.id and result.revision == model.weights.revision
        ]
        if model.kind == kind and results:
            rows.append(_measured_row(model, results, specs))
    if not rows:
        return None
    frame = pd.DataFrame(rows).sort_values("model", ignore_index=True)
    used = [column for name, column in corpora.items() if name in frame]
    scored = [column for name, column in tasks.items() if name in frame]
    frame["compression"] = frame[[column.name for column in used]].mean(axis=1, skipna=False)
    return Cohort(
        name=f"measured-{kind}",
        title=f"Measured here: {kind} models",
        provenance="measured",
        comparable_with="Equal texts, protocols and tasks; only with each other.",
        compression=tuple(used),
        scores=tuple(scored),
        citations=(),
        rows=_with_columns(frame),
    )


def _measured_row(model: Model, results: Sequence[Result], specs: Specs) -> dict[str, object]:
    row: dict[str, object] = {
        "model": model.id,
        "name": model.name,
        "family": model.family,
        "kind": model.kind,
        "parameters": model.parameters,
        "training_tokens": model.training_tokens,
        "quantization": model.weights.quantization,
        "released": model.released.isoformat(),
        "licence": model.licence,
        "page": f"models/{model.id}/",
    }
    if model.training_tokens:
        row["training_flop"] = 6 * model.parameters * model.training_tokens
    for result in sorted(results, key=lambda r: (r.kind, r.name)):
        row["dtype"] = result.environment.dtype
        if result.kind == "corpus" and _is_current(result, specs):
            row |= _corpus_figures(result)
        elif result.kind == "suite" and _is_current(result, specs):
            row |= {task.task.task: main_score(task)[0] for task in result.tasks}
            row["score"], row["score_stderr"] = mean_score(result.tasks)
    return row


def _is_current(result: Result, specs: Specs) -> bool:
    """Whether the record was made under today's suite or protocol."""
    if result.kind == "suite":
        suite = specs.suites.get(result.name)
        return suite is not None and tuple(t.task for t in result.tasks) == suite.tasks
    corpus = specs.corpora.get(result.name)
    return (
        corpus is not None
        and result.text is not None
        and (result.text.sha256, result.text.protocol) == (corpus.sha256, corpus.protocol)
    )


def _corpus_figures(result: Result) -> dict[str, object]:
    figures: dict[str, object] = {}
    if result.lossless is not None and result.lossless.failing_bytes == 0:
        figures[result.name] = result.lossless.bits_per_byte
        if interval := bits_interval(result.lossless):
            figures[f"{result.name}_low"] = interval.low
            figures[f"{result.name}_high"] = interval.high
    if result.lossy and (plane := place_on_plane(result.lossy, HEADLINE_ORDER)):
        figures[f"{result.name}_complexity"] = plane.complexity
        figures[f"{result.name}_expressivity"] = plane.expressivity
        figures[f"{result.name}_optimality"] = plane.optimality
        figures[f"{result.name}_optimality_spread"] = plane.optimality_spread
    return figures


def _published(table: PublishedTable) -> Cohort:
    source = table.source
    compression = [c.column for c in source.compression]
    scores = [c.column for c in source.scores]
    rows = []
    for cells in table.rows:
        row: dict[str, object] = {
            "model": cells[source.key],
            "name": cells[source.key],
            "family": cells[source.group],
            "page": f"published/{source.name}/{cells[source.key].replace('/', '__')}/",
        }
        for name, column in _numeric(source).items():
            row[name] = float(cells[column]) if column and cells[column] else None
        rows.append(row)
    frame = pd.DataFrame(rows).sort_values("model", ignore_index=True)
    if source.average is None:
        frame["compression"] = frame[compression].mean(axis=1, skipna=False)
    frame["score"] = frame[scores].mean(axis=1, skipna=False)
    return Cohort(
        name=source.name,
        title=source.title,
        provenance="published",
        comparable_with=source.comparable_with,
        compression=tuple(
            Column(c.column, c.label, c.unit, c.higher_is_better) for c in source.compression
        ),
        scores=tuple(
            Column(s.column, s.label, "fraction", True, s.chance, s.ceiling) for s in source.scores
        ),
        citations=source.citations,
        rows=_with_columns(frame),
    )


def _numeric(source: PublishedSource) -> dict[str, str | None]:
    """Names of a cohort's numeric columns and where the source has them."""
    names = [c.column for c in source.compression] + [s.column for s in source.scores]
    return {
        "parameters": source.parameters,
        "training_tokens": source.training_tokens,
        "training_flop": source.training_compute,
        **({"compression": source.average} if source.average else {}),
        **{name: name for name in names},
    }


def _with_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with every column that a reader may rely on, numbers as float64."""
    texts = {"model", "name", "family", "kind", "page", "quantization", "released", "licence"}
    texts.add("dtype")
    for name in ("parameters", "training_tokens", "training_flop", "compression", "score"):
        if name not in frame:
            frame[name] = None
    for name in frame.columns.difference(list(texts)):
        frame[name] = pd.to_numeric(frame[name]).astype("float64")
    return frame
