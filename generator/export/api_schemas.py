"""The shapes of the API's files, as JSON Schema. Members may be added, none may change or go."""

from generator.export.fit_tables import PREDICTIONS
from generator.export.schemas import DRAFT, row_schema

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
