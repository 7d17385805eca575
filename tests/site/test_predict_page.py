"""The calculator of the Predict page in a browser: it answers as `leaderboard predict` does."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests.calculator_vectors import NAME, questions
from tests.in_browser import faults_of
from tests.pages.test_predict_data import ask
from tests.pages.test_predict_data import root as root
from tests.published_cohorts import COHORTS
from tests.vector_files import assert_alike, read_vectors

pytestmark = pytest.mark.browser
LEARNED = "Learned from"


@pytest.fixture(scope="module")
def entries(site) -> dict[str, dict]:
    values = json.loads((site / "data/predict.json").read_text("utf-8"))
    return {one["name"]: one for one in values}


@pytest.fixture(scope="module")
def vectors():
    return read_vectors(NAME)


def type_in(page, entry, figures):
    page.get_by_label(LEARNED).select_option(entry["name"])
    for field in entry["fields"]:
        text = repr(figures[field["column"]]) if field["column"] in figures else ""
        page.get_by_label(f"{field['label']}, {field['unit']}").fill(text)


def shown_answer(page):
    return json.loads(page.locator("#predict-answer").get_attribute("data-answer"))


def test_the_script_answers_the_vectors_as_python_does(page, address, vectors):
    page.goto(f"{address}predict/")
    answers, heights = page.evaluate(
        """async ({ boards, cases, curves, limits }) => {
            const { heightOf, predict } = await import("../assets/predict.js");
            const answers = cases.map(({ board, figures }) => {
                const answer = predict(boards.find(({ name }) => name === board), figures);
                const ends = answer.intervals.map(({ low, high }) => [low, high]);
                return { value: answer.value, ends, extrapolation: answer.extrapolation };
            });
            const heights = curves.map(({ curve, places }) =>
                places.map((place) => heightOf(curve, limits, place)));
            return [answers, heights];
        }""",
        vectors,
    )
    for case, answer in zip(vectors["cases"], answers, strict=True):
        assert_alike(answer, case["answer"], f"{case['board']}, {case['kind']}")
    for curve, values in zip(vectors["curves"], heights, strict=True):
        assert_alike([float(v) for v in values], curve["heights"], curve["curve"]["form"])


@pytest.mark.parametrize("cohort", COHORTS)
def test_the_page_answers_typed_figures(page, address, entries, vectors, cohort):
    page.goto(f"{address}predict/")
    for case in vectors["cases"]:
        if case["board"] == cohort:
            type_in(page, entries[cohort], case["figures"])
            answer = case["answer"]
            assert shown_answer(page)["value"] == pytest.approx(answer["value"], abs=1e-9)
            text = page.locator("#predict-answer").inner_text()
            assert f"{100 * answer['value']:.1f} %" in text
            assert ("Extrapolation" in text) == answer["extrapolation"]


def test_it_says_what_is_missing_or_wrong_and_reads_its_answer_out(page, address, entries):
    page.goto(f"{address}predict/")
    answer = page.locator("#predict-answer")
    expect(answer).to_have_attribute("aria-live", "polite")
    entry = entries["huang-2024"]
    type_in(page, entry, {})
    needed = [f["label"] for f in entry["fields"] if f["needed"]]
    expect(answer).to_have_text(f"Needs {', '.join(needed)}.")
    for wrong in ("-1", "0", "abc", "1e999"):
        page.get_by_label(re.compile(f"^{re.escape(needed[0])}")).fill(wrong)
        expect(answer).to_have_text(f"{needed[0]}: write a number above 0.")
    assert shown_answer(page) is None


def test_parameters_are_shown_and_understood_in_short(page, address, root, entries):
    page.goto(f"{address}predict/")
    entry = entries["huang-2024"]
    middle = questions(entry)["middle"]
    field = page.get_by_label("Parameters, number, optional; the models have 6B to 110B")
    for size, short in ((7e9, "7B"), (160e6, "160 m"), (1.4e12, "1.4T")):
        figures = middle | {"parameters": size}
        type_in(page, entry, figures)
        field.fill(short)
        theirs, ours = ask(root, "huang-2024", figures), shown_answer(page)
        assert ours["value"] == pytest.approx(theirs["prediction"], abs=1e-9)
        assert ours["intervals"][1]["high"] == pytest.approx(theirs["high95"], abs=1e-9)
        assert ours["extrapolation"] == theirs["extrapolation"] == (size > 110e9)
    for wrong in ("B", "7X", "1.2.3B", "-7B"):
        field.fill(wrong)
        expect(page.locator("#predict-answer")).to_have_text("Parameters: write a number above 0.")
    needed = next(f for f in entry["fields"] if f["needed"])
    page.get_by_label(f"{needed['label']}, {needed['unit']}").fill("0.3k")
    field.fill("7B")
    expect(page.locator("#predict-answer")).to_have_text(
        f"{needed['label']}: write a number above 0."
    )


@pytest.mark.parametrize(("width", "before"), [(1440, 27801), (390, 43347)])
def test_who_wins_comes_first_and_the_sets_are_folded(browser, address, width, before):
    """A third as long as when every set was open; what is open has no faults either."""
    opened = browser.new_page(viewport={"width": width, "height": 900})
    opened.goto(f"{address}predict/")
    opened.locator("#predict form").wait_for()
    assert opened.evaluate("document.documentElement.scrollHeight") <= before / 3
    places = ["#outcomes", "#calculator", "#evidence", "#ledger", "#ask-on-the-command-line"]
    tops = [opened.locator(place).bounding_box()["y"] for place in places]
    assert tops == sorted(tops)
    assert tops[0] < 450
    verdict = opened.locator("#outcomes td", has_text="Compression wins").first.bounding_box()
    assert verdict["x"] + verdict["width"] <= width  # seen without scrolling sideways
    assert opened.get_by_role("heading", name="Predictions logged in advance").count() == 1
    assert opened.locator("article details[open]").count() == 0
    assert faults_of(opened) == []
    opened.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    assert faults_of(opened) == []
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    opened.close()


def test_a_link_and_the_keyboard_open_a_set(page, address):
    page.goto(f"{address}predict/")
    page.locator("#predict form").wait_for()
    page.locator("#outcomes a", has_text="OLMo").first.click()
    expect(page.locator("#olmo-ladder-accuracy")).to_be_visible()
    expect(page.locator("#olmo-ladder > summary")).to_be_in_viewport()
    expect(page.locator("#huang-2024-accuracy")).to_be_hidden()
    page.locator("#huang-2024 > summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#huang-2024-accuracy")).to_be_visible()
    page.goto(f"{address}?")
    page.goto(f"{address}predict/#pythia-v0-accuracy")  # from elsewhere, into a folded part
    expect(page.locator("#pythia-v0-accuracy")).to_be_in_viewport()


def test_sets_open_and_print_without_javascript(browser, address):
    context = browser.new_context(java_script_enabled=False)
    opened = context.new_page()
    opened.goto(f"{address}predict/#huang-2024")
    expect(opened.locator("#huang-2024 > summary")).to_be_in_viewport()
    expect(opened.locator("#huang-2024-accuracy")).to_be_hidden()
    opened.emulate_media(media="print")
    for name in COHORTS:
        expect(opened.locator(f"#{name}-accuracy")).to_be_visible()
    opened.emulate_media(media="screen")
    opened.locator("#huang-2024 > summary").click()
    expect(opened.locator("#huang-2024-accuracy")).to_be_visible()
    context.close()


def test_it_fits_a_phone_and_says_what_to_do_without_javascript(browser, address, entries):
    context = browser.new_context(viewport={"width": 390, "height": 844})
    opened = context.new_page()
    opened.goto(f"{address}predict/")
    entry = entries["olmo-ladder"]
    type_in(opened, entry, questions(entry)["better"])
    expect(opened.locator("#predict-answer .notice")).to_contain_text("Extrapolation")
    assert faults_of(opened) == []
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
    context = browser.new_context(java_script_enabled=False)
    opened = context.new_page()
    opened.goto(f"{address}predict/")
    assert "leaderboard predict" in opened.locator("#predict").inner_text()
    context.close()
