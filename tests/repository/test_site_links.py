"""What is checked before a site goes out: links inside of it, and sizes."""

from pathlib import Path

import pytest
from compression_leaderboard.repository.site import check_links, check_sizes

from tests.commands import invoke

GOOD = {
    "index.html": '<a href="models/a/#top">a</a> <a href="https://example.org/">out</a>',
    "models/a/index.html": '<h1 id="top">a</h1> <a href="../../data/a.csv">data</a>',
    "data/a.csv": "x\n1\n",
}


def write(folder: Path, **changes: str) -> Path:
    for name, text in (GOOD | changes).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_a_site_whose_links_resolve_has_no_problem(tmp_path):
    assert check_links(write(tmp_path)) == []


@pytest.mark.parametrize(
    ("link", "wrong"),
    [
        ("models/b/", "models/b/: there is no models/b/index.html"),
        ("models/a/#end", "models/a/#end: models/a/index.html has no place of this name"),
        ("../x.csv", "../x.csv: there is no x.csv"),
        ("javascript:alert(1)", "javascript:alert(1): leads to the scheme 'javascript'"),
    ],
)
def test_a_link_that_leads_nowhere_is_named_with_its_page(tmp_path, link, wrong):
    (problem,) = check_links(write(tmp_path, **{"index.html": f'<a href="{link}">x</a>'}))
    assert str(problem).startswith(f"index.html: {wrong};")


def test_a_page_or_a_site_over_its_budget_is_named(tmp_path):
    total, problems = check_sizes(write(tmp_path), page_bytes=67, site_bytes=100)
    assert total == sum(len(text) for text in GOOD.values())
    assert [str(problem).partition(";")[0].partition(": ")[2] for problem in problems] == [
        f"has {len(GOOD['index.html'])} bytes, the budget of a page is 67",
        f"has {total} bytes, the budget of the site is 100",
    ]


def test_the_command_tells_what_is_wrong_and_fails(tmp_path):
    assert invoke(tmp_path, "check-site").exit_code == 1  # nothing is built
    write(tmp_path / "build" / "html")
    assert "every link resolves" in invoke(tmp_path, "check-site").stdout
    write(tmp_path / "build" / "html", **{"index.html": '<a href="gone.html">x</a>'})
    result = invoke(tmp_path, "check-site")
    assert "there is no gone.html" in str(result.exception)
