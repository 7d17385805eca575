"""The page of conventions shows the table that the tests of the scorer write."""

import re
import tomllib

from compression_leaderboard.pages.reference import render_conventions

from tests import ROOT
from tests.exported import renderer, site_sources

ROW = re.compile(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', re.DOTALL)


def cells_of(row: str) -> list[str]:
    return [re.sub(r"<small>.*?</small>|<[^>]+>", "", cell) for cell in row.split("</td>")[:-1]]


def test_the_page_shows_every_convention_with_its_figures():
    table = tomllib.loads(site_sources().conventions)
    html = render_conventions(renderer(), site_sources().conventions)
    shown = {name: cells_of(row) for name, row in ROW.findall(html)}
    rows = {row["name"]: row for row in table["conventions"]}
    assert [*shown] == [*rows]
    ours = rows["This board"]["bits_per_byte"]
    for name, (before, windows, skipped, denominator, reported, bits, change) in shown.items():
        row = rows[name]
        assert (windows, denominator) == (row["windows"], row["denominator"])
        assert before.replace("&lt;", "<").replace("&gt;", ">") == row["before"]
        assert int(skipped.replace(",", "")) == table["tokens"] - row["scored"]
        assert (reported, bits) == (f"{row['reported']:.4f}", f"{row['bits_per_byte']:.4f}")
        expected = f"{100 * (row['bits_per_byte'] / ours - 1):.2f}".replace("-", "−")
        assert change == expected
    assert shown["This board"][-1] == "0.00"


def test_the_page_names_the_sources_that_were_read():
    table = tomllib.loads(site_sources().conventions)
    html = render_conventions(renderer(), site_sources().conventions)
    assert f"Sources: lm-eval {table['sources']['lm_eval']}," in html
    for name in ("llama_cpp", "uncheatable_eval", "uncheatable_eval_of_2025"):
        assert f"/blob/{table['sources'][name]}/" in html


def test_a_board_without_the_table_has_no_rows():
    assert "<table" not in render_conventions(renderer(), "")


def test_no_figure_of_the_table_is_typed_by_hand():
    """Neither bits per byte nor a difference stands in the prose, where it would grow old."""
    page = (ROOT / "site/docs/conventions.md").read_text("utf-8")
    table = tomllib.loads(site_sources().conventions)
    for row in table["conventions"]:
        for value in (row["bits_per_byte"], row["reported"]):
            assert f"{value:.3g}" not in page
