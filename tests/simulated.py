"""Cohorts with a known truth, to see whether intervals hold what they promise."""

from typing import Literal

import numpy as np
import pandas as pd
from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.figures import Column, Key
from compression_leaderboard.fits.study import study_cohort

from tests.frames import with_frame

Truth = Literal["line", "logistic"]
Noise = Literal["normal", "heavy", "shifted"]

SCORED_SHARE = 2 / 3  # of the groups; the others are new, and their truth tests the predictions


def simulated_cohort(
    seed: int,
    truth: Truth = "line",
    noise: Noise = "normal",
    groups: int = 45,
    models: int = 3,
    benchmarks: int = 1,
) -> tuple[Cohort, pd.DataFrame]:
    """A cohort whose last groups have no scores, and the scores of all rows.

    Scores: the truth, plus a deviation of each group (0.01), plus one of each model (0.02). Heavy:
    Student's t with 3 degrees of freedom at the same scale; shifted: the groups without scores
    lie 0.05 lower.
    """
    random = np.random.default_rng(seed)
    family = np.repeat(np.arange(groups), models)
    scored = family < round(groups * SCORED_SHARE)
    rate = random.uniform(0.5, 1.1, len(family))
    names = [f"task{k}" for k in range(benchmarks)]
    scores = pd.DataFrame({name: _scores(random, truth, noise, family, rate) for name in names})
    if noise == "shifted":
        scores.loc[~scored] -= 0.05
    frame = pd.DataFrame(
        {
            "model": [f"m{k:05d}" for k in range(len(family))],
            "name": [f"m{k:05d}" for k in range(len(family))],
            "label": [f"m{k:05d}" for k in range(len(family))],
            "family": [f"f{k:04d}" for k in family],
            "parameters": np.exp(random.normal(20, 1, len(family)) - 3 * rate),
            "training_flop": np.nan,
            "bpb": rate,
            "compression": rate,
        }
    )
    frame[names] = np.where(scored[:, None], scores, np.nan)
    frame["score"] = frame[names].mean(axis=1, skipna=False)
    cohort = Cohort(
        name="simulated",
        title="Simulated",
        provenance="published",
        split="leave-one-group-out",
        train_up_to=None,
        comparable_with="",
        compression=(Column(Key("compression", "bpb"), "Text", "bits per byte", False),),
        scores=tuple(Column(Key("score", n), n, "fraction", True, 0.25, 1.0) for n in names),
        citations=(),
        rows=(),
        mean_compression=Key("mean_compression"),
        mean_score=Key("mean_score"),
    )
    return with_frame(cohort, frame), scores


def _scores(
    random: np.random.Generator,
    truth: Truth,
    noise: Noise,
    family: np.ndarray,
    rate: np.ndarray,
) -> np.ndarray:
    if truth == "line":
        expected = 1.0 - 0.55 * rate
    else:
        expected = 0.25 + 0.75 / (1 + np.exp(8 * (rate - 0.8)))
    draw = random.standard_normal if noise != "heavy" else lambda n: random.standard_t(3, n)
    own = 0.01 * draw(family.max() + 1)
    return np.clip(expected + own[family] + 0.02 * draw(len(rate)), 0, 1)


def held(cohort: Cohort, scores: pd.DataFrame) -> tuple[int, int, int]:
    """How many intervals of 80 % and of 95 % hold the score of a model without one, of how many."""
    truth = dict(zip((row.model for row in cohort.rows), scores["task0"], strict=True))
    found = study_cohort(cohort, only=["task0"]).benchmarks[0].predictions
    inside = [[low <= truth[p.model] <= high for low, high in p.intervals] for p in found]
    at80, at95 = np.sum(inside, axis=0)
    return int(at80), int(at95), len(found)
