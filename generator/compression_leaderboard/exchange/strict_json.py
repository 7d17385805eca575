"""Read strangers' JSON strictly, and make valid records of it or refuse it."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from compression_leaderboard.records.base import LARGEST, problems_of
from compression_leaderboard.records.imported import (
    FORMAT,
    LONGEST_NAME,
    Imported,
    ImportedTask,
    Skipped,
    Source,
    SourceKind,
    score_key,
)
from compression_leaderboard.wording import printable

LARGEST_BYTES = 64 * 1024 * 1024  # results are small; larger files have every answer in them
REPEATED = "is the same task, metric and filter as another entry"
DEEPEST = 100  # levels; lm-eval's own files have fewer than ten


class IntakeError(Exception):
    """Why a file cannot be imported, and what to do about it."""

    def __init__(self, wrong: str, repair: str = "give a file of results", field: str = ""):
        super().__init__(f"{wrong}; {repair}")
        self.wrong, self.repair, self.field = wrong, repair, field


def parse_json(content: bytes) -> dict[str, Any]:
    """Parse the object in a file.

    NaN and Infinity are read, since lm-eval writes them. Keys that occur twice are refused, since
    one of the two values would be lost.
    """
    if len(content) > LARGEST_BYTES:
        limit = LARGEST_BYTES // 2**20
        repair = "write the results again without the samples of every item"
        raise IntakeError(f"is at least {limit} MiB: only smaller files are read", repair)
    if not content.strip():
        raise IntakeError("is empty")
    try:
        text = content.decode("utf-8-sig")
        document = json.loads(text, object_pairs_hook=_object)
        if "\\u" in text:
            json.dumps(document, ensure_ascii=False).encode()
    except UnicodeDecodeError:
        raise IntakeError("is not UTF-8 text", "save it as UTF-8") from None
    except UnicodeEncodeError:
        raise IntakeError("has half a character (a lone surrogate)", "correct the text") from None
    except RecursionError:
        raise IntakeError("is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise _syntax(text, error) from None
    except ValueError:  # an integer of thousands of digits
        raise IntakeError("has a number of thousands of digits") from None
    if not isinstance(document, dict):
        kind = "a list" if isinstance(document, list) else "a single value"
        raise IntakeError(f"holds {kind}, not an object")
    if _depth(document) > DEEPEST:
        raise IntakeError("is nested too deeply")
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        (key, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        wrong = f"the key {json.dumps(key[:60])} occurs twice in one object"
        raise IntakeError(wrong, "remove one of the two")
    return values


def _syntax(text: str, error: json.JSONDecodeError) -> IntakeError:
    """Name the common cases: a file of samples, and a truncated file."""
    if error.msg == "Extra data":
        if '"doc_id"' in text.partition("\n")[0]:
            wrong = "is a file of samples, one item per line, not of results"
            return IntakeError(wrong, "give the results_….json in the same folder")
        wrong = f"has more than one JSON document (the second begins in line {error.lineno})"
        return IntakeError(wrong, "save each document as a file")
    if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
        return IntakeError("ends in the middle: it is truncated", "fetch it again")
    place = f"line {error.lineno}, column {error.colno}"
    return IntakeError(f"is not JSON: {error.msg} ({place})", "fix it or fetch it again")


def _depth(document: Any) -> int:
    """Count levels of nesting, without recursion."""
    deepest, level = 0, [document]
    while level and deepest <= DEEPEST:
        deepest += 1
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    return deepest


def table(value: Any) -> dict[str, Any]:
    """Return the value if it is a JSON object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def number(value: Any) -> float | None:
    """Return the value if it is a number within bounds; None for anything else, such as true."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        finite = float(value)
    except OverflowError:
        return None
    return finite if abs(finite) < LARGEST else None  # false for NaN


def whole(value: Any) -> int | None:
    """Return the value if it is a whole number of at least 0; None for anything else."""
    count = number(value)
    return int(count) if count is not None and count >= 0 and count % 1 == 0 else None


def text_of(value: Any) -> str | None:
    """Return the value if it is a name of one printable line; None for anything else."""
    if not isinstance(value, str):
        return None
    name = value.strip()
    return name if name and name.isprintable() and len(name) <= LONGEST_NAME else None


def make_record(kind: SourceKind, name: str, content: bytes, fields: dict[str, Any]) -> Imported:
    """Make the record of a file with at least one score. fields: those that its content gives."""
    digest = hashlib.sha256(content).hexdigest()
    tasks, repeated = _without_repeats(fields["tasks"])
    fields = fields | {"tasks": tasks, "skipped": (*fields["skipped"], *repeated)}
    try:
        source = Source(kind=kind, name=printable(name), sha256=digest, bytes=len(content))
        record = Imported(format=FORMAT, provenance="imported", source=source, **fields)
    except ValidationError as error:
        first = problems_of(error, "", Imported)[0]
        raise IntakeError(first.wrong, first.repair, first.field) from None
    if not record.tasks:
        reasons = ", ".join(f"{count} × {reason}" for reason, count in record.reasons().items())
        raise IntakeError(f"has no score that can be kept ({reasons or 'it has no entry'})")
    return record


def _without_repeats(
    tasks: Sequence[ImportedTask],
) -> tuple[tuple[ImportedTask, ...], list[Skipped]]:
    """Keep the first of several figures of one thing; list the others as skipped."""
    kept: list[ImportedTask] = []
    skipped: list[Skipped] = []
    known: set[tuple[object, ...]] = set()
    for task in tasks:
        scores = []
        for score in task.scores:
            key = score_key(task, score)
            if key in known:
                place = f"results.{task.task}.{score.metric},{score.filter}"
                skipped.append(Skipped(place=place, reason=REPEATED))
            else:
                scores.append(score)
            known.add(key)
        if scores:
            kept.append(task.model_copy(update={"scores": tuple(scores)}))
    return tuple(kept), skipped


def moment(value: Any) -> datetime | None:
    """Read seconds since 1970 (as a number or text) or an ISO date; None for anything else."""
    if isinstance(value, str):
        try:
            stated = datetime.fromisoformat(value)
            return stated if stated.tzinfo else stated.replace(tzinfo=UTC)
        except ValueError:
            pass
        try:
            value = float(value)
        except ValueError:
            return None
    seconds = number(value)
    if seconds is None or not 0 < seconds < 253_402_300_800:  # the year 10000
        return None
    return datetime.fromtimestamp(seconds, UTC)


def as_json(value: object) -> bytes:
    """Write JSON in one line of UTF-8, as all our descriptors and answers are."""
    return (json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n").encode()
