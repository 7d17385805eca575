"""The picture of the method page shows the widest record, and stands where the page says."""

import re

from compression_leaderboard.pages.plane_page import render_bias

from tests import ROOT
from tests.exported import renderer
from tests.factory import make_model, make_result, make_specs, store

SITE = ROOT / "site"


def test_the_lines_are_those_of_the_record():
    """Plug-in 0.6 and null 0.2 from 25 positions; 0.51 and 0.1 from all 50."""
    model = make_model()
    text = render_bias(renderer(), make_specs(model), store(make_result(model)))
    assert "From 25 positions the plug-in is 0.600, and 0.200 of it" in text
    assert "from 50 it is 0.510, 0.100 of it null" in text
    assert make_result(model).run_id in text
    assert "50 positions in 3 documents" in text
    assert text.count("<svg") == 2  # information, and the optimality that follows


def test_the_record_of_the_most_positions_is_shown():
    small, large = make_model(), make_model("org/other")
    wide = make_result(large)
    wide = wide.model_copy(update={"lossy": wide.lossy.model_copy(update={"positions": 400})})
    for stored in (store(make_result(small), wide), store(wide, make_result(small))):
        assert wide.run_id in render_bias(renderer(), make_specs(small, large), stored)


def test_without_a_record_the_page_says_so():
    model = make_model()
    scored = make_result(model, lossy=None)
    text = render_bias(renderer(), make_specs(model), store(scored))
    expected = "<p>No record with a plane is on the board yet, so there is no picture.</p>"
    assert text.strip() == expected


def test_the_picture_has_its_place_on_the_page():
    (place,) = re.findall(r"set mark = '([^']+)'", (SITE / "theme/main.html").read_text())
    for name in ("method", "predict"):
        page = (SITE / f"docs/{name}.md").read_text("utf-8")
        assert page.count(place) == 1
