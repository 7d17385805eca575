"""The calculator of the Predict page in a browser: it answers as `leaderboard predict` does."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests.in_browser import faults_of
from tests.published_cohorts import COHORTS
from tests.test_predict_data import NUMBERS, ask, questions
from tests.test_predict_data import root as root

pytestmark = pytest.mark.browser
LEARNED = "Learned from"


@pytest.fixture(scope="module")
def entries(site) -> dict[str, dict]:
    values = json.loads((site / "data/predict.json").read_text("utf-8"))
    return {one["name"]: one for one in values}


def type_in(page, entry, figures):
    page.get_by_label(LEARNED).select_option(entry["name"])
    for field in entry["fields"]:
        text = repr(figures[field["column"]]) if field["column"] in figures else ""
        page.get_by_label(f"{field['label']}, {field['unit']}").fill(text)


def shown_answer(page):
    return json.loads(page.locator("#predict-answer").get_attribute("data-answer"))


@pytest.mark.parametrize("cohort", COHORTS)
def test_the_page_answers_as_the_command_does(page, address, root, entries, cohort):
    page.goto(f"{address}predict/")
    entry = entries[cohort]
    for kind, figures in questions(entry).items():
        type_in(page, entry, figures)
        theirs, ours = ask(root, cohort, figures), shown_answer(page)
        low80, low95 = ours["intervals"]
        found = (ours["value"], low80["low"], low80["high"], low95["low"], low95["high"])
        assert found == pytest.approx([theirs[name] for name in NUMBERS], abs=1e-9), kind
        assert ours["extrapolation"] == theirs["extrapolation"], kind
        text = page.locator("#predict-answer").inner_text()
        assert f"{100 * theirs['prediction']:.1f} %" in text
        assert ("Extrapolation" in text) == theirs["extrapolation"]


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
