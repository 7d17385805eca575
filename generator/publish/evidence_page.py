"""The parts of the Predict page: what compression tells in each cohort, also when it loses."""

from collections.abc import Mapping, Sequence

from generator.fits.evidence import Evidence
from generator.publish.text import escape, number, percent, table
from generator.tables.cohorts import Cohort


def render_evidence(cohorts: Sequence[Cohort], evidence: Mapping[str, Evidence]) -> str:
    return "\n".join(_cohort(cohort, evidence[cohort.name]) for cohort in cohorts)


def _cohort(cohort: Cohort, found: Evidence) -> str:
    heading = (
        f"<h2>{escape(cohort.title)} "
        f'<span class="tag tag-{cohort.provenance}">{cohort.provenance}</span></h2>'
    )
    if found.shortage is not None:
        return f"{heading}<p>{escape(found.shortage.capitalize())}.</p>"
    return heading + _verdict(found) + _contenders(cohort, found) + _correlations(cohort, found)


def _verdict(found: Evidence) -> str:
    """Who wins, in a sentence; a baseline that wins is named as plainly as compression."""
    if not found.contenders:
        return ""
    best, second = found.contenders[0], found.contenders[1]
    return (
        f"<p>Predicting the mean score of families that the fit has not seen, "
        f"<strong>{escape(best.name)}</strong> is best: it errs by "
        f"{percent(best.mean_absolute_error)} points on average, {escape(second.name)} by "
        f"{percent(second.mean_absolute_error)}.</p>"
    )


def _contenders(cohort: Cohort, found: Evidence) -> str:
    header = [
        ("Predictor", False),
        ("Kind", False),
        ("Mean absolute error, points", True),
        ("Root mean square error, points", True),
    ]
    rows = [
        [
            escape(c.name),
            "baseline" if c.is_baseline else "compression",
            percent(c.mean_absolute_error, 2),
            percent(c.root_mean_square_error, 2),
        ]
        for c in found.contenders
    ]
    caption = (
        f"{cohort.title}: straight lines for the mean score, one family left out at a time, "
        f"all on the same rows; best first"
    )
    return table(f"{cohort.name}-contenders", caption, header, rows)


def _correlations(cohort: Cohort, found: Evidence) -> str:
    header = [
        ("Benchmark", False),
        ("Models", True),
        ("Families", True),
        ("Pearson r", True),
        ("95 % interval", True),
        ("Spearman rho", True),
        ("p (corrected)", True),
    ]
    rows = [
        [
            escape(c.label),
            str(c.n),
            str(c.families),
            number(c.pearson, 3),
            f"{number(c.low, 2)} to {number(c.high, 2)}",
            number(c.spearman, 3),
            f"{c.p_value:.2g}",
        ]
        for c in found.correlations
    ]
    caption = (
        f"{cohort.title}: correlation of average compression with each score; intervals resample "
        "families, p-values are corrected by Benjamini and Hochberg's procedure"
    )
    return table(f"{cohort.name}-correlations", caption, header, rows)
