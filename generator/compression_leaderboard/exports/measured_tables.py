"""Columns of the tables about texts, preference pairs and imported figures."""

from dataclasses import replace

from compression_leaderboard.exports.columns import (
    BITS_PER_BYTE,
    BYTES,
    CORPUS,
    DATA_LICENCE,
    DOCUMENTS,
    DTYPE,
    INFORMATION,
    MODEL,
    NAME,
    PAIR_SET,
    PROVENANCE,
    QUANTIZATION,
    RECORD,
    REVISION,
    TOKENS_SEEN,
    Field,
    Table,
    count,
    figure,
    interval,
    maybe,
    text,
)


def _plane(name: str, unit: str, description: str) -> tuple[Field, ...]:
    """A figure of the information plane with interval and spread."""
    spread = figure(f"{name}_spread", unit, "standard deviation over anchor seeds", null=True)
    value = figure(name, unit, description, null=True)
    return (value, *interval(name, unit, "the 95 % jackknife interval"), spread)


def _by_seed(name: str, description: str) -> tuple[Field, Field]:
    """A mean over anchor seeds and its spread."""
    spread = f"standard deviation of {name} over anchor seeds"
    return (
        figure(name, INFORMATION, f"{description}, mean over anchor seeds"),
        figure(f"{name}_spread", INFORMATION, spread, null=True),
    )


INFORMATION_PARTS = (
    *_by_seed("plug_in", "plug-in information"),
    *_by_seed("null", "what labels independent of Z would give"),
    *_by_seed("corrected", "plug_in − null"),
)
NULL_DEVIATION = figure(
    "null_deviation", INFORMATION, "standard deviation of the shuffles, mean over seeds"
)

COMPRESSION = Table(
    "compression",
    "One row a measured revision and text, checkpoints included.",
    (
        MODEL,
        REVISION,
        TOKENS_SEEN,
        CORPUS,
        DTYPE,
        count("window_tokens", "tokens", "longest context; other windows give other figures"),
        count("stride_tokens", "tokens", "advance of the window"),
        BITS_PER_BYTE,
        *interval("", "bits/byte", "the 95 % document bootstrap of bits_per_byte"),
        BYTES,
        DOCUMENTS,
        count("failing_bytes", "bytes", "in documents that the tokenizer does not give back"),
        Field(
            "corpus_after_release", "boolean", None,
            "whether the text begins after the model's release", "derived",
        ),
        *_plane("complexity", INFORMATION, "corrected I(X;Z), single tokens, layers 1 to L"),
        *_plane("expressivity", INFORMATION, "corrected I(Y;Z), single tokens, layers 1 to L"),
        *_plane("optimality", "ratio", "expressivity / complexity; null near complexity 0"),
        RECORD,
        DATA_LICENCE,
    ),
    ("model", "revision", "corpus"),
)  # fmt: skip
TEXT_AMOUNTS = Table(
    "text_amounts",
    "One row a measured model, text and number of documents: how well its bits per byte are known.",
    (
        MODEL,
        DTYPE,
        CORPUS,
        count("documents", "documents", "number of documents looked at", "derived"),
        figure("bytes", "bytes", "of so many documents of the text's mean size"),
        figure("error", "bits/byte", "standard error of bits_per_byte from so many documents"),
        figure(
            "paired_error", "bits/byte",
            "standard error of the difference to a model next in rank on the same documents, "
            "median over these; null where there is none", null=True,
        ),
        DATA_LICENCE,
    ),
    ("model", "dtype", "corpus", "documents"),
)  # fmt: skip
COSTS = Table(
    "costs",
    "One row a measured model, text and suite: the seconds that either took.",
    (
        MODEL,
        DTYPE,
        CORPUS,
        BYTES,
        figure("corpus_seconds", "seconds", "wall time of scoring the text", "lower", "record"),
        text("corpus_way", "processor, device and threads that scored the text", "record"),
        text("suite", "the suite of benchmarks", "record"),
        count("items", "items", "items of the suite, over all its tasks"),
        figure("suite_seconds", "seconds", "wall time of the suite", "lower", "record"),
        text("suite_way", "processor, device and threads that ran the suite", "record"),
        figure(
            "ratio", "ratio", "suite_seconds / corpus_seconds; null where the ways differ",
            null=True,
        ),
        DATA_LICENCE,
    ),
    ("model", "dtype", "corpus", "suite"),
)  # fmt: skip
COMPRESSION_DOCUMENTS = Table(
    "compression_documents",
    "One row a measured revision, text and document: what the bits per byte sum over.",
    (
        MODEL,
        REVISION,
        CORPUS,
        text("document", "name of the document inside the text", "record"),
        BYTES,
        count("tokens", "tokens", "tokens of the document under the model's tokenizer"),
        figure("bits", "bits", "cost of the document under the model", "lower", "record"),
        Field(
            "lossless", "boolean", None, "whether the tokenizer gives the document back", "record"
        ),
        DATA_LICENCE,
    ),
    ("model", "revision", "corpus", "document"),
    formats=("parquet",),
)  # fmt: skip
COMPRESSORS = Table(
    "compressors",
    "One row a text and classical compressor: whole, and documents alone.",
    (
        text("compressor", "a classical compressor, no model"),
        text("settings", "of the compressor; whatever is not named is its default"),
        text("version", "of the package that compressed, and of the library behind it", "record"),
        CORPUS,
        replace(BITS_PER_BYTE, description="of the text as one stream", origin="derived"),
        figure(
            "document_bits_per_byte", "bits/byte",
            "each document compressed on its own, as models read it", "lower",
        ),
        *interval("", "bits/byte", "the 95 % document bootstrap of document_bits_per_byte"),
        BYTES,
        DOCUMENTS,
        RECORD,
        DATA_LICENCE,
    ),
    ("compressor", "corpus"),
)  # fmt: skip
COMPARISONS = Table(
    "comparisons",
    "One row a measured model, one of the ten nearest to it in its leaderboard, and text.",
    (
        MODEL,
        text("other", "the model that it is compared with on the same documents"),
        CORPUS,
        DTYPE,
        DOCUMENTS,
        figure("difference", "bits/byte", "bits per byte of model less those of other", "lower"),
        *interval("", "bits/byte", "the 95 % interval of difference, documents in pairs"),
        DATA_LICENCE,
    ),
    ("model", "other", "corpus", "dtype"),
)
INFORMATION_PLANE = Table(
    "information_plane",
    "One row a measured final revision, text, layer, side and order.",
    (
        MODEL,
        REVISION,
        CORPUS,
        DTYPE,
        count("positions", "positions", "hidden states analysed, per layer"),
        count("layer", "layers", "0 is the embedding"),
        text("unit_of_labels", "token or byte: what the labels are made of", "record"),
        text("side", "input: n-grams that end at a position; output: those after it", "record"),
        count("order", "tokens or bytes", "length of the labels"),
        figure("entropy", INFORMATION, "soft entropy H(Z), mean over anchor seeds"),
        figure("ceiling", INFORMATION, "information of labels that are all unique"),
        figure(
            "effective_rank", "dimensions", "exp of the entropy of the covariance's eigenvalues",
            origin="record",
        ),
        *INFORMATION_PARTS,
        NULL_DEVIATION,
        figure("null_error", INFORMATION, "Monte Carlo standard error of the null"),
        figure(
            "standard_error", INFORMATION, "of corrected, by jackknife over documents",
            origin="record", null=True,
        ),
        RECORD,
        DATA_LICENCE,
    ),
    ("model", "revision", "corpus", "layer", "unit_of_labels", "side", "order"),
)  # fmt: skip
PREFERENCES = Table(
    "preferences",
    "One row a measured revision and set of preference pairs.",
    (
        MODEL,
        REVISION,
        TOKENS_SEEN,
        PAIR_SET,
        DTYPE,
        count("pairs", "pairs", "preference pairs measured"),
        count("left_out", "pairs", "pairs that were too long for the protocol, or unusable"),
        count("completion_tokens", "tokens", "tokens of both sides of all pairs"),
        figure(
            "preference", INFORMATION, "corrected I(Z; preferred or not), layers 1 to L", "higher"
        ),
        *interval("preference", INFORMATION, "its 95 % jackknife interval over pairs"),
        figure("lexical", INFORMATION, "the same of layer 0: what the words alone give away"),
        *interval("lexical", INFORMATION, "its interval"),
        figure("beyond_lexical", INFORMATION, "preference − lexical", "higher"),
        *interval("beyond", INFORMATION, "the interval of beyond_lexical"),
        RECORD,
        DATA_LICENCE,
    ),
    ("model", "revision", "corpus"),
)
PREFERENCE_LAYERS = Table(
    "preference_layers",
    "One row a measured revision, set of preference pairs and layer.",
    (
        MODEL,
        REVISION,
        TOKENS_SEEN,
        PAIR_SET,
        DTYPE,
        count("layer", "layers", "0 is the embedding"),
        *INFORMATION_PARTS,
        NULL_DEVIATION,
        figure("standard_error", INFORMATION, "of corrected, by jackknife over pairs"),
        RECORD,
        DATA_LICENCE,
    ),
    ("model", "revision", "corpus", "layer"),
)
TRAJECTORIES = Table(
    "trajectories",
    "One row a measured checkpoint, text or suite, and quantity.",
    (
        MODEL,
        REVISION,
        TOKENS_SEEN,
        DTYPE,
        text("name", "the text's or the suite's name", "record"),
        text("quantity", "what was measured: bits_per_byte, optimality, mean_score, …", "derived"),
        figure("value", "see unit", "the figure; for bits lower is better, for scores higher"),
        text("unit", "unit of the value", "derived"),
        DATA_LICENCE,
    ),
    ("model", "revision", "name", "quantity"),
)
MEASURED = (
    COMPRESSION,
    COMPRESSION_DOCUMENTS,
    COMPRESSORS,
    COMPARISONS,
    TEXT_AMOUNTS,
    COSTS,
    INFORMATION_PLANE,
    PREFERENCES,
    PREFERENCE_LAYERS,
    TRAJECTORIES,
)


def _stated(name: str, description: str) -> Field:
    """A text that the imported file may leave out."""
    return text(name, description, "record", null=True)


def _flag(name: str, description: str, *, null: bool = True) -> Field:
    return Field(name, "boolean", None, description, "record", null)


IMPORTED = Table(
    "imported",
    "One row a figure of an imported result file, as the file has it.",
    (
        PROVENANCE,
        text("model", "the model's id as the file states it; need not be on the board", "record"),
        NAME,
        _stated("adapter", "what was put on top of the named weights: another model"),
        QUANTIZATION,
        _stated("stated_revision", "branch, tag or step that the file states; it may have moved"),
        _stated("commit", "commit of the named weights; null where the file has none"),
        text("task", "task or group of the harness, under its own name", "record"),
        _stated("prompt", "which of several prompts, where the file names them"),
        maybe(count("few_shot", "examples", "worked examples in the prompt; null: not stated")),
        text("metric", "the harness's name of the metric", "record"),
        _stated("filter", "how answers were read out of texts; null: not at all"),
        figure("value", "see unit", "the figure", origin="record"),
        _stated("unit", "unit of the value; null: the file does not say"),
        figure("stderr", "see unit", "standard error of value", origin="record", null=True),
        maybe(count("items", "items", "items scored; null: the file does not say")),
        _flag("higher_is_better", "direction; null: the file does not say"),
        _flag("disputed", "whether another imported file states another figure", null=False),
        figure(
            "apart",
            "standard errors",
            "how far the figures are apart; null: agreed, or no error is known",
            null=True,
        ),
        _stated("task_version", "version of the task in its harness"),
        _stated("dataset", "dataset of the task"),
        _stated("dataset_revision", "its revision; null: the file does not say"),
        _flag("chat_template", "whether one was used; null: the file does not say"),
        text("harness", "program that made the figure", "record"),
        _stated("harness_version", "its version; null: the file does not say"),
        Field("date", "date", "date", "when it was run; null: not stated", "record", True),
        text("source_file", "name of the imported file", "record"),
        text("source_sha256", "SHA-256 of the imported file", "record"),
        RECORD,
        DATA_LICENCE,
    ),
    ("record", "task", "prompt", "metric", "filter"),
)
