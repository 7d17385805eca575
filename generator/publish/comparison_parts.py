"""A model against the others of its table, text by text, on its page."""

from collections.abc import Mapping, Sequence

from generator.publish.text import counted, decimals, escape, number, percent, table, valued
from generator.records.models import Model
from generator.tables.comparisons import Comparison


def render_comparisons(
    name: str, comparisons: Sequence[Comparison], models: Mapping[str, Model]
) -> str:
    """The table below one text. name: the text's, for ids; comparisons: of the page's model on it,
    the best other first."""
    if not comparisons:
        return ""
    header = [("Other model", False), ("Difference, bits per byte", True), ("%", True)]
    header.append(("In words", False))
    rows = [_row(comparison, models) for comparison in comparisons]
    caption = (
        "Against the nearest models of its leaderboard, the best first, on the same "
        f"{counted(comparisons[0].documents, 'document')}. Bits per byte of this model less those "
        "of the other, with a 95 % interval by resampling these in pairs; below 0 this model is "
        "better"
    )
    return table(f"comparisons-{name}", caption, header, rows)


def _row(comparison: Comparison, models: Mapping[str, Model]) -> list[str]:
    other = models[comparison.other]
    shown_name = escape(other.title).replace("/", "/<wbr>")
    link = f'<a href="../{escape(other.id)}/">{shown_name}</a>'
    low, high = comparison.interval
    digits = decimals((high - low) / 2) if high > low else 4
    shown = valued(number(comparison.difference, digits), comparison.difference)
    shown += f"<small>{number(low, digits)} to {number(high, digits)}</small>"
    share = valued(percent(comparison.share), comparison.share)
    return [link, shown, share, _in_words(comparison, other.title)]


def _in_words(comparison: Comparison, other: str) -> str:
    if not comparison.known:
        return "no difference that the text can show"
    size = f"{percent(abs(comparison.share))} %"
    word = "more" if comparison.difference > 0 else "fewer"
    return escape(f"needs {size} {word} bits than {other}")
