"""The sentinel's readings: as a table of the page Reliability, as text, Markdown and JSON."""

from collections.abc import Sequence
from typing import Any

from generator.files.specs import Specs
from generator.publish.measured_parts import listed_record
from generator.publish.text import (
    UNKNOWN,
    counted,
    day,
    escape,
    number,
    table,
    valued,
    with_interval,
)
from generator.tables.drift import Reading

NONE = "no sentinel is named: write runs/sentinel.toml"
WORDS = {
    "first": "the first",
    "equal": "equal to the last bit",
    "rounding": "within rounding",
    "moved": "moved, within the noise of the text",
    "moved beyond noise": "moved beyond the noise of the text",
}


def render_sentinel(specs: Specs, readings: Sequence[Reading]) -> str:
    """The heading and the table, or why there is none."""
    heading = '<h2 id="sentinel">Sentinel</h2>'
    if specs.sentinel is None:
        return f"{heading}<p>This board names no sentinel.</p>"
    if not readings:
        return f"{heading}<p>The sentinel is not measured yet.</p>"
    header = [("Record", False), ("Date", True), ("Number format", False)]
    header += [("Bits per byte", True), ("Less the first", True), ("Verdict", False)]
    header += [("Changed since the first", False)]
    caption = (
        f"{_title(specs)}: {counted(len(readings), 'record')}. Each against the first in its "
        "number format; difference in bits per byte, with the 95 % interval of a paired bootstrap "
        "over documents"
    )
    return heading + table("sentinel-table", caption, header, map(_row, readings))


def _row(reading: Reading) -> list[str]:
    result = reading.entry.result
    moved = with_interval(reading.difference, reading.interval)
    return [
        listed_record(reading.entry),
        day(result.started),
        escape(result.environment.dtype or UNKNOWN),
        valued(number(reading.bits_per_byte, 5), reading.bits_per_byte),
        valued(moved, reading.difference),
        escape(WORDS[reading.verdict]),
        escape("; ".join(reading.changed)) or UNKNOWN,
    ]


def _title(specs: Specs) -> str:
    assert specs.sentinel is not None  # its readings are being shown
    model, corpus = specs.models[specs.sentinel.model], specs.corpora[specs.sentinel.corpus]
    return f"{model.title} on {corpus.title}"


def drift_text(specs: Specs, readings: Sequence[Reading]) -> str:
    """One line a reading below a line that names the sentinel."""
    if specs.sentinel is None:
        return f"{NONE}\n"
    lines = [f"sentinel: {_title(specs)}", *map(_line, readings)]
    if not readings:
        lines.append("not measured yet")
    return "".join(f"{_plain(line)}\n" for line in lines)


def _line(reading: Reading) -> str:
    result = reading.entry.result
    parts = [f"{result.started:%Y-%m-%d} {result.run_id} {result.environment.dtype}"]
    parts.append(f"{reading.bits_per_byte:.6f} bits/byte")
    if reading.difference is not None:
        parts.append(f"{reading.difference:+.3g}")
    return "  ".join([*parts, WORDS[reading.verdict], *reading.changed])


def drift_markdown(specs: Specs, readings: Sequence[Reading]) -> str:
    """The text as a block of code, in which nothing is markup."""
    return f"### Sentinel\n\n```text\n{drift_text(specs, readings)}```\n"


def _plain(line: str) -> str:
    """No line end, and no end of a block of code."""
    return "".join(c if c.isprintable() else " " for c in line).replace("`", "'")


def drift_json(readings: Sequence[Reading]) -> list[dict[str, Any]]:
    """A reading each; what is not known is null."""
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
