"""What the sentinel's records say over time: has measuring itself drifted?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from compression_leaderboard.board.derived import bits_interval, compare_bits
from compression_leaderboard.intervals import Interval
from compression_leaderboard.plan.jobs import software_changes
from compression_leaderboard.records.results import CorpusText, Environment, Lossless
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs

ROUNDING_BITS = 1e-4  # a token: what batching, padding and the order of sums may move

Verdict = Literal["first", "equal", "rounding", "moved", "moved beyond noise"]
VERDICTS: dict[Verdict, str] = {
    "first": "the first",
    "equal": "equal to the last bit",
    "rounding": "within rounding",
    "moved": "moved, within the noise of the text",
    "moved beyond noise": "moved beyond the noise of the text",
}
NO_SENTINEL = "no sentinel is named: write runs/sentinel.toml"


@dataclass(frozen=True)
class Reading:
    """A record of the sentinel, compared with the first in the same number format."""

    entry: StoredResult
    bits_per_byte: float
    difference: float | None  # bits per byte less those of the first; None: it is the first
    interval: Interval | None  # of the difference, documents in pairs
    verdict: Verdict
    changed: tuple[str, ...]  # of software and machine, since the first


def read_sentinel(specs: Specs, stored: Iterable[StoredResult]) -> list[Reading]:
    """Read the sentinel's records, in order of number format and time.

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
            by_dtype.setdefault(str(result.environment.dtype), []).append((entry, result.lossless))
    return [
        _read(*record, *records[0], is_first=place == 0)
        for _, records in sorted(by_dtype.items())
        for place, record in enumerate(records)
    ]


def _read(
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
    """Judge the size of a difference. Rounding is at most ROUNDING_BITS per token. Noise is half
    the width of the score's 95 % interval: how far other documents of the kind would move it."""
    if lossless.documents == reference.documents:
        return "equal"
    tokens = sum(document.tokens for document in reference.documents)
    size = reference.bytes
    if abs(difference) <= ROUNDING_BITS * tokens / size:
        return "rounding"
    interval = bits_interval(reference)
    if interval is None or abs(difference) <= (interval.high - interval.low) / 2:
        return "moved"
    return "moved beyond noise"


def _changes(first: Environment, now: Environment) -> tuple[str, ...]:
    """What differs, in words; package by package."""
    changes = software_changes(first.packages, now.packages)
    for name in ("python", "machine", "processor", "device", "threads"):
        was, is_now = getattr(first, name), getattr(now, name)
        if was != is_now:
            changes.append(f"{name} {was} → {is_now}")
    return tuple(changes)


def sentinel_title(specs: Specs) -> str:
    """The model and the text of the sentinel. specs: with a sentinel."""
    assert specs.sentinel is not None
    model, corpus = specs.models[specs.sentinel.model], specs.corpora[specs.sentinel.corpus]
    return f"{model.title} on {corpus.title}"


def drift_text(specs: Specs, readings: Sequence[Reading]) -> str:
    """One line per reading below a line that names the sentinel."""
    if specs.sentinel is None:
        return f"{NO_SENTINEL}\n"
    lines = [f"sentinel: {sentinel_title(specs)}", *map(_line, readings)]
    if not readings:
        lines.append("not measured yet")
    return "".join(f"{_plain(line)}\n" for line in lines)


def _line(reading: Reading) -> str:
    result = reading.entry.result
    parts = [f"{result.started:%Y-%m-%d} {result.run_id} {result.environment.dtype}"]
    parts.append(f"{reading.bits_per_byte:.6f} bits/byte")
    if reading.difference is not None:
        parts.append(f"{reading.difference:+.3g}")
    return "  ".join([*parts, VERDICTS[reading.verdict], *reading.changed])


def _plain(line: str) -> str:
    """A line without line ends and without ends of a block of code."""
    return "".join(c if c.isprintable() else " " for c in line).replace("`", "'")


def drift_markdown(specs: Specs, readings: Sequence[Reading]) -> str:
    """The text as a block of code, in which nothing is markup."""
    return f"### Sentinel\n\n```text\n{drift_text(specs, readings)}```\n"


def drift_json(readings: Sequence[Reading]) -> list[dict[str, Any]]:
    """One object per reading; what is unknown is null."""
    return [
        {
            "record": reading.entry.file,
            "started": reading.entry.result.started.isoformat(),
            "dtype": reading.entry.result.environment.dtype,
            "bits_per_byte": reading.bits_per_byte,
            "difference": reading.difference,
            "low95": reading.interval.low if reading.interval else None,
            "high95": reading.interval.high if reading.interval else None,
            "verdict": reading.verdict,
            "changed": list(reading.changed),
        }
        for reading in readings
    ]
