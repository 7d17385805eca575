"""The pages of the plane, of families and of trajectories draw what there is to compare, once."""

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from compression_leaderboard.board.cohorts import make_cohorts
from compression_leaderboard.board.measured import make_trajectories
from compression_leaderboard.pages.board_table import make_board_table
from compression_leaderboard.pages.charts import Mark, draw_marks
from compression_leaderboard.pages.families_page import render_families
from compression_leaderboard.pages.plane_page import render_plane_page
from compression_leaderboard.pages.trajectories_page import render_trajectories
from compression_leaderboard.records.models import Checkpoint

from tests import ROOT
from tests.exported import renderer
from tests.factory import REVISION, make_model, make_result, make_specs, store
from tests.published_cohorts import published_cohorts


def plane_of(*models, suites=("starter",)):
    """The page for models on one text; a table a suite, with the same marks in each."""
    specs = make_specs(*models)
    (cohort,) = make_cohorts(specs, store(*map(make_result, models)), [])
    return render_plane_page(
        renderer(),
        [make_board_table(replace(cohort, name=f"measured-{suite}")) for suite in suites],
    )


def test_a_text_is_drawn_once_however_many_suites_there_are():
    page = plane_of(make_model(), make_model("org/other"), suites=("starter", "core"))
    assert page.count("<svg") == 1
    assert re.findall(r"<h2>(.*?) <span", page) == ["Prose: base models"]
    assert 'data-board="../boards/measured-starter.json"' in page


def test_a_text_of_one_model_is_a_row_and_no_chart():
    page = plane_of(make_model())
    assert "<svg" not in page
    assert re.findall(r'<th scope="row">(.*?)</th>', page) == [
        f'<a href="../models/{make_model().id}/">org/<wbr>small</a>'
    ]


@pytest.mark.parametrize(("models", "named"), [(6, 6), (7, 0)])
def test_few_marks_have_their_names_beside_them(models, named):
    page = plane_of(*(make_model(f"org/m{k}") for k in range(models)))
    assert len(re.findall(r'<span style="[^"]+max-width[^"]+">org/m\d</span>', page)) == named


def test_names_of_marks_at_one_place_stand_below_each_other_and_inside():
    marks = [Mark(0.3, 0.2, "f", k, f"m{k}") for k in range(6)]
    chart = draw_marks([*marks, Mark(0.01, 0.01, "f", 6, "left")], is_bounded=True)
    names = {name.text: name for name in chart.names}
    tops = [names[f"m{k}"].top for k in range(6)]
    assert all(after - before > 0.05 for before, after in pairwise(tops))
    assert max(name.top for name in chart.names) < 1
    assert names["left"].side == "left"
    assert all(name.start + name.room <= 1.0001 for name in chart.names)


def test_families_begin_with_a_finding_and_end_with_what_lacks_one():
    found = published_cohorts()["huang-2024"]
    few = replace(found, name="few", title="Few", rows=found.rows[:5])
    page = render_families(renderer(), [few, found])
    headings = re.findall(r"<h2[^>]*>([^<]*?) ?<", page)
    assert headings == [found.title, "Tables without a comparison at equal size"]
    assert (
        '<li id="few"><a href="../boards/few/">Few</a>: 5 models of known size; a line over size '
        "needs 8." in page
    )
    closing = page.partition("<ul>")[2]
    assert "the line of all" not in closing
    assert "Residual given size" not in closing
    assert "Residual given size" in page


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"parameters": 1e9}, "all models are of one size"),
        ({"family": "one"}, "fewer than two families have two models of known size"),
    ],
)
def test_what_a_cohort_of_families_lacks_is_said(changes, reason):
    found = published_cohorts()["huang-2024"]
    rows = tuple(replace(row, **changes) for row in found.rows)
    assert f": {reason}." in render_families(renderer(), [replace(found, rows=rows)])


def test_no_text_at_all_is_said_on_the_page_of_families():
    assert "No text is measured yet" in render_families(renderer(), [])


def test_a_path_over_the_plane_shows_where_it_begins_and_ends():
    """First and last by tokens seen, not by place; and the run is called as its model is."""
    early, middle = ("sha256-" + letter * 40 for letter in "ed")
    seen = {early: 10, middle: 20, REVISION: 30}
    model = make_model(
        training_tokens=30,
        checkpoints=tuple(
            Checkpoint(revision=revision, tokens_seen=tokens, path=f"w{tokens}")
            for revision, tokens in seen.items()
        ),
    )
    results = [
        make_result(model, revision=revision, tokens_seen=tokens)
        for revision, tokens in seen.items()
    ]
    frame = make_trajectories(make_specs(model), store(*results))
    page = render_trajectories(renderer(), frame, [], {model.id: model.title})
    plane, *others = page.split("<figure")[1:]
    assert re.findall(r'run-0 (start|end)" d="[^"]+"><title>([^<]+)', plane) == [
        ("end", "org/small, 30 tokens"),
        ("start", "org/small, 10 tokens"),
    ]
    assert plane.count('class="hollow"') == 1
    words = (ROOT / "site/docs/trajectories.md").read_text("utf-8")
    assert "it begins at the hollow mark and ends at the large one" in words
    assert "hollow" not in "".join(others)
    assert len(others) > 2
    assert model.id not in re.sub(r'id="[^"]*"', "", page)
