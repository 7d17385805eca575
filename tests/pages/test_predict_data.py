"""predict.json and tests/vectors/calculator.json give the answers of `leaderboard predict`."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from compression_leaderboard.cli import app
from compression_leaderboard.fits.evaluation import calibrate
from compression_leaderboard.fits.study import study_cohort, weigh_evidence
from compression_leaderboard.pages.predict_page import calculator_json, render_predict
from typer.testing import CliRunner

from tests import ROOT
from tests.calculator_vectors import NAME, make_boards, make_cases, make_curves
from tests.exported import renderer
from tests.published_cohorts import COHORTS, published_cohorts
from tests.vector_files import as_values, assert_alike, read_vectors

OTHERS = [pytest.param(name, marks=pytest.mark.slow) for name in COHORTS if name != "pythia-v0"]


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A repository that has the published cohorts only."""
    folder = tmp_path_factory.mktemp("predict")
    shutil.copytree(ROOT / "results/published", folder / "results/published")
    return folder


@pytest.fixture(scope="module")
def vectors():
    return read_vectors(NAME)


def ask(root: Path, cohort: str, figures: dict[str, float]) -> dict:
    """The answer of the command, which names texts as the tables do."""
    named = {name.removeprefix("compression."): value for name, value in figures.items()}
    compression = [x for name, v in named.items() for x in ("--compression", f"{name}={v!r}")]
    options = ["--cohort", cohort, "--benchmark", "score", "--json"]
    result = CliRunner().invoke(app, ["predict", "--root", str(root), *options, *compression])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)[0]


def cases_of(vectors, cohort):
    return [case for case in vectors["cases"] if case["board"] == cohort]


def test_every_cohort_whose_mean_is_fitted_can_be_asked(vectors):
    boards = sorted(make_boards(), key=lambda board: board["name"])
    assert tuple(board["name"] for board in boards) == COHORTS
    assert all(any(f["needed"] for f in board["fields"]) for board in boards)
    assert_alike(boards, vectors["boards"], rel=1e-6)
    cohorts = list(published_cohorts().values())
    studies = {cohort.name: study_cohort(cohort, only=[]) for cohort in cohorts}
    assert json.loads(calculator_json(cohorts, studies)) == []


def test_without_an_answerable_cohort_there_is_no_calculator():
    cohort = published_cohorts()["pythia-v0"]
    few = {cohort.name: weigh_evidence(replace(cohort, rows=cohort.rows[:3]))}
    page = render_predict(renderer(), [cohort], few, calibrate([], []))
    assert 'id="calculator"' not in page


@pytest.mark.parametrize("cohort", ["pythia-v0", *OTHERS])
def test_the_vectors_are_the_answers_of_python(vectors, cohort):
    (board,) = (board for board in vectors["boards"] if board["name"] == cohort)
    cases = cases_of(vectors, cohort)
    assert_alike(make_cases(board), cases, rel=1e-6)
    assert {case["kind"]: case["answer"]["extrapolation"] for case in cases} == {
        "middle": False,
        "better": True,
        "worse": True,
        "needed": False,
    }


def test_the_vectors_have_every_form(vectors):
    assert_alike(as_values({"curves": make_curves()})["curves"], vectors["curves"], rel=1e-6)


@pytest.mark.parametrize("kind", ["middle", "better", "worse", "needed"])
@pytest.mark.parametrize("cohort", ["pythia-v0", *OTHERS])
def test_the_command_gives_the_answer_of_the_vectors(root, vectors, cohort, kind):
    (board,) = (board for board in vectors["boards"] if board["name"] == cohort)
    (case,) = (case for case in cases_of(vectors, cohort) if case["kind"] == kind)
    shown = ask(root, cohort, case["figures"])
    ends = [[shown[f"{end}{level}"] for end in ("low", "high")] for level in (80, 95)]
    answer = {"value": shown["prediction"], "ends": ends, "extrapolation": shown["extrapolation"]}
    assert_alike(answer, case["answer"], rel=1e-6)
    assert board["fit"]["label"] == shown["predictors"]
    assert [i["kind"] for i in board["intervals"]] == [shown["interval80"], shown["interval95"]]
