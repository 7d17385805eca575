"""Intervals hold what they promise where the truth is known, and the cost grows in a line."""

import numpy as np
import pytest
from compression_leaderboard.fits.splits import MOST_CUTS, cut_by_size

from tests.simulated import held, simulated_cohort

pytestmark = pytest.mark.slow

RUNS = 50  # make benchmark: 500


@pytest.mark.parametrize("truth", ["line", "logistic"])
def test_intervals_hold_their_nominal_share_of_new_models(truth):
    """30 groups with scores, 15 groups without, which are predicted."""
    runs = [held(*simulated_cohort(seed, truth)) for seed in range(RUNS)]
    at80, at95, n = np.sum(runs, axis=0)
    assert n == RUNS * 45
    assert at80 / n == pytest.approx(0.80, abs=0.03)
    assert at95 / n == pytest.approx(0.95, abs=0.03)


def test_a_shifted_family_is_held_less_often():
    """What intervals cannot know: the simulation itself can fail."""
    runs = [held(*simulated_cohort(seed, noise="shifted")) for seed in range(5)]
    at80, _, n = np.sum(runs, axis=0)
    assert at80 / n < 0.5


def test_cuts_by_size_do_not_grow_with_the_models():
    sizes = np.arange(1.0, 501)
    folds = cut_by_size(sizes, np.ones(500, dtype=bool))
    assert len(folds) == MOST_CUTS
    trained = [int(fold.train.sum()) for fold in folds]
    assert (trained[0], trained[-1]) == (200, 499)  # from the smallest share to all but the largest
    assert trained == sorted(set(trained))
    for fold in folds:
        assert sizes[fold.train].max() < sizes[fold.test].min()
