"""Left-out rows: how far predictions were from scores, and how often intervals held them."""

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.fits.accuracy import measure_accuracy
from generator.fits.coverage import Coverage
from generator.fits.findings import Judgement, LeftOutColumns
from generator.fits.forms import Form
from generator.fits.intervals import LEVELS, Errors, collect_errors, make_interval
from generator.fits.nested import Chosen, Fitted
from generator.fits.training import TrainingSet

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Relative:
    """Nested errors over their scale, by row, with the outer fold that held the row."""

    values: Array
    fold: NDArray[np.int64]
    groups: NDArray[np.int64]

    def without(self, fold: int) -> Errors:
        kept = self.fold != fold
        return collect_errors(self.values[kept], self.fold[kept], self.groups[kept])


def nested_errors(
    fitted: Fitted, benchmark: int, nested: Sequence[tuple[TrainingSet, Chosen]]
) -> tuple[Errors, Relative] | None:
    values, folds, groups = [], [], []
    scores = fitted.table.scores[:, benchmark]
    by_group = [(s, c) for s, c in nested if s.kind == "group"]
    for k, (one, chosen) in enumerate(by_group):
        held = one.test & np.isfinite(scores)
        scale = chosen.scale_at(held)
        values.append((scores[held] - chosen.predictions[held]) / scale)
        folds.append(np.full(int(held.sum()), k))
        groups.append(fitted.table.groups[held])
    if not values or not sum(map(len, values)):
        return None
    relative = Relative(np.concatenate(values), np.concatenate(folds), np.concatenate(groups))
    return collect_errors(relative.values, relative.fold, relative.groups), relative


def judge(
    fitted: Fitted,
    benchmark: int,
    nested: Sequence[tuple[TrainingSet, Chosen]],
    errors: tuple[Errors, Relative],
    seed: int,
) -> Judgement:
    """Left-out rows of one kind. The errors that make a row's interval are those of other folds.

    Where larger or later models are left out, nested errors would have seen them: there the
    intervals come from the errors of the inner folds.
    """
    table = fitted.table
    scores = table.scores[:, benchmark]
    ceiling = table.benchmarks[benchmark].ceiling
    measured, values, bounds = array("d"), array("d"), array("d")
    fits: list[tuple[Form, str]] = []
    places: list[int] = []
    names: Counter[tuple[str, Form]] = Counter()
    kinds: list[list[str]] = [[] for _ in LEVELS]
    for k, (one, chosen) in enumerate(nested):
        held = np.flatnonzero(one.test & np.isfinite(scores))
        candidate = fitted.candidates[chosen.candidate]
        if len(held) == 0:
            continue
        names[candidate.label, candidate.form] += 1
        own = errors[1].without(k) if one.kind == "group" else chosen.inner
        predicted = chosen.predictions[held]
        scale = chosen.scale_at(held)
        ends = [make_interval(v, predicted, scale, own, ceiling) for v in LEVELS]
        for level, kind in zip(LEVELS, kinds, strict=True):
            kind.append(own.kind(level))
        places += held.tolist()
        measured.extend(scores[held])
        values.extend(predicted)
        bounds.extend(np.stack([end for pair in ends for end in pair], axis=1).ravel())
        fits += [(candidate.form, candidate.label)] * len(held)
    truth, by_row = np.array(measured), np.array(bounds).reshape(len(measured), len(LEVELS), 2)
    inside = (by_row[:, :, 0] <= truth[:, None]) & (truth[:, None] <= by_row[:, :, 1])
    coverage = tuple(
        Coverage(level, int(n), len(truth), " and ".join(sorted(set(kind))))
        for level, n, kind in zip(LEVELS, inside.sum(axis=0), kinds, strict=True)
    )
    models = tuple(table.models[row] for row in places)
    return Judgement(
        nested[0][0].kind,
        LeftOutColumns(models, measured, values, bounds, tuple(fits)),
        measure_accuracy(truth, np.array(values), table.groups[places], seed),
        coverage,
        tuple((label, form, n) for (label, form), n in sorted(names.items(), key=_often_first)),
    )


def _often_first(item: tuple[tuple[str, Form], int]) -> tuple[int, tuple[str, Form]]:
    return -item[1], item[0]
