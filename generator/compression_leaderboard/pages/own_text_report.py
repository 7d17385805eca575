"""The report on the user's own text: sentences, and one HTML file that asks no network."""

from collections.abc import Sequence
from dataclasses import dataclass

from compression_leaderboard.own_text.comparison import Extreme, Pair, Rate, Summary
from compression_leaderboard.pages.text import (
    counted,
    date_captions,
    decimals,
    escape,
    number,
    table,
    valued,
)


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


# What the site's theme gives, as far as the report uses it; the rest is the site's own style sheet.
BASE = """
:root { color-scheme: light dark; }
body { font: 16px/1.6 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem;
  color: #1b1e24; background: #fff; }
h1 { font-size: 1.6rem; font-weight: 600; } h2 { font-size: 1.2rem; font-weight: 600; }
p, li { max-width: 46rem; } table.board { font-size: .85rem; } a { color: var(--board-line); }
table.board th { text-align: left; font-weight: 600; }
.facts { display: grid; grid-template-columns: minmax(9rem, 16rem) 1fr; gap: .25rem 1rem; }
.facts dd { margin: 0; overflow-wrap: anywhere; } footer { font-size: .8rem; }
"""
DARK = "body { color: #e3e6ec; background: #14171d; }"
PRINT = "@media print { .board-scroll { overflow: visible; } h2 { break-after: avoid; } }"
OTHER_PROTOCOL = (
    "Your text was scored here under a protocol of its own and is compared with nothing on the "
    "board. It feeds no prediction."
)


@dataclass(frozen=True)
class Predicted:
    """A benchmark score of a model, as its record on the board predicts it, in fractions."""

    model: str
    benchmark: str
    value: float
    low: float  # 80 %
    high: float
    note: str  # such as: extrapolation


@dataclass(frozen=True)
class Report:
    """Everything that the page says."""

    summary: Summary
    date: str
    window_tokens: int
    stride_tokens: int
    machine: str
    left_out: str  # faulty documents, files passed over; "" for none
    predictions: tuple[Predicted, ...] = ()
    why_no_predictions: tuple[str, ...] = ()  # a line for each model without one
    endpoint: str | None = None  # the server that the text was sent to


def render_page(title: str, body: str, style: str) -> bytes:
    """One page without a script or a reference to anything outside of it."""
    dark = _dark_rules(style)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'; img-src data:\">"
        f"<title>{escape(title)}</title><style>{style}{BASE}"
        f"@media screen and (prefers-color-scheme: dark) {{ {dark} {DARK} }} {PRINT}</style></head>"
        f'<body><main class="md-typeset"><h1>{escape(title)}</h1>\n{body}</main></body></html>\n'
    ).encode()


def _dark_rules(style: str) -> str:
    """The site's colours of the dark scheme, for a page that follows the system alone."""
    mark = '[data-md-color-scheme="slate"] {'
    _, found, rest = style.partition(mark)
    return f":root {{{rest.partition('}')[0]}}}" if found else ""


def render_report(report: Report, style: str) -> bytes:
    """style: the site's style sheet."""
    summary = report.summary
    parts = [f"<p>{escape(sample_sentence(summary))}</p>", _rates(summary)]
    if summary.pairs:
        sentences = "".join(f"<li>{escape(pair_sentence(p, summary))}</li>" for p in summary.pairs)
        parts.append(f"<h2>Models compared</h2><ul>{sentences}</ul>{_pairs(summary)}")
    parts += [_extremes(name, summary) for name in summary.worst]
    parts += [_predictions(report), _method(report)]
    return render_page("Your text, scored", date_captions("\n".join(parts), report.date), style)


def _rates(summary: Summary) -> str:
    header = [("Scorer", False), ("Bits per byte (95 % interval)", True), ("Size left, %", True)]
    header.append(("Bytes not given back", True))
    rows = [
        [
            escape(rate.name),
            valued(escape(rate_words(rate)), rate.bits_per_byte),
            number(100 * rate.bits_per_byte / 8, 1),
            f"{rate.failing_bytes:,}" if rate.is_model else number(None, 0),
        ]
        for rate in summary.rates
    ]
    caption = (
        f"Cost of {counted(summary.documents, 'document')} of yours, each on its own; lower is "
        "better. Models first, then classical compressors. Bytes not given back: in documents "
        "that the tokenizer changes; such a figure is no compression and is compared with nothing"
    )
    return table("rates", caption, header, rows)


def _pairs(summary: Summary) -> str:
    header = [("Better", False), ("Other", False), ("Difference, bits per byte", True)]
    header += [("Low", True), ("High", True)]
    rows = []
    for pair in summary.pairs:
        ends = pair.interval or (None, None)
        shown = [number(value, 5) for value in (pair.difference, *ends)]
        rows.append([escape(pair.better), escape(pair.other), *shown])
    documents = counted(summary.documents, "document")
    caption = f"Bits per byte less those of the other model on the same {documents}, 95 % interval"
    return table("pairs", caption, header, rows)


def _extremes(name: str, summary: Summary) -> str:
    return (
        f"<h2>Documents under {escape(name)}</h2>"
        + _listed("worst", summary.worst[name], summary.documents)
        + _listed("best", summary.best[name], summary.documents)
    )


def _listed(end: str, extremes: Sequence[Extreme], documents: int) -> str:
    header = [("Document", False), ("Bytes", True), ("Bits per byte", True)]
    rows = [[escape(e.name), f"{e.bytes:,}", number(e.bits_per_byte, 3)] for e in extremes]
    caption = f"Compress {end}: {len(rows)} of {counted(documents, 'document')}"
    return table(f"list-{end}", caption, header, rows)


def _predictions(report: Report) -> str:
    text = (
        "<h2>What the board predicts</h2><p>From the models’ records on the board, not from your "
        f"text. {OTHER_PROTOCOL}</p>"
    )
    if report.why_no_predictions:
        lines = "".join(f"<li>{escape(line)}</li>" for line in report.why_no_predictions)
        text += f"<ul>{lines}</ul>"
    if not report.predictions:
        return text
    header = [("Model", False), ("Benchmark", False), ("Predicted, %", True)]
    header += [("80 % interval", True), ("Note", False)]
    rows = [
        [
            escape(p.model),
            escape(p.benchmark),
            number(100 * p.value, 1),
            f"{number(100 * p.low, 1)} to {number(100 * p.high, 1)}",
            escape(p.note),
        ]
        for p in report.predictions
    ]
    caption = f"{counted(len(rows), 'predicted benchmark score')}, from the board's records"
    return text + table("predictions", caption, header, rows)


def _method(report: Report) -> str:
    facts = {
        "Scored": report.date,
        "Window": f"{report.window_tokens} tokens, advancing by {report.stride_tokens}",
        "Machine": report.machine,
        "Left out": report.left_out or "nothing",
        "Interval": "95 %, 2,000 bootstrap draws of documents, shared by all scorers",
    }
    where = "Nothing of it left this machine."
    if report.endpoint:
        where = (
            f"It was sent to {report.endpoint} and nowhere else; which weights and number format "
            "answer there is that server's word."
        )
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts.items())
    return (
        f'<h2>How</h2><dl class="facts">{rows}</dl><p>Every token of every document is scored '
        "once, the first one too; the sum of −log2 p over the tokens is divided by the bytes of "
        f"the raw text. {escape(where)}</p>"
    )
