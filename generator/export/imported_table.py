"""The table of imported figures: its columns, in order."""

from generator.export.fields import (
    DATA_LICENCE,
    NAME,
    PROVENANCE,
    QUANTIZATION,
    RECORD,
    Field,
    Table,
    count,
    figure,
    maybe,
    text,
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
