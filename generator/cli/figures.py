"""How a finished job is told on the terminal: one line, with the figure that stands for it."""

from typing import Any

from generator.records.results import Lossless, Result
from generator.tables.preferences import preference_figure


def summary(result: Result) -> str:
    if result.error is not None:
        return f"failed ({result.error.reason}): {result.error.message}"
    value, unit, digits = _headline(result)
    return f"{value:.{digits}f} {unit}, {result.environment.wall_seconds:.0f} s"


def _headline(result: Result) -> tuple[float, str, int]:
    """The one figure that stands for a record on the terminal, its unit and its decimals."""
    if result.lossless is not None:
        return result.lossless.bits_per_byte, "bits/byte", 4
    if result.preference is not None:
        return preference_figure(result.preference).value, "ln(bins) of preference information", 6
    if result.classical is not None:
        raw = sum(document.bytes for document in result.classical.documents)
        best = min(result.classical.compressed, key=lambda text: text.whole_bytes)
        return 8 * best.whole_bytes / raw, f"bits/byte ({best.name}, the smallest)", 4
    if result.part is not None:
        leaves = [leaf for task in result.tasks for leaf in (task.subtasks or (task,))]
        return float(sum(len(leaf.responses) for leaf in leaves)), "items", 0
    main = [_main_score(task) for task in result.tasks]
    return sum(main) / len(main), "mean score", 4


def _main_score(task: Any) -> float:
    return next(float(s.value) for s in task.scores if s.metric == task.task.metric)


def not_ranked(lossless: Lossless) -> str:
    scored = sum(document.bytes for document in lossless.documents)
    wrong = "the tokenizer does not give the text back"
    return f"{wrong} ({lossless.failing_bytes} of {scored} bytes); kept, but not ranked"


def comparison(result: Result, record: Result) -> str:
    """One line that holds a local figure against the committed one."""
    if result.error is not None:
        return f"{result.name}: your machine failed, nothing to compare"
    (ours, unit, digits), (theirs, *_) = _headline(result), _headline(record)
    here, there = result.environment.dtype, record.environment.dtype
    formats = f" ({here} here, {there} there)" if here else ""
    return (
        f"{result.name}: your machine: {ours:.{digits}f} {unit}, "
        f"record {theirs:.{digits}f}, difference {ours - theirs:+.{digits}f}{formats}"
    )
