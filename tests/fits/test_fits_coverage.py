"""Coverage of prediction intervals on every published cohort, and what widens them beyond."""

from dataclasses import replace

import numpy as np
import pytest
from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.fits.evaluation import Coverage, calibrate
from compression_leaderboard.fits.intervals import (
    PRIOR_CUTS,
    PRIOR_GROWTH,
    LeftOutRows,
    measure_scale,
)
from compression_leaderboard.fits.study import Evidence, pool_coverage, study_cohort
from compression_leaderboard.pages.predict_page import render_predict

from tests.exported import renderer
from tests.frames import frame_of, with_frame
from tests.published_cohorts import COHORTS, expect_nominal, published_cohorts
from tests.simulated import simulated_cohort


@pytest.fixture(scope="module")
def cohorts() -> dict[str, Cohort]:
    return published_cohorts()


@pytest.mark.slow
@pytest.mark.parametrize("name", map(expect_nominal, COHORTS))
def test_the_nominal_level_is_possible_for_the_coverage_of_every_cohort(cohorts, name):
    """The mean and all benchmarks together, groups and larger models left out, n = models."""
    found = pool_coverage(study_cohort(cohorts[name]))
    assert [(p.kind, p.is_mean) for p in found] == [
        ("group", True), ("group", False), ("larger", True), ("larger", False),
    ]  # fmt: skip
    for pooled in found:
        for coverage in pooled.coverage:
            assert coverage.n == pooled.models
            assert coverage.is_nominal, (pooled.kind, pooled.is_mean, coverage)


@pytest.mark.slow
@pytest.mark.parametrize("truth", ["line", "logistic"])
def test_larger_models_are_held_where_the_truth_is_known(truth):
    """Of three models in ten, the larger ones; a few points too often is what the prior costs."""
    held = np.zeros(2)
    n = 0
    for seed in range(30):
        cohort, _ = simulated_cohort(seed, truth, groups=24)
        study = study_cohort(replace(cohort, split="small-to-large"), only=["task0"])
        found = study.benchmarks[0].validation("larger").coverage
        held += [coverage.inside for coverage in found]
        n += found[0].n
    at80, at95 = held / n
    assert n == 30 * 19
    assert 0.77 <= at80 <= 0.90
    assert 0.92 <= at95 <= 0.99


def test_larger_models_have_no_part_in_their_own_intervals(cohorts):
    """Moving the scores of the larger models moves no prediction and no end of theirs."""
    cohort = cohorts["pythia-v0"]
    larger = frame_of(cohort)["parameters"] > cohort.train_up_to
    moved = frame_of(cohort).assign(score=frame_of(cohort)["score"].where(~larger, 0.5))
    first, second = (
        study_cohort(one, only=["score"]).benchmarks[0].validation("larger").rows
        for one in (cohort, with_frame(cohort, moved))
    )
    assert [r.prediction.intervals for r in first] == [r.prediction.intervals for r in second]
    assert [r.prediction.value for r in first] == [r.prediction.value for r in second]
    assert [r.measured for r in first] != [r.measured for r in second]


def rows(errors, beyond=0.0, larger=False) -> LeftOutRows:
    errors = np.asarray(errors, dtype=float)
    count = len(errors)
    groups = np.zeros(count, dtype=np.int64)
    return LeftOutRows(errors, np.full(count, beyond), np.full(count, larger), groups)


NEAR = [rows([0.01, -0.01]), rows([0.01, -0.01])]


def test_without_a_cut_larger_models_have_twice_the_variance():
    scale = measure_scale(NEAR, [], 0.0)
    assert scale.spread == pytest.approx(0.01)
    assert scale.larger == pytest.approx(0.01 * 2**0.5)
    assert scale.growth == pytest.approx(PRIOR_GROWTH)


def test_a_cut_counts_as_one_against_what_is_assumed():
    """Errors of 0.03 are eight variances more than the spread: (3 · 1 + 8) / 4 on top of it."""
    scale = measure_scale(NEAR, [rows([0.03, -0.03, 0.03], larger=True)], 0.0)
    assert scale.spread == pytest.approx(0.01)
    assert scale.larger == pytest.approx(0.01 * (1 + (PRIOR_CUTS + 8) / (PRIOR_CUTS + 1)) ** 0.5)


def test_growth_is_what_the_cut_shows_averaged_with_what_is_assumed():
    far = rows([0.05, 0.05], beyond=0.1, larger=True)
    scale = measure_scale(NEAR, [far], 0.0)
    shown = (0.05**2 - 2 * 0.01**2) / 0.1**2
    expected = (PRIOR_CUTS * PRIOR_GROWTH**2 + shown) / (PRIOR_CUTS + 1)
    assert scale.growth == pytest.approx(expected**0.5)


def test_larger_models_are_no_closer_than_the_items_of_a_benchmark_can_tell():
    scale = measure_scale(NEAR, [], 0.047)
    assert (scale.spread, scale.larger) == pytest.approx((0.01, 0.047))


def test_scale_beyond_and_for_larger_models():
    scale = measure_scale(NEAR, [], 0.0)
    found = scale.at(np.array([0.0, 0.04, 0.04]), np.array([False, False, True]))
    far = 0.04 * PRIOR_GROWTH
    assert found == pytest.approx([0.01, (0.01**2 + far**2) ** 0.5, (2 * 0.01**2 + far**2) ** 0.5])


def test_pooled_coverage_counts_models_and_not_predictions():
    """Of two benchmarks one holds all 24 models and one none: half, which is as 12 of 24."""
    cohort, _ = simulated_cohort(1, groups=12, benchmarks=3)
    study = study_cohort(cohort)
    both = []
    for one, share in zip(study.benchmarks[1:3], (0, 1), strict=True):
        validated = one.validation("group")
        held = tuple(replace(c, inside=share * c.n) for c in validated.coverage)
        both.append(replace(one, validations=(replace(validated, coverage=held),)))
    (pooled,) = pool_coverage(replace(study, benchmarks=tuple(both)))
    assert (pooled.kind, pooled.is_mean) == ("group", False)
    assert (pooled.benchmarks, pooled.models, pooled.predictions) == (2, 24, 48)
    assert [(c.inside, c.n, c.share) for c in pooled.coverage] == [(12, 24, 0.5)] * 2


def test_coverage_outside_of_its_level_is_named():
    """60 of 100 is not 80 %; 8 of 13 may be. Worked with tables of Clopper and Pearson."""
    assert not Coverage(0.8, 60, 100, "conformal").is_nominal
    few = Coverage(0.8, 8, 13, "conformal")
    assert few.is_nominal
    assert (few.low, few.high) == pytest.approx((0.316, 0.861), abs=1e-3)
    assert Coverage(0.95, 10, 10, "conformal").high == 1.0


def test_the_page_says_where_coverage_is_outside_nominal():
    """Also where it was inside before."""
    cohort, _ = simulated_cohort(2, groups=12)
    study = study_cohort(cohort)
    assert outside_nominal(cohort, study) == 0
    one = study.benchmarks[0]
    bad = replace(
        one.validations[0],
        coverage=tuple(replace(c, inside=c.n * 0.3) for c in one.validations[0].coverage),
    )
    worse = replace(study, benchmarks=(replace(one, validations=(bad,)),))
    assert outside_nominal(cohort, worse) == 2


def outside_nominal(cohort, study) -> int:
    """How often the table of coverage says so."""
    evidence = {cohort.name: Evidence(None, 12, study)}
    page = render_predict(renderer(), [cohort], evidence, calibrate([], []))
    table = page.partition(f'id="{cohort.name}-coverage"')[2].partition("</table>")[0]
    assert "<td" in table
    return table.count("outside nominal")
