"""From a model's file to its row by the steps of the workflows; what these can express."""

import subprocess
import sys

import pytest
import yaml

from tests import ROOT

FOLDER = ROOT / "examples" / "rehearsal"
sys.path.insert(0, str(FOLDER))

from expressions import PLACE, evaluate, fill, holds  # noqa: E402


@pytest.mark.slow
def test_a_new_model_gets_its_row_in_spite_of_faults():
    result = subprocess.run(
        [sys.executable, str(FOLDER / "rehearse.py")], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "the same with and without faults" in result.stdout


@pytest.mark.parametrize("file", sorted((ROOT / ".github/workflows").glob("*.yml")), ids=str)
def test_the_rehearsal_can_read_every_expression_of_the_workflows(file):
    context = {"needs": {"plan": {"outputs": {"matrix": '{"include":[]}'}}}}
    for found in PLACE.findall(file.read_text("utf-8")):
        evaluate(found, context)
    for job in yaml.safe_load(file.read_text("utf-8"))["jobs"].values():
        for place in (job, *job["steps"]):
            holds(place.get("if"), True, context)


def test_expressions_mean_what_they_mean_on_github():
    context = {"steps": {"app": {"outputs": {}}}, "github": {"token": "t", "event_name": "push"}}
    assert fill("${{ steps.app.outputs.token || github.token }}", context) == "t"
    assert fill("a-${{ github.event_name }}-${{ github.missing }}", context) == "a-push-"
    assert fill("${{ toJSON(github) }}", context).count("\n") == 3
    assert holds("github.event_name != 'pull_request'", True, context)
    assert not holds("github.event_name == 'push'", False, context)
    assert holds("always() && github.event_name == 'push'", False, context)
    with pytest.raises(ValueError, match="cannot read"):
        evaluate("github.token; import", context)
