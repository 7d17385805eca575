"""The page on large models computes its figures from protocols, records and named assumptions."""

import re

import pytest
from compression_leaderboard.measure.plane import LayerFiles
from compression_leaderboard.pages.reference import (
    A100,
    H100,
    Example,
    Stage,
    Worker,
    list_stages,
    render_large,
)
from compression_leaderboard.plan.estimates import Work, count_calibration, state_bytes
from compression_leaderboard.records.results import Subject
from compression_leaderboard.repository.specs import Specs

from tests.exported import renderer
from tests.factory import CORPUS, PROTOCOL, SUITE, make_model, make_result, make_specs, store


def test_a_worker_takes_turns_and_moves_what_does_not_fit():
    """70 billion parameters, by hand: 10^15 FLOP per stage; 312 and 19.5 × 10^12 a second."""
    example = Example(70e9, 80, 8192)
    tokens = round(1e15 / (2 * 70e9))
    stages = [Stage("exact", Work(tokens, 10), is_exact=True), Stage("fast", Work(tokens, 3))]
    assert stages[0].minutes(A100, 70e9) == pytest.approx(1e15 / (19.5e12 * 0.4) / 60, rel=1e-3)
    assert stages[1].minutes(A100, 70e9) == pytest.approx(1e15 / (312e12 * 0.4) / 60, rel=1e-3)
    four, two = Worker(4, A100, example, stages), Worker(2, A100, example, stages)
    computing = 60 * sum(stage.minutes(A100, 70e9) for stage in stages)
    assert (four.beyond_bytes, two.beyond_bytes) == (0, 280e9 - 144e9)
    assert two.moved_bytes == 10 * 136e9
    assert four.hours() * 3600 == pytest.approx(280e9 / 2e9 + computing)
    assert two.hours() * 3600 == pytest.approx(280e9 / 2e9 + 1360e9 / 20e9 + computing)
    assert four.hours(True) - four.hours() == pytest.approx(
        (stages[0].minutes(A100, 70e9) - stages[1].minutes(A100, 70e9)) / 60, rel=1e-3
    )
    assert Worker(4, H100, example, stages).hours() < four.hours()


def test_stages_are_counted_from_protocols_and_records():
    model = make_model()
    specs = make_specs(model)
    records = [make_result(model), make_result(model, "suite")]
    stages = {stage.title: stage for stage in list_stages(specs, records, Example())}
    exact, once = count_calibration(*CORPUS.protocol.window)
    assert stages["Calibration: causality and start modes"].work == exact
    assert stages["Calibration: number format"].work == once
    lossless = records[0].lossless
    assert lossless is not None
    assert stages[CORPUS.title].work.tokens >= sum(d.tokens for d in lossless.documents)
    requests = sum(
        len(item.log_likelihoods)
        for task in records[1].tasks or ()
        for leaf in task.subtasks or (task,)
        for item in leaf.responses
    )
    assert stages[f"{SUITE.title}: {requests:,} requests"].work.tokens == 8 + 100 * requests
    assert len(list_stages(Specs({}, {}, {}), [], Example())) == 2  # without any text


def test_files_of_hidden_states_have_the_size_that_is_counted():
    subject = Subject(
        architecture="LlamaForCausalLM",
        parameters=1,
        weights_bytes=1,
        vocabulary=10,
        layers=3,
        width=1024,
    )
    files = LayerFiles(subject, PROTOCOL, PROTOCOL.positions)
    files.close()
    assigned = PROTOCOL.bins * len(PROTOCOL.anchor_seeds)
    assert files.size_bytes == state_bytes(4, 1024, PROTOCOL.positions, assigned)


def test_the_page_shows_every_stage_and_worker():
    model = make_model()
    page = render_large(renderer(), make_specs(model), store(make_result(model)))
    assert CORPUS.title in page
    assert len(re.findall(r"<th scope=\"row\">\d × [AH]\d00", page)) == 8
    assert "nan" not in page
    assert "GPU hours" in page
