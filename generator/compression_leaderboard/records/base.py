"""The base of every record, and the one kind of error that a user sees."""

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

# What a value of the wrong type is not, and what to write instead.
WRONG_TYPE = {
    "bool": ("true or false", "write one of the two"),
    "date": ("a date", "write YYYY-MM-DD"),
    "datetime": ("a date and time", "write it in ISO 8601"),
    "float": ("a number", "write one without quotes"),
    "int": ("an integer", "write one without quotes or fraction"),
    "model": ("a table", "write one"),
    "dataclass": ("a table", "write one"),
    "string": ("text", "write it in quotes"),
    "tuple": ("a list", "write it in brackets"),
}


# Of a Record, and of the dataclasses with slots that stand for one where a file holds thousands:
# they take a third of the memory.
STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, str_strip_whitespace=False)


class Record(BaseModel):
    """Anything read from or written to a file: immutable, no unknown fields, no coercion."""

    model_config = ConfigDict(frozen=True, **STRICT)


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong in one field of one file, and what to do about it."""

    file: str
    field: str  # dotted path inside the file; "" for the file as a whole
    wrong: str
    repair: str

    def __str__(self) -> str:
        place = f"{self.file}: {self.field}" if self.field else self.file
        return _one_line(f"{place}: {self.wrong}; {self.repair}")


class UserError(Exception):
    """Something the user can fix. Caught once, in cli/app.py: printed to stderr, exit status 1."""

    def __init__(self, problems: Iterable[Problem | str]):
        self.problems = [str(p) for p in problems]
        super().__init__("\n".join(self.problems))


def refuse(wrong: str, repair: str, field: str = "") -> PydanticCustomError:
    """The error that a validator raises: what is wrong, and what to do.

    field: where inside the validated record, for a validator that sees all of it.
    """
    context = {"wrong": wrong, "repair": repair, "field": field}
    return PydanticCustomError("refused", "{wrong}; {repair}", context)


def problems_of(error: ValidationError, file: str, record: type[Record]) -> list[Problem]:
    """Every problem that pydantic found, in the words of the board."""
    return [
        _problem(details, file, record)
        for details in error.errors(include_url=False)
        # A list of faulty items is reported as too short as well: its items say enough.
        if details["type"] != "too_short" or not details["input"]
    ]


def _problem(details: ErrorDetails, file: str, record: type[Record]) -> Problem:
    place = details["loc"]
    parts = [str(part + 1) if isinstance(part, int) else part for part in place]
    shown = _shown(details["input"])
    kind = details["type"]
    if kind == "refused":
        context = details["ctx"]
        field = ".".join([*parts, *([context["field"]] if context["field"] else [])])
        return Problem(file, field, context["wrong"], context["repair"])
    field = ".".join(parts)
    if kind == "extra_forbidden":
        return Problem(file, field, "unknown field", _suggestion(record, place))
    if kind == "missing":
        return Problem(file, field, "missing", f"add it ({_description(record, place)})")
    if kind == "json_invalid":
        return Problem(file, "", "is not valid JSON", "restore it from git or measure again")
    if kind in {"string_too_short", "too_short"}:
        return Problem(file, field, "is empty", f"fill it in ({_description(record, place)})")
    if kind == "string_too_long":
        wrong = f"has {len(details['input'])} characters"
        return Problem(file, field, wrong, f"write at most {details['ctx']['max_length']}")
    if kind.endswith(("_type", "_parsing", "_from_float", "_inexact")):
        noun, repair = WRONG_TYPE.get(kind.split("_")[0], ("of the right type", "see the page"))
        return Problem(file, field, f"{shown} is not {noun}", repair)
    expected = details["msg"].removeprefix("Input should ")
    return Problem(file, field, f"{shown} is not allowed", f"it should {expected}")


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def _one_line(text: str) -> str:
    """Line ends and control characters of foreign files are shown escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def fields_of(record: type[Any]) -> Mapping[str, FieldInfo]:
    """The fields of a Record, or of a dataclass that stands for one, by name."""
    found: Mapping[str, FieldInfo] = record.__pydantic_fields__
    return found


def records_in(annotation: Any) -> list[type[Any]]:
    """The Records that a field can hold."""
    if isinstance(annotation, type) and hasattr(annotation, "__pydantic_fields__"):
        return [annotation]
    return [found for inner in get_args(annotation) for found in records_in(inner)]


def _record_at(record: type[Any], place: Sequence[int | str]) -> type[Any]:
    """The record type that holds the last part of `place`."""
    for part in place[:-1]:
        if isinstance(part, str) and part in fields_of(record):
            record = next(iter(records_in(fields_of(record)[part].annotation)), record)
    return record


def _suggestion(record: type[Record], place: Sequence[int | str]) -> str:
    holder = _record_at(record, place)
    close = difflib.get_close_matches(str(place[-1]), fields_of(holder), n=1)
    if close:
        return f'did you mean "{close[0]}"?'
    return f"remove it; known fields: {', '.join(fields_of(holder))}"


def _description(record: type[Record], place: Sequence[int | str]) -> str:
    field = fields_of(_record_at(record, place)).get(str(place[-1]))
    return (field.description if field else None) or "see the page Add a model"
