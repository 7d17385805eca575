"""Choosing a model: the front, ties, costs, wishes that cannot be granted, and the specifics."""

import json
import math
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.choice.costs import capacity, costs_of, memory_bytes, seconds_per_token
from generator.choice.front import choose
from generator.choice.options import Criterion, Figure, Menu, Option, Speed, measure_speed
from generator.choice.plain import answer_values, default_wishes
from generator.choice.specifics import break_even, rent_or_buy, sensitivity
from generator.choice.wishes import Wishes
from generator.choice.words import amount, fixed
from generator.files.results import StoredResult
from generator.publish.choose_page import render_answer, render_choose, speed_sentence
from generator.publish.text import UNKNOWN
from generator.records.assumptions import Assumptions
from tests.board import invoke
from tests.factory import make_model, make_result, make_specs
from tests.miniature import write_miniature

HELD = Assumptions(runtime_bytes=0, context_tokens=0)
SPEED = Speed(1e-12, 2.0, 2, 1e9, "a machine")


def option(name, parameters, score, error=None, **changes):
    figures = {"quiz": Figure(score, error, "published"), "prose": Figure(1.0, None, "published")}
    made = Option(name, name, f"{name}/", "f", "MIT", parameters, None, None, figures)
    return replace(made, **changes)


def menu(*options):
    criteria = (
        Criterion("quiz", "Quiz", "fraction", True),
        Criterion("prose", "Prose", "bits per byte", False),
    )
    return Menu("paper", "Paper", criteria, options)


def ask(*options, held=HELD, speed=SPEED, **wishes):
    return choose(
        Wishes("paper", **({"weights": {"quiz": 1.0}} | wishes)), [menu(*options)], speed, held
    )


def reasons(answer):
    return {choice.option.id: choice.reason for choice in answer.choices}


def test_the_front_holds_what_no_other_beats():
    answer = ask(option("small", 1e8, 0.3), option("middle", 2e8, 0.2), option("large", 1e9, 0.5))
    assert [choice.option.id for choice in answer.front] == ["large", "small"]
    assert reasons(answer) == {
        "large": "Best quality of the 3 that fit.",
        "small": "Least memory of the 3 that fit.",
        "middle": "small is better and costs less.",
    }


def test_models_that_cannot_be_told_apart_are_tied():
    tied = ask(option("a", 1e9, 0.50, 0.01), option("b", 1e9, 0.51, 0.01))
    assert {c.option.id: c.ties for c in tied.front} == {"a": ("b",), "b": ("a",)}
    assert (
        reasons(tied)["b"]
        == "Best quality and least memory of the 2 that fit; tied in quality with a."
    )
    apart = ask(option("a", 1e9, 0.50, 0.01), option("b", 1e9, 0.56, 0.01))
    assert reasons(apart)["a"] == "b is better and costs no more."


def test_a_better_figure_within_its_interval_does_not_beat_a_cheaper_model():
    answer = ask(option("small", 1e8, 0.50, 0.02), option("large", 1e9, 0.51, 0.02))
    assert [choice.option.id for choice in answer.front] == ["large", "small"]
    turned = ask(option("small", 1e8, 0.51, 0.02), option("large", 1e9, 0.50, 0.02))
    assert reasons(turned)["large"] == "small is as good, within the interval, and costs less."


OPTIONS = st.lists(
    st.tuples(st.floats(1e6, 9e9), st.floats(0, 1), st.none() | st.floats(0, 0.2)),
    min_size=1,
    max_size=8,
)


@given(OPTIONS)
def test_every_model_off_the_front_is_beaten_and_none_on_it_is(drawn):
    made = [option(f"m{k}", *one) for k, one in enumerate(drawn)]
    answer = ask(*made)
    assert answer.front
    assert len(answer.choices) == len(made)
    best = max(one.figures["quiz"].value for one in made)
    assert any(choice.quality.value == best for choice in answer.front)
    for choice in answer.front:  # none is at least as good for less
        for other in answer.choices:
            better = other.quality.value >= choice.quality.value
            assert not (better and other.costs.memory_bytes < choice.costs.memory_bytes)


def test_of_bits_less_is_better():
    worse = option("worse", 1e9, 0.9)
    better = option("better", 1e9, 0.1, figures={"prose": Figure(0.8, None, "measured")})
    answer = ask(worse, better, weights={"prose": 1.0})
    assert [choice.option.id for choice in answer.front] == ["better"]
    assert not answer.higher_is_better


def test_memory_is_weights_cache_and_program():
    held = Assumptions(context_tokens=1000, cache_bytes=2, runtime_bytes=5e8)
    shaped = option("shaped", 7e9, 0.5, layers=32, width=4096)
    assert memory_bytes(shaped, "bfloat16", held) == 7e9 * 2 + 2 * 32 * 4096 * 1000 * 2 + 5e8
    assert memory_bytes(shaped, "int4", held) == 7e9 * 0.5625 + 2 * 32 * 4096 * 1000 * 2 + 5e8
    guessed = memory_bytes(replace(shaped, layers=None, width=None), "bfloat16", held)
    assert guessed == pytest.approx(memory_bytes(shaped, "bfloat16", held), rel=0.03)
    assert memory_bytes(option("?", None, 0.5), "int8", held) is None


def test_seconds_follow_parameters_and_stop_at_ten_times_the_largest():
    assert seconds_per_token(option("a", 2e9, 0.5), SPEED, HELD) == 2e9 * 1e-12
    fast = HELD.model_copy(update={"speedup": 4.0})
    assert seconds_per_token(option("a", 2e9, 0.5), SPEED, fast) == 0.5e9 * 1e-12
    assert seconds_per_token(option("a", 10e9, 0.5), SPEED, HELD) is not None
    assert seconds_per_token(option("a", 10.1e9, 0.5), SPEED, HELD) is None
    assert seconds_per_token(option("a", 2e9, 0.5), None, HELD) is None


def test_a_bill_of_whole_machines_of_seconds_and_of_tokens():
    held = Assumptions(tokens_per_month=1e9, hour_price=2, hours_per_month=100, utilisation=0.5)
    one = option("a", 1e9, 0.5)  # 0.001 s a token: a machine reads 180 million tokens a month
    assert capacity(0.001, held) == pytest.approx(1.8e8)
    money = {b: costs_of(one, SPEED, "int8", b, held).money for b in ("machine", "second", "token")}
    assert money["machine"] == 6 * 200
    assert money["second"] == pytest.approx(1e6 / 3600 * 2 / 0.5)
    assert money["token"] == pytest.approx(1000 * held.token_price)


@pytest.mark.parametrize(
    ("wishes", "problem"),
    [
        (
            {"weights": {"quiz": 0.0}},
            "All weights are 0: give at least one benchmark or text a weight above 0.",
        ),
        (
            {"weights": {}},
            "All weights are 0: give at least one benchmark or text a weight above 0.",
        ),
        (
            {"weights": {"qiz": 1.0}},
            'There is no benchmark or text "qiz" in this cohort; choose from quiz, prose.',
        ),
        (
            {"weights": {"quiz": 1.0, "prose": 1.0}},
            "Benchmarks and texts are in different units, which no weights make up for: weigh "
            "benchmarks or texts, not both.",
        ),
        (
            {"weights": {"quiz": -1.0}},
            "A weight below 0 would reward failure; use 0 for what does not matter.",
        ),
        (
            {"precision": "int3"},
            'There is no precision "int3"; choose from float32, bfloat16, int8, int4.',
        ),
        (
            {"billing": "barter"},
            'There is no billing "barter"; choose from machine, second, token.',
        ),
        ({"memory_bytes": -1.0}, "A memory below 0 fits nothing; leave it empty."),
        (
            {"memory_bytes": 1e9},
            "Nothing fits. The smallest is a (2.00 GB): Needs 2.00 GB, you have 1.00.",
        ),
        ({"licence": "gpl"}, "Nothing fits. The smallest is a (2.00 GB): Its licence is MIT."),
        (
            {"money": 1.0, "memory_bytes": 9e9},
            "Nothing fits. The smallest is a (2.00 GB): Costs $730 a month, you allow $1.00.",
        ),
    ],
)
def test_an_impossible_wish_gets_a_sentence_that_helps(wishes, problem):
    assert problem in ask(option("a", 1e9, 0.5), **wishes).problems


def test_an_unknown_cohort_is_answered_with_the_known_ones():
    answer = choose(Wishes("papre", {"quiz": 1}), [menu(option("a", 1e9, 0.5))], SPEED, HELD)
    assert answer.problems == ('There is no cohort "papre"; choose from paper.',)


def test_a_model_without_a_figure_that_matters_is_left_out_with_the_reason():
    answer = ask(option("a", 1e9, 0.5), option("b", 1e9, 0.5, figures={}))
    assert reasons(answer)["b"] == "No figure of Quiz."


def test_two_rented_models_cost_the_same_until_the_larger_fills_a_machine():
    held = Assumptions(hours_per_month=100, utilisation=0.5, tokens_per_month=1e6)
    answer = ask(option("small", 1e8, 0.3), option("large", 1e9, 0.5), held=held)
    large, small = answer.front
    sentence = break_even(large, small, SPEED, "machine", held)
    assert "up to 180 million tokens" in sentence
    at, beyond = (
        held.model_copy(update={"tokens_per_month": tokens}) for tokens in (1.79e8, 1.81e8)
    )
    bill = [
        [costs_of(c.option, SPEED, "int8", "machine", changed).money for c in (small, large)]
        for changed in (at, beyond)
    ]
    assert bill[0][0] == bill[0][1]
    assert bill[1][0] < bill[1][1]


def test_renting_pays_from_the_break_even_on():
    held = Assumptions(hours_per_month=100, hour_price=1, utilisation=1, token_price=1)
    one = option("a", 1e9, 0.5)
    assert "from 100 million tokens" in rent_or_buy(one, SPEED, held)
    dear = held.model_copy(update={"hour_price": 10.0})
    assert "by the token is cheaper at every volume" in rent_or_buy(one, SPEED, dear)


def test_sensitivity_is_the_bill_at_half_and_twice_an_assumption():
    held = Assumptions(utilisation=1)
    one = option("a", 1e9, 0.5)
    now = costs_of(one, SPEED, "int8", "second", held).money
    rows = {row.assumption: (row.low, row.high) for row in sensitivity(one, SPEED, "second", held)}
    assert rows["price of an hour"] == pytest.approx((now / 2, now * 2))
    assert rows["speed of the machine"] == pytest.approx((now / 2, now * 2))
    assert rows["price of a token"] == pytest.approx((now, now))
    assert rows["error of the measured speed"] == pytest.approx((now / 2, now * 2))


def test_where_money_is_not_known_nothing_is_said_of_it():
    """No table of dashes and no sentence that says nothing."""
    both = (option("small", 1e8, 0.3), option("large", 1e9, 0.5))
    wishes = Wishes("paper", {"quiz": 1.0}, billing="machine")
    known = answer_values(wishes, [menu(*both)], SPEED, HELD)
    assert len(known["specifics"]) == 3
    assert set(known["sensitivity"]) == {"small", "large"}
    unknown = answer_values(wishes, [menu(*both)], None, HELD)
    assert unknown["specifics"] == []
    assert unknown["sensitivity"] == {}
    assert "Specifics" not in render_answer(unknown, HELD, "")


@pytest.mark.parametrize(
    ("speed", "billing", "shown"),
    [
        (SPEED, "machine", ["Hours a month", "Money a month"]),
        (None, "token", ["Money a month"]),
        (None, "machine", []),
    ],
)
def test_hours_and_money_are_columns_where_they_are_known(speed, billing, shown):
    wishes = Wishes("paper", {"quiz": 1.0}, billing=billing)
    both = [option("small", 1e8, 0.3), option("large", 1e9, 0.5)]
    page = render_answer(answer_values(wishes, [menu(*both)], speed, HELD), HELD, "")
    chosen = page.partition("</table>")[0]
    found = re.findall(r'<th scope="col"[^>]*>(Hours a month|Money a month)</th>', chosen)
    assert found == shown
    assert UNKNOWN not in chosen


def test_the_page_says_where_hours_come_from_only_where_some_are_known():
    near, far = option("near", 1e8, 0.3), option("far", 1e12, 0.5)
    hidden = '<p id="choose-speed" hidden>'
    assert hidden in render_choose([menu(far)], SPEED, HELD)
    assert hidden in render_choose([menu(near)], None, HELD)
    shown = render_choose([menu(near, far)], SPEED, HELD)
    assert hidden not in shown
    assert '<p id="choose-speed">Hours are estimates' in shown


def test_speed_is_read_off_the_records_with_its_error():
    slow, fast = make_model("org/slow"), make_model("org/fast", parameters=2000)
    stored = []
    for model, seconds in ((slow, 3.0), (fast, 1.5)):
        result = make_result(model)
        environment = result.environment.model_copy(update={"wall_seconds": seconds})
        result = result.model_copy(update={"environment": environment})
        stored.append(StoredResult(result.file, result))
    tokens = sum(d.tokens for d in stored[0].result.lossless.documents)
    speed = measure_speed(make_specs(slow, fast), stored)
    rates = (3.0 / tokens / 1000, 1.5 / tokens / 2000)
    assert speed.seconds == pytest.approx(math.sqrt(rates[0] * rates[1]))
    assert (speed.factor, speed.models) == (pytest.approx(4.0), 2)
    assert measure_speed(make_specs(slow), stored[:1]).factor is None
    environment = stored[0].result.environment.model_copy(update={"threads": 1})
    alone = stored[0].result.model_copy(update={"environment": environment})
    one = measure_speed(make_specs(slow), [StoredResult(alone.file, alone)])
    assert one.machine.endswith(", 1 thread")
    assert "one model alone cannot tell" in speed_sentence(one)
    assert "1 model took" in speed_sentence(one)
    assert measure_speed(make_specs(slow), []) is None


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [(0.5, 0, "1"), (2.5, 0, "3"), (0.125, 2, "0.13"), (1.005, 2, "1.00")],
)
def test_numbers_are_rounded_as_a_browser_does(value, digits, shown):
    assert fixed(value, digits) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(1234.5, "1235"), (26.04, "26.0"), (1.5, "1.50"), (0.01234, "0.0123")]
)
def test_an_amount_has_about_three_digits(value, shown):
    assert amount(value) == shown


def test_the_command_answers_as_json_and_in_words(tmp_path):
    write_miniature(tmp_path)
    shown = invoke(tmp_path, "choose", "--cohort", "paper", "--weight", "quiz=1", "--json")
    answer = json.loads(shown.stdout)
    front = [choice for choice in answer["choices"] if choice["on_front"]]
    assert front
    assert all(choice["evidence"] == ["published"] for choice in front)
    report = tmp_path / "summary.html"
    words = invoke(tmp_path, "choose", "--cohort", "paper", "--report", str(report)).stdout
    assert front[0]["reason"] in words
    page = report.read_text("utf-8")
    assert "published by others" in page
    assert "<script" not in page.replace("&#60;script", "")
    assert "http" not in page.partition("<body>")[0].replace("http-equiv", "")


def test_the_command_lists_every_problem(tmp_path):
    write_miniature(tmp_path)
    for options, problem in (
        (["--weight", "quiz"], "--weight quiz: is not name=number; write such as mmlu=2"),
        (
            ["--assume", "utilisation=2"],
            "--assume: utilisation: 2.0 is not allowed; it should be less than or equal to 1",
        ),
        (
            ["--assume", "hourprice=2"],
            '--assume: hourprice: unknown field; did you mean "hour_price"?',
        ),
        (["--cohort", "papre"], 'There is no cohort "papre"'),
        (["--cohort", "paper", "--memory", "0.1"], "Nothing fits. The smallest is"),
    ):
        result = invoke(tmp_path, "choose", *options)
        assert problem in str(result.exception), options


def test_default_wishes_weigh_every_benchmark_alike():
    one = menu(option("a", 1e9, 0.5))
    assert default_wishes(one).weights == {"quiz": 1.0}
    values = answer_values(default_wishes(one), [one], SPEED, HELD)
    assert json.loads(json.dumps(values, allow_nan=False)) == values
