"""A cohort's rows as a data frame, and back: tests change and compare columns."""

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pandas as pd
from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.figures import Figure, Key, Quantity, Row
from compression_leaderboard.exports.formats import to_arrow
from compression_leaderboard.exports.tables import TABLES
from compression_leaderboard.fits.study import Evidence, StudiedBoard

IDENTITY = (
    *("model", "name", "label", "family", "page", "date", "kind", "quantization", "dtype"),
    *("released", "licence", "revision"),
)
NUMBERS = (
    *("parameters", "training_tokens", "training_flop", "context_tokens", "scored_bytes"),
    "wall_seconds",
)
QUANTITIES: tuple[Quantity, ...] = ("complexity", "expressivity", "optimality")


def keys_of(cohort: Cohort) -> dict[str, Key]:
    """The figures of a cohort by the name of their column: means are `compression` and `score`."""
    keys = {column.id: column.key for column in (*cohort.compression, *cohort.scores)}
    keys |= {column.id: column.key for column in cohort.preferences}
    for column in cohort.compression:
        for quantity in QUANTITIES:
            keys[f"{column.name}_{quantity}"] = column.key._replace(quantity=quantity)
    return keys | {"compression": cohort.mean_compression, "score": cohort.mean_score}


def fit_frame(name: str, evidence: Mapping[str, Evidence]) -> pd.DataFrame:
    """A table of what fits find, such as fits. evidence: by name of the cohort."""
    cohorts = [SimpleNamespace(name=name, provenance="measured") for name in evidence]
    board = SimpleNamespace(cohorts=cohorts, evidence=evidence)
    return to_arrow(TABLES[name], TABLES[name].rows(cast(StudiedBoard, board))).to_pandas()


def frame_of(cohort: Cohort) -> pd.DataFrame:
    """One row per row: identity, sizes, ranks and figures with `_stderr`, `_low` and `_high`."""
    keys = keys_of(cohort)
    rows = []
    for row in cohort.rows:
        cells = {name: getattr(row, name) for name in (*IDENTITY, *NUMBERS)}
        cells["rank_low"], cells["rank_high"] = row.rank or (None, None)
        for name, key in keys.items():
            figure = row.figures.get(key)
            cells[name] = figure.value if figure else None
            cells[f"{name}_stderr"] = figure.stderr if figure else None
            cells[f"{name}_low"] = figure.low if figure else None
            cells[f"{name}_high"] = figure.high if figure else None
        rows.append(cells)
    frame = pd.DataFrame(rows)
    for name in frame.columns.difference(list(IDENTITY)):
        frame[name] = pd.to_numeric(frame[name]).astype("float64")
    return frame


def with_frame(cohort: Cohort, frame: pd.DataFrame) -> Cohort:
    """The cohort with the rows of a changed frame; its intervals are forgotten."""
    keys = {name: key for name, key in keys_of(cohort).items() if name in frame}
    return replace(cohort, rows=tuple(_row(cohort, keys, cells) for _, cells in frame.iterrows()))


def _row(cohort: Cohort, keys: dict[str, Key], cells: pd.Series) -> Row:
    known = cells.dropna().to_dict()
    figures = {
        key: Figure(
            key,
            float(known[name]),
            cohort.unit or "",
            cohort.provenance,
            cohort.name,
            stderr=known.get(f"{name}_stderr"),
        )
        for name, key in keys.items()
        if name in known
    }
    rank = (int(known["rank_low"]), int(known["rank_high"])) if "rank_low" in known else None
    texts = {name: known.get(name) for name in IDENTITY}
    numbers = {name: known.get(name) for name in NUMBERS}
    plain = {name: texts[name] or "" for name in ("page", "date")}
    return Row(**(texts | plain), **numbers, rank=rank, figures=figures)
