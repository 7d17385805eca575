"""The built site by keyboard alone: everything is reached, seen when it is, and operated."""

import contextlib
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, TimeoutError, expect

from tests.in_browser import faults_of

pytestmark = pytest.mark.browser
KINDS = (
    "",
    "boards/measured-base-1024-512-starter/",
    "models/ladder__Ladder-0.3M/",
    "published/huang-2024/Qwen__Qwen-7B/",
    "plane/",
    "trajectories/",
    "predict/",
    "compare/",
    "families/",
    "choose/",
    "method/",
    "download/",
    "reliability/",
    "changelog/",
    "score/",
    "404.html",
)
# Drawn by a script from data that it fetches.
READY = {
    "predict/": "#predict-form input",
    "compare/": "#figures td",
    "choose/": "#choose-form [data-weights] input",
}
ON_A_PHONE = ("", "models/ladder__Ladder-0.3M/", "plane/", "method/", "404.html")

# Numbers everything that must be reached, and writes down what the focus meets: the number of the
# element and what hides it or its outline. Of radio buttons of a name, one is
# a stop.
RECORD = """() => {
    const what = 'a[href], button, input, select, textarea, summary, [tabindex], [contenteditable]';
    const entry = (name) => document.querySelector(`[name=${name}]:checked`)
        ?? document.querySelector(`[name=${name}]`);
    const stops = [...document.querySelectorAll(what)].filter((one) =>
        one.tabIndex >= 0 && !one.disabled && (one.type !== 'radio' || one === entry(one.name))
        && one.checkVisibility({ visibilityProperty: true }));
    const named = (one) => one.outerHTML.replace(/\\s+/g, ' ').slice(0, 90);
    window.met = [];
    const met = (one, faults) => window.met.push([stops.indexOf(one), named(one),
        faults.map((fault) => `${fault}: ${named(one)}`)]);
    document.addEventListener('focusin', ({ target }) => {
        // An icon's radio button has no size: its label, which follows it, shows the outline.
        const shown = target.type === 'radio' ? target.nextElementSibling : target;
        const style = getComputedStyle(shown);
        const box = shown.getBoundingClientRect();
        const faults = [];
        if (target.name === 'query') return met(target, faults); // opens: a test of its own below
        if (style.outlineStyle === 'none' || parseFloat(style.outlineWidth) === 0
            || /, 0\\)$|transparent/.test(style.outlineColor)) faults.push('no outline');
        if (!shown.checkVisibility({ opacityProperty: true, visibilityProperty: true }))
            faults.push('hidden');
        if (box.width < 4 || box.height < 4) faults.push('no size');
        if (box.right < 1 || box.left > innerWidth - 1) faults.push('beside the screen');
        if (box.bottom < 1 || box.top > innerHeight - 1) faults.push('above or below the screen');
        met(target, faults);
    });
    return stops.map(named);
}"""


def walk(page: Page) -> list[str]:
    """What is wrong with a walk by Tab from the top of a page to its end, one line each."""
    stops = page.evaluate(RECORD)
    assert len(stops) >= 5
    for _ in stops:
        page.keyboard.press("Tab")
    met = page.evaluate("window.met")
    page.keyboard.press("Tab")  # leaves the page, or comes to its top again: no trap
    after = page.evaluate("window.met")[len(met) :]
    places = [place for place, _, _ in met]
    found = [fault for _, _, faults in met for fault in faults]
    found += [f"not reached: {stop}" for k, stop in enumerate(stops) if k not in places]
    found += [f"not expected: {name}" for place, name, _ in met if place == -1]
    found += [f"again: {stop}" for k, stop in enumerate(stops) if places.count(k) > 1]
    found += [f"below the last stop: {name}" for place, name, _ in after if place != 0]
    return found


def faults_by_page(browser, address: str, paths, width: int, height: int) -> dict[str, list[str]]:
    viewport = {"width": width, "height": height}
    context = browser.new_context(viewport=viewport, reduced_motion="reduce")
    page = context.new_page()
    found = {}
    for path in paths:
        page.goto(address + path)
        page.locator(READY.get(path, "h1")).first.wait_for()
        if faults := walk(page):
            found[path] = faults
    context.close()
    return found


def test_tab_reaches_everything_once_shows_where_it_is_and_ends(browser, address):
    assert faults_by_page(browser, address, KINDS, 1440, 900) == {}


def test_on_a_small_screen_tab_meets_nothing_beside_it(browser, address):
    assert faults_by_page(browser, address, ON_A_PHONE, 390, 844) == {}


def reach(page: Page, selector: str) -> Locator:
    """Tabs on until the focus lies on what the selector names."""
    here = f"document.activeElement.matches({selector!r})"
    for _ in range(250):
        page.keyboard.press("Tab")
        if page.evaluate(here):
            return page.locator(selector).first
    raise AssertionError(f"Tab does not come to {selector}")


def test_the_tables_are_switched_and_a_family_lights_up_by_keys(page, address):
    page.goto(address)
    reach(page, '.switch a[href*="boards/pythia-v0"]')
    page.keyboard.press("Enter")
    page.wait_for_url("**/boards/pythia-v0/")
    page.goto(f"{address}boards/huang-2024/")
    chip = reach(page, "[data-highlight]")
    page.keyboard.press("Enter")
    expect(chip).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".chart-points path.chosen")).to_have_count(1)
    page.keyboard.press("Space")
    expect(chip).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".chart-points path.chosen")).to_have_count(0)


def test_the_table_is_filtered_sorted_and_taken_home_by_keys(browser, address):
    """Filter, columns, copy, download, sort, more rows, reset: each by its key alone."""
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(f"{address}boards/pythia-v0/")
    status = page.locator("[data-status]")
    reach(page, "select[name=size]")
    page.keyboard.press("ArrowDown")
    expect(status).to_contain_text(" of 90 rows")
    page.wait_for_url("**size=0-1e9")
    reach(page, ".chooser summary")
    page.keyboard.press("Enter")
    box = reach(page, "[name=column]")
    expect(box).to_be_visible()
    page.keyboard.press("Space")
    heading = page.locator(f'table.wide th[data-key="{box.get_attribute("value")}"]')
    expect(heading).to_have_count(0)
    page.keyboard.press("Escape")
    expect(box).to_be_hidden()
    assert page.evaluate("document.activeElement.matches('.chooser summary')")
    reach(page, "button[type=reset]")
    page.keyboard.press("Enter")
    page.wait_for_url("**/boards/pythia-v0/")
    expect(heading).to_have_count(1)
    reach(page, "[data-download]")
    with page.expect_download() as got:
        page.keyboard.press("Enter")
    assert got.value.suggested_filename.startswith("pythia-v0_")
    assert len(Path(got.value.path()).read_text("utf-8").splitlines()) == 91
    copy = reach(page, "[data-copy]")
    page.keyboard.press("Enter")
    expect(copy).to_have_text("Copied")
    reach(page, 'th[data-key="parameters"] button')
    page.keyboard.press("Enter")
    page.wait_for_url("**sort=parameters")
    page.keyboard.press("Space")
    page.wait_for_url("**sort=-parameters")
    rows = page.locator("table.wide tbody tr")
    expect(rows).to_have_count(50)
    reach(page, "[data-more]")
    page.keyboard.press("Enter")
    expect(rows).to_have_count(90)
    expect(rows.nth(50).locator("a").first).to_be_focused()  # the button is gone: one reads on here
    context.close()


def test_models_are_compared_and_a_score_is_reckoned_by_keys(page, address):
    page.goto(f"{address}compare/")
    page.wait_for_url("**table=**")
    reach(page, "form[data-compare] select[name=table]")
    page.keyboard.type("Published: 28 base")
    page.wait_for_url("**table=huang-2024**")
    expect(page.locator("#figures thead th")).to_have_count(3)
    reach(page, "form[data-compare] input")
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.type("01-ai/Yi-34B")
    page.keyboard.press("Tab")
    page.wait_for_url("**m=01-ai%2FYi-34B**")
    expect(page.locator("#figures thead")).to_contain_text("01-ai/Yi-34B")
    page.goto(f"{address}predict/")
    page.locator("#predict-form input").first.wait_for()
    answer = page.locator("#predict-answer")
    expect(answer).to_contain_text("Needs")
    needed = page.locator("#predict-form input").count()
    reach(page, "#predict-form input")
    for _ in range(needed):
        page.keyboard.type("0.9")
        page.keyboard.press("Tab")
    expect(answer.locator("strong")).to_contain_text("%")


def test_a_folded_part_opens_by_keys(page, address):
    page.goto(f"{address}predict/")
    summary = reach(page, "article details:not([open]) > summary")
    fold = summary.locator("..").element_handle()
    page.keyboard.press("Enter")
    assert fold.evaluate("fold => fold.open")
    page.keyboard.press("Space")
    assert not fold.evaluate("fold => fold.open")


def test_the_theme_is_switched_by_keys(page, address):
    page.goto(f"{address}404.html")
    shown = page.locator("body")
    reach(page, "[name=__palette]")
    for scheme in ("default", "slate"):
        page.keyboard.press("Enter")
        expect(shown).to_have_attribute("data-md-color-scheme", scheme)
        expect(shown).to_have_attribute("data-md-color-media", re.compile("light|dark"))
    page.keyboard.press("Enter")
    expect(shown).to_have_attribute("data-md-color-media", "(prefers-color-scheme)")


def take_first_result(page: Page) -> None:
    """By the arrow and Enter; again where the list was still made anew for what had been typed."""
    start = page.url
    for _ in range(5):
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        with contextlib.suppress(TimeoutError):
            page.wait_for_url(lambda url: url != start, timeout=5000)
            return
    raise AssertionError("the arrow and Enter do not open what the search found")


@pytest.mark.parametrize("width", [1440, 390])
def test_the_search_opens_finds_and_goes_by_keys(page, address, width):
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(f"{address}about/")
    field = reach(page, "[name=query]")
    expect(page.locator(".md-search__output")).to_be_visible()
    box = field.bounding_box()
    page.keyboard.type("optimality")
    found = page.locator(".md-search-result__link").first
    expect(found).to_be_visible(timeout=20_000)  # once the index is there
    assert box["width"] > 100
    take_first_result(page)
    page.goto(f"{address}about/")
    reach(page, "[name=query]")
    expect(page.locator(".md-search__output")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".md-search__output")).to_be_hidden()


def test_the_menu_of_a_small_screen_opens_by_keys(page, address):
    """Also the way back from a part of it, and out of it; axe finds nothing in the open menu."""
    page.emulate_media(reduced_motion="reduce")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{address}method/")
    link = page.locator('.md-nav--primary a[href="../glossary/"]')
    expect(link).to_be_hidden()
    reach(page, 'label[for="__drawer"]')
    page.keyboard.press("Enter")
    expect(link).to_be_visible()
    page.keyboard.press("Escape")
    expect(link).to_be_hidden()
    assert page.evaluate("document.activeElement.htmlFor") == "__drawer"
    page.keyboard.press("Space")
    expect(link).to_be_visible()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert faults_of(page) == []
    reach(page, "label.md-nav__title[for=__nav_5]")
    page.keyboard.press("Enter")
    expect(link).to_be_hidden()
    reach(page, "label.md-nav__link[for=__nav_6]")
    page.keyboard.press("Enter")
    reach(page, '.md-nav--primary a[href="../download/"]')
    page.keyboard.press("Enter")
    page.wait_for_url("**/download/")


@pytest.mark.parametrize("path", ["", "method/", "published/huang-2024/Qwen__Qwen-7B/", "404.html"])
def test_the_first_stop_leads_past_the_menus(page, address, path):
    """Also on pages without a table of contents, for which the theme has no such link."""
    page.goto(address + path)
    page.keyboard.press("Tab")
    first = page.locator(":focus")
    expect(first).to_have_text("Skip to content")
    expect(first).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.locator(".md-content :focus").count() == 1
