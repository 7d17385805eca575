"""The built site as it is read: themes, motion, paper, no script, a wide table, and its extras."""

import csv
import json
import re
import struct
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser
MODEL = "models/google__gemma-3-270m@Q4_K_M/"
NAME = "google/gemma-3-270m (Q4_K_M)"
MOVING = (
    "",
    "boards/huang-2024/",
    MODEL,
    "predict/",
    "compare/",
    "families/",
    "choose/",
    "method/",
)
# What moves: animations that run, and every element whose style would start one.
MOTION = """() => {
    const found = document.getAnimations().map((one) => `runs: ${one.effect?.target?.className}`);
    for (const one of document.querySelectorAll('*'))
        for (const part of [null, '::before', '::after']) {
            const style = getComputedStyle(one, part);
            const lasts = (text) => text.split(',').some((part) => parseFloat(part) > 0);
            if (style.transitionProperty !== 'none' && lasts(style.transitionDuration))
                found.push(`transition: ${one.tagName}.${one.className}${part ?? ''}`);
            if (style.animationName !== 'none' && lasts(style.animationDuration))
                found.push(`animation: ${one.tagName}.${one.className}${part ?? ''}`);
            if (style.scrollBehavior === 'smooth') found.push(`scrolls smoothly: ${one.tagName}`);
        }
    return found;
}"""
GROUND = """element => {
    for (let one = element; one; one = one.parentElement) {
        const found = getComputedStyle(one).backgroundColor.match(/[\\d.]+/g).map(Number);
        if (found.length === 3 || found[3] > 0) return Math.max(...found.slice(0, 3));
    }
    return 255;
}"""
IS_SHOWN = "one => one.checkVisibility() && one.getBoundingClientRect().height > 4"
INK = "element => Math.max(...getComputedStyle(element).color.match(/\\d+/g).slice(0, 3))"


def test_nothing_moves_for_who_wants_no_motion(browser, address):
    """Also after pointing, focusing and switching the theme; without the wish some things do."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    found = {}
    for path in MOVING:
        page.goto(address + path)
        page.locator("h1").hover()
        page.locator("article a").first.hover()
        page.locator("article a").first.focus()
        palette(page).click()
        if faults := page.evaluate(MOTION):
            found[path] = faults[:5]
    assert found == {}
    page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate(MOTION) != []
    context.close()


def palette(page: Page):
    """What switches the theme, as it is to be seen."""
    return page.locator("form[data-md-component=palette] label:visible")


def is_dark(page: Page) -> bool:
    """Whether page, cards and text are of the dark theme; a mixture is of neither."""
    ground = page.locator("body").evaluate(GROUND)
    text = page.locator("h1").evaluate(INK)
    cards = [card.evaluate(GROUND) for card in page.locator(".card").all()[:2]]
    dark = ground < 60 and text > 180 and all(card < 60 for card in cards)
    light = ground > 220 and text < 90 and all(card > 220 for card in cards)
    assert dark != light, (ground, text, cards)
    return dark


def test_the_theme_follows_the_system_until_one_is_chosen_which_stays(browser, address):
    context = browser.new_context(color_scheme="dark", reduced_motion="reduce")
    page = context.new_page()
    body = page.locator("body")
    page.goto(address)
    assert is_dark(page)
    page.emulate_media(color_scheme="light")
    expect(body).to_have_attribute("data-md-color-scheme", "default")
    assert not is_dark(page)
    page.emulate_media(color_scheme="dark")
    expect(body).to_have_attribute("data-md-color-scheme", "slate")
    for scheme, dark in (("default", False), ("slate", True)):  # against the system, then with it
        page.emulate_media(color_scheme="light" if dark else "dark")
        palette(page).click()
        expect(body).to_have_attribute("data-md-color-media", re.compile("light|dark"))
        expect(body).to_have_attribute("data-md-color-scheme", scheme)
        assert is_dark(page) == dark
        page.reload()
        assert is_dark(page) == dark
        page.locator(".switch a").last.click()
        page.wait_for_url("**/boards/**")
        assert is_dark(page) == dark
    palette(page).click()
    expect(body).to_have_attribute("data-md-color-media", "(prefers-color-scheme)")
    assert not is_dark(page)  # the system's at last
    context.close()


@pytest.mark.parametrize("width", [1440, 390])
def test_names_and_headings_stay_where_they_are_when_a_table_is_moved(page, address, width):
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(f"{address}boards/mlfoundations-scaling/")
    box = page.locator(".board-scroll.tall")
    box.scroll_into_view_if_needed()
    name = page.locator("table.wide tbody th").nth(30)
    figure = page.locator("table.wide tbody tr").nth(30).locator("td").first
    corner = page.locator("table.wide thead th").first
    # First down, since the caption above the headings goes out of sight.
    box.evaluate("box => { box.scrollTop = 600; }")
    name.scroll_into_view_if_needed()
    before = [one.bounding_box() for one in (name, corner, figure)]
    assert box.evaluate("box => { box.scrollLeft = 300; return box.scrollLeft; }") == 300
    after = [one.bounding_box() for one in (name, corner, figure)]
    assert after[0]["x"] == before[0]["x"]
    assert after[1] == before[1]
    assert after[2]["x"] == pytest.approx(before[2]["x"] - 300, abs=1)
    top = box.bounding_box()["y"]
    assert after[1]["y"] == pytest.approx(top, abs=2)
    on_top = """cell => { const box = cell.getBoundingClientRect();
        const found = document.elementFromPoint(box.left + box.width / 2, box.top + 8);
        return cell.contains(found); }"""
    assert name.evaluate(on_top)
    assert corner.evaluate(on_top)
    box.evaluate("box => { box.scrollTop += 200; }")
    assert corner.bounding_box() == before[1]


def test_a_page_of_a_model_and_the_data_need_no_script(browser, address, site):
    context = browser.new_context(java_script_enabled=False, accept_downloads=True)
    page = context.new_page()
    page.goto(address)
    assert page.locator("table.wide tbody tr:visible").count() == 28
    assert page.locator(".chart-points path[data-rows]").first.bounding_box()["width"] > 0
    assert page.locator(".chart figcaption").first.is_visible()
    assert page.locator(".needs-script:visible").count() == 0
    with page.expect_download() as got:
        page.locator("[data-download]").click()
    taken = Path(got.value.path()).read_bytes()
    assert taken == (site / "data" / "leaderboard.csv").read_bytes()
    assert len(list(csv.reader(taken.decode().splitlines(), strict=True))) > 200
    page.goto(address + MODEL)
    assert page.locator("h1").inner_text() == NAME
    text = page.locator("article").inner_text()
    rows = json.loads((site / "data/leaderboard.json").read_text("utf-8"))["data"]
    row = next(row for row in rows if row["page"] == MODEL)
    for figure in (
        f"{row['compression.sotu']:.4f}",
        f"{row['compression.sotu.low95']:.3f}–{row['compression.sotu.high95']:.3f}",
        f"{row['optimality.sotu']:.3f}",
        f"{100 * row['score.starter_arithmetic']:.1f}",
    ):
        assert figure in text, figure
    for part in ("Licence\nGemma", "Revision\nsha256-", "torch "):
        assert part in text, part
    assert page.locator("svg[role=img]:visible").count() >= 2
    assert page.locator("article a[href*='records/']").count() > 0
    fold = page.locator("article details", has_text="The figures of this chart").first
    fold.locator("summary").click()
    assert fold.locator("table").is_visible()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_model_prints_dark_on_white_with_its_folds_open(page, address, scheme):
    page.emulate_media(color_scheme=scheme)
    page.goto(address + MODEL)
    folds = page.locator("article details")
    assert folds.count() > 2
    inside = page.locator("article details > summary + *")
    assert sum(one.evaluate(IS_SHOWN) for one in inside.all()) == 0
    page.emulate_media(media="print", color_scheme=scheme)
    assert sum(one.evaluate(IS_SHOWN) for one in inside.all()) == folds.count()
    for place in ("h1", "h2", "dl.facts dd", "table.board td", "table.board th", "figcaption"):
        first = page.locator(f"article {place}").first
        assert first.evaluate(INK) < 128, place
        assert first.evaluate(GROUND) > 230, place
    controls = "article :is(select, input, form), .md-header, .md-tabs, .md-sidebar, .md-footer"
    assert page.locator(controls).locator("visible=true").count() == 0


def test_a_model_comes_out_of_the_printer(page, address):
    page.goto(address + MODEL)
    printed = page.pdf(format="A4")
    assert printed.startswith(b"%PDF-")
    assert 1 < len(re.findall(rb"/Type\s*/Page\b", printed)) < 40
    title = re.sub(r"([()])", r"\\\1", NAME)  # as PDF writes brackets
    assert title.encode() in printed


def test_icon_card_and_the_page_for_what_is_not_found(page, address, site):
    page.goto(address + MODEL)
    icon = page.locator("link[rel=icon]").evaluate("link => link.href")
    card = page.locator('meta[property="og:image"]').get_attribute("content")
    answer = page.request.get(icon)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("image/")
    assert b"<svg" in answer.body()
    answer = page.request.get(page.evaluate("card => new URL(card, location).href", card))
    assert answer.status == 200
    assert answer.headers["content-type"] == "image/png"
    assert struct.unpack(">II", answer.body()[16:24]) == (1200, 630)
    for side, size in (("width", "1200"), ("height", "630")):
        meta = page.locator(f'meta[property="og:image:{side}"]')
        assert meta.get_attribute("content") == size
    page.goto(f"{address}404.html")
    expect(page.locator("h1")).to_have_text("404: no such page")
    page.locator("article a", has_text="leaderboard").click()
    page.wait_for_url(address)
