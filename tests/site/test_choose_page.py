"""The page Choose in a browser: it answers as Python does and keeps the request in its address."""

import json
from urllib.parse import urlencode

import pytest

from tests.choose_vectors import NAME
from tests.in_browser import watch
from tests.vector_files import assert_alike, read_vectors

pytestmark = pytest.mark.browser
READY = "#choose-form [data-weights] input"


def open_page(page, address, **query):
    page.goto(f"{address}choose/?{urlencode(query)}")
    page.wait_for_selector(READY, state="attached")


def rows_of(page, name):
    """The cells of a table, as a reader sees them."""
    rows = page.locator(f"#choose-{name} tbody tr").all()
    return [row.locator("th, td").all_text_contents() for row in rows]


@pytest.fixture(scope="module")
def vectors():
    return read_vectors(NAME)


def test_the_script_answers_the_vectors_as_python_does(page, address, vectors):
    open_page(page, address)
    answers = page.evaluate(
        """async ({ cohort, cases }) => {
            const { choose } = await import("../assets/choose.js");
            const data = await (await fetch("../data/choose.json")).json();
            return cases.map(({ request }) => choose(cohort, request, data));
        }""",
        vectors,
    )
    for k, (case, answer) in enumerate(zip(vectors["cases"], answers, strict=True)):
        assert_alike(answer, case["answer"], f"case {k}")


def test_the_script_writes_the_cost_as_python_does(page, address, vectors):
    open_page(page, address)
    sentences = page.evaluate(
        """async ({ costs }) => {
            const { costSentence } = await import("../assets/choose.js");
            const data = await (await fetch("../data/choose.json")).json();
            return costs.map(({ arguments: args }) => costSentence(data, ...args));
        }""",
        vectors,
    )
    assert sentences == [cost["sentence"] for cost in vectors["costs"]]


def test_the_script_shows_what_the_build_wrote(browser, page, address):
    """The default answer has the same captions, headings and cells with and without JavaScript."""
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto(f"{address}choose/")
    assert "Without JavaScript" in plain.locator("#choose noscript").inner_text()
    assert not plain.locator("#choose-form").is_visible()
    open_page(page, address)
    for name in ("front", "others"):
        assert rows_of(page, name) == rows_of(plain, name) != []
        for part in ("caption", "thead th"):
            shown = page.locator(f"#choose-{name} {part}").all_text_contents()
            assert shown == plain.locator(f"#choose-{name} {part}").all_text_contents()
    context.close()


def test_a_quality_is_shown_with_196_standard_errors(page, address, site):
    """With a weight on one benchmark only, each quality is a score with its own error."""
    data = json.loads((site / "data/choose.json").read_text("utf-8"))
    (cohort,) = (c for c in data["cohorts"] if c["name"] == "pythia-v0")
    names = [criterion["name"] for criterion in cohort["criteria"]]
    weights = {f"w.{name}": int(name == "piqa") for name in names}
    open_page(page, address, cohort="pythia-v0", **weights)
    scores = {option["name"]: option["scores"][names.index("piqa")] for option in cohort["options"]}
    rows = rows_of(page, "front")
    assert rows
    for name, quality, *_ in rows:
        value, error = (float(part) / 100 for part in quality.split(" ± "))
        assert (value, error) == pytest.approx(
            (scores[name][0], 1.959964 * scores[name][1]), abs=0.00051
        )


def test_a_request_stays_in_the_address_and_a_reload_keeps_it(page, address):
    open_page(page, address)
    before = rows_of(page, "front")
    page.locator("input[name=memory]").fill("16")
    page.wait_for_url("**/choose/?memory=16")
    after = rows_of(page, "front")
    assert after != before
    assert all(float(row[2]) <= 16 for row in after)
    page.reload()
    page.wait_for_selector(READY)
    assert rows_of(page, "front") == after
    assert page.locator("input[name=memory]").input_value() == "16"
    page.locator("select[name=cohort]").select_option(index=1)
    page.wait_for_url("**memory=16**")
    assert "cohort=" in page.url
    assert rows_of(page, "front") != after


def test_a_change_of_cohort_lists_its_own_weights(page, address):
    open_page(page, address, **{"w.mmlu": 3})
    fields = page.locator(READY)
    weight = page.locator("[name='w.mmlu']")
    assert weight.input_value() == "3"
    names = fields.evaluate_all("all => all.map((one) => one.name)")
    page.locator("select[name=cohort]").select_option("pythia-v0")
    assert fields.evaluate_all("all => all.map((one) => one.name)") != names
    assert "w." not in page.url
    page.locator("select[name=cohort]").select_option("huang-2024")
    assert weight.input_value() == "1"


def test_a_problem_is_shown_and_goes_away(page, address):
    open_page(page, address, memory="0.1")
    problem = page.locator("#choose-problem")
    assert problem.inner_text().startswith("Nothing fits. The model with the least memory is ")
    assert not page.locator("#choose-front").is_visible()
    page.locator("input[name=memory]").fill("")
    assert not problem.is_visible()
    assert page.locator("#choose-front").is_visible()


def test_an_address_that_makes_no_sense_gives_the_default_request(page, address):
    open_page(page, address)
    default = rows_of(page, "front")
    open_page(page, address, cohort="none", precision="int3", memory="-3", elements="1")
    assert rows_of(page, "front") == default


def test_money_appears_only_with_a_price_and_a_throughput(page, address):
    open_page(page, address)
    cost = page.locator("#choose-cost")
    assert not cost.is_visible()
    page.locator("summary", has_text="Cost").click()
    page.locator("input[name=price]").fill("2")
    assert not cost.is_visible()
    page.locator("input[name=throughput]").fill("1000")
    expected = "At 2 per hour and 1000 tokens per second, a million tokens cost 0.556."
    assert cost.inner_text() == expected
    page.locator("input[name=currency]").fill("EUR")
    page.locator("input[name=tokens]").fill("1.8e9")
    assert cost.inner_text().endswith("1800 million tokens per month cost 1000 EUR.")


def test_on_a_phone_the_answer_comes_before_the_fields(browser, address):
    for width, open_folds in ((390, 0), (1440, 2)):
        opened = browser.new_page(viewport={"width": width, "height": 844})
        open_page(opened, address)
        folds = opened.locator("#choose-form details")
        assert folds.count() == 3
        assert opened.locator("#choose-form details[open]").count() == open_folds
        if width == 390:
            assert opened.locator("#choose-answer").bounding_box()["y"] < 844
            folds.nth(1).locator("summary").click()
            opened.locator("select[name=cohort]").select_option(index=1)
            assert [folds.nth(k).get_attribute("open") for k in range(3)] == [None, "", None]
        opened.close()


def test_it_asks_for_nothing_but_its_own_files(browser, address):
    opened = browser.new_page()
    faults = watch(opened)
    asked = []
    opened.on("request", lambda request: asked.append((request.method, request.url)))
    open_page(opened, address)
    opened.locator("input[name=memory]").fill("9")
    assert {method for method, _ in asked} == {"GET"}
    assert all(url.startswith(address) for _, url in asked)
    assert not any("memory" in url for _, url in asked)
    opened.close()
    assert faults == []


@pytest.mark.parametrize("width", [1440, 390])
def test_it_fits_the_screen_and_prints_without_the_form(browser, address, width, tmp_path):
    opened = browser.new_page(viewport={"width": width, "height": 844})
    open_page(opened, address)
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    opened.screenshot(path=str(tmp_path / f"choose-{width}.png"), full_page=True)
    opened.emulate_media(media="print")
    assert not opened.locator("#choose-form").is_visible()
    assert opened.locator("#choose-front").is_visible()
    opened.close()


def test_it_is_reached_from_the_home_page(page, address):
    page.goto(address)
    page.locator("article a", has_text="Choose a model").click()
    page.wait_for_url("**/choose/")
    page.goto(address)
    page.locator("article a", has_text="score your own text").click()
    page.wait_for_url("**/score/")
