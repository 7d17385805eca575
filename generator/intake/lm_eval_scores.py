"""The numbers of one task in lm-eval's results: each kept, or skipped with its reason.

A task's entry holds `acc` and `acc_stderr` up to version 0.3, `acc,none` and `acc_stderr,none`
since; the word after the comma is the filter that read the answer. Beside them stand labels.
"""

from collections.abc import Callable, Mapping
from typing import Any

from generator.intake.json_text import number, printable, text_of, whole
from generator.records.imported import ImportedScore, Skipped

COUNTS = {"sample_len", "sample_count", "samples"}
LABELS = {"alias", "name", " ", ""}
NOT_FINITE = "is not a finite number"
PLACEHOLDER = "is lm-eval's placeholder for a task that is not scored (bypass)"
NO_VALUE = "is a standard error without its value"
ZERO_ERROR = "is a standard error of 0: all items scored alike, so the spread is unknown"
NEGATIVE_ERROR = "is a negative standard error"
UNREADABLE_NAME = "has a name that is not one printable line of at most 500 characters"
SAME_METRIC = "is the same metric and filter as another entry"
SUFFIX = "_stderr"

# By metric and filter: the key, and what stands there.
Held = dict[tuple[str, str], tuple[str, Any]]


def split_scores(
    entries: Mapping[str, Any],
    place: str,
    directions: Mapping[str, Any],
    n: int | None,
) -> tuple[tuple[ImportedScore, ...], list[Skipped]]:
    """Scores and skipped entries of one task.

    directions: metric → whether higher is better, where the file says. n: items of the task.
    """
    skipped: list[Skipped] = []

    def skip(key: str, reason: str) -> None:
        skipped.append(Skipped(place=f"{place}.{printable(key[:80])}", reason=reason))

    values, errors = _sort_entries(entries, skip)
    counts = entries.get("sample_count")
    scores = []
    for whose, (key, entry) in values.items():
        error_key, error = errors.pop(whose, ("", None))
        if (fault := _fault(whose[0], entry)) is not None:
            skip(key, fault)
            if number(error) is not None:
                skip(error_key, NO_VALUE)
            continue
        if (fault := error_fault(error)) is not None:
            skip(error_key, fault)
        counted = whole(counts.get(key)) if isinstance(counts, dict) else None
        direction = directions.get(whose[0])
        scores.append(
            ImportedScore(
                metric=whose[0],
                filter=whose[1],
                value=float(entry),
                stderr=None if fault else number(error),
                n=counted or n or None,
                higher_is_better=direction if isinstance(direction, bool) else None,
            )
        )
    for key, error in errors.values():
        if number(error) is not None:
            skip(key, NO_VALUE)
    return tuple(scores), skipped


def _sort_entries(
    entries: Mapping[str, Any], skip: Callable[[str, str], None]
) -> tuple[Held, Held]:
    """Values and standard errors by metric and filter; labels are neither."""
    values: Held = {}
    errors: Held = {}
    for key, entry in entries.items():
        if key in COUNTS or (key in LABELS and number(entry) is None):
            continue
        metric, _, filter_name = (part.strip() for part in key.partition(","))
        held = errors if metric.endswith(SUFFIX) else values
        whose = (metric.removesuffix(SUFFIX), filter_name or "none")
        if not (text_of(whose[0]) and text_of(whose[1])):
            skip(key, UNREADABLE_NAME)
        elif whose in held:
            skip(key, SAME_METRIC)
        else:
            held[whose] = (key, entry)
    return values, errors


def _fault(metric: str, entry: Any) -> str | None:
    """Why an entry is no score; None where it is one."""
    if isinstance(entry, list):
        return f"is a list of {len(entry)} items, not one number"
    if isinstance(entry, dict):
        return "is an object, not one number"
    if isinstance(entry, bool) or not isinstance(entry, int | float):
        return "is not a number"
    if metric == "bypass" and entry == 999:
        return PLACEHOLDER
    return None if number(entry) is not None else NOT_FINITE


def error_fault(error: Any) -> str | None:
    """Why a number that stands as a standard error is none. N/A is no number: nothing is lost."""
    if isinstance(error, bool) or not isinstance(error, int | float):
        return None
    if (known := number(error)) is None:
        return NOT_FINITE
    if known == 0:
        return ZERO_ERROR
    return NEGATIVE_ERROR if known < 0 else None
