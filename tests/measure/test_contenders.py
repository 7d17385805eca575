"""The scorer and its peers run as `make bench` compares them, on one document of the text."""

import json
import subprocess
import sys

import pytest

from tests import ROOT

CONTENDERS = ("ours", "soft-entropy", "lm-eval")


@pytest.mark.slow
@pytest.mark.parametrize("name", CONTENDERS)
def test_a_contender_takes_some_time_and_memory(name):
    command = [sys.executable, str(ROOT / "examples/bench/contenders.py"), name, "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["seconds"] > 0
    assert found["peak_gb"] > 0
