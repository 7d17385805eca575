"""How much text is enough, and what it costs: true values, and what the page says."""

from dataclasses import replace

import numpy as np
import pytest
from compression_leaderboard.board.comparisons import (
    Amount,
    document_steps,
    scoring_costs,
    text_amounts,
)
from compression_leaderboard.board.derived import current_results
from compression_leaderboard.board.figures import Key
from compression_leaderboard.fits.predict import Yardstick, find_yardstick
from compression_leaderboard.fits.study import weigh_evidence
from compression_leaderboard.intervals import _resampling_counts, rate_errors
from compression_leaderboard.pages.predict_page import render_amounts

from tests.board.test_comparisons import BITS, LARGE, MIDDLE, MODELS, RESULTS, SMALL, scored
from tests.exported import renderer
from tests.factory import make_model, make_result, make_specs, store
from tests.frames import frame_of, with_frame
from tests.simulated import simulated_cohort

SPECS = make_specs(*MODELS)


def counting(specs, *results):
    return current_results(specs, store(*results))


def test_the_error_of_a_rate_of_a_worked_example():
    """Documents of 100 bytes and 100, 110, 120 bits: they lie 10 bits apart, 0.1 a byte."""
    bits = np.array([[100.0, 110, 120], [150, 160, 170], [90, 90, 90]])
    expected = np.array([0.1, 0.1, 0]) / 3**0.5
    assert rate_errors(bits, np.full(3, 100.0)) == pytest.approx(expected)


def test_the_error_is_that_of_resampled_documents():
    """Of unequal size, and by drawing them: the short cut gives what the draws give."""
    random = np.random.default_rng(5)
    sizes = random.uniform(500, 3000, 60)
    bits = sizes * random.normal(0.9, 0.1, 60)
    for n in (5, 20, 60):
        drawn = random.integers(0, 60, (20_000, n))
        rates = bits[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
        expected = rate_errors(bits, sizes) * (60 / n) ** 0.5
        assert rates.std() == pytest.approx(expected, rel=0.05), n


def test_with_all_documents_it_is_the_error_of_the_bootstrap_on_the_board():
    result = scored(SMALL, BITS[SMALL.id])
    bits = np.array([d.bits for d in result.lossless.documents])
    counts = _resampling_counts(3, 0)
    spread = float(((counts @ bits) / 300).std())
    whole = [a for a in text_amounts(SPECS, counting(SPECS, result)) if a.documents == 3]
    assert whole[0].error * (2 / 3) ** 0.5 == pytest.approx(spread, rel=0.03)  # n against n - 1


def test_errors_fall_with_the_root_of_the_documents_up_to_all():
    found = [a for a in text_amounts(SPECS, counting(SPECS, *RESULTS)) if a.model == SMALL.id]
    assert [(a.documents, a.bytes) for a in found] == [(1, 100), (2, 200), (3, 300)]
    one = found[0].error
    assert one == pytest.approx(0.2)  # 100, 120, 140 bits of 100 bytes
    assert [a.error for a in found] == pytest.approx([one, one / 2**0.5, one / 3**0.5])


def test_what_is_hard_for_both_models_is_no_error_of_their_difference():
    """Ten bits less on each document: the documents differ, the difference does not."""
    both = [scored(SMALL, (100, 120, 140)), scored(MIDDLE, (90, 110, 130))]
    found = text_amounts(make_specs(SMALL, MIDDLE), counting(make_specs(SMALL, MIDDLE), *both))
    assert [a.paired_error for a in found] == pytest.approx([0.0] * 6)
    third = text_amounts(SPECS, counting(SPECS, *RESULTS))
    large = next(a for a in third if a.model == LARGE.id)  # 30, 10, 10 and 40, 20, 20 bits less
    assert large.paired_error == pytest.approx((400 / 3) ** 0.5 / 100)
    alone = text_amounts(make_specs(SMALL), counting(make_specs(SMALL), both[0]))
    assert {a.paired_error for a in alone} == {None}


def test_the_order_of_records_changes_nothing_and_checkpoints_do_not_count():
    early = make_result(SMALL, revision="sha256-" + "e" * 40, tokens_seen=1)
    expected = text_amounts(SPECS, counting(SPECS, *RESULTS))
    assert text_amounts(SPECS, counting(SPECS, early, *reversed(RESULTS))) == expected


@pytest.mark.parametrize(
    ("documents", "steps"),
    [
        (2, [1, 2]),
        (3, [1, 2, 3]),
        (40, [1, 2, 5, 10, 20, 40]),
        (100, [1, 2, 5, 10, 20, 50, 100]),
        (1001, [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 1001]),
    ],
)
def test_steps_end_with_all_documents(documents, steps):
    assert document_steps(documents) == steps


def test_a_text_of_one_document_has_no_error():
    lossless = make_result(SMALL).lossless
    one = lossless.model_copy(update={"documents": lossless.documents[:1]})
    assert text_amounts(SPECS, counting(SPECS, make_result(SMALL, lossless=one))) == []
    assert "No text of two or more documents" in render_amounts(renderer(), SPECS, [], [], {})


def test_a_yardstick_is_in_bits_per_byte_and_of_the_same_text_where_there_is_one():
    """The simulated truth falls by 0.55 for each bit per byte."""
    cohort, _ = simulated_cohort(3)
    named = [
        replace(cohort, name=name, title=name, compression=(replace(cohort.compression[0], **own),))
        for name, own in (
            ("nats", {"unit": "nats per token"}),
            ("other", {}),
            ("same", {"key": Key("compression", "prose")}),
        )
    ]
    renamed = frame_of(cohort).rename(columns={"bpb": "prose"})
    named[2] = with_frame(named[2], renamed)
    evidence = {one.name: weigh_evidence(one) for one in named}
    found = find_yardstick("prose", named, evidence)
    assert (found.cohort, found.own_texts) == ("same", True)
    assert found.slope == pytest.approx(-0.55, abs=0.05)
    assert 0.015 < found.rmse < 0.03  # a deviation of 0.01 a group and 0.02 a model
    other = find_yardstick("poems", named, evidence)
    assert (other.cohort, other.own_texts) == ("other", False)
    assert find_yardstick("prose", named[:1], evidence) is None


def test_errors_of_text_and_fit_add_as_squares():
    yardstick = Yardstick("c", "C", -0.5, 0.03, True)
    assert yardstick.from_text(0.08) == pytest.approx(0.04)
    assert yardstick.in_all(0.08) == pytest.approx(0.05)


def amounts(errors, paired):
    return [
        Amount("m", None, "prose", n, 1000.0 * n, error, other)
        for n, error, other in zip((1, 10, 100), errors, paired, strict=True)
    ]


def amounts_page(steps, yardsticks):
    return render_amounts(renderer(), SPECS, steps, [], yardsticks)


def costs_page(model, *costs):
    return render_amounts(renderer(), make_specs(model), [], costs, {})


def test_the_page_names_the_cheapest_measurement():
    """Half of the fit's 3 points is 1.5, which 0.03 bits per byte are at 50 points a bit."""
    yardsticks = {"prose": Yardstick("c", "<C>", -0.5, 0.03, False)}
    shown = amounts_page(amounts((0.3, 0.1, 0.031), (0.1, 0.03, 0.01)), yardsticks)
    assert "on the documents of the fit 10 documents (10k bytes) are enough" in shown
    assert "on others all 100 are not enough" in shown
    assert "no prediction for models measured here" in shown
    assert "&lt;C&gt;" in shown
    assert "<C>" not in shown
    assert '<span data-value="0.0335410197">3.35</span>' in shown  # √(3² + 1.5²)
    alone = amounts_page(amounts((0.3, 0.1, 0.01), (None,) * 3), yardsticks)
    assert "nothing is known, with one model alone; on others 100 documents" in alone


def test_without_a_yardstick_there_are_errors_and_no_points():
    shown = amounts_page(amounts((0.3, 0.1, 0.03), (0.1, 0.03, 0.01)), {"prose": None})
    assert "0.3000" in shown
    assert "enough</h2>" in shown
    assert "are enough" not in shown
    assert "Points are those" not in shown


def timed(result, seconds, threads=2):
    environment = result.environment.model_copy(
        update={"wall_seconds": seconds, "threads": threads}
    )
    return result.model_copy(update={"environment": environment})


def test_seconds_of_a_text_and_a_suite_are_those_of_the_records():
    model = make_model("org/small")
    text, suite = timed(make_result(model), 4.0), timed(make_result(model, "suite"), 10.0)
    early = make_result(model, "suite", revision="sha256-" + "e" * 40, tokens_seen=1)
    (cost,) = scoring_costs(make_specs(model), counting(make_specs(model), text, suite, early))
    assert (cost.corpus, cost.bytes, cost.corpus_seconds) == ("prose", 300, 4.0)
    assert (cost.suite, cost.items, cost.suite_seconds) == ("starter", 4, 10.0)
    assert cost.ratio == 2.5
    shown = costs_page(model, cost)
    assert "Of 1 pair that ran in the same way, the text is cheaper in 1" in shown
    assert '<span data-value="2.5">2.50</span>' in shown


@pytest.mark.parametrize("seconds", [0.0, 5e-324, 1e-9])
def test_a_text_that_took_no_time_is_no_denominator(seconds):
    model = make_model("org/small")
    text, suite = timed(make_result(model), seconds), timed(make_result(model, "suite"), 10.0)
    (cost,) = scoring_costs(make_specs(model), counting(make_specs(model), text, suite))
    assert cost.ratio is None


def test_seconds_of_other_machines_are_shown_and_not_compared():
    model = make_model("org/small")
    text, suite = timed(make_result(model), 4.0), timed(make_result(model, "suite"), 10.0, 8)
    (cost,) = scoring_costs(make_specs(model), counting(make_specs(model), text, suite))
    assert cost.ratio is None
    shown = costs_page(model, cost)
    assert "text: a processor, cpu, 2 threads; suite: a processor, cpu, 8 threads" in shown
    assert "Of 0 pairs" in shown
    half = suite.model_copy(
        update={"environment": suite.environment.model_copy(update={"dtype": "float16"})}
    )
    assert scoring_costs(make_specs(model), counting(make_specs(model), text, half)) == []
    assert "No model has both" in costs_page(model)


def test_the_predict_page_of_this_board_shows_both_tables(repository):
    """From the records in the repository: every text and every suite of final weights."""
    current = current_results(repository.specs, repository.stored)
    found = text_amounts(repository.specs, current)
    assert {a.corpus for a in found} >= {"python", "sotu"}
    for amount in found:
        assert amount.error > 0
        assert amount.bytes > 0
    costs = scoring_costs(repository.specs, current)
    assert {c.suite for c in costs} >= {"starter"}
    assert any(c.ratio is not None for c in costs)
