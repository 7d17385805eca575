"""Every chart says in words what it shows, and names the table that has its figures."""

import re

import pytest
from compression_leaderboard.board.figures import Figure, Key, Quantity
from compression_leaderboard.board.measured import CheckpointFigure
from compression_leaderboard.fits.evaluation import calibrate
from compression_leaderboard.fits.study import Evidence
from compression_leaderboard.pages.model_page import Dot
from compression_leaderboard.pages.plane_page import render_bias
from compression_leaderboard.pages.predict_page import SHOWN, render_predict
from compression_leaderboard.pages.trajectories_page import SHOWN_RUNS, render_trajectories
from lxml import html
from playwright.sync_api import expect

from tests.exported import render_source, renderer
from tests.factory import make_model, make_result, make_specs, store
from tests.published_cohorts import mean_studies, published_cohorts


def faults_of_charts(root) -> list[str]:
    """What charts of a page lack: words, a name for the picture, a table that has rows."""
    faults = []
    for figure in root.iter("figure"):
        words = "".join(figure.xpath("./figcaption//text()")).strip()
        table = figure.get("aria-details", "")
        rows = root.xpath("//table[@id=$id]/tbody/tr", id=table)
        if len(words) < 20:
            faults.append(f"no summary: {html.tostring(figure)[:200]!r}")
        if not rows:
            faults.append(f"no table {table!r}: {words}")
        if root.xpath("count(//*[@id=$id])", id=table) > 1:
            faults.append(f"two tables {table!r}: {words}")
    for picture in root.xpath("//*[local-name()='svg'][.//*[local-name()='title'] or @role]"):
        if not picture.xpath("ancestor::figure"):
            faults.append("a picture that is no figure")
        elif picture.get("role") != "img" or not picture.get("aria-label", "").strip():
            faults.append("a picture without a name")
    return faults


def tables_of(text: str) -> dict[str, list[list[str]]]:
    """Cells of a page's tables by their ids."""
    found = html.fromstring(f"<div>{text}</div>").xpath("//table[@id]")
    return {
        table.get("id"): [
            [cell.text_content() for cell in row] for row in table.xpath("./tbody/tr")
        ]
        for table in found
    }


@pytest.mark.browser
@pytest.mark.parametrize("board", ["site", "siblings_site", "miniature_site"])
def test_every_chart_of_every_page_has_a_summary_and_a_table(board, request):
    site = request.getfixturevalue(board)
    found: dict[str, list[str]] = {}
    charts: dict[str, int] = {}
    for path in sorted(site.rglob("*.html")):
        root = html.fromstring(path.read_bytes())
        name = path.relative_to(site).parts[0]
        charts[name] = charts.get(name, 0) + len(root.xpath("//figure"))
        if faults := faults_of_charts(root):
            found[str(path.relative_to(site))] = faults
    assert found == {}
    kinds = {name for name, n in charts.items() if n}
    drawn = {"index.html", "boards", "models", "published", "trajectories", "predict", "method"}
    if board == "site":
        assert kinds >= drawn
    if board == "siblings_site":
        assert kinds >= drawn | {"plane"}


def test_a_chart_without_words_or_table_is_found():
    whole = (
        '<figure aria-details="t"><svg role="img" aria-label="a"/><figcaption>What the chart '
        'shows.</figcaption></figure><table id="t"><tbody><tr><td>1</td></tr></tbody></table>'
    )
    assert faults_of_charts(html.fromstring(f"<div>{whole}</div>")) == []
    for part, instead in (
        ("What the chart shows.", ""),
        ('aria-details="t"', ""),
        ("<tr><td>1</td></tr>", ""),
        ('aria-label="a"', ""),
    ):
        spoiled = html.fromstring(f"<div>{whole.replace(part, instead)}</div>")
        assert len(faults_of_charts(spoiled)) == 1, part


@pytest.mark.browser
def test_charts_that_scripts_draw_name_their_tables(page, address):
    page.goto(f"{address}compare/?table=huang-2024&m=Qwen/Qwen-7B&m=Qwen/Qwen-14B")
    drawn = page.locator("[data-result] figure").first
    drawn.wait_for()
    table = drawn.get_attribute("aria-details")
    assert page.locator(f"table#{table} tbody tr").count() > 1


@pytest.mark.browser
def test_the_layers_of_a_chosen_model_stand_in_a_table(page, siblings_address):
    page.goto(f"{siblings_address}plane/")
    choice = page.locator("[data-layers]").first
    choice.select_option(index=1)
    figure = page.locator("[data-layer-chart] figure").first
    figure.wait_for()
    table = page.locator(f'[id="{figure.get_attribute("aria-details")}"]')
    expect(table.locator("tbody tr")).to_have_count(figure.locator(".chart-marks path").count())
    assert table.locator("tbody th").first.text_content() == "the embedding"


@pytest.mark.browser
@pytest.mark.parametrize("path", ["predict/", "models/ladder__Ladder-0.9M/", "method/", ""])
def test_captions_of_folded_tables_are_read_without_scrolling(browser, address, path):
    opened = browser.new_page(viewport={"width": 390, "height": 900})
    opened.goto(f"{address}{path}")
    opened.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    hidden = opened.evaluate(
        """() => [...document.querySelectorAll('.board-scroll caption span')]
        .filter((words) => words.getBoundingClientRect().right >
            words.closest('.board-scroll').getBoundingClientRect().right)
        .map((words) => words.textContent)"""
    )
    assert hidden == []
    assert opened.locator(".board-scroll caption span").count() > 0
    opened.close()


def trajectory(runs: int, points: int = 3) -> list[CheckpointFigure]:
    """Runs m00, m01, …; the first has a checkpoint less than the others."""
    shifts: dict[Quantity, float] = {"complexity": 0.05, "expressivity": 0.0}
    return [
        CheckpointFigure(
            model=f"m{run:02}",
            revision=f"r{point}",
            tokens_seen=1000 * (point + 1),
            dtype=None,
            name="prose",
            figure=Figure(Key(quantity, "prose"), value, "ln(bins)", "measured", "record"),
        )
        for run in range(runs)
        for point in range(points - (run == 0))
        for quantity, shift in shifts.items()
        for value in [0.1 * (point + 1) + 0.001 * run + shift]
    ]


def test_the_paths_over_the_plane_stand_in_a_table():
    page = render_trajectories(renderer(), trajectory(2, points=4), [], {})
    rows = tables_of(page)["run-prose-plane"]
    assert len(rows) == 7
    assert rows[0] == ["m00", "1k", "0.1500", "0.1000"]
    assert rows[-1] == ["m01", "4k", "0.4510", "0.4010"]
    assert "by training tokens, 7 checkpoints of 2 runs, " in page.partition("</figure>")[0]


def test_how_many_runs_of_how_many_are_shown_is_said():
    """Those with fewest checkpoints are left out, in every chart and its table."""
    page = render_trajectories(renderer(), trajectory(SHOWN_RUNS + 1, points=4), [], {})
    charts = page.split("<figure")[1:]
    assert len(charts) == 3
    for chart in charts:
        caption = re.search("<figcaption>(.*?)</figcaption>", chart)[1]
        assert f"of {SHOWN_RUNS} of {SHOWN_RUNS + 1} runs" in caption
        assert f", {4 * SHOWN_RUNS} checkpoints" in caption
        assert "m00" not in chart
    for rows in tables_of(page).values():
        assert len(rows) == 4 * SHOWN_RUNS


def test_the_largest_errors_stand_in_the_table_of_a_scatter():
    cohort = published_cohorts()["huang-2024"]
    evidence = Evidence(None, 23, mean_studies()["huang-2024"])
    page = render_predict(renderer(), [cohort], {"huang-2024": evidence}, calibrate([], []))
    rows = tables_of(page)["huang-2024-group-points"]
    validated = evidence.study.benchmarks[0].validation("group").rows
    errors = sorted((100 * abs(row.error) for row in validated), reverse=True)
    shown = [abs(float(row[-1].replace("−", "-"))) for row in rows]
    assert shown == pytest.approx(errors[: SHOWN["errors"]], abs=0.051)
    assert len(errors) > SHOWN["errors"]
    assert f"{len(errors) - SHOWN['errors']} more in residuals.parquet" in page
    assert faults_of_charts(html.fromstring(f"<div>{page}</div>")) == []


def test_both_pictures_of_the_method_page_have_their_figures():
    model = make_model()
    page = render_bias(renderer(), make_specs(model), store(make_result(model)))
    tables = tables_of(page)
    assert tables["null-method"][0] == ["25", "0.6000", "0.2000", "0.4000"]
    assert tables["null-method"][-1] == ["50", "0.5100", "0.1000", "0.4100"]
    assert "convergence-method" in tables


def test_chance_and_predictions_of_dots_are_figures_too():
    dots = [Dot("mmlu", 0.5, 0.4, 0.6, 0.25, (0.45, 0.3, 0.6)), Dot("copa", 0.7)]
    page = render_source("{{ charts.dots(dots, 'scores', 'Two scores of one model.') }}", dots=dots)
    assert tables_of(page)["scores"] == [
        ["mmlu", "50.0", "40.0 to 60.0", "25.0", "45.0", "30.0 to 60.0"],
        ["copa", "70.0", "–", "–", "–", "–"],
    ]
