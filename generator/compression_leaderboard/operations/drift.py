"""Compare the sentinel's records over time: has measuring itself drifted?"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from compression_leaderboard.board.derived import bits_interval, compare_bits
from compression_leaderboard.intervals import Interval
from compression_leaderboard.plan.jobs import software_changes
from compression_leaderboard.records.results import CorpusText, Environment, Lossless
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs

ROUNDING_BITS = 1e-4  # per token: what batching, padding and the order of sums may move

Verdict = Literal["first", "equal", "rounding", "moved", "moved beyond noise"]


@dataclass(frozen=True)
class Reading:
    """One record of the sentinel, compared with the first one in the same number format."""

    entry: StoredResult
    bits_per_byte: float
    difference: float | None  # bits per byte less those of the first; None: it is the first
    interval: Interval | None  # of the difference, documents in pairs
    verdict: Verdict
    changed: tuple[str, ...]  # of software and machine, since the first


def read_sentinel(specs: Specs, stored: Iterable[StoredResult]) -> list[Reading]:
    """Read off the records in order of number format and time; empty without a sentinel or record.

    Only valid records of the final weights on today's text under today's protocol are readings:
    others differ for a known reason.
    """
    if (sentinel := specs.sentinel) is None:
        return []
    model, text = specs.models[sentinel.model], CorpusText.of(specs.corpora[sentinel.corpus])
    by_dtype: dict[str, list[tuple[StoredResult, Lossless]]] = {}
    for entry in sorted(stored, key=lambda e: (e.result.started, e.file)):
        result = entry.result
        of_it = (result.model, result.revision) == (model.id, model.weights.revision)
        if of_it and result.counts and result.lossless is not None and result.text == text:
            row = (entry, result.lossless)
            by_dtype.setdefault(str(result.environment.dtype), []).append(row)
    return [
        _compare(*row, *by_dtype[dtype][0], is_first=place == 0)
        for dtype in sorted(by_dtype)
        for place, row in enumerate(by_dtype[dtype])
    ]


def _compare(
    entry: StoredResult,
    lossless: Lossless,
    first: StoredResult,
    reference: Lossless,
    is_first: bool,
) -> Reading:
    if is_first:
        return Reading(entry, lossless.bits_per_byte, None, None, "first", ())
    difference = lossless.bits_per_byte - reference.bits_per_byte
    compared = compare_bits(lossless, reference)
    changed = _changes(first.result.environment, entry.result.environment)
    verdict = _judge(difference, lossless, reference)
    interval = compared[1] if compared else None
    return Reading(entry, lossless.bits_per_byte, difference, interval, verdict, changed)


def _judge(difference: float, lossless: Lossless, reference: Lossless) -> Verdict:
    """Classify a difference: rounding moves a score by up to ROUNDING_BITS per token.

    Noise is half the width of the score's 95 % interval: how far other documents would move it.
    """
    if lossless.documents == reference.documents:
        return "equal"
    tokens = sum(document.tokens for document in reference.documents)
    size = sum(document.bytes for document in reference.documents)
    if abs(difference) <= ROUNDING_BITS * tokens / size:
        return "rounding"
    noise = bits_interval(reference)
    if noise is None or abs(difference) <= (noise.high - noise.low) / 2:
        return "moved"
    return "moved beyond noise"


def _changes(first: Environment, now: Environment) -> tuple[str, ...]:
    """List what differs: first each package, then the machine."""
    changes = software_changes(first.packages, now.packages)
    for name in ("python", "machine", "processor", "device", "threads"):
        was, is_now = getattr(first, name), getattr(now, name)
        if was != is_now:
            changes.append(f"{name} {was} → {is_now}")
    return tuple(changes)
