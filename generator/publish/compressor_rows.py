"""The rows of classical compressors in a leaderboard: rates of the texts, and nothing else."""

from generator.publish.text import UNKNOWN, escape, linked, number, tag, valued
from generator.tables.classical import CompressorRate, CompressorRow, settings_text
from generator.tables.cohorts import Cohort

COMPRESSOR_NOTE = (
    f"<p>Rows marked {tag('classical')} are no models. Their large figure is the whole text as "
    "one stream, in which later documents profit from earlier ones. Below it, alone: each "
    "document compressed on its own, with its 95 &#37; interval. Models read each document on "
    'its own, so that is the figure to hold against theirs. <a href="method/#classical-'
    'compressors">More</a></p>'
)


def compressor_cells(cohort: Cohort, row: CompressorRow, has_mean: bool) -> list[str]:
    """The cells of a measured cohort's table; a compressor has neither size, plane nor scores."""
    settings = next(iter(row.rates.values())).text
    name = f"{escape(row.name)} {tag('classical')}<small>{escape(settings_text(settings))}</small>"
    cells = [name, *[UNKNOWN] * 4]  # family, parameters, weights, dtype
    if has_mean:
        cells.append(valued(number(row.average, 3), row.average))
    cells += [_rate_cell(row.rates.get(column.name)) for column in cohort.compression]
    further = len(cohort.compression) + len(cohort.preferences) + 1 + len(cohort.scores)
    return cells + [UNKNOWN] * further


def _rate_cell(rate: CompressorRate | None) -> str:
    if rate is None:
        return UNKNOWN
    cell = linked(number(rate.whole, 3), rate.whole, f"records/{rate.record}")
    cell += f"<small>alone {number(rate.alone, 3)}</small>"
    if rate.interval is not None:
        cell += f"<small>{number(rate.interval.low, 3)}–{number(rate.interval.high, 3)}</small>"
    return cell
