"""The columns of the CSV files: one dictionary that the files and the documentation share."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    """A column of a download."""

    unit: str
    description: str


FILES = {
    "models.csv": "One row a model, measured or published: what it is.",
    "leaderboard.csv": "One row a model, number format and cohort: identity and means.",
    "scores.csv": "One row a model, number format, cohort and figure: texts and benchmarks.",
    "compression.csv": "One row a measured revision and text, checkpoints included.",
    "compressors.csv": "One row a text and classical compressor: whole, and documents alone.",
    "comparisons.csv": "One row a measured model, other model of its leaderboard, and text.",
    "information_plane.csv": "One row a measured final revision, text, layer, side and order.",
    "preferences.csv": "One row a measured revision and set of preference pairs.",
    "preference_layers.csv": "One row a measured revision, set of preference pairs and layer.",
    "trajectories.csv": "One row a measured checkpoint, corpus or suite, and quantity.",
    "imported.csv": "One row a figure of an imported result file, as the file has it.",
}

FIELDS: dict[str, Field] = {
    "cohort": Field("–", "the set of models that the row may be compared within"),
    "provenance": Field("–", "measured here, published by others, or imported"),
    "source": Field("–", "where the weights, or the published figures, come from"),
    "model": Field("–", "the model's id; @ and a quantization mark weights that are not original"),
    "name": Field("–", "the model's name; in trajectories.csv the text's or suite's name"),
    "family": Field("–", "models trained in the same way by the same team"),
    "kind": Field("–", "base or instruct"),
    "parameters": Field("parameters", "number of parameters"),
    "training_tokens": Field("tokens", "tokens seen in training"),
    "training_flop": Field(
        "FLOP", "training compute; 6 · parameters · tokens where no source gives it"
    ),
    "released": Field("date", "date of release"),
    "licence": Field("–", "licence of the model, as its file says"),
    "quantization": Field("–", "empty: the original weights"),
    "page": Field("–", "address of the model's page on this site"),
    "compression": Field("see unit", "mean over the cohort's texts; lower is better"),
    "score": Field("fraction", "mean over the cohort's benchmarks; empty unless all are known"),
    "column": Field("–", "the benchmark or the text"),
    "label": Field("–", "its name on the board"),
    "quantity": Field("–", "what was measured: bits_per_byte, optimality, mean_score, …"),
    "value": Field("see unit", "the figure"),
    "unit": Field("–", "unit of the value; empty in imported.csv: the file does not say"),
    "chance": Field("fraction", "score of random answers; empty for texts"),
    "revision": Field("–", "commit, or sha256- and 40 hex of the weights' hash"),
    "tokens_seen": Field("tokens", "training tokens at this checkpoint"),
    "corpus": Field("–", "the text or the set of preference pairs"),
    "window_tokens": Field("tokens", "longest context; other windows give other figures"),
    "stride_tokens": Field("tokens", "advance of the window"),
    "bits_per_byte": Field(
        "bits/byte", "cost of the text; lower is better; in compressors.csv as one stream"
    ),
    "compressor": Field("–", "a classical compressor, no model"),
    "settings": Field("–", "of the compressor; whatever is not named is its default"),
    "version": Field("–", "of the package that compressed, and of the library behind it"),
    "document_bits_per_byte": Field(
        "bits/byte", "each document compressed on its own, as models read it; lower is better"
    ),
    "other": Field("–", "the model that it is compared with on the same documents"),
    "difference": Field(
        "bits/byte", "bits per byte of model less those of other; below 0 model is better"
    ),
    "low95": Field(
        "bits/byte",
        "lower end of the 95 % document bootstrap: of bits_per_byte; in compressors.csv of "
        "document_bits_per_byte; in comparisons.csv of difference, documents in pairs",
    ),
    "high95": Field("bits/byte", "upper end of it"),
    "bytes": Field("bytes", "UTF-8 bytes scored"),
    "documents": Field("documents", "number of documents scored"),
    "failing_bytes": Field("bytes", "bytes in documents that the tokenizer does not give back"),
    "corpus_after_release": Field("–", "whether the text begins after the model's release"),
    "dtype": Field("–", "number format of the forward pass"),
    "positions": Field("positions", "hidden states analysed, per layer"),
    "unit_of_labels": Field("–", "token or byte: what the labels are made of"),
    "order": Field("tokens or bytes", "length of the labels"),
    "layer": Field("–", "0 is the embedding"),
    "side": Field("–", "input: n-grams that end at a position; output: those that follow"),
    "entropy": Field("ln(bins)", "soft entropy H(Z), mean over anchor seeds"),
    "plug_in": Field("ln(bins)", "plug-in information, mean over anchor seeds"),
    "plug_in_spread": Field("ln(bins)", "standard deviation of plug_in over anchor seeds"),
    "null": Field("ln(bins)", "what labels independent of Z would give, mean over anchor seeds"),
    "null_spread": Field("ln(bins)", "standard deviation of null over anchor seeds"),
    "null_deviation": Field("ln(bins)", "standard deviation of the shuffles, mean over seeds"),
    "corrected": Field("ln(bins)", "plug_in − null, mean over anchor seeds"),
    "corrected_spread": Field("ln(bins)", "standard deviation of corrected over anchor seeds"),
    "ceiling": Field("ln(bins)", "information of labels that are all unique, mean over seeds"),
    "effective_rank": Field("dimensions", "exp of the entropy of the covariance's eigenvalues"),
    "null_error": Field("ln(bins)", "Monte Carlo standard error of the null, mean over seeds"),
    "standard_error": Field(
        "ln(bins)",
        "of corrected, by jackknife over documents or pairs",
    ),
    "complexity": Field("ln(bins)", "corrected I(X;Z), single tokens, mean over layers 1 to L"),
    "complexity_low95": Field("ln(bins)", "lower end of the 95 % jackknife interval"),
    "complexity_high95": Field("ln(bins)", "upper end of it"),
    "complexity_spread": Field("ln(bins)", "standard deviation over anchor seeds"),
    "expressivity": Field("ln(bins)", "corrected I(Y;Z), single tokens, mean over layers 1 to L"),
    "expressivity_low95": Field("ln(bins)", "lower end of the 95 % jackknife interval"),
    "expressivity_high95": Field("ln(bins)", "upper end of it"),
    "expressivity_spread": Field("ln(bins)", "standard deviation over anchor seeds"),
    "optimality": Field("ratio", "expressivity / complexity; empty near complexity 0"),
    "optimality_low95": Field("ratio", "lower end of the 95 % jackknife interval"),
    "optimality_high95": Field("ratio", "upper end of it"),
    "optimality_spread": Field("ratio", "standard deviation over anchor seeds"),
    "pairs": Field("pairs", "preference pairs measured"),
    "left_out": Field("pairs", "pairs that were too long for the protocol, or unusable"),
    "completion_tokens": Field("tokens", "tokens of both sides of all pairs"),
    "preference": Field("ln(bins)", "corrected I(Z; preferred or not), mean over layers 1 to L"),
    "preference_low95": Field("ln(bins)", "lower end of its 95 % jackknife interval over pairs"),
    "preference_high95": Field("ln(bins)", "upper end of it"),
    "lexical": Field("ln(bins)", "the same of layer 0: what the words alone give away"),
    "lexical_low95": Field("ln(bins)", "lower end of its interval"),
    "lexical_high95": Field("ln(bins)", "upper end of it"),
    "beyond_lexical": Field("ln(bins)", "preference − lexical"),
    "beyond_low95": Field("ln(bins)", "lower end of its interval"),
    "beyond_high95": Field("ln(bins)", "upper end of it"),
    "adapter": Field("–", "what was put on top of the named weights: another model"),
    "stated_revision": Field("–", "branch, tag or step that the file states; it may have moved"),
    "commit": Field("–", "commit of the named weights; empty where the file has none"),
    "task": Field("–", "task or group of the harness, under its own name"),
    "prompt": Field("–", "which of several prompts, where the file names them"),
    "few_shot": Field("examples", "worked examples in the prompt; empty: the file does not say"),
    "metric": Field("–", "the harness's name of the metric"),
    "filter": Field("–", "how answers were read out of texts; none: not at all"),
    "stderr": Field("see unit", "standard error of value; empty: unknown"),
    "items": Field("items", "items scored; empty: the file does not say"),
    "higher_is_better": Field("–", "direction; empty: the file does not say"),
    "disputed": Field("–", "whether another imported file states another figure"),
    "apart": Field(
        "standard errors", "how far the figures are apart; empty: agreed, or no error is known"
    ),
    "task_version": Field("–", "version of the task in its harness"),
    "dataset": Field("–", "dataset of the task"),
    "dataset_revision": Field("–", "its revision; empty: the file does not say"),
    "chat_template": Field("–", "whether one was used; empty: the file does not say"),
    "harness": Field("–", "program that made the figure"),
    "harness_version": Field("–", "its version; empty: the file does not say"),
    "date": Field("date", "when it was run; empty: the file does not say"),
    "source_file": Field("–", "name of the imported file"),
    "source_sha256": Field("–", "SHA-256 of the imported file"),
    "record": Field("–", "the record that the row comes from, below records/"),
}
