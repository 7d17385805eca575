"""All tables of a large board are made in little time and memory."""

import json
import os
import subprocess
import sys

import pytest

from tests import ROOT


def measure(models: int) -> dict[str, float]:
    """In a process of its own, so that memory is that of the tables alone."""
    command = [sys.executable, str(ROOT / "examples/bench/export_bench.py"), str(models)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.benchmark
def test_five_thousand_models_fit():
    """5,000 models × 50 scores × 3 texts × 200 documents; seconds are of the processor."""
    found = measure(5000)
    assert found["documents"] == 3_000_000
    assert found["seconds_of_tables"] <= 40, found
    assert found["peak_gb"] <= 2, found
    assert found["documents_mb"] <= 40, found


@pytest.mark.slow
def test_the_bench_runs_small():
    found = measure(5)
    assert found["documents"] == 3000
    assert found["documents_mb"] >= 0  # rounded
