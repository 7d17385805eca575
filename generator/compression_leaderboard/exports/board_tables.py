"""Columns of the tables about models, scores, fits and predictions."""

from compression_leaderboard.exports.columns import (
    COHORT,
    DATA_LICENCE,
    DTYPE,
    FAMILY,
    KIND,
    MODEL,
    NAME,
    PAGE,
    PARAMETERS,
    PROVENANCE,
    QUANTIZATION,
    RECORD,
    RELEASED,
    REVISION,
    TRAINING_FLOP,
    TRAINING_TOKENS,
    Field,
    Table,
    count,
    figure,
    interval,
    maybe,
    text,
)

MODELS = Table(
    "models",
    "One row a model, measured or published: what it is.",
    (
        PROVENANCE,
        text("source", "where the weights, or the published figures, come from"),
        MODEL,
        NAME,
        FAMILY,
        KIND,
        PARAMETERS,
        TRAINING_TOKENS,
        RELEASED,
        text("licence", "licence of the model, as its file says", null=True),
        maybe(REVISION),
        QUANTIZATION,
        PAGE,
        DATA_LICENCE,
    ),
    ("provenance", "source", "model"),
)
SCORES = Table(
    "scores",
    "One row a model, number format, cohort and figure: texts, preference pairs and benchmarks.",
    (
        COHORT,
        PROVENANCE,
        MODEL,
        maybe(REVISION),
        maybe(DTYPE),
        text("kind", "compression, preference or benchmark", "derived"),
        text("column", "the benchmark or the text"),
        text("label", "its name on the board"),
        figure("value", "see unit", "the figure; higher_is_better says which way", origin="record"),
        figure("stderr", "see unit", "standard error of the value, where known", null=True),
        *interval("", "see unit", "95 % interval: bootstrap or jackknife over documents or pairs"),
        text("unit", "unit of the value", "derived"),
        Field("higher_is_better", "boolean", None, "whether more is better", "declared"),
        maybe(figure("chance", "fraction", "score of random answers", origin="declared")),
        maybe(RECORD),
        DATA_LICENCE,
    ),
    ("cohort", "model", "dtype", "kind", "column"),
)
LEADERBOARD = Table(
    "leaderboard",
    "One row a model, number format and cohort: identity, means, and a column for each figure.",
    (
        COHORT,
        PROVENANCE,
        MODEL,
        NAME,
        FAMILY,
        KIND,
        PARAMETERS,
        TRAINING_TOKENS,
        TRAINING_FLOP,
        RELEASED,
        QUANTIZATION,
        maybe(DTYPE),
        figure("compression", "see unit", "mean over the cohort's texts", "lower", null=True),
        text("unit", "unit of compression and of the columns compression.…", null=True),
        figure(
            "score", "fraction", "mean over the cohort's benchmarks; null unless all are known",
            "higher", null=True,
        ),
        figure("score.stderr", "fraction", "standard error of score, where known", null=True),
        PAGE,
        DATA_LICENCE,
    ),
    ("cohort", "model", "dtype"),
)  # fmt: skip


BENCHMARK = text("benchmark", "a score column; score is the mean over the cohort's benchmarks")
FORM = text("form", "form of the curve: mean, line, logistic, floor or monotone", "derived")
PREDICTORS = text("predictors", "what the curve is fitted on", "derived")
PREDICTION = figure("prediction", "fraction", "predicted score", "higher")
FOLD = text(
    "fold", "what the fit had not seen: group, larger or later; none: nothing was fitted", "derived"
)
ENDS = (
    figure("low80", "fraction", "lower end of the prediction's 80 % interval"),
    figure("high80", "fraction", "upper end of it"),
    figure("low95", "fraction", "lower end of the prediction's 95 % interval"),
    figure("high95", "fraction", "upper end of it"),
)
RESAMPLED = "its 95 % interval, groups resampled"


def _judged(field: Field, of: str = RESAMPLED) -> tuple[Field, Field, Field]:
    """A figure with its interval; null where nothing was fitted."""
    return (maybe(field), *interval(field.name, field.unit or "ratio", of))


def _coverage(level: int) -> tuple[Field, ...]:
    share = figure(
        f"coverage{level}", "ratio", f"share of left-out scores inside their {level} % intervals"
    )
    kind = f"conformal or model-based: what the {level} % intervals are"
    of = "its 95 % interval (Clopper–Pearson)"
    return (*_judged(share, of), text(f"interval{level}", kind, "derived", null=True))


PREDICTIONS = Table(
    "predictions",
    "One row a model and benchmark that it has compression for and no score of.",
    (
        COHORT,
        MODEL,
        BENCHMARK,
        PREDICTION,
        *ENDS,
        FORM,
        PREDICTORS,
        Field(
            "extrapolation", "boolean", None, "whether it lies outside of the training rows",
            "derived",
        ),
        DATA_LICENCE,
    ),
    ("cohort", "model", "benchmark"),
)  # fmt: skip
RESIDUALS = Table(
    "residuals",
    "One row a left-out model and benchmark: measured against predicted.",
    (
        COHORT,
        MODEL,
        BENCHMARK,
        FOLD,
        figure("measured", "fraction", "the score", "higher", "record"),
        PREDICTION,
        figure("residual", "fraction", "measured − prediction"),
        *ENDS,
        FORM,
        PREDICTORS,
        DATA_LICENCE,
    ),
    ("cohort", "model", "benchmark", "fold"),
    formats=("parquet",),
)
FITS = Table(
    "fits",
    "One row a cohort, benchmark and kind of left-out models: accuracy and coverage.",
    (
        COHORT,
        BENCHMARK,
        FOLD,
        maybe(count("n", "models", "left-out models judged", "derived")),
        maybe(count("groups", "groups", "families, runs or training sets of these", "derived")),
        maybe(FORM),
        maybe(PREDICTORS),
        text("chosen", "forms that the folds chose, and how many folds each", "derived", null=True),
        *_judged(figure("mae", "fraction", "mean absolute error", "lower")),
        *_judged(figure("rmse", "fraction", "root mean square error", "lower")),
        *_judged(figure("r2", "ratio", "share of the variance that is predicted", "higher")),
        *_judged(figure("spearman", "ratio", "rank correlation with the scores", "higher")),
        text("best_baseline", "the baseline with the smallest mean absolute error", "derived",
             null=True),
        *_judged(figure("gain", "fraction", "its error less that of compression", "higher")),
        *_coverage(80),
        *_coverage(95),
        text("shortage", "why nothing was fitted; null where something was", "derived", null=True),
        DATA_LICENCE,
    ),
    ("cohort", "benchmark", "fold"),
)  # fmt: skip
CORRELATIONS = Table(
    "correlations",
    "One row a cohort and benchmark: how it goes with average compression.",
    (
        COHORT,
        BENCHMARK,
        count("n", "models", "models that have both figures", "derived"),
        count("groups", "groups", "families of these models", "derived"),
        *_judged(figure("pearson", "ratio", "correlation of average compression and score")),
        figure("p_corrected", "ratio", "p-value of pearson, corrected by Benjamini and Hochberg"),
        figure("rank_correlation", "ratio", "Spearman's, of average compression and score"),
        figure("partial_parameters", "ratio", "Spearman's given parameters", null=True),
        figure("partial_compute", "ratio", "Spearman's given training compute", null=True),
        Field(
            "negative_control", "boolean", None,
            "whether compression is expected to tell little about it", "declared",
        ),
        DATA_LICENCE,
    ),
    ("cohort", "benchmark"),
)  # fmt: skip
FITTED = (PREDICTIONS, FITS, CORRELATIONS, RESIDUALS)
