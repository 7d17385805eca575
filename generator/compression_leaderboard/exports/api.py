"""The API, version 1: JSON files at addresses that stay, and their schemas.

A member stays where it is and keeps its meaning; new members may be added.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from types import SimpleNamespace

from compression_leaderboard.board.board import cohorts_to_json
from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.figures import Row
from compression_leaderboard.exchange.strict_json import as_json
from compression_leaderboard.exports.descriptions import DRAFT, property_schema
from compression_leaderboard.exports.rows import cohort_rows
from compression_leaderboard.exports.tables import OURS, TABLES, Field, Table, licence_of
from compression_leaderboard.fits.study import StudiedBoard

Json = dict[str, object]

VERSION = 1
FOLDER = "api/v1"


def api_path(page: str) -> str:
    """Return the path of a model's file, which is like that of its page on the site."""
    return f"{page.strip('/')}.json"


def _select(table: Table, *names: str) -> tuple[Field, ...]:
    """Return columns of a table; "model id" is the column model under the name id."""
    pairs = [name.split() for name in names]
    return tuple(replace(table.field(pair[0]), name=pair[-1]) for pair in pairs)


def _address(table: Table) -> Field:
    """Declare the path of the file of a row's model."""
    page = table.field("page")
    return replace(
        page,
        name="address",
        value=lambda row: api_path(str(page.read(row))),
        description="path of the model's file",
    )


MODELS, LEADERBOARD, SCORES, PREDICTIONS = (
    TABLES[name] for name in ("models", "leaderboard", "scores", "predictions")
)
LISTED_MODEL = (*_select(MODELS, "model id", "name", "provenance"), _address(MODELS))
MODEL = (
    *_select(MODELS, "model id", "name", "provenance", "family", "kind", "parameters"),
    *_select(MODELS, "training_tokens", "released", "licence model_licence", "revision"),
    *_select(MODELS, "quantization", "data_licence licence"),
)
FIGURE = (
    *_select(SCORES, "cohort", "kind", "column", "label", "unit", "value", "stderr", "low95"),
    *_select(SCORES, "high95", "chance", "higher_is_better", "dtype", "record"),
)
COLUMN = _select(SCORES, "column name", "label", "unit", "higher_is_better", "chance")
ROW = (
    *_select(LEADERBOARD, "model", "name", "family", "parameters", "training_tokens", "dtype"),
    _address(LEADERBOARD),
    *_select(LEADERBOARD, "compression mean_compression", "score mean_score"),
)


def _values(fields: Sequence[Field], rows: Iterable[object]) -> list[Json]:
    """Read each row as a JSON object."""
    readers = [(field, field.read) for field in fields]
    return [{field.name: _value(field, read(row)) for field, read in readers} for row in rows]


def _value(field: Field, value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    return int(value) if field.type == "integer" and isinstance(value, float) else value


def export_api(board: StudiedBoard, tables: Mapping[str, Table]) -> dict[str, bytes]:
    """Make every file of the API by its path."""
    cohorts = [describe_cohort(cohort) for cohort in board.cohorts]
    predictions = _values(PREDICTIONS.fields, PREDICTIONS.rows(board))
    files = {
        "index.json": _signed("index", _index(board, tables), board),
        "leaderboard.json": _signed("leaderboard", {"cohorts": cohorts}, board),
        "predictions.json": _signed("predictions", {"predictions": predictions}, board),
        "board.json": _signed("board", {"cohorts": cohorts_to_json(board.cohorts)}, board),
    }
    for path, content in _models(board).items():
        files[path] = _signed("model", content, board, "../" * path.count("/"))
    files |= {f"schemas/{name}.json": schema for name, schema in SCHEMAS.items()}
    return {f"{FOLDER}/{path}": as_json(content) for path, content in files.items()}


def _signed(kind: str, content: Json, board: StudiedBoard, up: str = "") -> Json:
    """Add what every file says: its schema, the version, and the commit that it comes from."""
    return {
        "schema": f"{up}schemas/{kind}.json",
        "version": VERSION,
        "commit": board.commit,
        "commit_date": board.commit_date,
        **content,
    }


def _index(board: StudiedBoard, tables: Mapping[str, Table]) -> Json:
    models = _values(LISTED_MODEL, MODELS.rows(board))
    return {
        "licence": OURS,
        "licences": "../../data/LICENCE.txt",
        "leaderboard": "leaderboard.json",
        "predictions": "predictions.json",
        "tables": [
            {
                "name": table.name,
                "title": table.title,
                "files": {form: f"../../data/{path}" for form, path in table.paths.items()},
            }
            for table in tables.values()
        ],
        "models": sorted(models, key=lambda model: str(model["address"])),
    }


def describe_cohort(cohort: Cohort) -> Json:
    """Describe a cohort, its columns, and its rows: best compression first, unknown last."""
    groups = {
        "compression": cohort.compression,
        "preferences": cohort.preferences,
        "scores": cohort.scores,
    }
    sign = -1 if cohort.higher_is_better else 1

    def place(row: Row) -> tuple[bool, float, str]:
        value = row.value(cohort.mean_compression)
        return value is None, sign * (value or 0.0), row.model

    ordered = sorted(cohort.rows, key=place)
    rows = _values(ROW, cohort_rows(replace(cohort, rows=tuple(ordered))))
    for row, values in zip(ordered, rows, strict=True):
        for name, columns in groups.items():
            values[name] = {column.id: row.value(column.key) for column in columns}
    return {
        "name": cohort.name,
        "title": cohort.title,
        "provenance": cohort.provenance,
        "comparable_with": cohort.comparable_with,
        "licence": licence_of(cohort),
        "sources": [{"text": c.text, "url": c.url, "licence": c.licence} for c in cohort.citations],
        **{
            name: _values(COLUMN, [SimpleNamespace(column=column) for column in columns])
            for name, columns in groups.items()
        },
        "rows": rows,
    }


def _models(board: StudiedBoard) -> dict[str, Json]:
    """Describe each model in a file: what it is, and every figure that a cohort has of it."""
    scores = list(SCORES.rows(board))
    figures = defaultdict(list)
    for score, values in zip(scores, _values(FIGURE, scores), strict=True):
        figures[api_path(score.about.page)].append(values)
    rows = list(MODELS.rows(board))
    paths = [api_path(row.page) for row in rows]
    models = zip(paths, _values(MODEL, rows), strict=True)
    return {path: model | {"figures": figures[path]} for path, model in models}


TEXT: Json = {"type": "string", "minLength": 1}
FIGURES: Json = {"type": "object", "additionalProperties": {"type": ["number", "null"]}}
FILES: Json = {"type": "object", "additionalProperties": TEXT}


def _object(fields: Sequence[Field] = (), **members: Json) -> Json:
    """Describe an object: first the columns of a table, then its other members."""
    properties = {field.name: property_schema(field) for field in fields} | members
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(items: Json) -> Json:
    return {"type": "array", "items": items}


def _file(title: str, fields: Sequence[Field] = (), **members: Json) -> Json:
    """Describe a file: its own members, and those that all files have."""
    schema = _object(
        fields, **members, schema=TEXT, version={"const": VERSION}, commit=TEXT, commit_date=TEXT
    )
    return {"$schema": DRAFT, "title": title, **schema}


COHORT = _object(
    name=TEXT,
    title=TEXT,
    provenance=property_schema(SCORES.field("provenance")),
    comparable_with=TEXT,
    licence=TEXT,
    sources=_list(_object(text=TEXT, url=TEXT, licence=TEXT)),
    compression=_list(_object(COLUMN)),
    preferences=_list(_object(COLUMN)),
    scores=_list(_object(COLUMN)),
    rows=_list(_object(ROW, compression=FIGURES, preferences=FIGURES, scores=FIGURES)),
)
SCHEMAS = {
    "index": _file(
        "Overview of all files",
        licence=TEXT,
        licences=TEXT,
        leaderboard=TEXT,
        predictions=TEXT,
        tables=_list(_object(name=TEXT, title=TEXT, files=FILES)),
        models=_list(_object(LISTED_MODEL)),
    ),
    "leaderboard": _file("Every cohort with its columns and rows", cohorts=_list(COHORT)),
    "predictions": _file(
        "Every predicted score, each with its licence",
        predictions=_list(_object(PREDICTIONS.fields)),
    ),
    "board": _file(
        "The typed board that compression_leaderboard.load_board reads",
        cohorts=_list({"type": "object"}),
    ),
    "model": _file(
        "One model with every figure that a cohort has of it",
        MODEL,
        figures=_list(_object(FIGURE)),
    ),
}
