"""The report on the user's own text: sentences, and one HTML file that asks no network."""

from dataclasses import dataclass

from compression_leaderboard.own_text.class_costs import ClassGap, ClassRate
from compression_leaderboard.own_text.comparison import Pair, Rate, Summary
from compression_leaderboard.own_text.journal import Setup
from compression_leaderboard.pages.rendering import Renderer, decimals, number, with_interval
from compression_leaderboard.records.byte_classes import class_label
from compression_leaderboard.wording import plural


def sample_sentence(summary: Summary) -> str:
    """How much of the text was scored, and how it was chosen."""
    if (sample := summary.sample) is None:
        return f"{_documents(summary.of_documents)}, {summary.of_bytes:,} bytes of UTF-8."
    pieces = f"{sample.pieces:,} {plural(sample.pieces, 'piece')}"
    drawn = f"{sample.drawn:,} drawn" if sample.pieces < sample.drawn else "all drawn"
    files = f"{sample.files:,} {plural(sample.files, 'file')} of {sample.file_bytes:,} bytes"
    sentence = (
        f"A random sample with seed {sample.seed} of {files}: {pieces} ({drawn}) with "
        f"{summary.bytes:,} bytes, each scored as a separate text"
    )
    if summary.unit == "piece":
        sentence += "; intervals are for other pieces of this one document"
    return "; ".join([sentence, *sample.unread]) + "."


def rate_sentence(rate: Rate) -> str:
    """Write the figure of one scorer."""
    shown = f"{rate.name}: {with_interval(rate.bits_per_byte, rate.interval)} bits per byte"
    if rate.failing_bytes:
        shown += f"; not comparable, its tokenizer loses part of {rate.failing_bytes:,} bytes"
    return shown


def pair_sentence(pair: Pair, summary: Summary) -> str:
    """Which of two models needs fewer bits, or how much more text it would take to tell."""
    where = f"on your text, {_documents(summary.documents, unit=summary.unit)}"
    if pair.share_interval is None:
        return (
            f"{pair.better} needs {number(-100 * pair.share, 1)} % fewer bits than {pair.other} "
            f"{where}; one {summary.unit} gives no interval."
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
    documents = _documents(_round(more), "more ", summary.unit)
    return (
        f"{tie} ({fewer} for {pair.better}). About {documents} like these "
        f"({_size(size)}) would settle it, if the difference stays as it is."
    )


def class_sentence(rate: ClassRate) -> str:
    """Write what a class of bytes costs a model."""
    shown = f"{class_label(rate.byte_class)}: {number(100 * rate.share, 1)} % of the bits"
    if rate.bits_per_byte is None:
        return shown
    return f"{shown}, {with_interval(rate.bits_per_byte, rate.interval)} bits per byte"


def gap_sentence(pair: Pair) -> str:
    """Write for which classes of bytes a model needs fewer bits than another, or more."""
    known = [gap for gap in pair.classes if gap.is_known]
    parts = []
    for words, gaps in (
        ("fewer bits for", [gap for gap in known if gap.difference < 0]),
        ("more bits for", [gap for gap in known if gap.difference > 0]),
    ):
        if gaps:
            parts.append(f"{words} {', '.join(map(_gap, gaps))}")
    if not parts:
        return f"Your text shows no class of bytes in which {pair.better} and {pair.other} differ."
    rest = "" if len(known) == len(pair.classes) else "; the other classes show no difference"
    return f"By class, {pair.better} needs {' and '.join(parts)} than {pair.other}{rest}."


def _gap(gap: ClassGap) -> str:
    """Write a class with its difference in per cent, where the other model has bits of it."""
    share = "" if gap.share is None else f" ({number(100 * abs(gap.share), 1)} %)"
    return f"{class_label(gap.byte_class)}{share}"


def _documents(n: int, more: str = "", unit: str = "document") -> str:
    return f"{n:,} {more}{plural(n, unit)}"


def _round(value: int) -> int:
    """Two significant digits: it is an estimate."""
    step: int = 10 ** max(0, len(str(value)) - 2)
    return -(-value // step) * step


def _size(n_bytes: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= size:
            return f"{n_bytes / size:.2g} {unit}"
    return f"{n_bytes:.0f} bytes"


OTHER_PROTOCOL = (
    "Your text was scored here under its own protocol and is compared with nothing on the board. "
    "It feeds no prediction."
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


def setup_sentence(setup: Setup) -> str:
    """Write what a model was scored with on one line."""
    known = [setup.weights, setup.dtype, f"start {setup.start}" if setup.start else None]
    return f"{setup.scorer}: {'; '.join(filter(None, (*known, setup.software)))}"


@dataclass(frozen=True)
class Report:
    """Everything that the page says."""

    summary: Summary
    date: str
    window_tokens: int
    stride_tokens: int
    machine: str
    left_out: str  # empty and faulty documents, files passed over; "" for none
    predictions: tuple[Predicted, ...] = ()
    why_no_predictions: tuple[str, ...] = ()  # a line for each model without one
    setups: tuple[Setup, ...] = ()  # of the models
    endpoint: str | None = None  # the server that the text was sent to


def render_report(render: Renderer, report: Report) -> bytes:
    """Make one page without a script or a reference to anything outside of it."""
    summary = report.summary
    page = render(
        "report.html",
        report=report,
        summary=summary,
        sample=sample_sentence(summary),
        pair_sentences=[pair_sentence(pair, summary) for pair in summary.pairs],
        class_label=class_label,
        other_protocol=OTHER_PROTOCOL,
    )
    return f"{page.strip()}\n".encode()


def sentences(summary: Summary) -> list[str]:
    """Say how much was scored, and which model needs fewer bits."""
    pairs = (pair_sentence(pair, summary) for pair in summary.pairs)
    return [sample_sentence(summary), *pairs]


def describe(page: Report) -> list[str]:
    """Say in lines of plain text what the report says."""
    summary = page.summary
    first, *comparisons = sentences(summary)
    lines = [first, "", *map(rate_sentence, summary.rates)]
    lines += ["", *comparisons] if comparisons else []
    lines += [gap_sentence(pair) for pair in summary.pairs if pair.classes]
    lines += ["", *map(setup_sentence, page.setups)]
    for name, classes in summary.classes.items():
        lines += ["", f"{name}: where the bits go"] if classes else []
        lines += [f"  {class_sentence(rate)}" for rate in classes]
    for name in summary.worst:
        lines += ["", f"{name}: the documents that compress worst and best"]
        extremes = [*summary.worst[name][:3], *reversed(summary.best[name][:3])]
        lines += [f"  {text.bits_per_byte:.3f}  {text.name}" for text in dict.fromkeys(extremes)]
    lines += ["", "What the board predicts, from its records alone:"]
    for p in page.predictions:
        ends = f"{100 * p.low:.1f} to {100 * p.high:.1f}"
        lines.append(f"  {p.model}, {p.benchmark}: {100 * p.value:.1f} % ({ends}) {p.note}")
    lines += [f"  {line}" for line in page.why_no_predictions]
    if page.left_out:
        lines += ["", f"Left out: {page.left_out}."]
    return lines
