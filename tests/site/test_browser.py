"""The built site in a real browser: it sorts, its links resolve, and it fits a phone."""

import csv
import gzip
import os
import re
import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from compression_leaderboard.cli import app
from compression_leaderboard.exports.tables import make_tables
from compression_leaderboard.repository.site import add_policies, check_links
from playwright.sync_api import Page, expect
from typer.testing import CliRunner

from tests import ROOT
from tests.in_browser import build, faults_of, keep_screenshot, serve, watch
from tests.miniature import HOSTILE, write_miniature

pytestmark = pytest.mark.browser
PAGES = (
    "",
    "predict/",
    "plane/",
    "trajectories/",
    "compare/",
    "families/",
    "method/",
    "glossary/",
    "reliability/",
    "changelog/",
    "download/",
    "add/",
    "commands/",
    "files/",
    "about/",
    "choose/",
    "corpora/",
    "score/",
    "import/",
    "own-board/",
    "python/",
    "scale/",
)
HOSTILE_PAGES = (
    "",
    "boards/paper/",
    "boards/measured-base-16-8-starter/",
    "models/org__hostile/",
    "models/org__plain/",
    "models/org__failing/",
    "import/",
)


COMPARED = ("Qwen/Qwen-7B", "Qwen/Qwen-14B", "01-ai/Yi-6B", "01-ai/Yi-34B")
OPEN = "document.querySelectorAll('article details').forEach((one) => { one.open = true; })"


def wait_for_data(page: Page) -> None:
    """Once the data of a table are there, its status says how many rows of how many are shown.

    Not wait_for_function: where its first look fails, the page's policy forbids it the second.
    """
    expect(page.locator("[data-status]")).to_contain_text(" of ")


def column_texts(page: Page, key: str) -> list[str]:
    """The cells of a leaderboard's column, without intervals."""
    place = page.locator(f'table.wide th[data-key="{key}"]').evaluate("cell => cell.cellIndex + 1")
    cells = page.locator(f"table.wide tbody tr > :nth-child({place})")
    return [text.split("\n")[0].strip() for text in cells.all_inner_texts()]


def wait_for_sorting(page: Page, key: str, direction: str) -> None:
    page.wait_for_selector(f'th[data-key="{key}"][aria-sort="{direction}"]')


def test_columns_sort_as_numbers_both_ways_and_by_keyboard(page, address):
    page.goto(f"{address}boards/huang-2024/")
    button = page.locator('th[data-key="parameters"] button')
    button.click()
    wait_for_sorting(page, "parameters", "ascending")
    sizes = [float(text.rstrip("B")) for text in column_texts(page, "parameters")]
    assert sizes == sorted(sizes)
    assert len(sizes) == 28
    button.press("Enter")
    wait_for_sorting(page, "parameters", "descending")
    sizes = [float(text.rstrip("B")) for text in column_texts(page, "parameters")]
    assert sizes == sorted(sizes, reverse=True)
    assert page.evaluate("document.activeElement.closest('th')?.dataset.key") == "parameters"


def test_unknown_values_stay_last_both_ways(page, address):
    page.goto(f"{address}boards/huang-2024/")
    for direction in ("ascending", "descending"):
        page.locator('th[data-key="score.humaneval"] button').click()
        wait_for_sorting(page, "score.humaneval", direction)
        last = column_texts(page, "score.humaneval")[-4:]
        assert [text[0] in "–≈" for text in last] == [False, True, True, True]


@pytest.mark.parametrize("board", ["huang-2024", "measured-base-1024-512-starter", "pythia-v0"])
def test_the_script_writes_rows_as_the_build_does(page, address, site, board):
    """Same cells, same styles: formatting in Python and in the page do not drift apart."""
    if not (site / "boards" / board).is_dir():
        pytest.skip("no such table today")
    assert_written_alike(page, f"{address}boards/{board}/")


def test_the_script_writes_hostile_rows_as_the_build_does(page, miniature_address):
    assert_written_alike(page, f"{miniature_address}boards/measured-base-16-8-starter/")
    assert "\\u202eright to left" in page.locator("table.wide").inner_text()


def assert_written_alike(page, address):
    page.goto(address)
    rows = "[...document.querySelectorAll('table.wide tr')].map(row => row.outerHTML)"
    before = page.evaluate(rows)
    page.locator("form.board-controls").evaluate(
        "form => form.dispatchEvent(new Event('input', { bubbles: true }))"
    )
    wait_for_data(page)
    assert page.evaluate(rows) == before


def test_filters_columns_and_sorting_stand_in_the_address(page, address):
    page.goto(f"{address}boards/huang-2024/")
    page.get_by_label("Search").last.fill("qwen")
    page.get_by_label("Size").select_option("10B to 40B")
    page.locator("details.chooser summary").click()
    page.locator('[name=column][value="score.gsm8k"]').uncheck()
    page.locator('th[data-key="score.mmlu"] button').click()
    wait_for_sorting(page, "score.mmlu", "ascending")
    page.wait_for_url("**sort=score.mmlu**")
    names = column_texts(page, "name")
    assert names
    assert all("qwen" in name.lower() for name in names)
    assert all(10 <= float(t.rstrip("B")) < 40 for t in column_texts(page, "parameters"))
    page.goto(page.url)
    wait_for_sorting(page, "score.mmlu", "ascending")
    assert column_texts(page, "name") == names
    assert page.locator('th[data-key="score.gsm8k"]').count() == 0
    page.get_by_role("button", name="Reset").click()
    expect(page.locator("table.wide tbody tr")).to_have_count(28)
    page.wait_for_url(lambda url: not urlsplit(url).query)


def test_what_is_seen_can_be_downloaded(page, address):
    page.goto(f"{address}boards/huang-2024/?find=llama&sort=-parameters")
    wait_for_sorting(page, "parameters", "descending")
    names = column_texts(page, "name")
    with page.expect_download() as got:
        page.locator("[data-download]").click()
    assert re.fullmatch(
        r"huang-2024_\d{4}-\d\d-\d\d_find-llama_sort--parameters\.csv", got.value.suggested_filename
    )
    lines = Path(got.value.path()).read_text("utf-8").splitlines()
    rows = list(csv.DictReader(lines, strict=True))
    assert [row["name"] for row in rows] == names
    assert {row["provenance"] for row in rows} == {"published"}
    assert all(0 < float(row["score.mmlu"]) < 1 for row in rows)


def test_a_mark_of_the_chart_tells_its_figures_and_families_light_up(page, address):
    page.goto(f"{address}boards/huang-2024/")
    chip = page.locator("[data-highlight]").first
    chip.click()
    assert chip.get_attribute("aria-pressed") == "true"
    assert page.locator(".chart-points path.chosen").count() == 1
    chart = page.locator("svg:has(.chart-points)")
    chart.evaluate("svg => svg.scrollIntoView({ block: 'center' })")  # the click may scroll it away
    box = page.locator(".chart-points path[data-rows]").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    path = page.locator(".chart-points path[data-rows]").last
    x, y = path.evaluate(
        """path => {
            const [x, y] = path.getAttribute('d').slice(1).split(/[ h]/).map(Number);
            const box = path.ownerSVGElement.getBoundingClientRect();
            return [box.left + x / 1000 * box.width, box.top + y / 500 * box.height];
        }"""
    )
    page.mouse.move(x, y)
    tip = page.locator(".chart-tip")
    tip.wait_for()
    assert re.search(r"0\.\d{3} bits per character, mean score \d\d\.\d %", tip.inner_text())


def test_two_models_are_compared_on_the_same_documents(page, miniature_address):
    """The difference equals that of the build; the choice stands in the address."""
    query = "table=measured-base-16-8-starter&m=org/rival&m=org/hostile"
    page.goto(f"{miniature_address}compare/?{query}")
    page.locator("#differences td").first.wait_for()
    differences = page.locator("#differences [data-difference]")
    assert float(differences.get_attribute("data-difference")) == 0.0
    assert "a tie" in page.locator("#differences").inner_text()
    assert page.locator("#figures thead th").count() == 3
    page.wait_for_url("**m=org%2Frival&m=org%2Fhostile**")


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_kind_of_page(browser, address, site, width, scheme):
    context = browser.new_context(
        viewport={"width": width, "height": 844}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    models = [f"models/{path.name}/" for path in sorted((site / "models").iterdir())]
    boards = [f"boards/{path.name}/" for path in sorted((site / "boards").glob("measured-*/"))]
    chosen = f"compare/?table=huang-2024&m={'&m='.join(COMPARED)}"
    further = (models[0], boards[0], chosen, "published/huang-2024/Qwen__Qwen-7B/")
    found = {}
    for path in (*PAGES, "404.html", *further):
        page.goto(address + path)
        page.wait_for_load_state("networkidle")
        keep_screenshot(page, path, scheme, width)
        if (scheme == "light") == (width == 1440):  # folds once in each scheme and at each width:
            page.evaluate(OPEN)  # their thousands of cells are most of the time
        if faults := faults_of(page):
            found[path] = faults
    context.close()
    assert found == {}


def test_axe_finds_nothing_where_text_is_hostile_or_a_run_failed(browser, miniature_address):
    page = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme="dark")
    found = {}
    for path in HOSTILE_PAGES:
        page.goto(miniature_address + path)
        page.evaluate(OPEN)
        if faults := faults_of(page):
            found[path] = faults
    page.close()
    assert found == {}


def test_no_script_but_the_sites_own_may_run(page, address, site):
    """Every page has a policy without unsafe-inline for scripts; an injected one does not run."""
    for path in sorted(site.rglob("*.html")):
        policy = re.search(
            r'http-equiv="Content-Security-Policy" content="([^"]+)"', path.read_text()
        )
        scripts = re.search(r"script-src ([^;]+)", policy[1])[1]
        assert "'unsafe-inline'" not in scripts, path
        assert "'unsafe-eval'" not in scripts, path


def test_an_injected_script_does_not_run(browser, address):
    page = browser.new_page()
    page.goto(address)
    page.evaluate(
        """() => { const s = document.createElement('script');
        s.textContent = 'window.taken = 1'; document.body.append(s); }"""
    )
    assert page.evaluate("window.taken") is None
    page.close()


def test_the_home_page_is_small(browser, address):
    """At most 150 KiB over the wire with gzip, nothing from elsewhere, and little layout shift."""
    page = browser.new_page(viewport={"width": 390, "height": 844})
    bodies: dict[str, int] = {}
    page.on("response", lambda r: bodies.update({r.url: len(gzip.compress(r.body(), 6))}))
    page.add_init_script(
        """window.shift = 0; new PerformanceObserver((list) => {
        for (const one of list.getEntries()) if (!one.hadRecentInput) window.shift += one.value;
        }).observe({ type: 'layout-shift', buffered: true });"""
    )
    page.goto(address)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.shift") <= 0.02
    page.close()
    assert all(url.startswith(address) for url in bodies)
    assert sum(bodies.values()) <= 150 * 1024, bodies


def test_everything_is_reached_by_keyboard(page, address):
    page.goto(f"{address}boards/huang-2024/")
    seen = set()
    for _ in range(120):
        page.keyboard.press("Tab")
        seen.add(
            page.evaluate(
                "(document.activeElement.name || document.activeElement.closest('th')?.dataset.key"
                " || document.activeElement.dataset.highlight || document.activeElement.className)"
            )
        )
    assert {"find", "family", "size", "complete", "parameters", "score.mmlu", "Qwen"} <= seen


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_print_shows_the_table_dark_on_white_and_no_controls(page, address, scheme):
    page.emulate_media(color_scheme=scheme)
    page.goto(address)
    page.emulate_media(media="print", color_scheme=scheme)
    assert page.locator("table.wide").is_visible()
    assert not page.locator("form.board-controls").is_visible()
    assert not page.locator(".md-header").is_visible()
    heading = page.locator("table.wide thead th").nth(1)
    assert not heading.locator("button").is_visible()  # printed again on each page, without it
    label = "cell => getComputedStyle(cell, '::before').content"
    assert heading.evaluate(label) == f'"{heading.get_attribute("data-label")}"'
    light = "element => getComputedStyle(element).backgroundColor"
    dark = "element => Math.max(...getComputedStyle(element).color.match(/\\d+/g).slice(0, 3))"
    assert page.locator(".card").first.evaluate(light) == "rgb(255, 255, 255)"
    for place in ("h1", ".card h2", "table.wide caption", "table.wide td"):
        assert page.locator(f"article {place}").first.evaluate(dark) < 128, place


@pytest.mark.parametrize("width", [1440, 390])
def test_the_menu_of_columns_stays_on_the_screen_and_closes(page, address, width):
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(f"{address}boards/huang-2024/")
    menu = page.locator("details.chooser")
    for close in (
        lambda: page.keyboard.press("Escape"),
        lambda: page.locator("h1").click(),
    ):
        menu.locator("summary").click()
        box = menu.locator("fieldset").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        close()
        expect(menu.locator("fieldset")).to_be_hidden()


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_the_screen(browser, address, site, width, scheme):
    page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
    faults = watch(page)
    models = [f"models/{path.name}/" for path in sorted((site / "models").iterdir())]
    for path in (*PAGES, *models[:2], "published/huang-2024/Qwen__Qwen-7B/"):
        page.goto(address + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.locator("h1").count() == 1, path
    page.close()
    assert faults == []


def test_hostile_text_does_not_widen_a_phone(browser, miniature_address):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    faults = watch(page)
    wide = {}
    for path in (*HOSTILE_PAGES, "choose/", "families/", "plane/", "reliability/"):
        page.goto(miniature_address + path)
        page.evaluate(OPEN)
        if (width := page.evaluate("document.documentElement.scrollWidth")) > 390:
            wide[path] = width
    page.close()
    assert wide == {}
    assert faults == []


def test_a_hostile_name_is_only_text(page, miniature_address):
    """Text of records and tables neither runs nor becomes markup, in the body or the title."""
    page.goto(f"{miniature_address}models/org__hostile/")
    assert page.title() == "org/hostile - LLM Compression Leaderboard"
    assert HOSTILE in page.locator("dl.facts").first.inner_text()
    page.goto(miniature_address)
    page.locator('.switch a[href*="measured-base"]').click()
    page.wait_for_url("**/measured-base**")  # and its script is there
    assert HOSTILE in page.locator("#measured-base-16-8-starter-table").inner_text()
    page.get_by_label("Search").last.fill("taken")  # the script writes the row anew
    page.wait_for_url("**find=taken**")
    assert HOSTILE in page.locator("#measured-base-16-8-starter-table").inner_text()
    page.goto(miniature_address)
    page.locator("#paper-table a", has_text="<script>").first.click()
    page.wait_for_url("**/published/paper/**")
    assert page.locator("h1").inner_text() == HOSTILE
    assert page.locator("article script").count() == 0
    assert "49" not in page.locator("h1").inner_text()


def test_a_search_finds_the_method_and_no_model_page(page, miniature_address):
    index = page.request.get(f"{miniature_address}search/search_index.json").json()
    places = [document["location"] for document in index["docs"]]
    assert any(place.startswith("method/") for place in places)
    assert not any(place.startswith(("models/", "published/")) for place in places)


def test_it_works_without_javascript(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    page.locator('.switch a[href*="huang-2024"]').click()
    page.wait_for_url("**/boards/huang-2024/")
    assert page.locator("#huang-2024-table tbody tr").count() == 28
    marks = page.locator(".chart-points path[data-rows]").evaluate_all(
        "paths => paths.flatMap(path => path.dataset.rows.split(' ')).length"
    )
    assert marks == 23
    assert not page.locator("form.board-controls").is_visible()
    page.locator("#huang-2024-table tbody a").first.click()
    page.wait_for_url("**/published/huang-2024/**")
    assert page.locator("h1").inner_text() in page.title()
    context.close()


@pytest.mark.parametrize("board", ["site", "miniature_site"])
def test_every_link_inside_the_site_resolves(board, request):
    folder = request.getfixturevalue(board)
    assert len(list(folder.rglob("*.html"))) > 16  # one is the page for what is not found
    assert check_links(folder) == []


def test_the_downloads_are_csv(miniature_site):
    tables = sorted((miniature_site / "data").glob("*.csv"))
    assert len(tables) == sum("csv" in one.formats for one in make_tables([]).values())
    for path in tables:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.reader(stream, strict=True))
        assert len(rows) > 1, path.name
        assert len({len(row) for row in rows}) == 1, path.name


def test_the_snippets_of_the_download_page_run(miniature_address):
    page = (ROOT / "site/docs/download.md").read_text("utf-8")
    snippets = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {"SITE": miniature_address}
    for snippet in snippets:
        exec(snippet, names)
    assert len(snippets) == 3
    assert len(names["scores"]) > len(names["leaderboard"]) > 0
    costs = names["costs"].to_pandas()
    best = names["best"].df()
    assert (costs["bits"] / costs["bytes"]).min() == pytest.approx(best["bits_per_byte"][0])


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_build_on_another_day_gives_the_same_bytes(miniature_site, tmp_path):
    write_miniature(tmp_path)
    path = os.pathsep.join([str(ROOT / "tests" / "tomorrow"), str(ROOT)])
    environment = os.environ | {"PYTHONPATH": path}
    ask = [sys.executable, "-c", "import datetime, time; print(datetime.date.today().isoformat())"]
    day = subprocess.run(ask, env=environment, check=True, capture_output=True, text=True).stdout
    assert date.fromisoformat(day.strip()) > date.today() + timedelta(days=300)
    command = [
        sys.executable,
        "-m",
        "compression_leaderboard.cli",
        "build",
        "--root",
        str(tmp_path),
    ]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    assert contents(tmp_path / "build" / "html") == contents(miniature_site)


def test_mkdocs_alone_makes_the_same_site_but_for_its_policies(miniature_site, tmp_path):
    """Also the data that a build puts beside the pages while mkdocs makes them."""
    root, alone = miniature_site.parent.parent, tmp_path / "html"
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(alone)]
    environment = os.environ | {"SOURCE_DATE_EPOCH": "0", "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert contents(alone) != contents(miniature_site)
    add_policies(alone)
    assert contents(alone) == contents(miniature_site)


def test_a_second_build_with_nothing_changed_does_nothing(tmp_path):
    write_miniature(tmp_path)
    page = build(tmp_path) / "index.html"
    made = page.stat().st_mtime_ns
    again = CliRunner().invoke(app, ["build", "--root", str(tmp_path)])
    assert "nothing has changed" in again.stdout
    assert page.stat().st_mtime_ns == made
    page.unlink()
    assert (
        "nothing has changed"
        not in CliRunner().invoke(app, ["build", "--root", str(tmp_path)]).stdout
    )
    assert page.is_file()


def test_below_a_path_of_another_site(browser, tmp_path, monkeypatch):
    """As on project pages: links, scripts, sitemap, card and the 404 page stay below the path."""
    monkeypatch.setenv("SITE_URL", "http://127.0.0.1/repo/")
    write_miniature(tmp_path)
    built = build(tmp_path)
    (tmp_path / "www").mkdir()
    shutil.move(built, tmp_path / "www" / "repo")
    sitemap = (tmp_path / "www/repo/sitemap.xml").read_text()
    assert "<loc>http://127.0.0.1/repo/method/</loc>" in sitemap
    assert "<loc>http://127.0.0.1/repo/boards/paper/</loc>" in sitemap
    home = (tmp_path / "www/repo/index.html").read_text()
    assert 'content="http://127.0.0.1/repo/assets/card.png"' in home
    assert (tmp_path / "www/repo/assets/card.png").is_file()
    assert 'href="/repo/assets/' in (tmp_path / "www/repo/404.html").read_text()
    with serve(tmp_path / "www") as address:
        page = browser.new_page()
        faults = watch(page)
        page.goto(f"{address}repo/boards/paper/?find=model")
        wait_for_data(page)
        page.locator("#paper-table tbody a").first.click()
        page.wait_for_url("**/repo/published/paper/**")
        page.close()
        assert faults == []
