"""Accuracy and coverage on the published cohorts, everything chosen inside the folds."""

import numpy as np
import pytest
from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.fits.study import study_cohort

from tests.frames import frame_of
from tests.published_cohorts import COHORTS, KINDS, expect_nominal, mean_studies, published_cohorts

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cohorts() -> dict[str, Cohort]:
    return published_cohorts()


@pytest.fixture(scope="module")
def means():
    """The mean of the benchmarks of each cohort, studied."""
    return {name: study.benchmarks[0] for name, study in mean_studies().items()}


def test_naming_a_benchmark_changes_none_of_its_figures(cohorts, means):
    """`predict --benchmark` answers as `predict` does: the folds are those of all benchmarks."""
    whole, alone = (
        study_cohort(cohorts["huang-2024"]).of(cohorts["huang-2024"].mean_score),
        means["huang-2024"],
    )
    for ours, theirs in zip(alone.validations, whole.validations, strict=True):
        one, other = ([row.prediction for row in j.rows] for j in (ours, theirs))
        assert [(p.model, p.form, p.predictors) for p in one] == [
            (p.model, p.form, p.predictors) for p in other
        ]
        assert [(p.value, *np.ravel(p.intervals)) for p in one] == [
            pytest.approx((p.value, *np.ravel(p.intervals)), rel=1e-9) for p in other
        ]
    assert [p.value for p in alone.predictions] == pytest.approx(
        [p.value for p in whole.predictions], rel=1e-9
    )


def test_families_left_out_are_predicted_to_one_and_a_half_points(means):
    accuracy = means["huang-2024"].validation("group").accuracy
    assert (accuracy.n, accuracy.groups) == (23, 10)
    assert accuracy.mae.value <= 0.015
    assert accuracy.mae.interval.low < accuracy.mae.value < accuracy.mae.interval.high


@pytest.mark.parametrize(
    ("cohort", "limit", "larger", "rmse"),
    [
        ("pythia-v0", 410e6, 30, 0.006),
        ("olmo-ladder", 400e6, 13, 0.010),
        ("mlfoundations-scaling", 160e6, 23, 0.009),
    ],
)
def test_larger_models_are_predicted_by_smaller_ones(cohorts, means, cohort, limit, larger, rmse):
    """A mean error, 1 − the mean score, has the same root mean square error as the score."""
    rows = means[cohort].validation("larger").rows
    sizes = frame_of(cohorts[cohort]).set_index("model")["parameters"]
    assert len(rows) == larger
    assert {row.prediction.model for row in rows} == set(sizes.index[sizes > limit])
    assert means[cohort].validation("larger").accuracy.rmse.value <= rmse


@pytest.mark.parametrize(
    ("cohort", "kind"), [expect_nominal(name, kind) for name in COHORTS for kind in KINDS]
)
def test_the_nominal_level_is_possible_for_the_coverage_of_the_mean(means, cohort, kind):
    """Inside the Clopper–Pearson interval, at both levels; single benchmarks: see the page."""
    for coverage in means[cohort].validation(kind).coverage:
        assert coverage.low <= coverage.level <= coverage.high, coverage


@pytest.mark.parametrize("cohort", COHORTS)
def test_every_interval_is_inside_the_range_of_scores_and_holds_its_prediction(means, cohort):
    for validation in means[cohort].validations:
        for row in validation.rows:
            (low80, high80), (low95, high95) = row.prediction.intervals
            assert 0 <= low80 <= row.prediction.value <= high80 <= 1
            assert 0 <= low95 <= row.prediction.value <= high95 <= 1
