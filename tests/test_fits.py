"""The fits: reference figures of the published cohort, and honest refusals."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from generator.files.published import read_published
from generator.files.specs import Specs
from generator.fits.evidence import weigh_evidence
from generator.tables.cohorts import Cohort, make_cohorts

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def huang() -> Cohort:
    tables, problems = read_published(ROOT)
    assert problems == []
    cohorts = make_cohorts(Specs(), [], tables)
    return next(cohort for cohort in cohorts if cohort.name == "huang-2024")


@pytest.fixture(scope="module")
def evidence(huang):
    return weigh_evidence(huang)


@pytest.mark.parametrize(
    ("score", "n", "pearson"),
    [("score", 23, -0.944), ("mmlu", 28, -0.907), ("arc_c", 26, -0.959)],
)
def test_reference_correlations(evidence, score, n, pearson):
    found = next(c for c in evidence.correlations if c.score == score)
    assert found.n == n
    assert found.pearson == pytest.approx(pearson, abs=5e-4)
    assert found.low < found.pearson < found.high < 0


def test_reference_rank_correlation(evidence):
    assert evidence.correlations[0].spearman == pytest.approx(-0.957, abs=5e-4)


def test_reference_figures_of_code_and_compute(huang):
    code = huang.rows.dropna(subset=["humaneval"])
    assert len(code) == 25
    assert stats.pearsonr(code["bpc_python"], code["humaneval"]).statistic == pytest.approx(
        -0.965, abs=5e-4
    )
    compute = huang.rows.dropna(subset=["training_flop", "score"])
    r = stats.pearsonr(np.log(compute["training_flop"]), compute["score"]).statistic
    assert r == pytest.approx(0.934, abs=5e-4)


def test_every_contender_is_judged_and_baselines_are_named(evidence):
    assert {c.name for c in evidence.contenders} == {
        "compression",
        "log parameters",
        "mean of the training rows",
    }
    errors = [c.mean_absolute_error for c in evidence.contenders]
    assert errors == sorted(errors)


def test_the_same_records_give_the_same_figures(huang, evidence):
    assert weigh_evidence(huang) == evidence


def with_rows(cohort: Cohort, rows: pd.DataFrame) -> Cohort:
    return Cohort(**(vars(cohort) | {"rows": rows}))


def test_few_models_give_no_fit(huang):
    found = weigh_evidence(with_rows(huang, huang.rows.head(5)))
    assert found.shortage is not None
    assert found.shortage.startswith("not enough evidence: ")
    assert (found.correlations, found.contenders, found.line) == ((), (), None)


def test_two_families_give_no_fit(huang):
    rows = huang.rows.assign(family=["A", "B"] * 14)
    assert "23 models of 2 families" in weigh_evidence(with_rows(huang, rows)).shortage


def test_a_constant_predictor_gives_no_fit(huang):
    rows = huang.rows.assign(compression=0.5)
    assert weigh_evidence(with_rows(huang, rows)).shortage is not None


def test_a_score_that_is_noise_is_not_called_predictable(huang):
    """With scores shuffled between models, compression does not beat the mean by much."""
    shuffled = np.random.default_rng(4).permutation(huang.rows["score"])
    found = weigh_evidence(with_rows(huang, huang.rows.assign(score=shuffled)))
    errors = {c.name: c.mean_absolute_error for c in found.contenders}
    assert errors["compression"] > 0.8 * errors["mean of the training rows"]
