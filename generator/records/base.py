"""The base of every record, and the one kind of error that a user sees."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError


class Record(BaseModel):
    """Anything read from or written to a file: immutable, no unknown fields, no coercion."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, str_strip_whitespace=False
    )


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong in one field of one file, and what to do about it."""

    file: str
    field: str  # dotted path inside the file; "" for the file as a whole
    wrong: str
    repair: str

    def __str__(self) -> str:
        place = f"{self.file}: {self.field}" if self.field else self.file
        return f"{place}: {self.wrong}; {self.repair}"


class UserError(Exception):
    """Something the user can repair. Caught once, in cli.py: printed to stderr, exit status 1."""

    def __init__(self, problems: Iterable[Problem | str]):
        self.problems = [str(p) for p in problems]
        super().__init__("\n".join(self.problems))


def refuse(wrong: str, repair: str) -> PydanticCustomError:
    """The error that a field validator raises: what is wrong, and what to do."""
    return PydanticCustomError("refused", "{wrong}; {repair}", {"wrong": wrong, "repair": repair})


def problems_of(error: ValidationError, file: str, record: type[Record]) -> list[Problem]:
    """Every problem that pydantic found, in the words of the board."""
    return [_problem(details, file, record) for details in error.errors(include_url=False)]


def _problem(details: ErrorDetails, file: str, record: type[Record]) -> Problem:
    place = details["loc"]
    field = ".".join(str(part + 1) if isinstance(part, int) else part for part in place)
    shown = _shown(details["input"])
    kind = details["type"]
    if kind == "refused":
        context = details["ctx"]
        return Problem(file, field, context["wrong"], context["repair"])
    if kind == "extra_forbidden":
        return Problem(file, field, "unknown field", _suggestion(record, place))
    if kind == "missing":
        return Problem(file, field, "missing", f"add it ({_description(record, place)})")
    if kind == "json_invalid":
        return Problem(file, "", "is not valid JSON", "restore it from git or measure again")
    expected = details["msg"].removeprefix("Input should be ").removeprefix("a valid ")
    if kind.endswith(("_type", "_parsing")):
        return Problem(file, field, f"{shown} is not {_article(expected)}", "write one")
    return Problem(file, field, f"{shown} is not allowed", f"it should be {expected}")


def _shown(value: Any) -> str:
    text = repr(value) if not isinstance(value, str) else f'"{value}"'
    return text if len(text) <= 60 else text[:57] + "..."


def _article(noun: str) -> str:
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"


def _record_at(record: type[Record], place: Sequence[int | str]) -> type[Record]:
    """The record type that holds the last part of `place`."""
    for part in place[:-1]:
        if isinstance(part, int) or part not in record.model_fields:
            continue
        inner = _inner_record(record.model_fields[part].annotation)
        record = inner or record
    return record


def _inner_record(annotation: Any) -> type[Record] | None:
    if isinstance(annotation, type) and issubclass(annotation, Record):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        if (found := _inner_record(argument)) is not None:
            return found
    return None


def _suggestion(record: type[Record], place: Sequence[int | str]) -> str:
    holder = _record_at(record, place)
    close = difflib.get_close_matches(str(place[-1]), holder.model_fields, n=1)
    if close:
        return f'did you mean "{close[0]}"?'
    return f"remove it; known fields: {', '.join(holder.model_fields)}"


def _description(record: type[Record], place: Sequence[int | str]) -> str:
    field = _record_at(record, place).model_fields.get(str(place[-1]))
    return (field.description if field else None) or "see the page Add a model"
