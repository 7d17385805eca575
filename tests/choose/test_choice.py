"""Choosing a model: the Pareto front, ties, memory, constraints, messages and the command."""

import inspect
import json
import re
from dataclasses import replace
from html import unescape
from typing import get_args

import pytest
from compression_leaderboard.choose import (
    CONTEXT_TOKENS,
    MESSAGES,
    PRECISION,
    PRECISIONS,
    RUNTIME_BYTES,
    CohortOptions,
    Request,
    Score,
    choose,
    cost_sentence,
    make_options,
    rounded,
)
from compression_leaderboard.cli.ask import Precision
from compression_leaderboard.cli.ask import choose as choose_command
from compression_leaderboard.pages.site import options_json, render_choose
from hypothesis import given
from hypothesis import strategies as st

from tests.choose_vectors import (
    COHORT,
    CRITERIA,
    NAME,
    UNKNOWN,
    make_option,
    make_vectors,
)
from tests.commands import invoke
from tests.exported import renderer
from tests.miniature import write_miniature
from tests.published_cohorts import published_cohorts
from tests.vector_files import assert_alike, read_vectors

UNUSABLE = "has no usable number; write NAME=NUMBER with a number of at least 0"


def option(name, parameters, score, stderr=None, **changes):
    return make_option(name, parameters, (score, stderr), UNKNOWN, (1.0, None), **changes)


def cohort(*options):
    return CohortOptions("paper", "Paper", "published", CRITERIA, options)


def ask(*options, weights=(1.0, 0.0, 0.0, 0.0), **request):
    request = {"context_tokens": 0.0} | request
    return choose(cohort(*options), Request(weights, **request))


def reasons(answer):
    return {choice.name: choice.reason for choice in answer.choices}


def test_python_answers_the_vectors():
    """A changed answer is written by `python -m tests.choose_vectors`; choose.js must follow."""
    assert_alike(make_vectors(), read_vectors(NAME))


@pytest.mark.parametrize("key", MESSAGES)
def test_the_vectors_hold_every_message(key):
    """Each sentence is written by both languages at least once."""
    vectors = make_vectors()
    answers = [case["answer"] for case in vectors["cases"]]
    sentences = [answer["problem"] or "" for answer in answers]
    sentences += [choice["reason"] for answer in answers for choice in answer["choices"]]
    sentences += [cost["sentence"] for cost in vectors["costs"]]
    pattern = re.sub(r"\\{\w+\\}", ".+", re.escape(MESSAGES[key]))
    assert any(re.search(pattern, sentence) for sentence in sentences)


def test_the_pareto_front_holds_what_no_other_dominates():
    answer = ask(option("small", 1e8, 0.3), option("middle", 2e8, 0.2), option("large", 1e9, 0.5))
    assert [choice.name for choice in answer.pareto_front] == ["large", "small"]
    assert reasons(answer) == {
        "large": "Best quality.",
        "small": "Least memory.",
        "middle": "small is better and needs no more memory.",
    }


def test_models_that_are_not_distinguishable_are_tied():
    tied = ask(option("a", 1e9, 0.50, 0.01), option("b", 1e9, 0.51, 0.01))
    assert {c.name: c.ties for c in tied.pareto_front} == {"a": ("b",), "b": ("a",)}
    assert reasons(tied)["b"] == "Best quality and least memory. Tied in quality with a."
    apart = ask(option("a", 1e9, 0.50, 0.01), option("b", 1e9, 0.56, 0.01))
    assert reasons(apart)["a"] == "b is better and needs no more memory."


def test_a_better_figure_within_its_interval_does_not_dominate_a_smaller_model():
    answer = ask(option("small", 1e8, 0.50, 0.02), option("large", 1e9, 0.51, 0.02))
    assert [choice.name for choice in answer.pareto_front] == ["large", "small"]
    turned = ask(option("small", 1e8, 0.51, 0.02), option("large", 1e9, 0.50, 0.02))
    expected = "small is as good within the 95 % interval and needs less memory."
    assert reasons(turned)["large"] == expected


OPTIONS = st.lists(
    st.tuples(st.none() | st.floats(1e6, 9e9), st.floats(0, 1), st.none() | st.floats(0, 0.2)),
    min_size=1,
    max_size=8,
)


@given(OPTIONS)
def test_a_model_is_off_the_front_exactly_when_another_dominates_it(drawn):
    made = [option(f"m{k}", *one) for k, one in enumerate(drawn)]
    answer = ask(*made)
    assert answer.pareto_front
    assert len(answer.choices) == len(made)
    best = max(score for _, score, _ in drawn)
    assert any(choice.quality == best for choice in answer.pareto_front)
    for choice in answer.choices:
        dominated = any(dominates(other, choice) for other in answer.choices)
        assert choice.pareto_optimal == (not dominated)


def dominates(rival, choice):
    """The definition of the glossary, pair by pair."""
    gain = rival.quality - choice.quality
    errors = (rival.stderr, choice.stderr)
    interval = 0.0 if None in errors else 1.959964 * sum(e**2 for e in errors) ** 0.5
    if choice.memory_bytes is None:
        return gain > interval
    if rival.memory_bytes is None or rival.memory_bytes > choice.memory_bytes:
        return False
    return gain > interval or (gain >= 0 and rival.memory_bytes < choice.memory_bytes)


@given(OPTIONS, st.randoms())
def test_the_order_of_the_options_does_not_matter(drawn, random):
    made = [option(f"m{k}", *one) for k, one in enumerate(drawn)]
    answer = ask(*made)
    random.shuffle(made)
    assert ask(*made) == answer


def test_quality_is_the_weighted_mean_and_its_error_takes_figures_as_independent():
    one = make_option("a", 1e9, (0.2, 0.03), (0.6, 0.01))
    (choice,) = ask(one, weights=(1.0, 3.0, 0.0, 0.0)).choices
    assert choice.quality == pytest.approx(0.5)
    assert choice.stderr == pytest.approx(((0.03 / 4) ** 2 + (0.01 * 3 / 4) ** 2) ** 0.5)
    unsure = replace(one, scores=(Score(0.2, None), *one.scores[1:]))
    assert ask(unsure, weights=(1.0, 3.0, 0.0, 0.0)).choices[0].stderr is None


def test_of_bits_less_is_better():
    worse = make_option("worse", 1e9, (0.9, None), UNKNOWN, (1.0, None))
    better = make_option("better", 1e9, (0.1, None), UNKNOWN, (0.8, None))
    answer = ask(worse, better, weights=(0.0, 0.0, 1.0, 0.0))
    assert [choice.name for choice in answer.pareto_front] == ["better"]
    assert (answer.higher_is_better, answer.unit) == (False, "bits per byte")


def test_memory_is_weights_cache_and_runtime():
    """A model of 7e9 parameters, 32 layers and width 4096."""
    shaped = option("shaped", 7e9, 0.5, shape=(32, 4096))
    cache = 2 * 32 * 4096 * 1000 * 2
    assert shaped.memory_bytes("bfloat16", 1000) == 7e9 * 2 + cache + RUNTIME_BYTES
    assert shaped.memory_bytes("int4", 1000) == 7e9 * 0.5625 + cache + RUNTIME_BYTES
    assert option("?", None, 0.5).memory_bytes("int8", 1000) is None
    guessed = option("guessed", 7e9, 0.5).memory_bytes("bfloat16", 1000)
    assert guessed == pytest.approx(shaped.memory_bytes("bfloat16", 1000), rel=0.03)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_memory_grows_with_context_and_parameters(precision):
    one, larger = option("a", 1e9, 0.5), option("b", 2e9, 0.5)
    assert one.memory_bytes(precision, 10) < one.memory_bytes(precision, 20)
    assert one.memory_bytes(precision, 10) < larger.memory_bytes(precision, 10)


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        (
            {"weights": (0.0, 0.0, 0.0, 0.0)},
            "Every weight is 0; give at least one benchmark or text a weight above 0.",
        ),
        (
            {"weights": (1.0, 0.0, 1.0, 0.0)},
            "Benchmarks and texts have different units, so their mean has none; weight only one "
            "kind.",
        ),
        (
            {"weights": (0.0, 1.0, 0.0, 0.0)},
            "Nothing fits: no model of this cohort has every weighted figure.",
        ),
        (
            {"memory_bytes": 1e9},
            "Nothing fits. The model with the least memory is a: Needs 2.5 GB; the limit is 1 GB.",
        ),
        (
            {"licence": "gpl"},
            "Nothing fits. The model with the least memory is a: Its licence is MIT.",
        ),
        (
            {"largest_parameters": 9e8},
            "Nothing fits. The model with the least memory is a: Has 1 billion parameters; the "
            "limit is 0.9 billion.",
        ),
    ],
)
def test_a_request_without_an_answer_gets_a_sentence(request_, problem):
    assert ask(option("a", 1e9, 0.5), **request_).problem == problem


def test_each_misfit_has_a_reason():
    answer = ask(
        option("fits", 1e9, 0.5),
        make_option("partial", 1e9, UNKNOWN, (0.5, None), (1.0, None)),
        option("unknown", None, 0.5),
        option("secret", 1e9, 0.5, licence=None),
        option("large", 9e9, 0.5),
        licence="mit",
        memory_bytes=1e10,
    )
    assert answer.problem is None
    assert {name: reason for name, reason in reasons(answer).items() if name != "fits"} == {
        "partial": "No figure for Quiz.",
        "unknown": "Its number of parameters is unknown, and so is its memory.",
        "secret": "Its licence is unknown.",
        "large": "Needs 18.5 GB; the limit is 10 GB.",
    }


def test_cost_follows_from_price_and_throughput():
    """2 per hour at 1000 tokens per second: 3.6 million tokens per hour."""
    shown = "At 2 EUR per hour and 1000 tokens per second, a million tokens cost 0.556 EUR."
    assert cost_sentence(2, 1000, currency="EUR") == shown
    monthly = cost_sentence(2, 1000, 1.8e9)
    assert monthly.endswith("1800 million tokens per month cost 1000.")
    assert "EUR" not in monthly


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1234.5, "1230"), (26.04, "26"), (1.5, "1.5"), (0.012345, "0.0123"), (1e7, "10000000")],
)
def test_a_rounded_number_has_three_digits(value, shown):
    assert rounded(value) == shown


def test_options_hold_figures_and_memory_of_every_row_of_a_cohort():
    huang = published_cohorts()["huang-2024"]
    (made,) = make_options([huang], [])
    assert len(made.options) == len(huang.rows)
    assert [c.name for c in made.criteria] == [c.name for c in (*huang.scores, *huang.compression)]
    one = next(o for o in made.options if o.model == "tiiuae/falcon-7b")
    assert (one.parameters, made.provenance) == (7e9, "published")
    assert one.memory_bytes("int8", 0) == 7e9 * 1.0625 + RUNTIME_BYTES
    assert sum(made.default_weights) == len(huang.scores)


def test_the_data_of_the_page_is_the_options_as_json():
    values = json.loads(options_json([COHORT]))
    assert_alike(values["cohorts"], [read_vectors(NAME)["cohort"]])
    assert values["runtime_bytes"] == RUNTIME_BYTES
    assert values["messages"] == MESSAGES


def test_the_page_shows_the_answer_to_the_default_request():
    page = unescape(render_choose(renderer("2026-01-01"), [COHORT]))
    answer = choose(COHORT, Request(COHORT.default_weights))
    for choice in answer.choices:
        assert choice.reason in page
    assert "as of 2026-01-01" in page
    nothing = render_choose(renderer(), [])
    assert nothing.strip() == "<p>No model has figures yet.</p>"


def test_the_command_answers_as_json_and_as_a_table(tmp_path):
    write_miniature(tmp_path)
    asked = ("choose", "--cohort", "paper", "--weight", "quiz=1")
    answer = json.loads(invoke(tmp_path, *asked, "--json").stdout)
    front = [choice for choice in answer["choices"] if choice["pareto_optimal"]]
    assert front
    assert all(choice["provenance"] == ["published"] for choice in front)
    assert answer["cost"] is None
    shown = invoke(tmp_path, *asked, "--price", "2", "--throughput", "1000").stdout
    for choice in answer["choices"]:
        assert f"{choice['name']}  " in shown
        assert choice["reason"] in shown
    assert shown.endswith("a million tokens cost 0.556.\n")


def test_the_command_lists_every_problem(tmp_path):
    write_miniature(tmp_path)
    for options, problems in (
        (
            ["--cohort", "paper", "--weight", "quiz=", "--weight", "qiz=1", "--weight", "quiz=nan"],
            [
                f"--weight: quiz=: {UNUSABLE}",
                "--weight: qiz=1: has an unknown name; choose from quiz, bpc",
                f"--weight: quiz=nan: {UNUSABLE}",
            ],
        ),
        (["--cohort", "papre"], ['--cohort: unknown cohort "papre"; choose from ']),
        *(
            ([option, "2"], ["a cost needs a price and a speed; use --price together with "])
            for option in ("--price", "--throughput", "--tokens-per-month")
        ),
        (
            ["--cohort", "paper", "--memory", "0.1"],
            ["Nothing fits. The model with the least memory is "],
        ),
    ):
        result = invoke(tmp_path, "choose", *options)
        told = str(result.exception).splitlines()
        assert len(told) == len(problems), told
        assert all(line.startswith(p) for line, p in zip(told, problems, strict=True)), told


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        *(("--memory", value, "use a number above 0") for value in ("0", "-1", "inf", "nan")),
        ("--price", "two", "could not convert string to float"),
        ("--precision", "int3", "is not one of 'float32', 'bfloat16', 'int8', 'int4'"),
    ],
)
def test_the_command_refuses_an_impossible_value(tmp_path, option, value, message):
    result = invoke(tmp_path, "choose", option, value)
    assert result.exit_code == 2
    assert f"Invalid value for '{option}'" in result.stderr
    assert message in " ".join(result.stderr.replace("│", " ").split())


def test_the_precisions_of_the_command_are_those_of_the_options():
    assert get_args(Precision) == tuple(PRECISIONS)


def test_the_defaults_of_the_command_are_those_of_the_page():
    """The command does not import the options before it runs."""
    defaults = {n: p.default for n, p in inspect.signature(choose_command).parameters.items()}
    assert (defaults["context"], defaults["precision"]) == (CONTEXT_TOKENS, PRECISION)
