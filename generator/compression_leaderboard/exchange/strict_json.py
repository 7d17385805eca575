"""Read JSON from strangers strictly, and turn it into records that hold or are refused."""

import hashlib
import json
import math
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import ValidationError

from compression_leaderboard.records.base import problems_of
from compression_leaderboard.records.imported import FORMAT, LONGEST_NAME, Imported, Source

LARGEST_BYTES = 64 * 1024 * 1024  # results are small; what is larger has every answer in it
DEEPEST = 100  # levels; lm-eval's own files have less than ten


class IntakeError(Exception):
    """Why a file cannot be imported, and what to do about it."""

    def __init__(self, wrong: str, repair: str, field: str = ""):
        super().__init__(f"{wrong}; {repair}")
        self.wrong, self.repair, self.field = wrong, repair, field


def parse_json(content: bytes) -> dict[str, Any]:
    """The object that a file holds. NaN and Infinity are read, since lm-eval writes them; keys that
    occur twice are refused, since one of the two values would be lost."""
    if len(content) > LARGEST_BYTES:
        limit = LARGEST_BYTES // 2**20
        repair = "write the results again without the samples of every item"
        raise IntakeError(f"is at least {limit} MiB: only smaller files are read", repair)
    if not content.strip():
        raise IntakeError("is empty", "give a file of results")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise IntakeError("is not UTF-8 text", "save it as UTF-8") from None
    try:
        document = json.loads(text, object_pairs_hook=_object)
        if "\\u" in text:
            json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise IntakeError("holds half a character (a lone surrogate)", "mend the text") from None
    except RecursionError:
        raise IntakeError("is nested too deeply", "give a file of results") from None
    except json.JSONDecodeError as error:
        raise _syntax(text, error) from None
    except ValueError:  # an integer of thousands of digits
        raise IntakeError(
            "holds a number of thousands of digits", "give a file of results"
        ) from None
    if not isinstance(document, dict):
        kind = "a list" if isinstance(document, list) else "a single value"
        raise IntakeError(f"holds {kind}, not an object", "give a file of results")
    if _depth(document) > DEEPEST:
        raise IntakeError("is nested too deeply", "give a file of results")
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                shown = json.dumps(key[:60])
                raise IntakeError(
                    f"the key {shown} occurs twice in one object", "remove one of the two"
                )
            seen.add(key)
    return found


def _syntax(text: str, error: json.JSONDecodeError) -> IntakeError:
    """A file of samples and a truncated one are common enough to be named."""
    if error.msg == "Extra data":
        if '"doc_id"' in text.partition("\n")[0]:
            wrong = "is a file of samples, one item a line, not of results"
            return IntakeError(wrong, "give the results_….json that stands beside it")
        wrong = f"holds more than one JSON document (the second begins in line {error.lineno})"
        return IntakeError(wrong, "give each document as a file of its own")
    if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
        return IntakeError("ends in the middle: it is truncated", "fetch it again")
    place = f"line {error.lineno}, column {error.colno}"
    return IntakeError(f"is not JSON: {error.msg} ({place})", "mend it or fetch it again")


def _depth(document: Any) -> int:
    """Levels of nesting, without recursion."""
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
    """A JSON object, or an empty one where there is something else."""
    return value if isinstance(value, dict) else {}


def number(value: Any) -> float | None:
    """A finite number; None for anything else, true and false included."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def whole(value: Any) -> int | None:
    """A count: a whole number of at least 0; None for anything else."""
    found = number(value)
    return int(found) if found is not None and 0 <= found < 2**53 and found % 1 == 0 else None


def text_of(value: Any) -> str | None:
    """A name of one printable line; None for anything else."""
    if not isinstance(value, str):
        return None
    found = value.strip()
    return found if found and found.isprintable() and len(found) <= LONGEST_NAME else None


def printable(text: str) -> str:
    """Any text on one line; what cannot be shown is a question mark."""
    return "".join(c if c.isprintable() else "?" for c in text)


def make_record(
    kind: Literal["lm-eval", "every-eval-ever"], name: str, content: bytes, fields: dict[str, Any]
) -> Imported:
    """The record of a file with at least one score. fields: all but format, provenance, source."""
    digest = hashlib.sha256(content).hexdigest()
    try:
        source = Source(kind=kind, name=printable(name), sha256=digest, bytes=len(content))
        record = Imported(format=FORMAT, provenance="imported", source=source, **fields)
    except ValidationError as error:
        first = problems_of(error, "", Imported)[0]
        raise IntakeError(first.wrong, first.repair, first.field) from None
    if not record.tasks:
        reasons = ", ".join(f"{count} × {reason}" for reason, count in record.reasons().items())
        wrong = f"holds no score that can be kept ({reasons or 'it has no entry'})"
        raise IntakeError(wrong, "give a file of results")
    return record


def moment(given: Any) -> datetime | None:
    """Seconds since 1970 (as a number or text) or an ISO date; None where it is neither."""
    if isinstance(given, str):
        try:
            found = datetime.fromisoformat(given)
            return found if found.tzinfo else found.replace(tzinfo=UTC)
        except ValueError:
            pass
        try:
            given = float(given)
        except ValueError:
            return None
    seconds = number(given)
    if seconds is None or not 0 < seconds < 253_402_300_800:  # the year 10000
        return None
    return datetime.fromtimestamp(seconds, UTC)


def as_json(value: object) -> bytes:
    """Write JSON in one line of UTF-8, as all our descriptors and answers are."""
    return (json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n").encode()
