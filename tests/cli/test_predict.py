"""`leaderboard predict`: answers as table and JSON, and refusals that say what is missing."""

import json
import shutil
from pathlib import Path

import pytest
from compression_leaderboard.cli import app
from compression_leaderboard.records.base import UserError
from typer.testing import CliRunner

from tests import ROOT

COLUMNS = "bpc_arxiv_math, bpc_cc, bpc_python, parameters, training_flop"
UNUSABLE = "has no usable number; write NAME=NUMBER with a number above 0"


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A repository that has the published cohort of Huang et al. only."""
    folder = tmp_path_factory.mktemp("predict")
    own = "results/published/huang-2024"
    shutil.copytree(ROOT / own, folder / own)
    return folder


def predict(root: Path, *arguments: str):
    return CliRunner().invoke(app, ["predict", "--root", str(root), *arguments])


def asked(root: Path, *figures: str) -> list[dict[str, object]]:
    given = [part for figure in figures for part in ("--compression", figure)]
    found = predict(root, "--cohort", "huang-2024", "--benchmark", "score", "--json", *given)
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)


@pytest.mark.slow
def test_the_table_says_what_the_json_says(root):
    (row,) = asked(root, "bpc_python=0.31")
    assert (row["models"], row["groups"], row["extrapolation"]) == (23, 10, False)
    assert row["low95"] < row["low80"] < row["prediction"] < row["high80"] < row["high95"]
    arguments = ("--cohort", "huang-2024", "--compression", "bpc_python=0.31")
    shown = predict(root, *arguments, "--benchmark", "score").stdout
    assert shown.startswith(f"huang-2024 score: {100 * row['prediction']:.1f} % (80 %: ")
    assert f"{100 * row['low95']:.1f} to {100 * row['high95']:.1f}" in shown
    assert "warning" not in shown


def test_figures_outside_of_the_training_range_are_marked(root):
    (row,) = asked(root, "bpc_python=0.05")
    assert row["extrapolation"]
    assert row["warnings"] == ["extrapolation: outside of what the fit was trained on"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            [],
            "predict: nothing to predict from; name a model with --model, or a cohort with "
            "--cohort and --compression",
        ),
        (
            ["--model", "huggyllama/llama-7b", "--compression", "bpc_python=0.3"],
            "--compression: is given beside --model; leave out one of the two",
        ),
        (["--cohort", "nope"], '--cohort: unknown cohort "nope"; choose from huang-2024'),
        (
            ["--cohort", "huang-2024", "--compression", "bpc_python=abc"],
            f"--compression: bpc_python=abc: {UNUSABLE}",
        ),
        (
            ["--cohort", "huang-2024", "--compression", "bpc_python=-3"],
            f"--compression: bpc_python=-3: {UNUSABLE}",
        ),
        (
            ["--cohort", "huang-2024", "--compression", "bpc_python=nan"],
            f"--compression: bpc_python=nan: {UNUSABLE}",
        ),
        (
            ["--cohort", "huang-2024", "--compression", "bpc=1"],
            f"--compression: bpc=1: has an unknown name; choose from {COLUMNS}",
        ),
        (
            [
                "--cohort", "huang-2024", "--compression", "bpc_python=0.3", "--benchmark", "nope",
            ],
            '--benchmark: unknown benchmark "nope"; choose from arc_c, gsm8k, hellaswag, '
            "humaneval, mmlu, score, truthfulqa, winograd, xwinograd",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_refused_with_a_repair(root, arguments, message):
    found = predict(root, *arguments)
    assert (found.exit_code, found.stdout) == (1, "")
    assert isinstance(found.exception, UserError)
    assert message in [str(problem) for problem in found.exception.problems]
