"""Cohorts: sets of models whose figures are comparable. Cohorts are never mixed."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import fsum

import numpy as np
from numpy.typing import NDArray

from compression_leaderboard.board.derived import CompressorRate, DerivedResult, current_results
from compression_leaderboard.board.figures import (
    BITS_PER_BYTE,
    LN_BINS,
    Column,
    Figure,
    Key,
    Provenance,
    Row,
    least_vouched,
    values,
)
from compression_leaderboard.board.measured import Setting, list_settings, measured_rows
from compression_leaderboard.board.published import published_columns, published_rows
from compression_leaderboard.records.published import Citation
from compression_leaderboard.records.results import CLASSICAL
from compression_leaderboard.repository.contents import PublishedTable
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs

COMPARABLE = (
    "Only with each other: {kind} models on the same texts, scored in windows of the same length, "
    "and on the same tasks. Rows that differ in number format (dtype) or quantization stay apart."
)


@dataclass(frozen=True)
class CompressorRow:
    """A compressor in a table: its rates by text, and their mean where all are known."""

    name: str
    rates: dict[str, CompressorRate]
    average: float | None  # of the rates of the whole texts


@dataclass(frozen=True)
class Cohort:
    """Rows that may be ranked and fitted together, in order of model and dtype.

    compressors: rows beside these, in no fit. mixtures: models whose `parameters` may not count
    all weights; fits take the figure as it is, no size or cost follows from it.
    """

    name: str
    title: str
    provenance: Provenance
    split: str  # "leave-one-group-out" or "small-to-large": how a fit's form is chosen
    train_up_to: float | None  # parameters; models up to this size predict the larger ones
    comparable_with: str
    compression: tuple[Column, ...]
    scores: tuple[Column, ...]
    citations: tuple[Citation, ...]
    rows: tuple[Row, ...]
    mean_compression: Key  # over the texts; a figure of the rows that know all of them
    mean_score: Key  # over the scores in the mean; a figure of the rows that know all of them
    compressors: tuple[CompressorRow, ...] = ()
    preferences: tuple[Column, ...] = ()  # preference information; no part of `compression`
    mixtures: frozenset[str] = frozenset()

    def values(self, key: Key) -> NDArray[np.float64]:
        """One value per row; NaN where it is not known."""
        return values(self.rows, key)

    @property
    def higher_is_better(self) -> bool:
        """Whether more of the compression figures is better, as of a published ratio."""
        return bool(self.compression) and self.compression[0].higher_is_better

    @property
    def unit(self) -> str | None:
        """Of the compression figures."""
        return self.compression[0].unit if self.compression else None


def make_cohorts(
    specs: Specs, stored: Iterable[StoredResult], published: Sequence[PublishedTable]
) -> list[Cohort]:
    """Make measured cohorts, base before instruct, then one for every published source.

    Featured sources come before others.
    """
    current = current_results(specs, stored)
    rates = compressor_rates(current)
    measured = [
        _measured(specs, setting, rows, rates)
        for setting in list_settings(specs, current)
        if (rows := measured_rows(specs, setting, current))
    ]
    ordered = sorted(published, key=lambda table: not table.source.featured)  # stable
    return measured + [_published(table) for table in ordered]


def _measured(
    specs: Specs, setting: Setting, rows: Sequence[Row], rates: Sequence[CompressorRate]
) -> Cohort:
    """Models of one kind on the texts of one window and the tasks of one suite."""
    known = {key for row in rows for key in row.figures}
    texts = tuple(
        Column(key, specs.corpora[name].title, BITS_PER_BYTE, higher_is_better=False)
        for name in setting.corpora
        if (key := Key("compression", name, setting.protocol)) in known
    )
    suite = specs.suites[setting.suite] if setting.suite else None
    scores = tuple(
        Column(key, task.label, "fraction", True, task.chance, task.ceiling)
        for task in (suite.tasks if suite else ())
        if (key := Key("score", task.task, setting.suite or "")) in known
    )
    mean = Key("mean_compression", "", setting.protocol)
    title = f"Measured here: {setting.kind} models, {setting.context}"
    return Cohort(
        name=setting.name,
        title=f"{title}, {suite.title.lower()}" if suite else title,
        provenance="measured",
        split="leave-one-group-out",
        train_up_to=None,
        comparable_with=COMPARABLE.format(kind=setting.kind),
        compression=texts,
        scores=scores,
        citations=(),
        rows=_ordered([_with_mean(row, texts, mean) for row in rows]),
        mean_compression=mean,
        mean_score=Key("mean_score", "", setting.suite or ""),
        compressors=_compressor_rows(rates, texts),
        preferences=tuple(
            Column(Key("preference", name), pairs.title, LN_BINS, higher_is_better=True)
            for name, pairs in sorted(specs.preferences.items())
            if Key("preference", name) in known
        ),
    )


def compressor_rates(current: Iterable[DerivedResult]) -> list[CompressorRate]:
    """List rates under today's settings, in order of text and of the compressors' list."""
    return [
        rate
        for entry in current
        if entry.result.revision == CLASSICAL.revision
        for rate in entry.rates
    ]


def _compressor_rows(
    rates: Sequence[CompressorRate], texts: Sequence[Column]
) -> tuple[CompressorRow, ...]:
    """One row for each compressor that has a rate of any of the texts, best average first."""
    names = {column.name for column in texts}
    by_compressor: dict[str, dict[str, CompressorRate]] = {}
    for rate in rates:
        if rate.corpus in names:
            by_compressor.setdefault(rate.text.name, {})[rate.corpus] = rate
    rows = [
        CompressorRow(
            name,
            known,
            fsum(rate.whole for rate in known.values()) / len(known)
            if known.keys() == names
            else None,
        )
        for name, known in by_compressor.items()
    ]
    return tuple(sorted(rows, key=lambda row: (row.average is None, row.average or 0, row.name)))


def _with_mean(row: Row, texts: Sequence[Column], mean: Key) -> Row:
    """Return the row with its mean compression, where all texts are known."""
    known = [row.figures[column.key] for column in texts if column.key in row.figures]
    if not texts or len(known) < len(texts):
        return row
    value = sum(figure.value for figure in known) / len(known)
    figure = Figure(
        mean,
        value,
        texts[0].unit,
        "measured",
        known[0].source,
        n=len(known),
        measured_by=least_vouched(known),
    )
    return replace(row, figures={**row.figures, mean: figure})


def _published(table: PublishedTable) -> Cohort:
    source = table.source
    compression, scores = published_columns(source)
    return Cohort(
        name=source.name,
        title=source.title,
        provenance="published",
        split=source.split,
        train_up_to=source.train_up_to,
        comparable_with=source.comparable_with,
        compression=compression,
        scores=scores,
        citations=source.citations,
        rows=_ordered(published_rows(table)),
        mean_compression=Key("mean_compression", "", source.name),
        mean_score=Key("mean_score", "", source.name),
        mixtures=frozenset(source.mixtures),
    )


def _ordered(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Sort rows by model and number format, and give each a distinct label."""
    ordered = sorted(rows, key=lambda row: (row.model, row.dtype is None, row.dtype or ""))
    times = Counter((row.name, row.quantization) for row in ordered)
    return tuple(
        replace(row, label=_label(row, times[row.name, row.quantization] > 1)) for row in ordered
    )


def _label(row: Row, shares_its_name: bool) -> str:
    """Return the name, with the quantization of weights that are not the original, and with the
    number format where rows would share a name otherwise."""
    marks = [row.quantization, row.dtype if shares_its_name else None]
    known = ", ".join(mark for mark in marks if mark)
    return f"{row.name} ({known})" if known else row.name
