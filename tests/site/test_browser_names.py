"""Names that users choose in the built tables: filters, columns, links and downloads take them."""

import csv
import io
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.in_browser import build, serve
from tests.miniature import write_miniature

pytestmark = pytest.mark.browser
TEXTS = ("bpc", "bpc_low95", "bpc_low95.", "a,b", "\u202ebpc", "bpc\x07", 'x"y')
FAMILIES = ("null", "\u202eturned", "two\nlines", 'x"y', "constructor")
MODELS = ("m", " m", "constructor", "__proto__")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The miniature with a published table of these names."""
    root = tmp_path_factory.mktemp("names")
    write_miniature(root)
    folder = root / "results/published/paper"
    source = (folder / "source.toml").read_text("utf-8")
    head, rest = source.split("[[compression]]")
    scores = rest[rest.index("[[scores]]") :]
    labels = [f"Text {k}" for k in range(len(TEXTS))]
    texts = "".join(
        f"[[compression]]\ncolumn = {toml(name)}\nlabel = {toml(label)}\nunit = 'bits'\n\n"
        for name, label in zip(TEXTS, labels, strict=True)
    )
    (folder / "source.toml").write_text(head + texts + scores, "utf-8")
    table = io.StringIO()
    rows = csv.writer(table)
    rows.writerow(["model", "family", "parameters", *TEXTS, "quiz"])
    for k in range(12):
        name = MODELS[k] if k < len(MODELS) else f"model {k}"
        values = [round(1 - 0.04 * k + 0.001 * j, 3) for j in range(len(TEXTS))]
        score = 0.3 + 0.05 * k + 0.03 * (-1) ** k
        rows.writerow([name, FAMILIES[k % len(FAMILIES)], 10 ** (6 + k % 5), *values, score])
    (folder / "table.csv").write_text(table.getvalue(), "utf-8", newline="")
    return build(root)


def toml(text: str) -> str:
    return '"' + text.encode("unicode_escape").decode().replace('"', '\\"').replace(
        "\\x", "\\u00"
    ) + '"'  # fmt: skip


@pytest.fixture(scope="module")
def address(site):
    with serve(site) as url:
        yield f"{url}boards/paper/"


def test_every_family_filters_its_rows(page: Page, address):
    page.goto(address)
    select = page.locator("select[name=family]")
    for k in range(len(FAMILIES)):
        select.select_option(index=k + 1)
        expect(page.locator("[data-status]")).to_have_text(re.compile("[23] of 12 rows"))


def show(page: Page, *shown: int) -> None:
    """Show these texts and no other column."""
    page.evaluate(
        """labels => {
          const boxes = [...document.querySelectorAll("[name=column]")];
          const label = (box) => box.parentElement.textContent.trim();
          for (const box of boxes) box.checked = labels.includes(label(box));
          boxes[0].dispatchEvent(new Event("input", { bubbles: true }));
        }""",
        [f"Text {k}" for k in shown],
    )
    expect(page.locator("[data-board] thead th")).to_have_count(1 + len(shown))


def test_columns_are_shown_sorted_linked_and_downloaded_by_any_name(page: Page, address):
    page.goto(address)
    every = range(len(TEXTS))
    show(page, *every)
    for k in every:
        head = page.locator(f"[data-board] thead th:has-text('Text {k}')").first
        head.locator("button").click()
        expect(head).to_have_attribute("aria-sort", "ascending")
        values = page.locator(f"[data-board] tbody td:nth-child({k + 2})").all_inner_texts()
        assert values == sorted(values) != [], TEXTS[k]
    show(page, 3, 4)
    page.wait_for_url(
        lambda url: parse_qs(urlsplit(url).query).get("columns", [""])[0].count(",") == 1
    )
    page.goto(page.url)
    expect(page.locator("[data-board] thead th")).to_have_count(3)
    assert page.locator("[data-board] thead th").all_inner_texts()[1].startswith("Text 3")
    show(page, *every)
    with page.expect_download() as event:
        page.locator("[data-download]").click()
    header, *lines = csv.reader(io.StringIO(Path(event.value.path()).read_text("utf-8")))
    assert len(set(header)) == len(header)
    keys = ["compression.bpc", "compression.bpc_low95.", "compression.bpc_low95.."]
    assert header[2:5] == keys
    assert sorted(float(line[3]) - float(line[2]) for line in lines) == pytest.approx([0.001] * 12)


def test_compare_finds_models_by_their_very_names(page: Page, address):
    page.goto(address.replace("boards/paper/", "compare/?table=paper&m=m&m=%20m"))
    heads = page.locator("#figures thead a")
    expect(heads).to_have_count(2)
    expect(heads.first).to_have_attribute("href", "../published/paper/m/")
    page.goto(address.replace("boards/paper/", "compare/?table=paper&m=m%20&m=constructor"))
    expect(heads).to_have_count(2)


def test_the_ends_of_an_interval_are_downloaded_below_their_names(page: Page, address):
    page.goto(address.replace("paper", "measured-base-16-8-starter"))
    with page.expect_download() as event:
        page.locator("[data-download]").click()
    lines = list(csv.DictReader(io.StringIO(Path(event.value.path()).read_text("utf-8"))))
    ends = [name.removesuffix("_low95") for name in lines[0] if name.endswith("_low95")]
    assert "compression.prose" in ends
    for key in ends:
        for line in lines:
            if line[f"{key}_low95"]:
                low, value, high = (float(line[key + end]) for end in ("_low95", "", "_high95"))
                assert low <= value <= high, key
    (first, *_) = (line for line in lines if line["compression.prose_low95"])
    assert float(first["compression.prose_low95"]) < float(first["compression.prose_high95"])
