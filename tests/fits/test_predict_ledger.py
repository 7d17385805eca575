"""The ledger of predictions: appended to before a score is known, never changed, scored after."""

import csv
import shutil
import subprocess
from pathlib import Path

import pytest
from compression_leaderboard.board.cohorts import make_cohorts
from compression_leaderboard.cli import app
from compression_leaderboard.fits.evaluation import calibrate
from compression_leaderboard.pages.predict_page import render_predict
from compression_leaderboard.records.base import UserError
from compression_leaderboard.repository.contents import LEDGER, read_contents, read_ledger
from typer.testing import CliRunner

from tests import ROOT
from tests.exported import renderer

OWN = "results/published/huang-2024"
WHEN = ("--date", "2026-11-25", "--commit", "0" * 40)


@pytest.fixture
def root(tmp_path) -> Path:
    shutil.copytree(ROOT / OWN, tmp_path / OWN)
    return tmp_path


@pytest.fixture
def model(root) -> str:
    """A model with compression whose score of HumanEval is then hidden."""
    change_score(root, "Qwen/Qwen-7B", "")
    return "Qwen/Qwen-7B"


def change_score(root: Path, model: str, value: str) -> str:
    """Writes the model's HumanEval; the value that stood there."""
    path = root / OWN / "table.csv"
    rows = list(csv.DictReader(path.open(newline="")))
    row = next(r for r in rows if model in r.values())
    before, row["humaneval"] = row["humaneval"], value
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return before


def log(root: Path, *arguments: str):
    fixed = ["predict", "--root", str(root), "--cohort", "huang-2024", "--log"]
    return CliRunner().invoke(app, [*fixed, "--benchmark", "humaneval", *arguments])


def cohorts(root: Path):
    contents, problems = read_contents(root)
    assert problems == []
    return make_cohorts(contents.specs, contents.stored, contents.published)


def ledger_page(calibration):
    return render_predict(renderer(), [], {}, calibration)


@pytest.mark.slow
def test_a_prediction_is_logged_once_and_scored_when_the_result_arrives(root, model):
    done = log(root, "--model", model, *WHEN)
    assert done.exit_code == 0, done.output
    (line,), problems = read_ledger(root)
    assert problems == []
    assert (line.model, line.benchmark, line.commit) == (model, "humaneval", "0" * 40)
    assert line.low95 <= line.low80 <= line.prediction <= line.high80 <= line.high95
    waiting = calibrate([line], cohorts(root))
    assert (waiting.logged, waiting.errors, waiting.coverage) == (1, (), ())
    assert "no score has arrived yet" in ledger_page(waiting)
    written = (root / LEDGER).read_bytes()
    again = log(root, "--model", model, *WHEN)
    assert str(again.exception) == (
        "--log: every score is known or was logged; "
        "a prediction is logged once, before its benchmark is run"
    )
    assert (root / LEDGER).read_bytes() == written
    change_score(root, model, f"{line.high80 + 1e-6:.9f}")  # beyond 80 %, inside 95 %
    scored = calibrate([line], cohorts(root))
    assert scored.errors == pytest.approx([line.high80 - line.prediction], abs=1e-5)
    assert [c.inside for c in scored.coverage] == [0, 1]
    assert "1 scored since" in ledger_page(scored)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--model", "Qwen/Qwen-7B"),
            "--log: no date or no commit; "
            "give the day with --date and the commit predicted from with --commit",
        ),
        (
            ("--compression", "bpc_python=0.3", *WHEN),
            "--log: no model to score later; name a model of a table with --model",
        ),
    ],
)
def test_what_cannot_be_logged_is_refused(root, model, arguments, message):
    done = log(root, *arguments)
    assert isinstance(done.exception, UserError)
    assert str(done.exception) == message
    assert not (root / LEDGER).exists()


def test_a_date_that_is_no_day_is_refused(root, model):
    done = log(root, "--model", model, "--date", "today", "--commit", "0" * 40)
    assert done.exit_code == 2
    assert "Invalid value for '--date'" in done.stderr
    assert not (root / LEDGER).exists()


@pytest.mark.slow
def test_a_known_score_is_not_logged(root):
    done = log(root, "--model", "Qwen/Qwen-7B", *WHEN)
    assert str(done.exception).startswith("--log: every score is known or was logged; ")
    assert not (root / LEDGER).exists()


def test_check_reads_the_ledger(root, model):
    log(root, "--model", model, *WHEN)
    path = root / LEDGER
    path.write_text(path.read_text() + "today,short,a,b,c,2,0,1,0,1,line,x\n")
    found = [str(problem) for problem in read_contents(root)[1]]
    assert found[0].startswith(f"{LEDGER}, line 3: commit: ")
    assert found[1].startswith(f'{LEDGER}, line 3: date: "today" is not a date')
    assert found[2].startswith(f'{LEDGER}, line 3: prediction: "2" is not allowed')


def test_an_empty_ledger_is_said_to_be_empty():
    assert "No prediction is logged yet" in ledger_page(calibrate([], []))


def test_committed_lines_of_the_ledger_never_change():
    done = subprocess.run(
        ["git", "show", f"HEAD:{LEDGER}"], cwd=ROOT, capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("no repository, or no ledger in it")
    assert (ROOT / LEDGER).read_bytes().startswith(done.stdout)
    assert read_ledger(ROOT)[1] == []
