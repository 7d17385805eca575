"""The page of architectures shows the table that the tests of the scorer write."""

import tomllib

from compression_leaderboard.pages.model_page import render_model
from compression_leaderboard.pages.reference import render_architectures

from tests.exported import board_of, renderer, site_sources
from tests.factory import make_model, make_result, make_specs, store


def test_the_page_shows_every_architecture_with_its_outcome():
    text = site_sources().architectures
    html = render_architectures(renderer(), text)
    table = tomllib.loads(text)
    rows = table["architectures"]
    works = sum(row["outcome"] == "works" for row in rows)
    words = f"With transformers {table['transformers']}: {works} of {len(rows)} architectures work."
    assert words in html
    for row in rows:
        assert f'<th scope="row"><code>{row["model_type"]}</code></th>' in html
    assert html.count("<td>refused</td>") == sum(row["outcome"] == "refused" for row in rows)


def test_a_board_without_the_table_has_no_rows():
    assert "<table" not in render_architectures(renderer(), "")


def test_the_page_of_a_model_says_why_it_has_no_information_plane():
    model = make_model(suites=())
    why = "OPTForCausalLM: the hidden states of layer 2 are 1 × 8 × 16"
    record = make_result(model).model_copy(update={"lossy": None, "no_lossy": why})
    board = board_of(make_specs(model), store(record))
    page = render_model(renderer(), model, board.stored, board.specs, [], [], "0" * 40)
    assert f"<p>No information plane: {why}.</p>" in page
