"""Bad input to a fit, case by case, as a reader of the Predict page sees it: never a made-up line.

Cells that are no numbers, scores in per cent and models that stand twice are told by
`leaderboard check` before there is a page: test_published.py, test_results.py.
"""

import re
from dataclasses import replace
from html import unescape

import numpy as np
import pandas as pd
import pytest
from compression_leaderboard.board.cohorts import Cohort, make_cohorts
from compression_leaderboard.board.figures import Key
from compression_leaderboard.fits.evaluation import calibrate
from compression_leaderboard.fits.predict import Answer
from compression_leaderboard.fits.study import study_cohort, weigh_evidence
from compression_leaderboard.pages.predict_page import render_predict
from compression_leaderboard.records.published import CompressionColumn, ScoreColumn
from compression_leaderboard.repository.contents import PublishedTable

from tests.cases import one_in
from tests.exported import renderer
from tests.factory import make_source, make_specs
from tests.frames import fit_frame, frame_of, with_frame
from tests.simulated import simulated_cohort


def with_mean(cohort: Cohort, rows: pd.DataFrame) -> Cohort:
    """The cohort with other rows, whose mean score follows from their scores."""
    names = [s.name for s in cohort.scores]
    return with_frame(cohort, rows.assign(score=rows[names].mean(axis=1, skipna=False)))


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    """Twenty-four scored models of eight families, two benchmarks, twelve models without scores."""
    return simulated_cohort(7, groups=12, benchmarks=2)[0]


def shown(cohort: Cohort) -> str:
    """The cohort's part of the Predict page, as text."""
    return as_text(page_of(cohort, evidence_of(cohort)))


def page_of(cohort: Cohort, evidence) -> str:
    return render_predict(renderer(), [cohort], evidence, calibrate([], []))


def as_text(page: str) -> str:
    return unescape(re.sub(r"<[^>]+>", " ", page))


def evidence_of(cohort: Cohort):
    return {cohort.name: weigh_evidence(cohort)}


def refused(cohort: Cohort, reason: str) -> None:
    """The page says so, and there is no line, no chart, no prediction and no calculator."""
    found = evidence_of(cohort)
    page = page_of(cohort, found)
    assert f"Not enough evidence: {reason}." in as_text(page)
    assert "<svg" not in page
    assert "<table" not in page
    assert found[cohort.name].line is None
    assert len(fit_frame("predictions", found)) == 0
    fits = fit_frame("fits", found)
    assert set(fits["fold"]) == {"none"}
    assert fits["shortage"].str.startswith("not enough evidence").all()
    assert 'id="calculator"' not in page


def test_the_cohort_is_fitted_before_it_is_spoiled(cohort):
    found = evidence_of(cohort)
    assert "Not enough evidence" not in as_text(page_of(cohort, found))
    assert len(fit_frame("predictions", found)) == 3 * 12


def test_fewer_than_eight_models(cohort):
    refused(
        with_mean(cohort, frame_of(cohort).head(7)),
        "7 models of 3 families have all figures; a fit needs at least 8 models of 3 families",
    )


def test_no_model_at_all(cohort):
    refused(
        with_mean(cohort, frame_of(cohort).head(0)),
        "0 models of 0 families have all figures; a fit needs at least 8 models of 3 families",
    )


def test_one_group_only(cohort):
    refused(
        with_mean(cohort, frame_of(cohort).assign(family="one")),
        "24 models of 1 family have all figures; a fit needs at least 8 models of 3 families",
    )


@pytest.mark.parametrize("sizes", [(6, 2, 1), (8, 2, 1)])
def test_one_large_group_beside_two_small_ones(cohort, sizes):
    """Without the large one nothing can be fitted, so no other group's errors are known."""
    rows = frame_of(cohort).head(sum(sizes))
    families = [f"family{k}" for k, size in enumerate(sizes) for _ in range(size)]
    refused(
        with_mean(cohort, rows.assign(family=families)), "fewer than two groups could be left out"
    )


def test_a_constant_predictor(cohort):
    rows = frame_of(cohort).assign(bpb=0.8, compression=0.8)
    refused(with_mean(cohort, rows), "all models have the same figures")


def test_all_scores_the_same(cohort):
    rows = frame_of(cohort).assign(
        task0=frame_of(cohort)["task0"].where(frame_of(cohort)["task0"].isna(), 0.5)
    )
    page = shown(with_mean(cohort, rows))
    assert "task0: not enough evidence: all models have the same figures" in page
    assert "task1: not enough" not in page


@pytest.mark.parametrize("known", one_in(2, [True, False]))
def test_all_scores_at_chance(cohort, known):
    """Within two standard errors where they are known, within two points where they are not."""
    noise = np.random.default_rng(1).uniform(-0.015, 0.015, len(cohort.rows))
    chance = (0.25 + noise) + 0 * frame_of(cohort)["task0"]  # NaN stays NaN
    rows = frame_of(cohort).assign(task0=chance)
    if known:
        rows = rows.assign(task0=0.25 + 2 * (chance - 0.25), task0_stderr=0.02)
    page = shown(with_mean(cohort, rows))
    assert "task0: not enough evidence: all scores are at chance" in page
    assert "task1: not enough" not in page
    both = with_mean(cohort, rows.assign(task1=rows["task0"], task1_stderr=0.02, score_stderr=0.02))
    study = study_cohort(both)
    assert {b.shortage for b in study.benchmarks} == {
        "not enough evidence: all scores are at chance"
    }
    refused(both, "all scores are at chance")


@pytest.mark.slow
def test_a_model_whose_figures_are_not_known_trains_nothing_and_is_not_predicted(cohort):
    """NaN is what an empty cell becomes; a cell that says nan is refused."""
    spoiled = frame_of(cohort).copy()
    spoiled.loc[0, ["bpb", "compression"]] = np.nan
    found, without = (
        evidence_of(with_mean(cohort, rows)) for rows in (spoiled, frame_of(cohort).drop(index=0))
    )
    pd.testing.assert_frame_equal(
        fit_frame("predictions", found), fit_frame("predictions", without)
    )
    assert "nan" not in as_text(page_of(with_mean(cohort, spoiled), found)).lower()


def test_a_family_without_sizes_is_left_out_by_a_fit_without_sizes(cohort):
    """Its rows are missing only where it is left out: there sizes predict best, but not for it."""
    rows = frame_of(cohort)
    sized = 0.3 + 0.1 * (np.log(rows["parameters"]) - 16) - 0.2 * (rows["bpb"] - 0.8)
    unknown = rows["family"] == "f0002"
    rows = rows.assign(
        task0=sized.where(rows["task0"].notna()),
        parameters=rows["parameters"].where(~unknown),
    )
    study = study_cohort(with_mean(cohort, rows)).of(Key("score", "task0"))
    left_out = {row.prediction.model: row.prediction for row in study.validation("group").rows}
    assert len(left_out) == 24
    assert np.isfinite([prediction.value for prediction in left_out.values()]).all()
    assert {"parameters" in left_out[m].predictors for m in rows["model"][unknown]} == {False}


def test_a_benchmark_that_nobody_has_leaves_the_others_and_no_mean(cohort):
    rows = frame_of(cohort).assign(task0=np.nan)
    page = shown(with_mean(cohort, rows))
    assert "Not enough evidence: 0 models of 0 families have all figures" in page
    assert "task0: not enough evidence: 0 models of 0 groups have all figures" in page
    assert "task1: not enough" not in page
    assert "Predictions of up to 24 models that the fit had not seen" in page
    assert "Errors of the mean score of" not in page


def test_a_negative_control_is_labelled_wherever_it_stands(cohort):
    """In the table of errors, in the correlations and as a warning of a prediction."""
    first, second = cohort.scores
    marked = replace(cohort, scores=(first, replace(second, negative_control=True)))
    found = evidence_of(marked)
    page = as_text(page_of(marked, found))
    assert page.count("task1 (negative control)") == 3  # two kinds of left-out models, one r
    assert "task0 (negative control)" not in page
    study = found[marked.name].study.of(Key("score", "task1"))
    answer = Answer(marked, study, study.predictions[0])
    assert "negative control: compression is expected to tell little" in answer.warnings


# Family, size, bits and two scores. In the first table small models choose the form for large
# ones, and a form that they choose cannot be fitted without some of the groups. In the second one
# a search for a logistic curve takes a step too far.
SPARSE = """b 9e18 3.8 0.1 -
d - 2.2 0.15 0.5
e 70 1.6 0.075 1
e - 3.1 0.0 -
d 1e9 3.3 0.125 1e-9
d 9e18 1.0 0.45 -
f 1e9 1.8 0.025 0.25
a 1e9 3.4 0.4 0
a 7 3.8 0.975 1
c 7 1.4 0.075 0
f 1e9 2.8 0.575 -
c 1e9 1.7 0.5 0.5
d 1 3.6 0.525 -
a 9e18 1.0 0.275 1e-9"""
STEEP = """f 70 - 1e-9 1e-9
c 70 1e-300 1e-9 0
a 70 - 1e-9 1e-9
b 70 0.7 1e-9 0.5
d 70 0.7 1e-9 1
b 70 1e-300 1e-9 0.5
e 70 0.5 1e-9 1
c 70 1e-300 1e-9 -
d 70 1e-300 1e-9 0.5
a 70 0.7 1e-9 0.5
a 70 1 1e-9 0.25
e 70 - 1e-9 0.25
c 70 0.5 1e-9 0.25
a 70 999 1e-9 1e-9"""


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize(("lines", "chance"), [(SPARSE, 0.25), (STEEP, 0.99)])
def test_a_table_that_made_a_fit_fail_is_fitted(lines, chance):
    names = ("model", "family", "size", "bits", "quiz0", "quiz1")
    rows = (f"m{k} {line}".split() for k, line in enumerate(lines.splitlines()))
    cells = [["" if cell == "-" else cell for cell in row] for row in rows]
    source = make_source(
        parameters="size",
        split="small-to-large",
        compression=(CompressionColumn(column="bits", label="Bits", unit="bits per character"),),
        scores=tuple(
            ScoreColumn(column=f"quiz{k}", label="Quiz", chance=chance, metric="accuracy")
            for k in range(2)
        ),
    )
    table = PublishedTable(source, tuple(dict(zip(names, row, strict=True)) for row in cells))
    (cohort,) = make_cohorts(make_specs(), [], [table])
    study = study_cohort(cohort)
    assert any(b.fit for b in study.benchmarks)
    assert all(np.isfinite(p.intervals).all() for p in study.predictions)
