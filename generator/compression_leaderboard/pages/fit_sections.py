"""Tables and sentences about the fits of one cohort."""

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.fits.curves import FORMS
from compression_leaderboard.fits.evaluation import (
    COMPRESSION,
    Comparison,
    Coverage,
    Estimate,
    Judgement,
)
from compression_leaderboard.fits.findings import BenchmarkStudy, Study, pool_coverage
from compression_leaderboard.fits.study import Outliers
from compression_leaderboard.pages.text import (
    UNKNOWN,
    counted,
    escape,
    number,
    percent,
    table,
    valued,
)

SHOWN_OUTLIERS = 20
SHOWN_PREDICTIONS = 50
LEFT_OUT = {
    "group": "each group of models left out in turn",
    "larger": "larger models, predicted by the smaller ones",
    "later": "later models, predicted by the earlier ones",
}


def source_label(cohort: Cohort, name: str) -> str:
    """What a source of predictors is called: texts by their labels, the rest as it is."""
    labels = {column.name: column.label for column in (*cohort.compression, *cohort.preferences)}
    return " + ".join(labels.get(part, part) for part in name.split(" + "))


def render_comparison(cohort: Cohort, comparison: Comparison, name: str) -> str:
    """Who beats which baseline on the same rows, best first, also where compression loses."""
    header = [
        ("Predictor", False),
        ("Kind", False),
        ("Mean absolute error, points", True),
        ("Root mean square error, points", True),
        ("More than chosen compression", True),
    ]
    rows = [
        [
            escape(source_label(cohort, c.name)),
            "baseline" if c.is_baseline else "compression",
            valued(_points(c.mae), c.mae.value),
            valued(percent(c.rmse, 2), c.rmse),
            valued(_points(c.excess), c.excess.value) if c.excess else UNKNOWN,
        ]
        for c in comparison.contenders
    ]
    caption = (
        f"The mean score of {_rows_used(comparison)}. One group is left out at a time, every "
        "predictor is on the same rows, its form chosen inside the folds. In brackets 95 % "
        "intervals by resampling groups; with so few they are rather too narrow"
    )
    return verdict(cohort, comparison) + table(name, caption, header, rows)


def verdict(cohort: Cohort, comparison: Comparison) -> str:
    """Who wins, in a sentence; a baseline that wins is named as plainly as compression."""
    own, other = comparison.compression, comparison.best_baseline
    losers = [
        source_label(cohort, c.name)
        for c in comparison.contenders
        if not c.is_baseline and c.name != COMPRESSION and c.mae.value >= other.mae.value
    ]
    lost = f" On their own these lose to it: {escape(', '.join(losers))}." if losers else ""
    return (
        f"<p><strong>{outcome_of(comparison)}.</strong> On {escape(_rows_used(comparison))} "
        f"compression, with everything chosen inside the folds, errs by "
        f"{percent(own.mae.value, 2)} points on average, the best baseline "
        f"({escape(other.name)}) by {percent(other.mae.value, 2)}."
        f"{lost}</p>"
    )


def outcome_of(comparison: Comparison) -> str:
    """Who wins, in a few words."""
    wins = comparison.compression.mae.value < comparison.best_baseline.mae.value
    outcome = "Compression wins" if wins else "Compression loses"
    if comparison.is_clear:
        return outcome
    return f"{outcome}, but not clearly: the interval of the difference holds 0"


def _rows_used(comparison: Comparison) -> str:
    rows = f"{counted(comparison.n, 'model')} of {counted(comparison.groups, 'group')}"
    return f"{rows} with known training compute" if "compute" in comparison.rows else rows


def _points(estimate: Estimate | None) -> str:
    if estimate is None:
        return UNKNOWN
    if estimate.low is None or estimate.high is None:
        return percent(estimate.value, 2)
    low, high = percent(estimate.low, 2), percent(estimate.high, 2)
    return f"{percent(estimate.value, 2)} ({low} to {high})"


def render_accuracy(study: Study, name: str) -> str:
    """Error, coverage and gain of every benchmark."""
    header = [
        ("Benchmark", False),
        ("Left out", False),
        ("Models", True),
        ("Groups", True),
        ("Mean absolute error, points", True),
        ("RMSE, points", True),
        ("R²", True),
        ("Spearman", True),
        ("Less than best baseline, points", True),
        ("Held by 80 % intervals", True),
        ("Held by 95 % intervals", True),
    ]
    judged = [(one, judgement) for one in study.benchmarks for judgement in one.judgements]
    if not judged:
        return ""
    most = max(judgement.accuracy.n for _, judgement in judged)
    caption = (
        f"Predictions of up to {counted(most, 'model')} that the fit had not seen. In brackets "
        "95 % intervals: of errors by resampling groups, of coverage by Clopper and Pearson, who "
        "take models as independent. Coverage is marked * where the intervals are model-based "
        "because there are too few groups for conformal ones, and named outside nominal where its "
        "own interval does not hold the level: of many benchmarks one in twenty would be by chance"
    )
    return table(name, caption, header, (_accuracy_row(*one) for one in judged))


def _accuracy_row(one: BenchmarkStudy, judgement: Judgement) -> list[str]:
    a = judgement.accuracy
    gain = one.comparison.best_baseline.excess if one.comparison else None
    if judgement.kind != "group":
        gain = None
    control = " (negative control)" if one.benchmark.negative_control else ""
    return [
        escape(one.benchmark.label) + control,
        judgement.kind,
        str(a.n),
        str(a.groups),
        valued(_points(a.mae), a.mae.value),
        valued(_points(a.rmse), a.rmse.value),
        _plain(a.r2),
        _plain(a.spearman),
        valued(_points(gain), gain.value) if gain else UNKNOWN,
        *(_coverage(c) for c in judgement.coverage),
    ]


def _plain(estimate: Estimate | None) -> str:
    if estimate is None:
        return UNKNOWN
    shown = number(estimate.value, 2)
    if estimate.low is not None:
        shown += f" ({number(estimate.low, 2)} to {number(estimate.high, 2)})"
    return valued(shown, estimate.value)


def _coverage(c: Coverage) -> str:
    mark = "" if c.kind == "conformal" else "*"
    shown = f"{percent(c.share, 0)} %{mark} ({percent(c.low, 0)} to {percent(c.high, 0)})"
    if not c.is_nominal:
        shown += ", outside nominal"
    return valued(shown.replace("%", "&#37;"), c.share)


def render_coverage(study: Study, name: str) -> str:
    """Whether the intervals of the cohort as a whole hold what they say."""
    header = [
        ("Predictions of", False),
        ("Left out", False),
        ("Predictions", True),
        ("Models", True),
        ("Held by 80 % intervals", True),
        ("Held by 95 % intervals", True),
    ]
    if not (pooled := pool_coverage(study)):
        return ""
    most = max(one.models for one in pooled)
    rows = [
        [
            "the mean" if one.is_mean else counted(one.benchmarks, "benchmark"),
            LEFT_OUT[one.kind],
            str(one.predictions),
            str(one.models),
            *(_coverage(c) for c in one.coverage),
        ]
        for one in pooled
    ]
    caption = (
        f"Coverage of the set as a whole, up to {counted(most, 'model')}. In brackets its interval "
        "by Clopper and Pearson, which counts models and not predictions: what a model scores on "
        "several benchmarks goes together. * marks model-based intervals"
    )
    return table(name, caption, header, rows)


def render_forms(one: BenchmarkStudy) -> str:
    """Which form predicts new models, and how often the folds chose it or another."""
    if one.fit is None:
        return ""
    chosen = one.fit.candidate
    folds = [
        f"{escape(FORMS[form])} in {escape(label)}: {counted(n, 'fold')}"
        for judgement in one.judgements
        if judgement.kind == "group"
        for label, form, n in judgement.chosen
    ]
    words = (
        f"<p>{escape(one.benchmark.label)}: new models are predicted by the "
        f"<strong>{escape(FORMS[chosen.form])}</strong> in {escape(chosen.label)}, fitted to "
        f"{counted(one.fit.chosen.rows, 'model')} of {counted(one.fit.chosen.groups, 'group')}. "
    )
    return words + f"Chosen with a group left out: {'; '.join(folds)}.</p>"


def render_predictions(cohort: Cohort, study: Study, name: str) -> str:
    """Predicted scores of the models that have compression and no score; the rest in the CSV."""
    labels = {one.benchmark.name: one.benchmark.label for one in study.benchmarks}
    every = [p for one in study.benchmarks for p in one.predictions]
    if not every:
        return ""
    names = {row.model: row.label for row in cohort.rows}
    header = [
        ("Model", False),
        ("Benchmark", False),
        ("Predicted, %", True),
        ("80 % interval", True),
        ("95 % interval", True),
        ("Note", False),
    ]
    rows = [
        [
            escape(names.get(p.model, p.model)),
            escape(labels[p.benchmark]),
            valued(percent(p.value), p.value),
            *(f"{percent(low)} to {percent(high)}" for low, high in p.intervals),
            "extrapolation" if p.extrapolation else "",
        ]
        for p in every[:SHOWN_PREDICTIONS]
    ]
    caption = (
        f"{counted(len(every), 'score')} predicted for models whose compression is known and whose "
        "score is not. Extrapolation: outside of what the fit was trained on"
    )
    if len(every) > SHOWN_PREDICTIONS:
        caption += f"; {len(every) - SHOWN_PREDICTIONS} of them only in predictions.csv"
    return table(name, caption, header, rows)


def render_outliers(outliers: Outliers, name: str) -> str:
    """Models that compression does not explain; worded as what it is, and never more."""
    if not outliers.found:
        return "<p>No score lies outside of its 95 &#37; interval.</p>"
    words = (
        f"<p>{counted(len(outliers.found), 'score')} of {outliers.judged} lie outside of the "
        f"95 &#37; interval made without the model's group; about {number(outliers.expected, 0)} "
        "would by chance. Such a difference alone says nothing about its cause: it can be unusual "
        "training data, a tokenizer that suits or does not suit the texts, another way of "
        "running the benchmark, benchmark items in the training data, or chance.</p>"
    )
    header = [
        ("Model", False),
        ("Benchmark", False),
        ("Measured, %", True),
        ("Predicted, %", True),
        ("95 % interval", True),
        ("Difference, points", True),
    ]
    rows = [
        [
            escape(o.row.model),
            escape(o.benchmark),
            valued(percent(o.row.measured), o.row.measured),
            valued(percent(o.row.predicted), o.row.predicted),
            "{} to {}".format(*(percent(end) for end in o.row.intervals[-1])),
            valued(percent(o.excess), o.excess),
        ]
        for o in outliers.found[:SHOWN_OUTLIERS]
    ]
    caption = (
        f"{counted(len(outliers.found), 'score')} outside of their 95 % intervals, largest "
        "difference first"
    )
    if len(outliers.found) > SHOWN_OUTLIERS:
        caption += f". {len(outliers.found) - SHOWN_OUTLIERS} of them only in residuals.parquet"
    return words + table(name, caption, header, rows)
