"""The fits: reference figures of the published cohort, and honest refusals."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.fits.correlations import bootstrap_pearson, correlate, partial_spearman
from compression_leaderboard.fits.evaluation import COMPRESSION
from compression_leaderboard.fits.study import study_cohort, weigh_evidence
from scipy import stats

from tests.frames import fit_frame, frame_of, with_frame
from tests.published_cohorts import published_cohorts
from tests.simulated import simulated_cohort


@pytest.fixture(scope="module")
def huang() -> Cohort:
    return published_cohorts()["huang-2024"]


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
    assert found.interval.low < found.pearson < found.interval.high < 0


def test_reference_rank_correlation(evidence):
    assert evidence.correlations[0].spearman == pytest.approx(-0.957, abs=5e-4)


def test_reference_figures_of_code_and_compute(huang):
    code = frame_of(huang).dropna(subset=["humaneval"])
    assert len(code) == 25
    assert stats.pearsonr(code["bpc_python"], code["humaneval"]).statistic == pytest.approx(
        -0.965, abs=5e-4
    )
    compute = frame_of(huang).dropna(subset=["training_flop", "score"])
    r = stats.pearsonr(np.log(compute["training_flop"]), compute["score"]).statistic
    assert r == pytest.approx(0.934, abs=5e-4)


def test_every_contender_is_validated_on_the_same_rows_best_first(evidence):
    everyone, (with_compute,) = evidence.study.benchmarks[0].comparison, evidence.study.on_known
    names = {c.name for c in everyone.contenders}
    assert {COMPRESSION, "mean", "log parameters", "average", "bpc_python", "all texts"} <= names
    assert "log training compute" not in names  # unknown for some of these rows
    assert "log training compute" in {c.name for c in with_compute.contenders}
    assert (everyone.n, everyone.groups, with_compute.n) == (23, 10, 18)
    for comparison in (everyone, with_compute):
        errors = [c.mae.value for c in comparison.contenders]
        assert errors == sorted(errors)


def test_size_is_a_contender_on_the_rows_that_have_one():
    """One model without a size takes size out of the contest on all rows, not out of both."""
    cohort, _ = simulated_cohort(3, groups=12)
    rows = frame_of(cohort)
    one_unknown = rows["parameters"].where(rows["model"] != "m00004")
    everyone, sized = (
        study_cohort(with_frame(cohort, rows.assign(parameters=sizes)))
        for sizes in (rows["parameters"], one_unknown)
    )
    assert everyone.on_known == ()
    names = {c.name for c in sized.benchmarks[0].comparison.contenders}
    assert "log parameters" not in names
    (again,) = sized.on_known
    assert (again.rows, again.n) == ("rows with known parameters", 23)
    assert "log parameters" in {c.name for c in again.contenders}


def test_code_beats_training_compute_where_the_average_of_the_texts_loses_to_it(evidence):
    """Both are results, and the page says both."""
    points = {c.name: 100 * c.mae.value for c in evidence.study.on_known[0].contenders}
    assert points["log training compute"] == pytest.approx(2.9, abs=0.05)
    assert points["average"] == pytest.approx(3.4, abs=0.1)
    assert points["bpc_python"] == pytest.approx(1.4, abs=0.05)
    assert points["bpc_cc + bpc_python"] == pytest.approx(1.2, abs=0.05)


def test_a_left_out_family_is_not_in_its_own_fit(huang, evidence):
    """Moving one family's scores changes no prediction and no form for that family."""
    own = frame_of(huang)["family"] == "Llama-2"
    moved = frame_of(huang).assign(
        score=frame_of(huang)["score"].where(~own, frame_of(huang)["score"] - 0.1)
    )
    found = study_cohort(with_frame(huang, moved), only=["score"])

    def left_out(study):
        rows = study.benchmarks[0].validation("group").rows
        return [row.prediction for row in rows if "Llama-2-" in row.prediction.model]

    own_rows, moved_rows = left_out(evidence.study), left_out(found)
    assert len(own_rows) == 3
    assert [(r.form, r.predictors) for r in own_rows] == [
        (r.form, r.predictors) for r in moved_rows
    ]
    expected = [r.value for r in own_rows]
    assert [r.value for r in moved_rows] == pytest.approx(expected, abs=1e-9)


def test_what_a_study_keeps_is_its_own(evidence):
    """A view of one candidate's predictions would keep those of all of them in memory."""
    for one in evidence.study.benchmarks:
        for chosen in (one.fit.chosen, *one.fit.outer):
            assert chosen.predictions.base is None
            assert chosen.parameters.base is None


def test_partial_correlation_of_a_worked_example():
    """With r_xy = r_xz = r_yz = r the partial correlation is r / (1 + r)."""
    generator = np.random.default_rng(1)
    common = generator.standard_normal(20_000)
    x, y, z = (common + generator.standard_normal(20_000) for _ in range(3))
    rho = stats.spearmanr(x, y).statistic
    assert partial_spearman(x, y, z) == pytest.approx(rho / (1 + rho), abs=0.02)
    assert partial_spearman(x, y, np.where(np.arange(20_000) == 3, np.nan, z)) is None
    assert partial_spearman(x, y, x) is None


def test_the_family_bootstrap_is_that_of_resampled_rows(huang):
    """The short cut by sums gives the r of the very rows that a draw would put together."""
    rows = frame_of(huang).dropna(subset=["compression", "score"])
    x, y = rows["compression"].to_numpy(), rows["score"].to_numpy()
    low, high = bootstrap_pearson(x, y, list(rows["family"]), seed=0)
    families = sorted(set(rows["family"]))
    generator = np.random.default_rng(0)
    shares = np.full(len(families), 1 / len(families))
    pairs = rows[["compression", "score"]].to_numpy()
    own = [pairs[rows["family"] == family] for family in families]
    drawn = []
    for times in generator.multinomial(len(families), shares, 2000):
        both = np.concatenate([own[k] for k, count in enumerate(times) for _ in range(count)])
        drawn.append(np.corrcoef(both.T)[0, 1])
    assert np.quantile(drawn, [0.025, 0.975]) == pytest.approx([low, high])


@pytest.mark.slow
def test_the_same_records_give_the_same_figures(huang, evidence):
    again = {"huang": weigh_evidence(huang)}
    for table in ("predictions", "fits", "residuals", "correlations"):
        own = fit_frame(table, {"huang": evidence})
        assert len(own) > 0
        pd.testing.assert_frame_equal(fit_frame(table, again), own, check_exact=True)


def test_few_models_give_no_fit(huang):
    found = weigh_evidence(with_frame(huang, frame_of(huang).head(5)))
    assert found.shortage is not None
    assert found.shortage.startswith("not enough evidence: ")
    assert (found.correlations, found.line) == ((), None)
    assert all(b.shortage and b.fit is None for b in found.study.benchmarks)


def test_two_families_give_no_fit(huang):
    rows = frame_of(huang).assign(family=["A", "B"] * 14)
    assert "23 models of 2 families" in weigh_evidence(with_frame(huang, rows)).shortage


@pytest.mark.slow
def test_a_constant_predictor_gives_no_fit(huang):
    rows = frame_of(huang).assign(compression=0.5)
    huang = replace(huang, scores=huang.scores[:1])  # the mean of all is in the rows
    assert weigh_evidence(with_frame(huang, rows)).shortage is not None


def test_a_score_that_is_noise_is_not_called_predictable(huang):
    """With scores shuffled between models, nothing is much better than the mean."""
    shuffled = np.random.default_rng(4).permutation(frame_of(huang)["score"])
    study = study_cohort(with_frame(huang, frame_of(huang).assign(score=shuffled)), only=["score"])
    errors = {c.name: c.mae.value for c in study.benchmarks[0].comparison.contenders}
    assert errors[COMPRESSION] > 0.8 * errors["mean"]


def test_a_benchmark_known_for_two_families_only_has_no_correlation(huang):
    few = frame_of(huang)["family"].isin(["Llama", "Qwen1.5"])
    rows = frame_of(huang).assign(mmlu=frame_of(huang)["mmlu"].where(few))
    found = {c.score for c in correlate(with_frame(huang, rows), 0)}
    assert "mmlu" not in found
    assert "arc_c" in found


def test_corrected_p_values_are_never_smaller_than_raw_ones(huang, evidence):
    for found in evidence.correlations:
        known = frame_of(huang).dropna(subset=["compression", found.score])
        raw = stats.pearsonr(known["compression"], known[found.score]).pvalue
        assert found.p_value >= raw


def test_the_band_holds_the_line(evidence):
    line = evidence.line
    assert all(a < b < c for a, b, c in zip(line.low, line.y, line.high, strict=True))
