"""Cohorts: sets of models whose figures are comparable. Cohorts are never mixed."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from compression_leaderboard.board.compressors import (
    CompressorRate,
    CompressorRow,
    compressor_rates,
    compressor_rows,
)
from compression_leaderboard.board.measured import Setting, current_results, measured_rows, settings
from compression_leaderboard.board.published import page_of, published_rows
from compression_leaderboard.records.published import Citation
from compression_leaderboard.repository.published import PublishedTable
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs

TEXT_COLUMNS = frozenset(
    {
        "model",
        "name",
        "label",
        "family",
        "kind",
        "page",
        "quantization",
        "released",
        "licence",
        "dtype",
        "date",
    }
)


@dataclass(frozen=True)
class Column:
    """A figure of every row: compression (lower is better unless it says so) or a score."""

    name: str
    label: str
    unit: str
    higher_is_better: bool
    chance: float | None = None  # scores only
    ceiling: float | None = None
    negative_control: bool = False  # a score that compression is expected to tell little about
    in_mean: bool = True  # a score that counts in the mean


@dataclass(frozen=True)
class Cohort:
    """Rows that may be ranked and fitted together.

    rows: in order of model (and dtype); columns model, name, label (the name as it is shown, of one
    row alone), family, parameters, training_tokens, training_flop, page, date, the compression
    columns, `compression` (their mean where all are known), rank_low and rank_high by it (equal
    where no error is known), the score columns and `score` (the mean of those in it where all are
    known), `_stderr` of scores where known, the preference columns with `_low`, `_high` and
    `_lexical`; of measured rows context_tokens, scored_bytes and wall_seconds. Unknown = NaN.
    `family` holds the groups that a fit leaves out one at a time. compressors: rows beside these,
    in no fit. mixtures: models whose `parameters` may not count all weights; fits take the figure
    as it is, no size or cost follows from it.
    """

    name: str
    title: str
    provenance: str  # "measured" or "published"
    split: str  # "leave-one-group-out" or "small-to-large": how a fit's form is chosen
    train_up_to: float | None  # parameters; models up to this size predict the larger ones
    comparable_with: str
    compression: tuple[Column, ...]
    scores: tuple[Column, ...]
    citations: tuple[Citation, ...]
    rows: pd.DataFrame
    compressors: tuple[CompressorRow, ...] = ()
    preferences: tuple[Column, ...] = ()  # preference information; no part of `compression`
    mixtures: frozenset[str] = frozenset()


def make_cohorts(
    specs: Specs, stored: Iterable[StoredResult], published: Sequence[PublishedTable]
) -> list[Cohort]:
    """Measured cohorts first, base before instruct, then every published source."""
    latest = current_results(specs, stored)
    rates = compressor_rates(specs, latest)
    measured = [_measured(specs, setting, latest, rates) for setting in settings(specs, latest)]
    return [cohort for cohort in measured if cohort] + [_published(table) for table in published]


def _measured(
    specs: Specs,
    setting: Setting,
    latest: Sequence[StoredResult],
    rates: Sequence[CompressorRate],
) -> Cohort | None:
    """Models of one kind on the texts of one window and the tasks of one suite."""
    rows = measured_rows(specs, setting, latest)
    if not rows:
        return None
    frame = pd.DataFrame(rows).sort_values(["model", "dtype"], ignore_index=True)
    texts = tuple(
        Column(name, specs.corpora[name].title, "bits per byte", higher_is_better=False)
        for name in setting.corpora
        if name in frame
    )
    suite = specs.suites[setting.suite] if setting.suite else None
    scores = tuple(
        Column(task.task, task.label, "fraction", True, task.chance, task.ceiling)
        for task in (suite.tasks if suite else ())
        if task.task in frame
    )
    if texts:
        names = [column.name for column in texts]
        frame["compression"] = frame[names].mean(axis=1, skipna=False)
    title = f"Measured here: {setting.kind} models, {setting.context}"
    return Cohort(
        name=setting.name,
        title=f"{title}, {suite.title.lower()}" if suite else title,
        provenance="measured",
        split="leave-one-group-out",
        train_up_to=None,
        comparable_with=_comparable_with(setting),
        compression=texts,
        scores=scores,
        citations=(),
        rows=_with_columns(frame),
        compressors=compressor_rows(rates, [column.name for column in texts]),
        preferences=tuple(
            Column(f"{name}_preference", pairs.title, "ln(bins)", higher_is_better=True)
            for name, pairs in sorted(specs.preferences.items())
            if f"{name}_preference" in frame
        ),
    )


def _comparable_with(setting: Setting) -> str:
    return (
        f"Only with each other: {setting.kind} models on the same texts, scored in windows of the "
        "same length, and on the same tasks. Rows that differ in number format (dtype) or "
        "quantization stay apart."
    )


def _published(table: PublishedTable) -> Cohort:
    source = table.source
    frame = pd.DataFrame(published_rows(table)).sort_values("model", ignore_index=True)
    if source.average is None:
        columns = [c.column for c in source.compression]
        frame["compression"] = frame[columns].mean(axis=1, skipna=False)
    counted = list(source.mean) or [s.column for s in source.scores]
    frame["score"] = frame[counted].mean(axis=1, skipna=False)
    errors = frame[[f"{name}_stderr" for name in counted]].astype("float64")
    frame["score_stderr"] = (errors**2).sum(axis=1, skipna=False) ** 0.5 / len(counted)
    if source.training_compute is None:
        sizes = frame[["parameters", "training_tokens"]].astype("float64")
        frame["training_flop"] = 6 * sizes.prod(axis=1, skipna=False)
    frame["page"] = [page_of(source.name, key) for key in frame["model"]]
    frame["date"] = source.collected.isoformat()
    # No error is known: ranks of the figures, equal ones share the best.
    upwards = not source.compression[0].higher_is_better
    ranks = frame["compression"].rank(method="min", ascending=upwards)
    frame["rank_low"], frame["rank_high"] = ranks, ranks
    return Cohort(
        name=source.name,
        title=source.title,
        provenance="published",
        split=source.split,
        train_up_to=source.train_up_to,
        comparable_with=source.comparable_with,
        compression=tuple(
            Column(c.column, c.label, c.unit, c.higher_is_better) for c in source.compression
        ),
        scores=tuple(
            Column(
                s.column,
                s.label,
                "fraction",
                True,
                s.chance,
                s.ceiling,
                s.negative_control,
                s.column in counted,
            )
            for s in source.scores
        ),
        citations=source.citations,
        rows=_with_columns(frame),
        mixtures=frozenset(source.mixtures),
    )


def _with_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with every column that a reader may rely on, numbers as float64."""
    frame["label"] = _labels(frame)
    for name in ("parameters", "training_tokens", "training_flop", "compression", "score"):
        if name not in frame:
            frame[name] = None
    for name in frame.columns.difference(list(TEXT_COLUMNS)):
        frame[name] = pd.to_numeric(frame[name]).astype("float64")
    return frame


def _labels(frame: pd.DataFrame) -> list[str]:
    """Names as a reader meets them: with the quantization of weights that are not the original
    ones, and with the number format where rows would share a name otherwise."""
    known = frame.reindex(columns=["name", "quantization", "dtype"]).astype(object)
    rows = list(known.where(known.notna(), None).itertuples(index=False, name=None))
    times = Counter((name, quantization) for name, quantization, _ in rows)
    labels = []
    for name, quantization, dtype in rows:
        told = (quantization, dtype if times[name, quantization] > 1 else None)
        marks = ", ".join(mark for mark in told if mark)
        labels.append(f"{name} ({marks})" if marks else str(name))
    return labels
