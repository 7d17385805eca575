"""Every figure of a board by what it is of, and whether two readings of it differ beyond noise."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from generator.export.board import Board
from generator.records.results import Lossless, Result
from generator.tables.cohorts import Cohort
from generator.tables.derive import compare_bits, main_score

NORMAL95 = 1.959963984540054  # half-width of a 95 % interval, in standard errors

Key = tuple[str, str, str, str, str]  # source, model, revision, number format, text or benchmark


@dataclass(frozen=True)
class Reading:
    """One figure: bits per byte with its documents, or a score with its standard error."""

    value: float
    unit: str
    stderr: float | None = None
    lossless: Lossless | None = None


@dataclass(frozen=True)
class Move:
    """How a figure changed. noise: half the 95 % interval of the difference; None: unknown."""

    source: str  # "measured", or the published source
    model: str
    revision: str  # "" for published figures
    dtype: str
    figure: str
    unit: str
    before: float
    after: float
    noise: float | None

    @property
    def beyond_noise(self) -> bool:
        """Without a known error every change counts."""
        return self.noise is None or abs(self.after - self.before) > self.noise


def read_figures(board: Board) -> dict[Key, Reading]:
    """Every figure that counts: final weights and checkpoints, and what others published."""
    found: dict[Key, Reading] = {}
    for entry in board.current:
        result = entry.result
        whose = ("measured", result.model, result.revision, str(result.environment.dtype))
        for name, reading in readings_of(result):
            found[(*whose, name)] = reading
    for cohort in board.cohorts:
        if cohort.provenance == "published":
            found |= dict(_published(cohort))
    return found


def readings_of(result: Result) -> Iterator[tuple[str, Reading]]:
    """The figures of one record."""
    if result.lossless is not None:
        rate = result.lossless.bits_per_byte
        yield result.name, Reading(rate, "bits/byte", lossless=result.lossless)
    for task in result.tasks:
        value, stderr, _ = main_score(task)
        yield task.task.task, Reading(value, "fraction", stderr)


def _published(cohort: Cohort) -> Iterator[tuple[Key, Reading]]:
    for column in (*cohort.compression, *cohort.scores):
        for model, value in zip(cohort.rows["model"], cohort.rows[column.name], strict=True):
            if pd.notna(value):
                yield (cohort.name, model, "", "", column.name), Reading(float(value), column.unit)


def move(key: Key, before: Reading, after: Reading) -> Move:
    """From one reading to the next of the same figure."""
    source, model, revision, dtype, figure = key
    noise = _noise(before, after)
    return Move(
        source, model, revision, dtype, figure, after.unit, before.value, after.value, noise
    )


def _noise(before: Reading, after: Reading) -> float | None:
    """Bits on the same documents are compared in pairs; scores as independent samples."""
    if before.lossless is not None and after.lossless is not None:
        compared = compare_bits(after.lossless, before.lossless)
        return None if compared is None else (compared[1].high - compared[1].low) / 2
    if before.stderr is None or after.stderr is None:
        return None
    return NORMAL95 * math.hypot(before.stderr, after.stderr)
