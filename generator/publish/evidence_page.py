"""The parts of the Predict page: what compression tells in each cohort, also when it loses."""

from collections.abc import Mapping, Sequence

from generator.fits.contenders import Comparison, Contender
from generator.fits.evidence import Evidence
from generator.publish.text import UNKNOWN, counted, escape, number, percent, table, tag, valued
from generator.tables.cohorts import Cohort


def render_evidence(cohorts: Sequence[Cohort], evidence: Mapping[str, Evidence]) -> str:
    return "\n".join(_cohort(cohort, evidence[cohort.name]) for cohort in cohorts)


def _cohort(cohort: Cohort, found: Evidence) -> str:
    heading = f'<h2 id="{escape(cohort.name)}">{escape(cohort.title)} {tag(cohort.provenance)}</h2>'
    if found.shortage is not None:
        reason = found.shortage[:1].upper() + found.shortage[1:]
        return f'{heading}<p class="notice">{escape(reason)}.</p>'
    comparisons = "".join(
        _comparison(cohort, comparison, index) for index, comparison in enumerate(found.comparisons)
    )
    return f"{heading}{comparisons}{_correlations(cohort, found)}"


def _comparison(cohort: Cohort, comparison: Comparison, index: int) -> str:
    header = [
        ("Predictor", False),
        ("Kind", False),
        ("Mean absolute error, points", True),
        ("Root mean square error, points", True),
        ("More than compression (95 % interval)", True),
    ]
    rows = [
        [
            escape(c.name),
            "baseline" if c.is_baseline else "compression",
            percent(c.mean_absolute_error, 2),
            percent(c.root_mean_square_error, 2),
            valued(_excess(c), c.excess),
        ]
        for c in comparison.contenders
    ]
    rows_used = (
        f"{counted(comparison.n, 'model')} of {counted(comparison.families, 'family')}"
        f"{_which_rows(comparison)}"
    )
    caption = (
        f"Straight lines for the mean score on {rows_used}: one family left out at a time, "
        "every predictor on the same rows, best first; intervals resample families, "
        "and with so few of them are rather too narrow"
    )
    name = f"{cohort.name}-comparison-{index + 1}"
    return _verdict(comparison, rows_used) + table(name, caption, header, rows)


def _which_rows(comparison: Comparison) -> str:
    names = {c.name for c in comparison.contenders}
    return " with known training compute" if "log training compute" in names else ""


def _excess(contender: Contender) -> str:
    if contender.excess is None:
        return UNKNOWN
    low, high = percent(contender.excess_low, 1), percent(contender.excess_high, 1)
    return f"{percent(contender.excess, 1)} ({low} to {high})"


def _verdict(comparison: Comparison, rows_used: str) -> str:
    """Who wins, in a sentence; a baseline that wins is named as plainly as compression."""
    own, other = comparison.compression, comparison.best_baseline
    wins = comparison.contenders[0] == own
    outcome = "Compression wins" if wins else "Compression loses"
    if not comparison.is_clear:
        outcome += ", but not clearly: the interval of the difference holds 0"
    return (
        f"<p><strong>{outcome}.</strong> On {escape(rows_used)} compression errs by "
        f"{percent(own.mean_absolute_error)} points on average, the best baseline "
        f"({escape(other.name)}) by {percent(other.mean_absolute_error)}.</p>"
    )


def _correlations(cohort: Cohort, found: Evidence) -> str:
    header = [
        ("Benchmark", False),
        ("Models", True),
        ("Families", True),
        ("Pearson r", True),
        ("95 % interval", True),
        ("Spearman rho", True),
        ("Partial rho", True),
        ("p (corrected)", True),
    ]
    rows = [
        [
            escape(c.label),
            str(c.n),
            str(c.families),
            number(c.pearson, 3),
            valued(f"{number(c.low, 2)} to {number(c.high, 2)}", c.low),
            number(c.spearman, 3),
            number(c.partial, 3),
            valued("< 0.0001" if c.p_value < 1e-4 else number(c.p_value, 4), c.p_value),
        ]
        for c in found.correlations
    ]
    unit = cohort.compression[0].unit
    caption = (
        f"Correlation of average {unit} with each score. Intervals resample families; partial rho "
        "is given the number of parameters; p-values are corrected by Benjamini and Hochberg's "
        "procedure and take models as independent, which models of one family are not"
    )
    return table(f"{cohort.name}-correlations", caption, header, rows)
