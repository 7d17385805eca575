"""The last step of every importer: a record that holds, or a refusal."""

import hashlib
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import ValidationError

from generator.intake.json_text import IntakeError, number, printable
from generator.records.base import problems_of
from generator.records.imported import FORMAT, Imported, Source


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
