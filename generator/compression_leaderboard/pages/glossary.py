"""Words of pages that the glossary explains."""

from collections.abc import Iterable

Term = tuple[str, str]  # a word, and its heading in the glossary

# Word as a page writes it → its heading in site/docs/glossary.md.
TERMS = {
    "Rank": "rank-range",
    "Bits per byte": "bits-per-byte",
    "Bits per character": "bits-per-byte",
    "Nats per token": "nats-per-token",
    "Tokenizer": "token",
    "Window and stride": "window-and-stride",
    "Document": "text-and-document",
    "Interval": "interval",
    "Standard error": "standard-error",
    "Jackknife": "jackknife",
    "Complexity": "complexity",
    "Expressivity": "expressivity",
    "Optimality": "optimality",
    "Bound": "bound",
    "Layer": "hidden-state-and-layer",
    "Single tokens": "label",
    "ln(bins)": "soft-entropy",
    "H(Z)": "soft-entropy",
    "Anchor seed": "soft-entropy",
    "Plug-in": "plug-in-null-corrected",
    "Corrected": "plug-in-null-corrected",
    "Ceiling": "ceiling",
    "Contextual information": "contextual-information",
    "Regularity": "regularity-and-variation",
    "Variation": "regularity-and-variation",
    "Effective rank": "effective-rank",
    "Preference information": "preference-information",
    "Mean score": "mean-score",
    "Chance": "mean-score",
    "Suite": "suite-task-item",
    "Metric": "suite-task-item",
    "Few-shot": "few-shot",
    "Quality": "quality",
    "Pareto front": "pareto-front",
    "Points": "points",
    "Cohort": "cohort",
    "Set": "cohort",
    "Measured, published, predicted": "measured-published-predicted",
    "Provenance": "measured-published-predicted",
    "Context": "context",
    "Parameters": "parameters",
    "Training tokens": "training-tokens",
    "Training compute": "training-tokens",
    "Quantization": "quantization",
    "Number format": "number-format",
    "Compressor": "classical-compressor",
    "Cost": "cost",
    "Checkpoint": "checkpoint",
    "Record": "record",
    "Retracted": "retracted",
    "Protocol": "protocol",
    "Sentinel": "sentinel",
    "Family": "family",
    "Residual": "residual",
    "Least squares": "fit",
    "Straight line": "fit",
    "Baseline": "baseline",
    "Predictor": "predictor",
    "Group": "group",
    "Mixed model": "mixed-model",
    "Fold": "fold",
    "Left out": "fold",
    "Mean absolute error": "mean-absolute-error",
    "Root mean square error": "root-mean-square-error",
    "R²": "r2",
    "Correlation": "correlation",
    "Pearson r": "correlation",
    "Spearman": "correlation",
    "Partial rho": "correlation",
    "p-value": "p-value",
    "Negative control": "negative-control",
    "Conformal": "conformal",
    "Model-based": "conformal",
    "Coverage": "coverage",
    "Extrapolation": "extrapolation",
    "Logged": "ledger",
}
# Of a table of models.
BOARD = (
    "Rank",
    "Bits per byte",
    "Optimality",
    "Complexity",
    "Expressivity",
    "Preference information",
    "Mean score",
    "Interval",
    "Cohort",
    "Measured, published, predicted",
    "Context",
    "Quantization",
    "Compressor",
    "Cost",
)
_ON_PLANE = ("Complexity", "Expressivity", "Optimality", "ln(bins)")
# Of the pages that are made once, by name.
PAGES = {
    "predict": (
        *("Set", "Group", "Left out", "Fold", "Baseline", "Predictor", "Training compute"),
        *("Mean absolute error", "Root mean square error", "R²", "Points", "Standard error"),
        *("Interval", "Conformal", "Model-based", "Coverage", "Extrapolation", "Straight line"),
        *("Correlation", "Pearson r", "Spearman", "Partial rho", "p-value", "Negative control"),
        *("Mixed model", "Logged", "Suite"),
    ),
    "choose": ("Pareto front", "Quality", "Interval", "Provenance", "Cohort", "Parameters"),
    "plane": (*_ON_PLANE, "Bound", "Single tokens", "Corrected", "Layer", "Family"),
    "families": (
        *("Family", "Bits per byte", "Bits per character", "Nats per token", "Parameters"),
        *("Least squares", "Residual", "Mean score", "Points", "Cohort"),
    ),
    "trajectories": (
        *("Checkpoint", "Training tokens", "Bits per byte", "Nats per token", *_ON_PLANE),
        "Mean score",
    ),
    "reliability": ("Record", "Retracted", "Protocol", "Sentinel", "Number format"),
    "corpora": ("Document", "Correlation", "Interval", "Number format"),
}
# Of the page of a model, measured or published.
MODEL = (
    *("Rank", "Bits per byte", "Bits per character", "Nats per token", "Interval"),
    *("Standard error", "Jackknife", "Window and stride", "Tokenizer", *_ON_PLANE),
    *("Single tokens", "Layer", "Anchor seed", "H(Z)", "Plug-in", "Corrected", "Ceiling"),
    *("Contextual information", "Regularity", "Variation", "Effective rank"),
    *("Preference information", "Mean score", "Chance", "Suite", "Metric", "Few-shot"),
    *("Parameters", "Training tokens", "Quantization", "Checkpoint", "Record", "Retracted"),
)


def find_terms(words: Iterable[str], html: str | None = None) -> list[Term]:
    """Look up words in the glossary.

    html: of a page; then only words that occur in it are listed, so that a page without fits
    explains none of their words.
    """
    text = None if html is None else html.lower()
    return [(word, TERMS[word]) for word in words if text is None or word.lower() in text]
