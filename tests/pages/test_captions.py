"""Every caption says n and the day, every page its commit, and words lead to the glossary."""

import html
import re
from functools import cache
from types import SimpleNamespace

import pytest
from compression_leaderboard.pages.rendering import dated
from playwright.sync_api import expect

from tests import ROOT
from tests.exported import glossary_headings, render_site, render_source

DAY = "2026-11-27"
CAPTIONS = re.compile(r"<(caption|figcaption)\b[^>]*>(.*?)</\1>", re.DOTALL)
DAY_SAID = re.compile(r"as of \d{4}-\d\d-\d\d")
# What figures are counted over: a number, up to three words, and a unit.
COUNTED = re.compile(
    r"\b\d[\d,]* (?:[\w-]+ ){0,3}(?:row|model|document|item|pair|figure|score|record|position|text|"
    r"link|option|field|column|comparison|checkpoint|dataset|file|layer|run)s?\b"
)
WORDS = re.compile(r"\S*\w\S*")
TERM = re.compile(r'<a href="((?:\.\./)+)glossary/#([^"]+)">(.*?)</a>')
LINE = re.compile(r'<p class="terms">.*?</p>')


def words_of(markup: str) -> str:
    return " ".join(html.unescape(re.sub("<[^>]+>", " ", markup)).split())


def article_of(page: str) -> str:
    return page.partition("<article")[2].partition("</article>")[0]


@pytest.fixture(scope="session")
def pages(site) -> dict[str, str]:
    """Every page of the real board by its address."""
    found = {
        path.relative_to(site).as_posix().removesuffix("index.html"): path.read_text("utf-8")
        for path in sorted(site.rglob("*.html"))
    }
    assert len(found) > 250
    return found


@cache
def headings() -> set[str]:
    """Names of the places of the built glossary, each of which is once there."""
    source = ROOT / "site/docs/glossary.md"
    return set(re.findall(r"^## (.+)$", source.read_text("utf-8"), re.MULTILINE))


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("2 rows", f"2 rows, as of {DAY}"),
        ("2 rows.", f"2 rows, as of {DAY}."),
        ("2 rows of 3.5 MB. Line: least", f"2 rows of 3.5 MB, as of {DAY}. Line: least"),
        (f"2 rows, as of {DAY}. More", f"2 rows, as of {DAY}. More"),
        ("A text as of 2020", f"A text as of 2020, as of {DAY}"),
    ],
)
def test_the_day_is_at_the_end_of_the_first_sentence_and_once(caption, expected):
    assert dated(caption, DAY) == expected
    assert dated(expected, DAY) == expected


def test_a_caption_without_a_count_or_a_day_would_be_found():
    assert not COUNTED.search("Optimality by layer, 95 % intervals of 8 draws")
    assert COUNTED.search("23 published rows of 28; the others lack a figure")
    assert not DAY_SAID.search("the corpus of 2026")


ONE_OF_MANY = re.compile(r"(?<![\w.,/–−:-])1 (?!is\b|means\b)[a-z]+s\b")


def test_one_of_a_kind_is_in_the_singular(miniature_board):
    """On the pages of a board of which nearly everything occurs once."""
    pages = {
        name: words_of(content.decode())
        for name, content in render_site(miniature_board).items()
        if name.endswith(".md")
    }
    assert [
        (name, one[0]) for name, text in pages.items() for one in ONE_OF_MANY.finditer(text)
    ] == []


@pytest.mark.parametrize(
    ("models", "place", "expected"),
    [(2, 0, "better than the only other model"), (2, 1, "worse than the only other model"),
     (3, 0, "better than all 2 other models"), (3, 1, "better than 50 % of the other 2 models")],
)  # fmt: skip
def test_a_place_among_other_models_is_said_in_grammar(models, place, expected):
    cohort = SimpleNamespace(provenance="published")
    view = SimpleNamespace(
        ranked=[None] * models, place=place, board=SimpleNamespace(cohort=cohort)
    )
    source = '{% import "standing.html" as standing %}{{ standing.percentile(view) }}'
    said = words_of(render_source(source, view=view))
    assert said == f"By the source's figures, it compresses {expected} in this table."


@pytest.mark.browser  # needs no browser, but the site that those tests build
def test_every_caption_says_what_it_counts_and_as_of_which_day(pages):
    found = [
        (address, words_of(inside))
        for address, page in pages.items()
        for _, inside in CAPTIONS.findall(page)
    ]
    assert len(found) > 1000
    wrong = []
    for address, caption in found:
        rest, days = DAY_SAID.subn("", caption)
        if days != 1 or not COUNTED.search(rest):
            wrong.append((address, caption))
    assert wrong == []


@pytest.mark.browser
def test_captions_have_at_most_15_words(pages):
    captions = [
        DAY_SAID.sub("", words_of(inside))
        for page in pages.values()
        for _, inside in CAPTIONS.findall(page)
    ]
    assert [caption for caption in captions if len(WORDS.findall(caption)) > 15] == []


@pytest.mark.browser
def test_every_page_ends_with_the_commit_that_it_was_built_from(pages):
    feet = {
        address: re.findall(r'<p class="built">(Built [^<]+\.)</p>', page)
        for address, page in pages.items()
    }
    assert [address for address, found in feet.items() if len(found) != 1] == []
    assert len({found[0] for found in feet.values()}) == 1
    assert {"about/", "glossary/", "score/", "scale/", "own-board/", "404.html"} <= set(feet)


@pytest.mark.browser
def test_words_lead_to_places_of_the_glossary_and_stand_on_their_pages(pages):
    places = re.findall(r'<h2 id="([^"]+)"', pages["glossary/"])
    assert len(places) == len(set(places)) == len(headings())
    assert set(glossary_headings().values()) <= set(places)
    fewest = {"predict/": 15, "choose/": 3, "plane/": 5, "families/": 6, "trajectories/": 5}
    fewest |= {address: 5 for address in pages if address.startswith(("models/", "published/"))}
    for address, least in fewest.items():
        article = article_of(pages[address])
        (line,) = LINE.findall(article)
        listed = TERM.findall(line)
        assert len(listed) >= least, address
        rest = words_of(LINE.sub("", article)).lower()
        for root, place, word in listed:
            assert root == "../" * address.count("/"), address
            assert glossary_headings()[html.unescape(word)] == place
            assert html.unescape(word).lower() in rest, (address, word)


@pytest.mark.browser
def test_hand_written_pages_link_words_at_first_use(pages):
    expected = {
        "": {"bits-per-byte", "interval"},
        "compare/": {"bits-per-byte", "interval", "paired-difference", "tie"},
        "choose/": {"measured-published-predicted", "cohort"},
        "predict/": {"cohort", "baseline", "standard-error", "extrapolation"},
        "plane/": {"complexity", "expressivity", "bound"},
        "score/": {"bits-per-byte", "interval", "classical-compressor"},
        "about/": {"rank-range", "tie"},
    }
    places = set(re.findall(r'<h2 id="([^"]+)"', pages["glossary/"]))
    for address, wanted in expected.items():
        linked = set(re.findall(r'href="[./]*glossary/#([^"]+)"', article_of(pages[address])))
        assert wanted <= linked <= places, address


@pytest.mark.browser
def test_captions_that_scripts_write_say_the_same(page, address, siblings_address):
    """Choose asks again in the browser; the plane draws a model's layers."""
    page.goto(f"{address}choose/")
    shown = page.locator("#choose-answer caption")
    written = shown.all_text_contents()  # by the build, until the script has answered
    page.wait_for_selector("#choose-form [data-weights] input")
    assert len(written) > 1
    assert shown.all_text_contents() == written
    page.goto(f"{siblings_address}plane/")
    choice = page.locator("[data-layers]").first
    choice.select_option(index=1)
    caption = page.locator("[data-layer-chart] figcaption").first
    expect(caption).to_contain_text(DAY_SAID)
    expect(caption).to_contain_text(COUNTED)
