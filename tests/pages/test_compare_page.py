"""The page Compare shows the paired differences of the downloads, as a chart and as a table."""

import csv
import json
import re
from itertools import combinations
from urllib.parse import urlencode

import pytest
from compression_leaderboard.board.bits_by_class import ClassBits, compare_classes
from compression_leaderboard.pages.rendering import decimals, number
from playwright.sync_api import Locator, expect

from tests.board.test_bits_by_class import BYTES, CLASSES, OURS, THEIRS, text_of
from tests.exported import board_of, render_site
from tests.factory import make_model, make_result, make_specs, store
from tests.in_browser import faults_of, label_of
from tests.paired_difference_vectors import NAME
from tests.siblings import TABLE
from tests.vector_files import read_vectors

pytestmark = pytest.mark.browser
MODELS = (
    "sibling/Sibling-50M",
    "google/gemma-3-270m (Q4_K_M)",
    "sibling/Sibling-10M",
    "sibling/Sibling-400M",
)
TEXTS = {
    "python": "Python source of dspy 3.4.1",
    "sotu": "State of the Union, 1990–2026",
}


@pytest.fixture(scope="module")
def downloaded(siblings_site):
    """Lines of comparisons.csv by titles of both models and of the text."""
    data = siblings_site / "data"
    with (data / "models.csv").open(encoding="utf-8") as lines:
        titles = {row["model"]: label_of(row) for row in csv.DictReader(lines)}
    with (data / "comparisons.csv").open(encoding="utf-8") as lines:
        return {
            (titles[row["model"]], titles[row["other"]], TEXTS[row["corpus"]]): row
            for row in csv.DictReader(lines)
        }


def test_the_script_computes_the_vectors_as_python_does(page, address):
    page.goto(f"{address}compare/")
    cases = read_vectors(NAME)["cases"]
    answers = page.evaluate(
        """async (cases) => {
            const { pairedDifference } = await import("../assets/differences.js");
            return cases.map((c) => pairedDifference(c.bits, c.others, c.sizes, c.reach));
        }""",
        cases,
    )
    assert len(answers) == len(cases) > 3
    for k, (case, answer) in enumerate(zip(cases, answers, strict=True)):
        expected = case["answer"]
        numbers = {name: float(answer[name]) for name in expected}
        assert numbers == pytest.approx(expected, rel=1e-9, abs=1e-15), f"case {k}"


def address_of(*models: str) -> str:
    return f"compare/?{urlencode([('table', TABLE), *(('m', model) for model in models)])}"


def shown(row: dict[str, str]) -> tuple[str, ...]:
    """Difference and ends of its interval as pages round them."""
    low, high = float(row["low95"]), float(row["high95"])
    digits = decimals((high - low) / 2)
    return tuple(number(value, digits) for value in (float(row["difference"]), low, high))


def figures(cell: Locator) -> tuple[str, ...]:
    return tuple(re.findall(r"−?\d+(?:\.\d+)?", cell.inner_text()))


@pytest.mark.parametrize("n", [3, 4])
def test_chart_and_table_equal_the_download(page, siblings_address, downloaded, n):
    """Either order of a pair: the sign and the ends of the interval turn with it."""
    chosen = MODELS[:n]
    page.goto(f"{siblings_address}{address_of(*chosen)}")
    pairs = [(*pair, text) for text in TEXTS.values() for pair in combinations(chosen, 2)]
    rows = page.locator("#differences tbody tr")
    expect(rows).to_have_count(len(pairs))
    lines = page.locator(".dots.pairs li")
    expect(lines).to_have_count(len(pairs))
    signs = set()
    for k, (one, other, text) in enumerate(pairs):
        expected = shown(downloaded[one, other, text])
        assert expected[0] != "0"
        row, line = rows.nth(k), lines.nth(k)
        assert row.locator("th").inner_text() == f"{one} − {other}"
        assert row.locator("td").first.inner_text() == text
        assert figures(row.locator("[data-difference]")) == expected
        assert row.locator("td").nth(2).inner_text() == downloaded[one, other, text]["documents"]
        names = (".pair-first", ".pair-second")
        assert [line.locator(name).inner_text() for name in names] == [one, other]
        assert figures(line.locator(".dots-value")) == expected
        turned = shown(downloaded[other, one, text])
        assert [-read(value) for value in turned] == [read(expected[at]) for at in (0, 2, 1)]
        signs.add(read(expected[0]) > 0)
    assert signs == {True, False}


def read(shown_number: str) -> float:
    return float(shown_number.replace("−", "-"))


def test_marks_lie_where_their_figures_say(page, siblings_address, downloaded):
    """0 in the middle, the better model's side; bars end where the intervals do."""
    page.goto(f"{siblings_address}{address_of(*MODELS)}")
    expect(page.locator(".dots.pairs")).to_have_count(len(TEXTS))
    for figure, text in zip(page.locator(".dots.pairs").all(), TEXTS.values(), strict=True):
        scales = []
        for line in figure.locator("li").all():
            one, other = (
                line.locator(f".pair-{side}").inner_text() for side in ("first", "second")
            )
            row = downloaded[one, other, text]
            dot = line.locator(".dot, .hollow").evaluate("mark => parseFloat(mark.style.left)")
            left, width = line.locator(".range").evaluate(
                "mark => [parseFloat(mark.style.left), parseFloat(mark.style.width)]"
            )
            difference, low, high = (float(row[key]) for key in ("difference", "low95", "high95"))
            assert (dot < 50) == (difference < 0)
            better = line.locator(".better").all_inner_texts()
            assert better == ([] if low <= 0 <= high else [one if difference < 0 else other])
            scales += [(dot - 50, difference), (left - 50, low), (left + width - 50, high)]
        scale = max(scales)[0] / max(scales)[1]
        assert all(place == pytest.approx(scale * value, abs=0.03) for place, value in scales)
        assert figure.locator(".dots-axis .equal").inner_text() == "equal"
        assert figure.locator(".dots-axis .equal").evaluate("mark => mark.style.left") == "50%"


def test_an_address_of_four_models_restores_the_choice(page, siblings_address):
    page.goto(f"{siblings_address}{address_of(*MODELS)}")
    expect(page.locator("#figures thead th")).to_have_count(5)
    assert [field.input_value() for field in page.locator("[name=m]").all()] == list(MODELS)
    assert page.locator("[name=table]").input_value() == TABLE
    assert page.url.endswith(address_of(*MODELS))


def test_a_table_that_the_board_no_longer_has_is_named(page, address):
    """The first table is shown in its place; nothing is asked for that is not there."""
    page.goto(f"{address}compare/?table=<b>gone</b>&m=org/gone")
    notice = page.locator("[data-result] .notice").first
    expect(notice).to_contain_text("The board has no table “<b>gone</b>”")
    expect(page.locator("#figures thead th")).to_have_count(3)
    assert "org/gone" not in [field.input_value() for field in page.locator("[name=m]").all()]


def test_a_table_of_one_model_has_nothing_to_compare(page, address):
    page.goto(f"{address}compare/?table={TABLE}")
    notice = page.locator("[data-result] .notice")
    expect(notice).to_have_text("Choose another table; this table has 1 model.")


def test_pages_of_the_board_say_what_they_cannot_draw(page, address):
    """No run is measured, and no family has two models of one table."""
    page.goto(f"{address}trajectories/")
    notice = page.locator("article .notice")
    expect(notice).to_have_text("No training run with three checkpoints is measured here yet.")
    page.goto(f"{address}families/")
    expect(page.locator(f'li[id="{TABLE}"]')).to_contain_text(
        "1 model of known size; a line over size needs 8"
    )
    page.goto(f"{address}plane/")
    expect(page.locator("article")).to_contain_text("One model only")


def test_a_difference_of_nothing_is_a_tie(page, miniature_address):
    page.goto(
        f"{miniature_address}compare/?table=measured-base-16-8-starter&m=org/rival&m=org/hostile"
    )
    line = page.locator(".dots.pairs li")
    expect(line).to_have_count(1)
    assert line.locator(".hollow").count() == 1
    assert line.locator(".dot, .better").count() == 0
    assert "0 of 1 differences are known" in page.locator(".dots.pairs figcaption").inner_text()


def test_differences_by_class_equal_those_of_the_board(page, address):
    """From the file of the site: values, ends, and which classes there are; start in one alone."""
    texts = (
        OURS,
        THEIRS,
        text_of([(60, 30), (70, 0), (40, 12)], [b[:2] for b in BYTES], CLASSES[:2]),
    )
    models = tuple(make_model(f"org/{name}") for name in ("one", "two", "three"))
    results = [make_result(m, lossless=t) for m, t in zip(models, texts, strict=True)]
    files = render_site(board_of(make_specs(*models), store(*results)))
    sent = [json.loads(files[f"docs/compare/{m.id}.json"])["float32"] for m in models]
    page.goto(f"{address}compare/")
    found = page.evaluate(
        """async (texts) => {
            const { findDifferences } = await import("../assets/differences.js");
            const columns = [{ key: "compression.prose", label: "Prose" }];
            return findDifferences(columns, ["one", "two", "three"], texts);
        }""",
        sent,
    )
    assert [(d["first"], d["second"]) for d in found] == list(
        combinations(("one", "two", "three"), 2)
    )
    for pair, (ours, theirs) in zip(found, combinations(texts, 2), strict=True):
        expected = {
            f"Prose: {d.label}": d
            for d in compare_classes(ClassBits.of(ours), ClassBits.of(theirs))
        }
        classes = {part["text"]: part for part in pair["classes"]}
        assert classes.keys() == expected.keys()
        assert sum(part["value"] for part in classes.values()) == pytest.approx(pair["value"])
        for label, part in classes.items():
            difference = expected[label]
            ends = (part["value"], part["low"], part["high"])
            assert ends == pytest.approx((difference.difference, *difference.interval), abs=1e-12)
            assert (part["n"], part["known"]) == (difference.documents, difference.known)


def test_classes_of_other_bytes_are_left_out_and_rare_ones_have_no_interval(page, address):
    page.goto(f"{address}compare/")
    found = page.evaluate(
        """async () => {
            const { findDifferences } = await import("../assets/differences.js");
            const part = (label, bytes, bits) =>
                ({ label, bytes, bits, documents: 1, reach: null });
            const text = (bytes) => {
                const classes = [part("Digits", 4, [1, 0]), part("URLs", bytes, [2, 4])];
                const whole = { documents: ["a", "b"], bytes: [9, 9], bits: [3, 4], reach: 12 };
                return { c: { ...whole, classes } };
            };
            const columns = [{ key: "c", label: "C" }];
            const [{ classes }] = findDifferences(columns, ["a", "b"], [text(5), text(6)]);
            return classes.map(({ text, low, known }) => [text, Number.isNaN(low), known]);
        }"""
    )
    assert found == [["C: Digits", True, False]]


def test_the_table_of_classes_is_folded_below_the_differences(page, miniature_address):
    page.goto(
        f"{miniature_address}compare/?table=measured-base-16-8-starter&m=org/rival&m=org/hostile"
    )
    fold = page.locator("details", has=page.locator("#class-differences"))
    expect(fold).to_have_count(1)
    fold.locator("summary").click()
    texts = page.locator("#class-differences tbody td:nth-child(2)").all_inner_texts()
    assert [text.rpartition(": ")[2] for text in texts] == [
        "Letters A–Z",
        "Whitespace",
        "Start of the document",
    ]
    assert faults_of(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_the_charts_are_accessible_and_fit(browser, siblings_address, scheme, width):
    opened = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    opened.goto(f"{siblings_address}{address_of(*MODELS)}")
    opened.locator(".dots.pairs").first.wait_for()
    assert faults_of(opened) == []
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    caption = opened.locator(".dots.pairs figcaption").first.inner_text()
    assert re.search(r"as of \d{4}-\d\d-\d\d", caption)
    assert "n = 40" in caption
    opened.close()
