"""The same tree builds under Zensical, so that the move is cheap when Material ends."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.in_browser import build, serve, watch
from tests.miniature import HOSTILE, write_miniature

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def zensical_site(tmp_path_factory) -> Path:
    """The miniature board, its pages made by Zensical, which writes no policy into them."""
    root = tmp_path_factory.mktemp("zensical")
    write_miniature(root)
    build(root)
    shutil.rmtree(root / "build" / "html")
    subprocess.run([sys.executable, "-m", "zensical", "build"], check=True, cwd=root)
    return root / "build" / "html"


def test_the_same_tree_builds_under_zensical(zensical_site):
    home = (zensical_site / "index.html").read_text()
    assert 'data-board="boards/paper.json"' in home
    assert "<h1>org/<wbr>plain</h1>" in (zensical_site / "models/org__plain/index.html").read_text()
    assert "Content-Security-Policy" not in home


def test_its_pages_work_in_a_browser(zensical_site, browser):
    """Rows are there, sort, and filter; hostile text stays text; no page tells an error."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    faults = watch(page)
    with serve(zensical_site) as address:
        page.goto(address)
        rows = page.locator("#paper-table tbody tr")
        assert rows.count() == 13
        page.locator('#paper-table th[data-key="parameters"] button').click()
        page.wait_for_url("**sort=parameters")
        sizes = page.locator("#paper-table tbody tr > :nth-child(4)").all_inner_texts()
        assert sizes[:2] == ["1M", "1M"]
        page.locator("[name=find]").fill("team0")
        page.wait_for_url("**find=team0**")
        expect(page.locator("[data-status]")).to_contain_text(" of 13 rows")
        assert 0 < rows.count() < 13
        page.goto(f"{address}models/org__hostile/")
        expect(page.locator("h1")).to_have_text("org/hostile")
        assert HOSTILE in page.locator("dl.facts").first.inner_text()
        page.goto(f"{address}compare/?table=measured-base-16-8-starter&m=org/rival&m=org/hostile")
        expect(page.locator("#differences td").first).to_be_visible()
    page.close()
    assert faults == []
