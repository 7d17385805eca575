"""What own text says about models, in sentences: on the terminal and in the report alike."""

from generator.publish.text import decimals, number
from generator.tables.own_text import Pair, Rate, Summary


def sample_sentence(summary: Summary) -> str:
    """How much of the text was scored, and what that means."""
    all_of_it = f"{summary.of_documents:,} documents, {summary.of_bytes:,} bytes of UTF-8"
    if not summary.is_sample:
        return f"{all_of_it}."
    widening = (summary.of_documents / summary.documents) ** 0.5
    return (
        f"A random sample of {summary.documents:,} documents ({summary.bytes:,} bytes) of "
        f"{all_of_it}; the intervals are about {widening:.1f} times as wide as those of all of it."
    )


def rate_sentence(rate: Rate) -> str:
    """The figure of one scorer."""
    shown = f"{rate.name}: {rate_words(rate)} bits per byte"
    if rate.failing_bytes:
        shown += f"; not comparable, its tokenizer loses part of {rate.failing_bytes:,} bytes"
    return shown


def rate_words(rate: Rate) -> str:
    if rate.interval is None or not rate.interval.high > rate.interval.low:
        return number(rate.bits_per_byte, 4)
    digits = decimals((rate.interval.high - rate.interval.low) / 2)
    low, high = (number(end, digits) for end in rate.interval)
    return f"{number(rate.bits_per_byte, digits)} ({low} to {high})"


def pair_sentence(pair: Pair, summary: Summary) -> str:
    """Which of two models needs fewer bits, or how much more text it would take to tell."""
    where = f"on your text, {summary.documents:,} documents"
    if pair.share_interval is None:
        return (
            f"{pair.better} needs {number(-100 * pair.share, 1)} % fewer bits than {pair.other} "
            f"{where}; one document gives no interval."
        )
    half = (pair.share_interval.high - pair.share_interval.low) / 2
    digits = decimals(100 * half) if half > 0 else 1
    fewer = f"{number(-100 * pair.share, digits)} % ± {number(100 * half, digits)} fewer bits"
    if pair.is_known:
        return f"{pair.better} needs {fewer} than {pair.other} {where}."
    tie = f"{pair.better} and {pair.other} cannot be told apart {where}"
    if pair.settling_documents is None:
        reach = max(abs(end) for end in pair.share_interval)
        return f"{tie}: if they differ at all, by less than {number(100 * reach, 2)} %."
    more = max(1, pair.settling_documents - summary.documents)
    size = more * summary.bytes / summary.documents
    return (
        f"{tie} ({fewer} for {pair.better}). About {_round(more):,} more documents like these "
        f"({_size(size)}) would settle it, if the difference stays as it is."
    )


def _round(value: int) -> int:
    """Two significant digits: it is an estimate."""
    step: int = 10 ** max(0, len(str(value)) - 2)
    return -(-value // step) * step


def _size(n_bytes: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= size:
            return f"{n_bytes / size:.2g} {unit}"
    return f"{n_bytes:.0f} bytes"
