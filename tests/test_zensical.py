"""The same tree builds under Zensical, so that the move is cheap when Material ends."""

import shutil
import subprocess
import sys

import pytest

from tests.in_browser import build
from tests.miniature import write_miniature


@pytest.mark.slow
def test_the_same_tree_builds_under_zensical(tmp_path):
    write_miniature(tmp_path)
    build(tmp_path)
    shutil.rmtree(tmp_path / "build" / "html")
    subprocess.run([sys.executable, "-m", "zensical", "build"], check=True, cwd=tmp_path)
    page = (tmp_path / "build/html/models/org__plain/index.html").read_text()
    home = (tmp_path / "build" / "html" / "index.html").read_text()
    assert 'data-board="boards/paper.json"' in home
    assert "<h1>org/<wbr>plain</h1>" in page
