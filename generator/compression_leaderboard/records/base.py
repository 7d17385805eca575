"""The base of every record, the types that fields share, and the errors that a user sees."""

import difflib
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Annotated, Any, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from compression_leaderboard.wording import escaped, plural

# Of a Record, and of the dataclasses with slots that replace one where a file holds thousands:
# they take a third of the memory.
STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, str_strip_whitespace=False)


class Record(BaseModel):
    """Anything read from or written to a file: immutable, no unknown fields, no coercion."""

    model_config = ConfigDict(frozen=True, **STRICT)

    @property
    def content(self) -> dict[str, Any]:
        """What its file has: no unknown values, so that it stays the same when later versions
        measure more."""
        return self.model_dump(mode="json", exclude_none=True)


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong in one field of one file, and what to do about it."""

    file: str
    field: str  # dotted path inside the file; "" for the file as a whole
    wrong: str
    repair: str

    def __str__(self) -> str:
        place = f"{self.file}: {self.field}" if self.field else self.file
        return escaped(f"{place}: {self.wrong}; {self.repair}")


class UserError(Exception):
    """Something the user can fix. Caught once, in cli/app.py: printed to stderr, exit status 1."""

    def __init__(self, problems: Iterable[Problem | str]):
        self.problems = [str(p) for p in problems]
        super().__init__("\n".join(self.problems))


def refuse(wrong: str, repair: str, field: str = "") -> PydanticCustomError:
    """Make the error that a validator raises: what is wrong, and what to do.

    field: where inside the validated record, for a validator that sees all of it.
    """
    context = {"wrong": wrong, "repair": repair, "field": field}
    return PydanticCustomError("refused", "{wrong}; {repair}", context)


def hash_content(content: Any) -> str:
    """Return the SHA-256 of JSON values, whatever the order of their keys."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


COMMIT = re.compile(r"[0-9a-f]{40}")
HASH_REVISION = re.compile(r"sha256-[0-9a-f]{40}")
# Of weights, then of the configuration and tokenizer beside them; records before had the first.
FOLDER_REVISION = re.compile(rf"{HASH_REVISION.pattern}(-[0-9a-f]{{40}})?")
MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
QUANTIZATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
PIN_COMMIT = "pin the 40-hex id shown on the model's Files page"
PIN_ANY = (
    f"{PIN_COMMIT} (weights that are not on the Hub: sha256- and the first 40 hex of their SHA-256)"
)
LETTERS = "letters, digits, . _ - only"

Item = TypeVar("Item", str, int)


def weights_part(revision: str) -> str:
    """Return what a revision says about the weights alone, to recognize copies of them."""
    return match[0] if (match := HASH_REVISION.match(revision)) else revision


def model_id(name: str, quantization: str | None) -> str:
    """Return the id of a model: `org__model`, with `@quantization` for de-quantised weights.

    De-quantised weights are another model than the original, so the id keeps them apart.
    """
    plain = name.replace("/", "__")
    return f"{plain}@{quantization}" if quantization else plain


def model_file(name: str, quantization: str | None = None) -> str:
    """Return the path of a model's file, relative to the repository."""
    return f"runs/models/{name}@{quantization}.toml" if quantization else f"runs/models/{name}.toml"


def matching(pattern: str | re.Pattern[str], wrong: str, repair: str) -> AfterValidator:
    """Make a validator that refuses a text which does not match the pattern from end to end."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise refuse(f'"{text}" {wrong}', repair)
        return text

    return AfterValidator(check)


def _check_inside(path: str) -> str:
    if not path:
        raise refuse("is empty", "give a relative path")
    if (
        path.startswith(("/", "~"))
        or ".." in PurePosixPath(path).parts
        or re.search(r"[\\:]", path)
    ):
        raise refuse(f'"{path}" climbs out of the folder', "give a relative path without ..")
    return path


def _check_in_runs(path: str) -> str:
    """Refuse a file that says what is measured and is not below runs/, whose owners review it."""
    if not path.startswith("runs/"):
        raise refuse(f'"{path}" is not below runs/', "move it there")
    return path


def check_distinct(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Refuse a list in which something occurs twice."""
    doubled = sorted({item for item in items if items.count(item) > 1}, key=str)
    if doubled:
        shown = ", ".join(f'"{item}"' if isinstance(item, str) else str(item) for item in doubled)
        occur = plural(len(doubled), "occurs", "occur")
        raise refuse(f"{shown} {occur} twice", "remove one")
    return items


def check_room(chance: float, ceiling: float) -> None:
    """Refuse a score that leaves less than a hundredth between random answers and the best."""
    if ceiling - chance < 0.01:
        wrong = f"{ceiling} is not a hundredth above chance, {chance}"
        raise refuse(wrong, "correct one of the two", "ceiling")


ModelName = Annotated[str, matching(MODEL_NAME, "is not of the form org/model", f"use {LETTERS}")]
Quantization = Annotated[
    str, matching(QUANTIZATION, "is not a valid quantization", f"use {LETTERS}")
]
# A commit of the Hub or the hash of the weights; anything else can change under our feet.
Revision = Annotated[
    str, matching(f"{COMMIT.pattern}|{FOLDER_REVISION.pattern}", "is not a commit", PIN_ANY)
]
Commit = Annotated[str, matching(COMMIT, "is not a commit", "write its 40 hex digits")]
# "": unpinned until `leaderboard plan --pin`.
DatasetRevision = Annotated[
    str, matching(f"|{COMMIT.pattern}|{HASH_REVISION.pattern}", "is not a commit", PIN_ANY)
]
Slug = Annotated[
    str,
    matching(r"[a-z0-9][a-z0-9._-]{0,63}", "is not a valid name", f"use lower-case {LETTERS}"),
]
Words = Annotated[str, Field(min_length=1)]
# Its page is a folder beside name.json, below the folder of index.
CohortSlug = Annotated[
    Slug, matching(r"(?!index$|.*\.json$).*", "is a file of the site", "choose another name")
]
Slugs = Annotated[tuple[Slug, ...], AfterValidator(check_distinct)]
PackagePin = Annotated[
    str,
    matching(
        r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.!+_-]*",
        "is not pinned",
        "write package==version",
    ),
]
# "": unpinned until `leaderboard plan --pin`.
FileHash = Annotated[str, matching(r"|[0-9a-f]{64}", "is not a SHA-256", "write its 64 hex digits")]
Sha256 = Annotated[str, matching(r"[0-9a-f]{64}", "is not a SHA-256", "write its 64 hex digits")]
InsidePath = Annotated[str, AfterValidator(_check_inside)]  # inside the folder it is relative to
RunsPath = Annotated[InsidePath, AfterValidator(_check_in_runs)]
# Numbers of a record. Beyond these bounds nothing was measured, and sums or squares overflow.
LARGEST = 10**15
Count = Annotated[int, Field(ge=0, lt=LARGEST)]
Positive = Annotated[int, Field(gt=0, lt=LARGEST)]
Amount = Annotated[float, Field(ge=0, lt=LARGEST)]  # bits, seconds
Number = Annotated[float, Field(gt=-LARGEST, lt=LARGEST)]
Fraction = Annotated[float, Field(ge=0, le=1)]
LogLikelihood = Annotated[float, Field(gt=-1e9, le=0)]  # nats
LONGEST_LINE = 1000
Line = Annotated[str, Field(max_length=LONGEST_LINE)]
Url = Annotated[str, matching(r"https://\S+", "is not a web address", "write https://…")]
Seeds = Annotated[tuple[int, ...], AfterValidator(check_distinct)]

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


def problems_of(
    error: ValidationError, file: str, record: type[Record], line: int | None = None
) -> list[Problem]:
    """List every problem that pydantic found, in the board's words.

    line: where the record is, in a file with one per line.
    """
    problems = [
        _problem(details, file, record)
        for details in error.errors(include_url=False)
        # A list of faulty items is reported as too short as well: its items say enough.
        if details["type"] != "too_short" or not details["input"]
    ]
    if line is None:
        return problems
    place = f"line {line}"
    return [
        replace(
            problem,
            field=f"{place}, {problem.field}" if problem.field else place,
            wrong=problem.wrong.replace(" at line 1 column ", " at column "),
        )
        for problem in problems
    ]


def _problem(details: ErrorDetails, file: str, record: type[Record]) -> Problem:
    kind, context = details["type"], details.get("ctx", {})
    place = [str(part + 1) if isinstance(part, int) else part for part in details["loc"]]
    field = ".".join([*place, context["field"]] if context.get("field") else place)
    siblings = _siblings(record, details["loc"])
    known = siblings.get(place[-1]) if place else None
    meaning = f" ({known.description})" if known and known.description else ""
    shown = json.dumps(details["input"], ensure_ascii=False, default=str)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    match kind:
        case "refused":
            wrong, repair = context["wrong"], context["repair"]
        case "extra_forbidden":
            close = difflib.get_close_matches(place[-1], siblings, n=1)
            repair = f"remove it; known fields: {', '.join(siblings)}"
            wrong, repair = "unknown field", f'did you mean "{close[0]}"?' if close else repair
        case "missing":
            wrong, repair = "missing", f"add it{meaning}"
        case "json_invalid":
            wrong = f"is not valid JSON: {context['error']}"
            repair = "fix it, restore it from git or measure again"
        case "string_too_short" | "too_short":
            wrong, repair = "is empty", f"fill it in{meaning}"
        case "string_too_long":
            wrong = f"has {len(details['input'])} characters"
            repair = f"write at most {context['max_length']}"
        case _ if kind.endswith(("_type", "_parsing", "_from_float", "_inexact")):
            noun, repair = WRONG_TYPE.get(kind.split("_")[0], ("of the right type", "correct it"))
            wrong = f"{shown} is not {noun}"
        case _:
            wrong = f"{shown} is not allowed"
            repair = f"it should {details['msg'].removeprefix('Input should ')}"
    return Problem(file, field, wrong, repair)


def fields_of(record: type[Any]) -> Mapping[str, FieldInfo]:
    """Return the fields of a Record, or of a dataclass that replaces one, by name."""
    fields: Mapping[str, FieldInfo] = record.__pydantic_fields__
    return fields


def records_in(annotation: Any) -> list[type[Any]]:
    """List the Records that a field can hold."""
    if isinstance(annotation, type) and hasattr(annotation, "__pydantic_fields__"):
        return [annotation]
    return [record for inner in get_args(annotation) for record in records_in(inner)]


def _siblings(record: type[Any], place: Sequence[int | str]) -> Mapping[str, FieldInfo]:
    """Return the fields of the record, inside `record`, that holds the last part of `place`."""
    for part in place[:-1]:
        if isinstance(part, str) and part in fields_of(record):
            record = next(iter(records_in(fields_of(record)[part].annotation)), record)
    return fields_of(record)
