"""The API, version 1: JSON files at addresses that stay, and their schemas.

A member stays where it is and keeps its meaning; new members may be added.
"""

import math
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.figures import Column, Row
from compression_leaderboard.board.interchange import cohorts_to_json
from compression_leaderboard.exchange.strict_json import as_json
from compression_leaderboard.exports.board_tables import PREDICTIONS
from compression_leaderboard.exports.columns import Table
from compression_leaderboard.exports.dictionary import DRAFT, row_schema
from compression_leaderboard.exports.licences import OURS, licence_of
from compression_leaderboard.fits.studied_board import StudiedBoard

Schema = dict[str, object]

TEXT: Schema = {"type": "string", "minLength": 1}
NUMBER: Schema = {"type": "number"}
MAYBE_TEXT: Schema = {"type": ["string", "null"], "minLength": 1}
MAYBE_NUMBER: Schema = {"type": ["number", "null"]}
MAYBE_WHOLE: Schema = {"type": ["integer", "null"]}
BOOLEAN: Schema = {"type": "boolean"}
PROVENANCE: Schema = {"enum": ["measured", "published"]}
FIGURES: Schema = {"type": "object", "additionalProperties": MAYBE_NUMBER}


def _object(**members: Schema) -> Schema:
    return {"type": "object", "properties": members, "required": list(members)}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _file(title: str, **members: Schema) -> Schema:
    """A file of the API: what all files say, and its own members."""
    common: dict[str, Schema] = {
        "schema": TEXT,
        "version": {"const": 1},
        "commit": TEXT,
        "commit_date": TEXT,
    }
    return {"$schema": DRAFT, "title": title, **_object(**common, **members)}


COLUMN = _object(
    name=TEXT, label=TEXT, unit=TEXT, higher_is_better=BOOLEAN, chance=MAYBE_NUMBER
)  # fmt: skip
ROW = _object(
    model=TEXT,
    name=TEXT,
    family=TEXT,
    parameters=MAYBE_WHOLE,
    training_tokens=MAYBE_WHOLE,
    dtype=MAYBE_TEXT,
    address=TEXT,
    mean_compression=MAYBE_NUMBER,
    mean_score=MAYBE_NUMBER,
    compression=FIGURES,
    preferences=FIGURES,
    scores=FIGURES,
)
COHORT = _object(
    name=TEXT,
    title=TEXT,
    provenance=PROVENANCE,
    comparable_with=TEXT,
    licence=TEXT,
    sources=_list(_object(text=TEXT, url=TEXT, licence=TEXT)),
    compression=_list(COLUMN),
    preferences=_list(COLUMN),
    scores=_list(COLUMN),
    rows=_list(ROW),
)
FIGURE = _object(
    cohort=TEXT,
    kind={"enum": ["compression", "preference", "benchmark"]},
    column=TEXT,
    label=TEXT,
    unit=TEXT,
    value=NUMBER,
    stderr=MAYBE_NUMBER,
    low95=MAYBE_NUMBER,
    high95=MAYBE_NUMBER,
    chance=MAYBE_NUMBER,
    higher_is_better=BOOLEAN,
    dtype=MAYBE_TEXT,
    record=MAYBE_TEXT,
)
PREDICTED = row_schema(PREDICTIONS, open_ended=True)
SCHEMAS: dict[str, Schema] = {
    "index": _file(
        "What there is, and where",
        licence=TEXT,
        licences=TEXT,
        leaderboard=TEXT,
        predictions=TEXT,
        tables=_list(
            _object(name=TEXT, title=TEXT, files={"type": "object", "additionalProperties": TEXT})
        ),
        models=_list(_object(id=TEXT, name=TEXT, provenance=PROVENANCE, address=TEXT)),
    ),
    "leaderboard": _file("Every cohort with its columns and rows", cohorts=_list(COHORT)),
    "predictions": _file(
        "Every predicted score, each with its licence", predictions=_list(PREDICTED)
    ),
    "board": _file(
        "The typed board that compression_leaderboard.load_board reads",
        cohorts=_list({"type": "object"}),
    ),
    "model": _file(
        "One model with every figure that a cohort has of it",
        id=TEXT,
        name=TEXT,
        provenance=PROVENANCE,
        family=TEXT,
        kind={"enum": ["base", "instruct", None]},
        parameters=MAYBE_WHOLE,
        training_tokens=MAYBE_WHOLE,
        released=MAYBE_TEXT,
        model_licence=MAYBE_TEXT,
        revision=MAYBE_TEXT,
        quantization=MAYBE_TEXT,
        licence=TEXT,
        figures=_list(FIGURE),
    ),
}


VERSION = 1
FOLDER = "api/v1"
MEASURED = ""  # stands for all cohorts of our own: one file holds a model's figures of each


def export_api(
    board: StudiedBoard, dictionary: Mapping[str, Table], tables: Mapping[str, pa.Table]
) -> dict[str, bytes]:
    """Every file of the API by path. tables: by name."""
    files: dict[str, object] = {
        "index.json": _index(board, dictionary),
        "leaderboard.json": _leaderboard(board),
        "predictions.json": {"predictions": tables["predictions"].to_pylist()},
        "board.json": {"cohorts": cohorts_to_json(board.cohorts)},
    }
    files |= _models(board, tables["scores"].to_pandas())
    named = {path: _signed(path, content, board) for path, content in files.items()}
    schemas = {f"schemas/{name}.json": as_json(schema) for name, schema in SCHEMAS.items()}
    contents = schemas | {path: as_json(content) for path, content in named.items()}
    return {f"{FOLDER}/{path}": content for path, content in contents.items()}


def api_path(page: str) -> str:
    """The path of a model's file in the API: as its page's on the site."""
    return f"{page.strip('/')}.json"


def _signed(path: str, content: object, board: StudiedBoard) -> dict[str, object]:
    """With what every file says: its schema, the version, and the commit that it comes from."""
    kind = path.partition("/")[0].removesuffix(".json")
    kind = "model" if "/" in path else kind
    assert isinstance(content, dict)
    up = "../" * path.count("/")
    return {
        "schema": f"{up}schemas/{kind}.json",
        "version": VERSION,
        "commit": board.commit,
        "commit_date": board.commit_date,
        **content,
    }


def _index(board: StudiedBoard, dictionary: Mapping[str, Table]) -> dict[str, object]:
    tables = [
        {
            "name": table.name,
            "title": table.title,
            "files": {form: f"../../data/{path}" for form, path in table.paths.items()},
        }
        for table in dictionary.values()
    ]
    models = [
        {"id": model.id, "name": model.name, "provenance": "measured", "address": address}
        for model in board.specs.models.values()
        for address in [api_path(f"models/{model.id}/")]
    ]
    for cohort in _published(board):
        for row in cohort.rows:
            entry = {"id": row.model, "name": row.name, "provenance": "published"}
            models.append(entry | {"address": api_path(row.page)})
    return {
        "licence": OURS,
        "licences": "../../data/LICENCE.txt",
        "leaderboard": "leaderboard.json",
        "predictions": "predictions.json",
        "tables": tables,
        "models": sorted(models, key=lambda one: one["address"]),
    }


def _published(board: StudiedBoard) -> list[Cohort]:
    return [cohort for cohort in board.cohorts if cohort.provenance == "published"]


def _leaderboard(board: StudiedBoard) -> dict[str, object]:
    return {"cohorts": [_cohort(cohort) for cohort in board.cohorts]}


def _cohort(cohort: Cohort) -> dict[str, object]:
    """A cohort's columns, and its rows in order of compression, best first, unknown last."""
    ordered = sorted(cohort.rows, key=lambda row: _by_compression(cohort, row))
    return {
        "name": cohort.name,
        "title": cohort.title,
        "provenance": cohort.provenance,
        "comparable_with": cohort.comparable_with,
        "licence": licence_of(cohort),
        "sources": [{"text": c.text, "url": c.url, "licence": c.licence} for c in cohort.citations],
        "compression": [_column(column) for column in cohort.compression],
        "preferences": [_column(column) for column in cohort.preferences],
        "scores": [_column(column) for column in cohort.scores],
        "rows": [_row(cohort, row) for row in ordered],
    }


def _column(column: Column) -> dict[str, object]:
    return {
        "name": column.id,
        "label": column.label,
        "unit": column.unit,
        "higher_is_better": column.higher_is_better,
        "chance": column.chance,
    }


def _by_compression(cohort: Cohort, row: Row) -> tuple[bool, float, str]:
    value = row.value(cohort.mean_compression)
    return value is None, value or 0.0, row.model


def _row(cohort: Cohort, row: Row) -> dict[str, object]:
    def figures(columns: Sequence[Column]) -> dict[str, object]:
        return {column.id: row.value(column.key) for column in columns}

    return {
        "model": row.model,
        "name": row.name,
        "family": row.family,
        "parameters": _whole(row.parameters),
        "training_tokens": _whole(row.training_tokens),
        "dtype": row.dtype,
        "address": api_path(row.page),
        "mean_compression": row.value(cohort.mean_compression),
        "mean_score": row.value(cohort.mean_score),
        "compression": figures(cohort.compression),
        "preferences": figures(cohort.preferences),
        "scores": figures(cohort.scores),
    }


def _models(board: StudiedBoard, scores: pd.DataFrame) -> dict[str, object]:
    """A file for each model: what it is, and every figure that a cohort has of it."""
    figures: dict[tuple[str, str], list[dict[str, object]]] = defaultdict(list)
    for row in scores.to_dict("records"):
        of = MEASURED if row["provenance"] == "measured" else str(row["cohort"])
        figures[of, str(row["model"])].append(_figure(row))
    files: dict[str, object] = {}
    for model in board.specs.models.values():
        files[api_path(f"models/{model.id}/")] = {
            "id": model.id,
            "name": model.name,
            "provenance": "measured",
            "family": model.family,
            "kind": model.kind,
            "parameters": model.parameters,
            "training_tokens": model.training_tokens,
            "released": model.released.isoformat(),
            "model_licence": model.licence,
            "revision": model.weights.revision,
            "quantization": model.weights.quantization,
            "licence": OURS,
            "figures": figures.get((MEASURED, model.id), []),
        }
    for cohort in _published(board):
        for published in cohort.rows:
            files[api_path(published.page)] = _in_order(
                id=published.model,
                name=published.name,
                provenance="published",
                family=published.family,
                parameters=_whole(published.parameters),
                training_tokens=_whole(published.training_tokens),
                licence=licence_of(cohort),
                figures=figures.get((cohort.name, published.model), []),
            )
    return files


def _in_order(**members: object) -> dict[str, object]:
    """A model's file in the order of its members; those that a source does not state are null."""
    return {name: members.get(name) for name in MODEL_MEMBERS}


MODEL_MEMBERS = (
    "id", "name", "provenance", "family", "kind", "parameters", "training_tokens", "released",
    "model_licence", "revision", "quantization", "licence", "figures",
)  # fmt: skip
FIGURE_TEXTS = ("cohort", "dtype", "kind", "column", "label", "unit", "record")
FIGURE_NUMBERS = ("value", "stderr", "low95", "high95", "chance")


def _figure(row: Mapping[Hashable, Any]) -> dict[str, object]:
    texts = {name: row[name] if isinstance(row[name], str) else None for name in FIGURE_TEXTS}
    numbers = {name: _number(row[name]) for name in FIGURE_NUMBERS}
    return texts | numbers | {"higher_is_better": bool(row["higher_is_better"])}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _whole(value: object) -> int | None:
    return int(number) if (number := _number(value)) is not None else None
