"""Every table as a data frame, from records and what is derived from them."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial

import numpy as np
import pandas as pd

from compression_leaderboard.board.board import Board, record_of
from compression_leaderboard.board.cohorts import Cohort, Column
from compression_leaderboard.board.compressors import compressor_rates
from compression_leaderboard.board.imported import imported_rows
from compression_leaderboard.board.trajectories import make_trajectories
from compression_leaderboard.exports.dictionary import wide_columns
from compression_leaderboard.exports.fit_frames import (
    correlation_frame,
    fit_frame,
    prediction_frame,
    residual_frame,
)
from compression_leaderboard.exports.measured_frames import (
    comparison_frame,
    compression_row,
    compressor_row,
    document_frame,
    plane_rows,
    preference_layer_rows,
    preference_row,
    repeated,
)
from compression_leaderboard.exports.package import NOT_STATED, OURS, licence_of
from compression_leaderboard.records.results import Result


def frame_makers(board: Board) -> dict[str, Callable[[], pd.DataFrame]]:
    """What makes each table of the dictionary, by name: all tables at once would take more memory
    than the board. Only records of today's protocols are in them."""
    pairs = [entry for entry in board.current if entry.result.preference is not None]
    final = [entry for entry in board.texts if board.is_final(entry.result)]
    ours: dict[str, Callable[[], pd.DataFrame]] = {
        "compression": lambda: _rows(compression_row(one, board.specs) for one in board.texts),
        "compression_documents": lambda: document_frame(board.texts),
        "compressors": lambda: _rows(
            compressor_row(rate) for rate in compressor_rates(board.specs, board.stored)
        ),
        "comparisons": lambda: comparison_frame(board.comparisons),
        "text_amounts": lambda: _rows(vars(amount) for amount in board.amounts),
        "costs": lambda: _rows(asdict(cost) | {"ratio": cost.ratio} for cost in board.costs),
        "information_plane": lambda: _rows(row for one in final for row in plane_rows(one)),
        "preferences": lambda: _rows(preference_row(one) for one in pairs),
        "preference_layers": lambda: _rows(
            row for one in pairs for row in preference_layer_rows(one)
        ),
        "trajectories": lambda: make_trajectories(board.specs, board.stored),
    }
    fitted: dict[str, Callable[[], pd.DataFrame]] = {
        "predictions": lambda: prediction_frame(board.evidence),
        "fits": lambda: fit_frame(board.evidence),
        "correlations": lambda: correlation_frame(board.evidence),
        "residuals": lambda: residual_frame(board.evidence),
    }
    imported = partial(imported_rows, board.imported, board.conflicts)
    licences = {cohort.name: licence_of(cohort) for cohort in board.cohorts}
    return {
        "models": lambda: _models(board),
        "leaderboard": lambda: _leaderboard(board.cohorts),
        "scores": lambda: _scores(board),
        "imported": partial(_licensed, imported, NOT_STATED),
        **{name: partial(_licensed, make, OURS) for name, make in ours.items()},
        **{
            name: partial(_licensed, make, lambda frame: frame["cohort"].map(licences))
            for name, make in fitted.items()
        },
    }


def _rows(rows: Iterable[Mapping[str, object]]) -> pd.DataFrame:
    return pd.DataFrame(list(rows))


def _licensed(
    make: Callable[[], pd.DataFrame], licence: str | Callable[[pd.DataFrame], pd.Series]
) -> pd.DataFrame:
    """The frame with the licence that each row is under."""
    return make().assign(data_licence=licence)


def _models(board: Board) -> pd.DataFrame:
    rows: list[dict[str, object]] = []
    for _, model in sorted(board.specs.models.items()):
        weights = model.weights
        rows.append(
            {
                "provenance": "measured",
                "source": weights.hub or weights.package or weights.path,
                "model": model.id,
                "name": model.name,
                "family": model.family,
                "kind": model.kind,
                "parameters": model.parameters,
                "training_tokens": model.training_tokens,
                "released": model.released,
                "licence": model.licence,
                "revision": weights.revision,
                "quantization": weights.quantization,
                "page": f"models/{model.id}/",
                "data_licence": OURS,
            }
        )
    for cohort in board.cohorts:
        if cohort.provenance == "published":
            kept = ["model", "name", "family", "parameters", "training_tokens", "page"]
            licence = licence_of(cohort)
            for row in cohort.rows[kept].to_dict("records"):
                named = {str(k): v for k, v in row.items()}
                source = {"provenance": "published", "source": cohort.name}
                rows.append(source | named | {"data_licence": licence})
    return pd.DataFrame(rows)


def _leaderboard(cohorts: Sequence[Cohort]) -> pd.DataFrame:
    shared = ["model", "name", "family", "parameters", "training_tokens", "training_flop"]
    shared += ["compression", "score", "page"]
    parts = []
    for cohort in cohorts:
        rows = cohort.rows
        texts = ("kind", "quantization", "dtype", "released")
        columns: dict[str, object] = {name: rows[name] for name in shared}
        columns |= {name: _texts(rows, name) for name in texts}
        columns |= {one.field_name: rows[one.source] for one in wide_columns(cohort)}
        columns |= {
            "score.stderr": rows.get("score_stderr"),
            "cohort": cohort.name,
            "provenance": cohort.provenance,
            "unit": cohort.compression[0].unit if cohort.compression else None,
            "data_licence": licence_of(cohort),
        }
        parts.append(pd.DataFrame(columns))
    return _stacked(parts)


def _scores(board: Board) -> pd.DataFrame:
    """A part for each figure of each cohort; what is alike in a whole part is kept once, since
    there may be hundreds of thousands of rows."""
    records = _records_by_model(board)
    parts, alike = [], []
    for cohort in board.cohorts:
        groups = {
            "compression": cohort.compression,
            "preference": cohort.preferences,
            "benchmark": cohort.scores,
        }
        for kind, columns in groups.items():
            for column in columns:
                parts.append(_score_part(cohort, column, records))
                alike.append(_of_figure(cohort, kind, column))
    frame, times = _stacked([part for part in parts if len(part)]), [len(part) for part in parts]
    for name in alike[0] if alike else ():
        values = [one[name] for one in alike]
        texts = all(value is None or isinstance(value, str) for value in values)
        frame[name] = repeated(values, times) if texts else np.repeat(np.array(values), times)
    return frame


def _of_figure(cohort: Cohort, kind: str, column: Column) -> dict[str, object]:
    """What all rows of a figure have in common."""
    return {
        "cohort": cohort.name,
        "provenance": cohort.provenance,
        "kind": kind,
        "column": column.name,
        "label": column.label,
        "unit": column.unit,
        "higher_is_better": column.higher_is_better,
        "chance": math.nan if column.chance is None else column.chance,
        "data_licence": licence_of(cohort),
    }


def _score_part(
    cohort: Cohort, column: Column, records: dict[tuple[str, str], pd.DataFrame]
) -> pd.DataFrame:
    rows = cohort.rows[cohort.rows[column.name].notna()]
    part = pd.DataFrame(
        {
            "model": rows["model"],
            "dtype": _texts(rows, "dtype"),
            "value": rows[column.name],
            "stderr": rows.get(f"{column.name}_stderr"),
            "low95": rows.get(f"{column.name}_low"),
            "high95": rows.get(f"{column.name}_high"),
        }
    )
    source = records.get((cohort.provenance, column.name.removesuffix("_preference")))
    if source is None:
        return part.assign(revision=None, record=None)
    return part.merge(source, on=["model", "dtype"], how="left")


def _records_by_model(board: Board) -> dict[tuple[str, str], pd.DataFrame]:
    """For each figure that is measured: revision and record by model and number format."""
    held: dict[tuple[str, str], list[tuple[str, str | None, str, str]]] = {}
    for entry in board.current:
        result = entry.result
        if not board.is_final(result):
            continue
        row = (result.model, result.environment.dtype, result.revision, record_of(entry))
        for name in _figure_names(result):
            held.setdefault(("measured", name), []).append(row)
    columns = ["model", "dtype", "revision", "record"]
    return {key: pd.DataFrame(rows, columns=columns) for key, rows in held.items()}


def _figure_names(result: Result) -> list[str]:
    if result.kind == "suite":
        return [task.task.task for task in result.tasks]
    return [result.name]


def _texts(rows: pd.DataFrame, name: str) -> pd.Series:
    """A text column, unknown in every row where the cohort has none."""
    found = rows[name] if name in rows else pd.Series(None, index=rows.index)
    return found.astype(object)


def _stacked(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
