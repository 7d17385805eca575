"""A site of hostile names has the elements, attributes and scripts of a harmless one, no more.

Every text that a record, a table or an imported file may choose is hostile at once; what mkdocs
built is read as a browser reads it.
"""

import csv
import io
import json
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from compression_leaderboard.exchange.lm_eval import import_lm_eval
from compression_leaderboard.records.models import Checkpoint, Task
from compression_leaderboard.records.results import Failure
from compression_leaderboard.repository.results import write_imported, write_record

from tests import factory, miniature
from tests.built_pages import Outline, outline
from tests.in_browser import build

pytestmark = pytest.mark.slow

TEMPLATE = "x{{7*7}}x"
VALUES = (
    TEMPLATE,
    '{% include "x" %}',
    "{#- a comment -#}{% raw %}",
    'x"><script>alert(1)</script>',
    "x'><script>alert(1)</script>",
    "'-alert(1)-'",
    "]]><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</caption></table><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "<svg/onload=alert(1)>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    '<div id="generated"></div>',
    "---\n# heading\n[a link](javascript:alert(1))\n<b>bold</b>",
    "\u202eturned\u2066",
    "\x07\x1b[31m\x7f\x85\uffff",
)
NAMES = tuple(value.replace("\n", " ") for value in VALUES)  # keys of a table have one line
ALL = " / ".join(VALUES)
TITLE = "LLM Compression Leaderboard"
SOURCE = """format = 1
name = "paper"
title = {text}
comparable_with = {text}
collected = 2026-01-01
key = "model"
group = "family"
parameters = "parameters"
mixtures = [{mixture}]

[[citations]]
text = {text}
url = {url}
licence = {text}
figures = {text}

[[compression]]
column = "bpc"
label = {text}
unit = {text}

[[scores]]
column = "quiz"
label = {text}
chance = 0.25
metric = {text}
"""


def write_site(root: Path, say: Callable[[str], str], names: list[str], url: str) -> None:
    """A repository whose free texts are those that `say` makes of harmless ones."""
    miniature.write_miniature(root)
    for old in sorted((root / "results").rglob("*")):
        if old.is_file():
            old.unlink()
    dataset = factory.TASK.dataset.model_copy(
        update={"source": "local mirror", "origin": say("a mirror")}
    )
    task = factory.TASK.model_copy(update={"label": say("Sums"), "dataset": dataset})
    texts = {"title": say("Title"), "description": say("Text")}
    suite = factory.SUITE.model_copy(update={"tasks": (task,), **texts})
    written = {name: say("Text") for name in ("title", "domain", "licence")}
    corpus = factory.CORPUS.model_copy(update=written | {"note": say("Note")})
    pairs = factory.PAIRS.model_copy(update=written)
    miniature.write_toml(root / "runs/suites/starter.toml", suite)
    miniature.write_toml(root / "runs/corpora/prose.toml", corpus)
    miniature.write_toml(root / "runs/corpora/pairs.toml", pairs)
    _write_records(root, say, task)
    _write_published(root / "results/published/paper", say, names, url)
    _write_imported(root, say)


def _write_records(root: Path, say: Callable[[str], str], task: Task) -> None:
    checkpoint = Checkpoint(revision=miniature.EARLY, tokens_seen=10, path="early")
    models = [
        factory.make_model(
            name,
            corpora=("prose", "pairs"),
            training_tokens=20,
            note=say("Note"),
            family=shorten(say, k),
            licence=shorten(say, k + 3),
        )
        for k, name in enumerate(("org/first", "org/second", "org/failing"))
    ]
    models[0] = models[0].model_copy(update={"checkpoints": (checkpoint,)})
    environment = factory.make_result(models[0]).environment.model_copy(
        update={name: say("a machine") for name in ("machine", "processor", "python")}
        | {"packages": {say("torch"): say("2.0")}}
    )
    for old in sorted((root / "runs/models").rglob("*.toml")):
        old.unlink()
    for model in models:
        miniature.write_toml(root / model.file, model)
    tasks = tuple(
        replace(part, task=task) for part in factory.make_result(models[0], "suite").tasks
    )
    failure = Failure(reason="nan-logits", message=say("not a number"))
    results = [
        factory.make_result(models[0], tokens_seen=20),
        factory.make_result(models[0], revision=miniature.EARLY, tokens_seen=10),
        factory.make_result(models[0], "suite", tokens_seen=20, tasks=tasks),
        factory.make_result(models[1]),
        factory.make_result(models[1], "suite", tasks=tasks, retracted=say("a reason")),
        factory.make_preference(models[1]),
        factory.make_proof(models[1]),
        factory.make_result(models[2], text=None, lossless=None, lossy=None, error=failure),
        factory.make_classical(),
    ]
    for result in results:
        write_record(
            root / "results/measured", root, result.model_copy(update={"environment": environment})
        )


def _write_published(folder: Path, say: Callable[[str], str], names: list[str], url: str) -> None:
    """More models of more families than a fit needs."""
    folder.mkdir(parents=True, exist_ok=True)
    source = SOURCE.format(
        text=json.dumps(say("Text")), url=json.dumps(url), mixture=json.dumps(names[0])
    )
    (folder / "source.toml").write_text(source, "utf-8")
    table = io.StringIO()
    rows = csv.writer(table)
    rows.writerow(["model", "family", "parameters", "bpc", "quiz"])
    for k, name in enumerate(names):
        family = say(f"Family {k % 4}").replace("\n", " ")
        score = f"{0.3 + 0.03 * k + 0.02 * (-1) ** k:.2f}" if k else ""
        rows.writerow([name, family, 10 ** (6 + k % 5), f"{1.0 - 0.03 * k:.2f}", score])
    (folder / "table.csv").write_text(table.getvalue(), "utf-8")


def _write_imported(root: Path, say: Callable[[str], str]) -> None:
    """Files about the first model, two of each disagree; names are short and printable."""
    records = []
    for place, value in product(range(6), (0.2, 0.9)):
        text = "".join(filter(str.isprintable, shorten(say, place)))
        scores = {"acc,none": value, "acc_stderr,none": 0.01, f"{text},none": 0.5}
        config = {"model": text, "model_args": "pretrained=org/first"}
        document = {"results": {text: scores}, "config": config, "git_hash": text}
        content = json.dumps(document).encode()
        records.append((content, import_lm_eval(text, content)))
    assert [error for _, error in write_imported(root, records) if error] == []


def shorten(say: Callable[[str], str], place: int) -> str:
    """A text of at most 100 characters: every sixth of the hostile values, or a harmless label."""
    if say is not hostile:
        return say(f"Label {place}")
    return " / ".join(VALUES[place::6])[:100]


def hostile(label: str) -> str:
    """Everything at once, and the label, so that texts that must differ do."""
    return f"{ALL} {label}"


@pytest.fixture(scope="module")
def harmless_site(tmp_path_factory):
    root = tmp_path_factory.mktemp("harmless")
    names = [f"team/model-{k}" for k in range(len(NAMES))]
    write_site(root, lambda label: f"{label} / text", names, "https://example.org/paper")
    return build(root)


@pytest.fixture(scope="module")
def hostile_site(tmp_path_factory):
    root = tmp_path_factory.mktemp("hostile")
    write_site(
        root,
        hostile,
        list(NAMES),
        'https://example.org/"><script>alert(1)</script>javascript:alert(1)',
    )
    return build(root)


def pages_of(site: Path) -> dict[str, str]:
    return {
        path.relative_to(site).as_posix(): path.read_text("utf-8")
        for path in sorted(site.rglob("*.html"))
    }


def by_kind(site: Path) -> dict[str, Outline]:
    """What the pages of each kind hold together; a page in no folder is a kind."""
    kinds: dict[str, Outline] = defaultdict(Outline)
    for name, text in pages_of(site).items():
        page, kind = outline(text), kinds[name.partition("/")[0]]
        kind.attributes |= page.attributes
        kind.schemes |= page.schemes
        kind.scripts = sorted({*kind.scripts, *page.scripts})
        kind.text += page.text
    return kinds


def test_hostile_names_add_no_element_attribute_script_or_scheme(harmless_site, hostile_site):
    expected, actual = by_kind(harmless_site), by_kind(hostile_site)
    assert set(actual) == set(expected)
    for kind, page in actual.items():
        assert page.attributes - expected[kind].attributes == set(), kind
        assert page.scripts == expected[kind].scripts, kind
        assert page.schemes <= expected[kind].schemes <= {"http", "https"}, kind
        assert not [name for _, name in page.attributes if name.startswith("on")], kind


def test_no_template_of_a_name_is_run(hostile_site):
    for name, text in pages_of(hostile_site).items():
        assert "x49x" not in text, name
    for kind in ("index.html", "boards", "models", "published", "corpora", "import"):
        assert TEMPLATE in "".join(by_kind(hostile_site)[kind].text), kind


INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\u2066\ufffe\uffff]")


def spelled(name: str) -> str:
    """As pages show what nobody sees."""
    return INVISIBLE.sub(lambda mark: f"\\u{ord(mark[0]):04x}", name)


def test_hostile_names_are_shown_in_full(hostile_site):
    """In the table, where they may break after slashes, and what is invisible is spelled out."""
    shown = "".join(by_kind(hostile_site)["boards"].text)
    for name in NAMES:
        assert spelled(name) in shown, name


def test_no_mark_turns_a_page_and_no_page_has_a_control_character(hostile_site):
    """But for the description for search engines, which is JSON that nobody sees."""
    for name, text in pages_of(hostile_site).items():
        shown = re.sub(
            r'<script type="application/ld\+json">.*?</script>', "", text, flags=re.DOTALL
        )
        assert not INVISIBLE.search(shown), name


def test_no_control_character_or_line_of_a_name_is_in_the_notice_of_licences(hostile_site):
    notice = (hostile_site / "data/LICENCE.txt").read_text("utf-8")
    assert not INVISIBLE.search(notice)
    assert [line for line in notice.splitlines() if line.startswith("# heading")] == []


def test_no_two_elements_of_a_page_have_one_id(hostile_site):
    for name, text in pages_of(hostile_site).items():
        ids = outline(text).ids
        assert len(set(ids)) == len(ids), name
        assert not [one for one in ids if not one or re.search(r"\s", one)], name


def test_titles_are_those_of_the_names(hostile_site):
    expected = sorted(f"{spelled(name)} - {TITLE}" for name in NAMES)
    pages = pages_of(hostile_site / "published")
    titles = [outline(text).titles for text in pages.values()]
    assert all(len(pair) == 2 for pair in titles)
    assert sorted(title for title, _ in titles) == expected
    assert all(title == og_title for title, og_title in titles)


def test_hostile_names_are_in_no_search_index(hostile_site):
    assert "alert(1)" not in (hostile_site / "search/search_index.json").read_text("utf-8")


def test_what_is_not_the_templates_would_be_noticed():
    page = outline('<p title="a"><img src="j\tavascript:x" onerror=y></p><script>z</script>')
    assert page.attributes >= {("img", "onerror"), ("p", "title"), ("script", "")}
    assert (page.schemes, page.scripts) == ({"javascript"}, ["z"])
