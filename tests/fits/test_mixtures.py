"""Mixtures of experts: their published size may not count all weights, so nothing follows from it.

The sizes expected here are those of the source's table, not of the models.
"""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from compression_leaderboard.choose import CohortOptions, Request, choose, make_options
from compression_leaderboard.exports.tables import TABLES
from compression_leaderboard.fits.study import Evidence, Study
from compression_leaderboard.pages.board_table import make_board_table
from compression_leaderboard.pages.families_page import render_families
from compression_leaderboard.pages.leaderboard import render_cohort, render_home
from compression_leaderboard.pages.model_page import find_standings, render_published
from compression_leaderboard.repository.contents import read_published

from tests import ROOT
from tests.choose_vectors import CRITERIA, make_option
from tests.exported import renderer
from tests.published_cohorts import published_cohorts

HUANG = Path("results/published/huang-2024")
SIZES = {
    "deepseek-ai/DeepSeek-V2": 21e9,
    "mistralai/Mixtral-8x22B-v0.1": 39e9,
    "mistralai/Mixtral-8x7B-v0.1": 45e9,
}
NOTE = "may count only what is active for a token"


@pytest.fixture(scope="module")
def huang():
    return published_cohorts()["huang-2024"]


def choices_of(cohort, weighted, **constraints):
    """Choices by model, all the weighted benchmarks alike."""
    (options,) = make_options([cohort], [])
    weights = tuple(float(criterion.name in weighted) for criterion in options.criteria)
    return {c.model: c for c in choose(options, Request(weights, **constraints)).choices}


def page_of(cohort, model):
    standings = find_standings([make_board_table(cohort)], {cohort.name: Study(())})
    row = next(row for row in cohort.rows if row.model == model)
    return render_published(renderer(), cohort, row, standings[row.page])


def evidence_of(cohort):
    """None, as a test of pages needs no fits."""
    return {cohort.name: Evidence("not enough evidence", 0, Study(()))}


def board_page(cohort):
    board = make_board_table(cohort)
    return render_cohort(renderer(), board, [board], evidence_of(cohort))


def test_only_one_published_table_has_mixtures_and_fits_take_the_sources_figure(huang):
    named = {name: set(cohort.mixtures) for name, cohort in published_cohorts().items()}
    assert {name: found for name, found in named.items() if found} == {"huang-2024": set(SIZES)}
    assert {row.model: row.parameters for row in huang.rows if row.model in SIZES} == SIZES


def test_a_mixture_that_is_not_in_the_table_is_told(tmp_path):
    folder = shutil.copytree(ROOT / HUANG, tmp_path / HUANG)
    source = folder / "source.toml"
    source.write_text(source.read_text("utf-8").replace("/DeepSeek-V2", "/DeepSeek-V"), "utf-8")
    tables, problems = read_published(tmp_path)
    assert tables == []
    assert [str(problem) for problem in problems] == [
        f'{HUANG.as_posix()}/source.toml: mixtures: "deepseek-ai/DeepSeek-V" is not in table.csv; '
        "write it as the column model does, or remove it"
    ]


def test_the_memory_of_a_mixture_is_unknown(huang):
    for name, choice in choices_of(huang, ["mmlu"]).items():
        assert (choice.memory_bytes is None) == (name in SIZES), name


@pytest.mark.parametrize("limit", [{"largest_parameters": 1e12}, {"memory_bytes": 1e15}])
def test_a_limit_leaves_a_mixture_out_and_no_model_of_known_size(huang, limit):
    choices = choices_of(huang, ["mmlu"], **limit)
    misfits = {name: choice.reason for name, choice in choices.items() if not choice.fits}
    reason = "Its number of parameters is unknown, and so is its memory."
    assert misfits == dict.fromkeys(SIZES, reason)


def chosen(**scores):
    """Whether on the Pareto front, and why. The size of a model named `mixture` is unknown."""
    options = tuple(
        make_option(name, None if name.startswith("mixture") else 1e9, (score, None))
        for name, score in scores.items()
    )
    cohort = CohortOptions("paper", "Paper", "published", CRITERIA, options)
    answer = choose(cohort, Request((1.0, 0.0, 0.0, 0.0)))
    return {c.name: (c.pareto_optimal, c.reason) for c in answer.choices}


def test_a_model_of_unknown_size_is_judged_by_quality_alone():
    assert chosen(plain=0.5, mixture=0.4)["mixture"] == (
        False,
        "plain is better; the memory of this model is unknown.",
    )
    best = chosen(plain=0.5, mixture=0.6)
    assert best["mixture"] == (True, "Best quality.")
    assert best["plain"][0]  # what may need more memory does not dominate it
    assert not chosen(mixture=0.5, mixture_2=0.4)["mixture_2"][0]


def test_the_table_names_its_mixtures_below_it(huang):
    shown = board_page(huang).replace("<wbr>", "")
    below = shown.partition("All rows")[2].partition("</table>")[2]
    assert NOTE in below
    assert all(name in below for name in SIZES)
    assert NOTE not in board_page(published_cohorts()["pythia-v0"])
    assert NOTE in render_families(renderer(), [huang])


def test_the_page_of_a_mixture_marks_its_size_and_no_other_page_has_the_note(huang):
    page = page_of(huang, "mistralai/Mixtral-8x22B-v0.1")
    assert "39B parameters" in page
    assert NOTE in page
    assert "<dt>Parameters</dt><dd>39B<small>may not count all weights</small>" in page
    other = page_of(huang, "tiiuae/falcon-7b")
    assert NOTE not in other
    assert "<dt>Parameters</dt><dd>7B</dd>" in other


def test_the_home_page_counts_no_mixture_among_sizes(huang):
    """Were a mixture's figure the largest, it would still not be the size of the largest model."""
    rows = tuple(
        replace(row, parameters=900e9) if row.model == "deepseek-ai/DeepSeek-V2" else row
        for row in huang.rows
    )
    board = make_board_table(replace(huang, rows=rows))
    home = render_home(renderer(), [board], evidence_of(huang), {})
    assert "up to 110B parameters, mixtures of experts aside" in home


def test_the_dictionary_says_what_a_number_of_parameters_may_be():
    assert NOTE in TABLES["models"].field("parameters").description
