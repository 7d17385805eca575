"""Ask the Hub with patience, and tell its refusals in one line with a typed reason.

huggingface_hub itself retries some requests and not others, and reports a lost connection as a
missing file; `datasets` hides both behind words of its own. So the cause is looked up here.
"""

import errno
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

# HTTPError: of whatever client the library uses, which has changed before.
from huggingface_hub.errors import (  # type: ignore[attr-defined]
    DisabledRepoError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from generator.intake.weights import gated_message
from generator.measure.failures import MeasureError

WAITS = (1.0, 2.0, 4.0, 8.0)  # seconds before each further attempt
LONGEST_WAIT = 300.0  # seconds; a Hub that asks for more is left alone
BUSY = (408, 429, 500, 502, 503, 504)
CUT_OFF = "Consistency check failed"  # how huggingface_hub begins to tell of a body cut short

Answer = TypeVar("Answer")


def ask(place: str, question: Callable[[], Answer]) -> Answer:
    """The Hub's answer; a busy Hub or a lost connection is tried again, as late as the Hub wants.

    place: what is asked for, as messages show it. Raises MeasureError for a fault of the Hub's.
    """
    waits = iter(WAITS)
    while True:
        try:
            return question()
        except Exception as error:
            fault = error if isinstance(error, MeasureError) else diagnose(place, error)
            if fault is None:
                raise
            wait, asked = next(waits, None), _seconds_asked(error)
            if fault.reason != "network" or wait is None or asked > LONGEST_WAIT:
                raise fault from error
        time.sleep(max(wait, asked))


def diagnose(place: str, error: Exception) -> MeasureError | None:
    """Why the Hub did not give what was asked for, and what to do; None for any other error."""
    causes = list(_causes(error))
    told = [_answer(place, cause) for cause in causes]
    told += [_silence(place, cause) for cause in causes]
    return next((fault for fault in told if fault is not None), None)


def _answer(place: str, cause: BaseException) -> MeasureError | None:
    """What the Hub said, or this machine in its place."""
    match cause:
        case GatedRepoError():
            return MeasureError("gated", gated_message(place))
        case RepositoryNotFoundError():
            repair = "check its name, or log in if it is private"
            return MeasureError("weights", f"{place}: the Hub shows no such repository; {repair}")
        case RevisionNotFoundError():
            repair = "pin a commit that its Files page shows"
            return MeasureError("weights", f"{place}: the Hub has no such revision; {repair}")
        case DisabledRepoError():
            return MeasureError("weights", f"{place}: disabled on the Hub; choose another one")
        case HFValidationError():
            wrong = f"not a repository's name ({_first_line(cause)})"
            return MeasureError("weights", f"{place}: {wrong}; write org/name")
        case HfHubHTTPError() if (status := cause.response.status_code) in BUSY:
            wrong = f"the Hub is busy (HTTP {status}, asked {len(WAITS) + 1} times)"
            return MeasureError("network", f"{place}: {wrong}; measure again later")
        case HfHubHTTPError() if not isinstance(cause, EntryNotFoundError):
            wrong = f"the Hub refused (HTTP {cause.response.status_code})"
            return MeasureError("weights", f"{place}: {wrong}; check its page on the Hub")
        case OfflineModeIsEnabled():
            repair = "unset HF_HUB_OFFLINE, or fetch it first"
            return MeasureError("weights", f"{place}: not in the cache; {repair}")
        case OSError(errno=errno.ENOSPC):
            repair = "free some of it, and measure again"
            return MeasureError("disk", f"{place}: the disk is full; {repair}")
    return None


def _silence(place: str, cause: BaseException) -> MeasureError | None:
    """A connection that is not there, or broke."""
    match cause:
        case HTTPError() | ConnectionError() | TimeoutError():
            lost = type(cause).__name__
        case OSError() if str(cause).startswith(CUT_OFF):
            lost = "cut off"
        case _:
            return None
    repair = "measure again when there is one: whole files are kept"
    return MeasureError("network", f"{place}: no connection to the Hub ({lost}); {repair}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it came from: the libraries put words of their own over it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _seconds_asked(error: BaseException) -> float:
    """What a Retry-After asks for; 0 without one, or where it is a date."""
    responses: list[Any] = [getattr(cause, "response", None) for cause in _causes(error)]
    asked = [r.headers.get("Retry-After", "") for r in responses if r is not None]
    return max((float(seconds) for seconds in asked if seconds.isdigit()), default=0.0)


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0].strip() or type(error).__name__
