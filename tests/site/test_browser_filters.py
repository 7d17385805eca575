"""Filters, link and download of the built tables against the data beside them."""

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.in_browser import label_of
from tests.siblings import TABLE

pytestmark = pytest.mark.browser
PUBLISHED = "huang-2024"
SIZES = {
    "0-1e9": (0, 1e9),
    "1e9-3e9": (1e9, 3e9),
    "3e9-1e10": (3e9, 1e10),
    "1e10-4e10": (1e10, 4e10),
    "4e10-1e99": (4e10, float("inf")),
}


def held(site: Path, table: str) -> list[dict[str, Any]]:
    """The rows of a table of the downloads."""
    return json.loads((site / "data" / f"{table}.json").read_text("utf-8"))["data"]


def models_of(site: Path, cohort: str) -> list[dict[str, Any]]:
    """The models of a cohort in leaderboard.json, each with its licence in models.json and with
    its name as pages show it."""
    models = {row["page"]: row for row in held(site, "models")}
    found = []
    for row in held(site, "leaderboard"):
        if row["cohort"] == cohort:
            model = models[row["page"]]
            found.append(row | {"name": label_of(model), "licence": model.get("licence")})
    return found


def names(page: Page) -> list[str]:
    """The first cells of the rows that are shown, in order of the alphabet."""
    return sorted(page.locator("table.wide tbody th[scope=row] a").all_text_contents())


def wait_for_query(page: Page, **wishes: str) -> None:
    """The address is written when the rows are."""
    wanted = {key: [value] for key, value in wishes.items()}
    page.wait_for_url(lambda url: parse_qs(urlsplit(url).query) == wanted)


def options(page: Page, key: str) -> list[str]:
    values = page.locator(f"form.board-controls select[name={key}] option").evaluate_all(
        "options => options.map((option) => option.value)"
    )
    return [value for value in values if value]


def assert_filters(
    page: Page, key: str, wanted: Callable[[dict[str, Any], str], bool], rows: list[dict[str, Any]]
) -> None:
    """Every option of a filter leaves its rows, and the last one does so when opened anew."""
    select = page.locator(f"form.board-controls select[name={key}]")
    values = options(page, key)
    assert values
    shown = []
    for value in values:
        select.select_option(value)
        wait_for_query(page, **{key: value})
        shown = sorted(row["name"] for row in rows if wanted(row, value))
        assert (value, names(page) or None) == (value, shown or None)
    page.goto(page.url)
    expect(page.locator("[data-status]")).to_contain_text(f"{len(shown)} of ")
    assert select.input_value() == values[-1]
    assert names(page) == shown
    page.get_by_role("button", name="Reset").click()
    wait_for_query(page)


@pytest.mark.parametrize("key", ["licence", "kind", "family"])
def test_a_filter_leaves_the_models_that_have_it(page, siblings_address, siblings_site, key):
    page.goto(f"{siblings_address}boards/{TABLE}/")
    rows = models_of(siblings_site, TABLE)
    assert {row[key] for row in rows} == set(options(page, key))
    assert_filters(page, key, lambda row, value: row[key] == value, rows)


def test_the_filter_of_sizes_leaves_the_models_between_its_ends(page, address, site):
    page.goto(f"{address}boards/{PUBLISHED}/")
    assert set(options(page, "size")) == set(SIZES)
    assert_filters(
        page,
        "size",
        lambda row, value: SIZES[value][0] <= row["parameters"] < SIZES[value][1],
        models_of(site, PUBLISHED),
    )


def test_the_filter_of_figures_tells_models_compressors_and_predictions_apart(
    page, siblings_address, siblings_site
):
    page.goto(f"{siblings_address}boards/{TABLE}/")
    models = models_of(siblings_site, TABLE)
    others = [{"name": name} for name in names(page) if name not in {m["name"] for m in models}]
    tools = {
        f"{row['compressor']} ({row['settings']})" for row in held(siblings_site, "compressors")
    }
    assert {row["name"] for row in others} == tools
    rows = [row | {"kinds": {"measured"}} for row in models]
    rows += [row | {"kinds": {"classical"}} for row in others]
    assert_filters(page, "provenance", lambda row, value: value in row["kinds"], rows)
    page.goto(f"{siblings_address}boards/{PUBLISHED}/")
    guessed = page.locator("table.wide tbody tr", has=page.locator(".predicted"))
    some = set(guessed.locator("th a").all_text_contents())
    assert 0 < len(some) < 28
    rows = [
        row | {"kinds": {"published", "predicted"} if row["name"] in some else {"published"}}
        for row in models_of(siblings_site, PUBLISHED)
    ]
    assert_filters(page, "provenance", lambda row, value: value in row["kinds"], rows)


def test_complete_rows_are_those_in_which_every_figure_is_known(page, address, site):
    page.goto(f"{address}boards/{PUBLISHED}/")
    rows = models_of(site, PUBLISHED)
    figures = [
        key
        for key in rows[0]
        if re.fullmatch(r"(compression|score)\.\w+", key)
        and any(r.get(key) is not None for r in rows)
    ]
    whole = sorted(r["name"] for r in rows if all(r.get(key) is not None for key in figures))
    assert 0 < len(whole) < len(rows)
    page.get_by_label("Complete rows only").check()
    wait_for_query(page, complete="on")
    assert names(page) == whole
    page.goto(page.url)
    expect(page.locator("[data-status]")).to_contain_text(f"{len(whole)} of {len(rows)} rows")
    assert names(page) == whole


def test_a_copied_link_shows_the_same_elsewhere(browser, address):
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(f"{address}boards/{PUBLISHED}/")
    page.get_by_label("Size").select_option("1e10-4e10")
    page.locator("details.chooser summary").click()
    page.locator('[name=column][value="score.gsm8k"]').uncheck()
    page.locator('th[data-key="score.mmlu"] button').click()
    page.wait_for_url("**sort=score.mmlu**")
    page.locator("[data-copy]").click()
    expect(page.locator("[data-copy]")).to_have_text("Copied")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == page.url
    assert {"size", "columns", "sort"} == set(parse_qs(urlsplit(link).query))
    table = "document.querySelector('table.wide').outerHTML"
    before = page.evaluate(table)
    other = context.new_page()
    other.goto(link)
    expect(other.locator("[data-status]")).to_contain_text(" of 28 rows")
    assert other.evaluate(table) == before
    context.close()


def test_the_download_holds_the_figures_that_are_shown(page, address, site):
    """Date and filter in the name; the rows in their order, columns shown, and their figures."""
    page.goto(f"{address}boards/{PUBLISHED}/?family=Qwen&sort=-score.mmlu")
    expect(page.locator("[data-status]")).to_contain_text(" of 28 rows")
    page.locator("details.chooser summary").click()
    page.locator('[name=column][value="score.gsm8k"]').uncheck()
    expect(page.locator('th[data-key="score.gsm8k"]')).to_have_count(0)
    page.keyboard.press("Escape")
    with page.expect_download() as got:
        page.locator("[data-download]").click()
    board = json.loads((site / "boards" / f"{PUBLISHED}.json").read_text("utf-8"))
    name = f"{PUBLISHED}_{board['date']}_family-Qwen_sort--score.mmlu.csv"
    assert got.value.suggested_filename == name
    text = Path(got.value.path()).read_text("utf-8")
    assert not re.search(r"^#", text, re.MULTILINE)
    rows = list(csv.DictReader(text.splitlines(), strict=True))
    shown = page.locator("table.wide tbody tr").evaluate_all(
        """rows => rows.map((row) => [...row.cells].map((cell) =>
            (cell.querySelector('span') ?? cell).textContent))"""
    )
    keys = page.locator("table.wide thead th").evaluate_all(
        "all => all.map((th) => th.dataset.key)"
    )
    columns = {column["key"]: column for column in board["columns"]}
    assert len(rows) == len(shown) > 1
    assert "score.gsm8k" not in rows[0]
    compared = 0
    for row, cells in zip(rows, shown, strict=True):
        assert row["name"] == cells[0]
        assert row["family"] == "Qwen"
        for key, cell in zip(keys, cells, strict=True):
            if columns[key]["form"] == "figure" and cell != "–":
                value = float(row[key]) * (100 if columns[key]["unit"] == "%" else 1)
                figure = cell.lstrip("≈ ")
                digits = len(figure.partition(".")[2])
                assert digits > 0
                assert abs(value - float(figure)) <= 0.51 * 10**-digits
                compared += 1
    assert compared > 10
