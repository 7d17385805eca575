"""The page Choose in a browser: it answers as the command does and keeps wishes in its address."""

import json
from urllib.parse import unquote, urlencode

import pytest

from generator.choice.options import make_menus, measure_speed
from generator.choice.plain import answer_values, default_wishes
from generator.choice.wishes import Wishes
from generator.files.published import read_published
from generator.files.results import read_results
from generator.files.specs import read_specs
from generator.tables.cohorts import make_cohorts
from generator.tables.measured import current_results
from tests.in_browser import ROOT, watch

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def board():
    """Menus, speed and assumptions of the real board."""
    specs, stored = read_specs(ROOT)[0], read_results(ROOT, "measured")[0]
    current = [entry.result for entry in current_results(specs, stored)]
    menus = make_menus(make_cohorts(specs, stored, read_published(ROOT)[0]), current)
    usable = [menu for menu in menus if menu.criteria and menu.options]
    return usable, measure_speed(specs, stored), specs.assumptions


def shown_answer(page):
    page.wait_for_selector("#choose-json")
    link = page.locator("#choose-json").get_attribute("href")
    return json.loads(unquote(link.partition(",")[2]))


def assert_alike(ours, theirs, place="answer"):
    """Equal, numbers to 1e-9 of their size."""
    if isinstance(ours, dict):
        assert ours.keys() == theirs.keys(), place
        for key in ours:
            assert_alike(ours[key], theirs[key], f"{place}.{key}")
    elif isinstance(ours, list):
        assert len(ours) == len(theirs), place
        for k, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            assert_alike(one, other, f"{place}.{k}")
    elif isinstance(ours, float):
        assert theirs == pytest.approx(ours, rel=1e-9), place
    else:
        assert ours == theirs, place


WISHES = [
    {},
    {"memory_bytes": 16, "precision": "int4"},
    {"largest_parameters": 3, "billing": "token", "money": 50},
    {"billing": "second", "precision": "float32", "a.hour_price": 3, "a.utilisation": 1},
    {"memory_bytes": 0.1},
    {"precision": "int3", "licence": "gpl"},
    {"licence": "gpl"},
]


@pytest.mark.parametrize("wish", WISHES, ids=str)
def test_the_page_answers_as_the_command_does_in_every_cohort(page, address, board, wish):
    menus, speed, held = board
    scales = {"memory_bytes": 1e9, "largest_parameters": 1e9}
    fields = {
        k: v * scales.get(k, 1) if k in scales else v for k, v in wish.items() if "." not in k
    }
    changed = {k[2:]: float(v) for k, v in wish.items() if k.startswith("a.")}
    for menu in menus:
        wishes = Wishes(menu.name, default_wishes(menu).weights, **fields)
        ours = answer_values(wishes, menus, speed, held.model_copy(update=changed))
        page.goto(f"{address}choose/?{urlencode({'menu': menu.name, **wish})}")
        assert_alike(json.loads(json.dumps(ours)), shown_answer(page), menu.name)


def test_weights_that_no_one_can_grant_get_the_same_sentence(page, address, board):
    menus, speed, held = board
    menu = next(one for one in menus if len({c.unit for c in one.criteria}) > 1)
    names = [c.name for c in menu.criteria]
    for weights in (
        {names[0]: 0.0},
        {names[0]: 1.0, names[-1]: 1.0},
        {"nothing": 1.0},
        {names[0]: -1.0},
    ):
        query = {f"w.{name}": weight for name, weight in weights.items()}
        page.goto(f"{address}choose/?{urlencode({'menu': menu.name, **query})}")
        ours = answer_values(Wishes(menu.name, weights), menus, speed, held)
        assert ours["problems"]
        assert shown_answer(page)["problems"] == ours["problems"]
        assert page.locator("#choose-answer .notice").first.inner_text() == ours["problems"][0]


@pytest.mark.parametrize("limits", [{}, {"money": 1e6}], ids=str)
def test_a_mixture_of_unknown_size_gets_the_same_sentence(page, address, board, limits):
    """The best by this benchmark is one: first on the front, or left out by a limit."""
    menus, speed, held = board
    name, best = "huang-2024", "mistralai/Mixtral-8x22B-v0.1"
    query = {"menu": name, "w.hellaswag": 1, **limits}
    menu = next(one for one in menus if one.name == name)
    query |= {f"w.{c.name}": 0 for c in menu.criteria if c.name != "hellaswag"}
    page.goto(f"{address}choose/?{urlencode(query)}")
    ours = answer_values(Wishes(name, {"hellaswag": 1.0}, **limits), menus, speed, held)
    assert_alike(json.loads(json.dumps(ours)), shown_answer(page))
    reason = next(c["reason"] for c in ours["choices"] if c["model"] == best)
    assert ("so its price is not" if limits else "what it needs is not known") in reason


def test_a_change_stands_in_the_address_and_a_reload_keeps_it(page, address):
    page.goto(f"{address}choose/")
    before = shown_answer(page)
    page.locator("summary", has_text="Limits").first.wait_for()
    page.locator("input[name=memory_bytes]").fill("16")
    page.wait_for_url("**memory_bytes=16**")
    after = shown_answer(page)
    assert len([c for c in after["choices"] if c["fits"]]) < len(
        [c for c in before["choices"] if c["fits"]]
    )
    page.reload()
    assert shown_answer(page) == after
    assert page.locator("input[name=memory_bytes]").input_value() == "16"
    page.locator("select[name=menu]").select_option(index=1)
    page.wait_for_url("**memory_bytes=16**")


def test_hours_and_money_are_shown_where_they_are_known(page, address, board):
    """In the words and columns of the build, before and after the page computes them itself."""
    menus, speed, held = board
    shown = set()
    for menu in menus:
        answer = answer_values(default_wishes(menu), menus, speed, held)
        page.goto(f"{address}choose/?{urlencode({'menu': menu.name})}")
        shown_answer(page)
        chosen = [choice for choice in answer["choices"] if choice["on_front"]]
        timed = any(choice["seconds"] is not None for choice in chosen)
        labels = page.locator("#choose-answer table").first.locator("thead th").all_inner_texts()
        assert ("Hours a month" in labels, "Money a month" in labels) == (timed, timed), menu.name
        known = any(choice["seconds"] is not None for choice in answer["choices"])
        assert page.locator("#choose-speed").is_visible() == known, menu.name
        shown.add(timed)
    assert shown == {True, False}


def test_on_a_phone_the_answer_comes_before_the_fields(browser, address):
    for width, open_ones in ((390, 0), (1440, 2)):
        opened = browser.new_page(viewport={"width": width, "height": 844})
        opened.goto(f"{address}choose/")
        shown_answer(opened)
        folds = opened.locator("#choose-form details")
        assert folds.count() == 3
        assert opened.locator("#choose-form details[open]").count() == open_ones
        if width == 390:
            assert opened.locator("#choose-answer").bounding_box()["y"] < 844
            folds.nth(1).locator("summary").click()
            opened.locator("select[name=menu]").select_option(index=1)  # makes the form anew
            assert [folds.nth(k).get_attribute("open") for k in range(3)] == [None, "", None]
        opened.close()


def test_it_asks_for_nothing_but_its_own_files(browser, address):
    opened = browser.new_page()
    faults = watch(opened)
    asked = []
    opened.on("request", lambda request: asked.append((request.method, request.url)))
    opened.goto(f"{address}choose/")
    opened.locator("input[name=memory_bytes]").fill("9")
    assert {method for method, _ in asked} == {"GET"}
    assert all(url.startswith(address) for _, url in asked)
    assert not any("memory_bytes" in url for _, url in asked)
    opened.close()
    assert faults == []


@pytest.mark.parametrize("width", [1440, 390])
def test_it_fits_the_screen_and_prints_without_the_form(browser, address, width, tmp_path):
    opened = browser.new_page(viewport={"width": width, "height": 844})
    opened.goto(f"{address}choose/")
    opened.wait_for_selector("#choose-json")
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    opened.screenshot(path=str(tmp_path / f"choose-{width}.png"), full_page=True)
    opened.emulate_media(media="print")
    assert not opened.locator("#choose-form").is_visible()
    assert opened.locator("#choose-answer table").first.is_visible()
    opened.close()


def test_without_javascript_the_default_question_is_answered(browser, address):
    context = browser.new_context(java_script_enabled=False)
    opened = context.new_page()
    opened.goto(f"{address}choose/")
    assert opened.locator("#choose-chosen tbody tr").count() > 0
    assert "Without JavaScript" in opened.locator("#choose-form").inner_text()
    context.close()


def test_it_is_reached_from_the_home_page(page, address):
    page.goto(address)
    page.locator("article a", has_text="Choose a model").click()
    page.wait_for_url("**/choose/")
    page.goto(address)
    page.locator("article a", has_text="score your own text").click()
    page.wait_for_url("**/score/")
