"""A cohort as a data frame, and cohorts with changed figures: for cohorts of plain names only."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd
from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.figures import Figure, Key, Row

IDENTITY = ("model", "name", "page", "family", "parameters", "training_tokens", "training_flop")


def key_of(cohort: Cohort, name: str) -> Key:
    """The key of a column, of the mean score ("score") or of the mean ("compression")."""
    means = {"score": cohort.mean_score, "compression": cohort.mean_compression}
    columns = (*cohort.compression, *cohort.preferences, *cohort.scores)
    keys = means | {column.name: column.key for column in columns}
    assert len(keys) == len(columns) + len(means), "two columns share a name"
    return keys[name]


def frame_of(cohort: Cohort) -> pd.DataFrame:
    """Models by row, with their figures by name; NaN where one is unknown."""
    columns = (*cohort.compression, *cohort.scores)
    names = ["compression", "score", *(column.name for column in columns)]
    identity = {name: [getattr(row, name) for row in cohort.rows] for name in IDENTITY}
    figures = {name: cohort.values(key_of(cohort, name)) for name in names}
    frame = pd.DataFrame(identity | figures)
    sizes = ["parameters", "training_tokens", "training_flop"]
    return frame.astype(dict.fromkeys(sizes, float))


def with_rows(cohort: Cohort, rows: Iterable[Row]) -> Cohort:
    return replace(cohort, rows=tuple(rows))


def with_families(cohort: Cohort, families: Iterable[str]) -> Cohort:
    named = zip(cohort.rows, families, strict=True)
    return with_rows(cohort, (replace(row, family=family) for row, family in named))


def with_values(
    cohort: Cohort, name: str, values: Iterable[float] | float, stderr: float | None = None
) -> Cohort:
    """The cohort with other figures in one column; NaN takes a figure away.

    stderr: of every figure; None leaves the errors as they are.
    """
    key = key_of(cohort, name)
    cells = np.broadcast_to(np.asarray(values, dtype=float), len(cohort.rows))
    rows = zip(cohort.rows, cells.tolist(), strict=True)
    return with_rows(cohort, (_with_figure(row, key, cell, stderr) for row, cell in rows))


def _with_figure(row: Row, key: Key, value: float, stderr: float | None) -> Row:
    others = {k: figure for k, figure in row.figures.items() if k != key}
    if np.isnan(value):
        return replace(row, figures=others)
    if stderr is None and key in row.figures:
        stderr = row.figures[key].stderr
    figure = Figure.of(key, value, "", "published", "test", stderr=stderr)
    return replace(row, figures={**others, key: figure})
