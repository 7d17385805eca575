"""A board's cohorts as plain JSON values and back: what a site publishes as api/v1/board.json.

Classical compressors are left out: they are in no fit, and compressors.csv has them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.figures import Column, Figure, Key, Row
from compression_leaderboard.records.published import Citation

Json = dict[str, Any]
PLAIN = ("name", "title", "provenance", "split", "train_up_to", "comparable_with")
COLUMNS = ("compression", "scores", "preferences")


def cohorts_to_json(cohorts: Sequence[Cohort]) -> list[Json]:
    """Turn cohorts into values that JSON holds without loss."""
    return [
        {name: getattr(cohort, name) for name in PLAIN}
        | {name: [asdict(column) for column in getattr(cohort, name)] for name in COLUMNS}
        | {
            "citations": [citation.model_dump(mode="json") for citation in cohort.citations],
            "mean_compression": list(cohort.mean_compression),
            "mean_score": list(cohort.mean_score),
            "mixtures": sorted(cohort.mixtures),
            "rows": [_row_to_json(row) for row in cohort.rows],
        }
        for cohort in cohorts
    ]


def _row_to_json(row: Row) -> Json:
    values = {field.name: getattr(row, field.name) for field in fields(row)}
    return values | {"figures": [asdict(figure) for figure in row.figures.values()]}


def cohorts_from_json(values: Sequence[Mapping[str, Any]]) -> tuple[Cohort, ...]:
    """Read what `cohorts_to_json` made. Raises KeyError or TypeError for anything else."""
    return tuple(
        Cohort(
            **{name: value[name] for name in PLAIN},
            compression=_columns(value["compression"]),
            scores=_columns(value["scores"]),
            preferences=_columns(value["preferences"]),
            citations=tuple(Citation.model_validate(one) for one in value["citations"]),
            mean_compression=Key(*value["mean_compression"]),
            mean_score=Key(*value["mean_score"]),
            mixtures=frozenset(value["mixtures"]),
            rows=tuple(_row(row) for row in value["rows"]),
        )
        for value in values
    )


def _columns(values: Sequence[Mapping[str, Any]]) -> tuple[Column, ...]:
    return tuple(Column(**{**value, "key": Key(*value["key"])}) for value in values)


def _row(value: Mapping[str, Any]) -> Row:
    figures = [Figure(**{**figure, "key": Key(*figure["key"])}) for figure in value["figures"]]
    rank = value["rank"] and tuple(value["rank"])
    return Row(**{**value, "rank": rank, "figures": {figure.key: figure for figure in figures}})
