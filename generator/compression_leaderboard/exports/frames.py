"""Every table as a data frame, from records and what is derived from them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial

import pandas as pd

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.compressors import compressor_rates
from compression_leaderboard.board.imported import imported_rows
from compression_leaderboard.exports.board_tables import SCORES
from compression_leaderboard.exports.dictionary import wide_columns
from compression_leaderboard.exports.fit_frames import (
    correlation_frame,
    fit_frame,
    prediction_frame,
    residual_frame,
)
from compression_leaderboard.exports.licences import NOT_STATED, OURS, licence_of
from compression_leaderboard.exports.measured_frames import (
    comparison_frame,
    compression_row,
    compressor_row,
    document_frame,
    plane_rows,
    preference_layer_rows,
    preference_row,
    trajectory_row,
)
from compression_leaderboard.fits.studied_board import StudiedBoard

SCORE_COLUMNS = tuple(field.name for field in SCORES.fields)


def frame_makers(board: StudiedBoard) -> dict[str, Callable[[], pd.DataFrame]]:
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
        "trajectories": lambda: _rows(trajectory_row(one) for one in board.trajectories),
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
        "scores": lambda: _scores(board.cohorts),
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


def _models(board: StudiedBoard) -> pd.DataFrame:
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
            rows += [
                {
                    "provenance": "published",
                    "source": cohort.name,
                    "model": row.model,
                    "name": row.name,
                    "family": row.family,
                    "parameters": row.parameters,
                    "training_tokens": row.training_tokens,
                    "page": row.page,
                    "data_licence": licence_of(cohort),
                }
                for row in cohort.rows
            ]
    return pd.DataFrame(rows)


def _leaderboard(cohorts: Sequence[Cohort]) -> pd.DataFrame:
    rows: list[dict[str, object]] = []
    for cohort in cohorts:
        columns = wide_columns(cohort)
        for row in cohort.rows:
            mean = row.figures.get(cohort.mean_score)
            cells: dict[str, object] = {
                "cohort": cohort.name,
                "provenance": cohort.provenance,
                "model": row.model,
                "name": row.name,
                "family": row.family,
                "kind": row.kind,
                "parameters": row.parameters,
                "training_tokens": row.training_tokens,
                "training_flop": row.training_flop,
                "released": row.released,
                "quantization": row.quantization,
                "dtype": row.dtype,
                "compression": row.value(cohort.mean_compression),
                "unit": cohort.unit,
                "score": row.value(cohort.mean_score),
                "score.stderr": mean.stderr if mean else None,
                "page": row.page,
                "data_licence": licence_of(cohort),
            }
            rows.append(cells | {column.field_name: column.value(row) for column in columns})
    return pd.DataFrame(rows)


def _scores(cohorts: Sequence[Cohort]) -> pd.DataFrame:
    """Columns as lists, since there may be hundreds of thousands of rows."""
    table: dict[str, list[object]] = {name: [] for name in SCORE_COLUMNS}
    for cohort in cohorts:
        licence = licence_of(cohort)
        groups = (
            ("compression", cohort.compression),
            ("preference", cohort.preferences),
            ("benchmark", cohort.scores),
        )
        for kind, column in ((kind, column) for kind, columns in groups for column in columns):
            for row in cohort.rows:
                if (figure := row.figures.get(column.key)) is None:
                    continue
                measured = figure.provenance == "measured"
                resampled = figure.stderr is None  # else the error says it all
                cells = (
                    cohort.name,
                    cohort.provenance,
                    row.model,
                    row.revision if measured else None,
                    row.dtype,
                    kind,
                    column.id,
                    column.label,
                    figure.value,
                    figure.stderr,
                    figure.low if resampled else None,
                    figure.high if resampled else None,
                    column.unit,
                    column.higher_is_better,
                    column.chance,
                    figure.source if measured else None,
                    licence,
                )
                for cell, values in zip(cells, table.values(), strict=True):
                    values.append(cell)
    return pd.DataFrame(table)
