"""Pages and downloads from records: figures, failures, and hostile text."""

import hashlib
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml
from compression_leaderboard.board.cohorts import make_cohorts
from compression_leaderboard.fits.evaluation import calibrate
from compression_leaderboard.fits.study import Evidence, derive_board, study_cohort
from compression_leaderboard.pages.charts import linear_axis
from compression_leaderboard.pages.model_page import render_model
from compression_leaderboard.pages.predict_page import render_predict
from compression_leaderboard.pages.rendering import (
    UNKNOWN,
    Renderer,
    count,
    number,
    percent,
    with_interval,
    with_spread,
)
from compression_leaderboard.pages.site import render_site as render_pages
from compression_leaderboard.records.calibration import NumberFormat
from compression_leaderboard.records.results import Failure
from compression_leaderboard.repository.contents import Contents
from compression_leaderboard.repository.git import Commit
from compression_leaderboard.wording import counted

from tests import ROOT
from tests.built_pages import outline
from tests.exported import (
    COMMIT,
    board_of,
    page_text,
    read_board,
    render_site,
    renderer,
    site_sources,
)
from tests.factory import make_model, make_result, make_specs, store
from tests.miniature import HOSTILE, write_miniature
from tests.published_cohorts import COHORTS, mean_studies

SITE = ROOT / "site"


def render(models, results):
    return render_site(board_of(make_specs(*models), store(*results)))


def page_of(model, *results):
    """The page of a model alone."""
    return render_model(renderer(), model, store(*results), make_specs(model), [], [], COMMIT.id)


@pytest.fixture(scope="module")
def miniature(miniature_board):
    return render_site(miniature_board)


def test_outside_of_a_repository_figures_are_as_of_the_newest_record(miniature_board):
    contents = Contents(miniature_board.specs, miniature_board.stored, [], [])
    board = derive_board(contents, Commit("unknown", "1970-01-01T00:00:00+00:00"))
    newest = max(entry.result.started for entry in miniature_board.stored)
    assert f", as of {newest:%Y-%m-%d}" in page_text(render_site(board), "models/org__plain")
    nothing = derive_board(replace(contents, stored=[]), Commit("unknown", "1970-01-01"))
    assert nothing.commit_date == "1970-01-01"


def test_the_badges_that_a_model_page_shows_are_files_of_the_site(miniature):
    page = unescape(page_text(miniature, "models/org__plain"))
    paths = [unquote(path) for path in re.findall(r"url=SITE/([^)]+)\)", page)]
    assert {Path(path).stem for path in paths} == {"bits-per-byte-prose", "rank"}
    assert all(json.loads(miniature[f"docs/{path}"])["schemaVersion"] == 1 for path in paths)


@pytest.mark.slow
def test_the_miniature_built_twice_gives_the_same_bytes(miniature, tmp_path):
    write_miniature(tmp_path)
    assert render_site(read_board(tmp_path)) == miniature


@pytest.mark.slow
def test_the_order_of_models_and_records_changes_no_byte():
    models = [make_model(), make_model("org/other")]
    results = [make_result(m, kind) for m in models for kind in ("corpus", "suite")]
    assert render(models, results) == render(models[::-1], results[::-1])


def test_numbers_on_a_page_follow_from_records():
    model = make_model()
    text = page_of(model, make_result(model), make_result(model, "suite"))
    assert "1.1000" in text
    assert "50.0" in text
    assert make_result(model).run_id in text
    assert f"records/{make_result(model).file}" in text


def test_the_page_of_a_model_shows_how_sensitive_its_bits_are():
    """Start mode with its token, the bits under every mode, and both number formats."""
    model = make_model()
    result = make_result(model)
    fast = NumberFormat(
        dtype="bfloat16", bits=20_030.0, float32_bits=20_000.0, standard_error=0.0002
    )
    calibration = result.calibration.model_copy(update={"number_format": fast})
    text = page_of(model, result.model_copy(update={"calibration": calibration}))
    assert "<dd>bos, &lt;s&gt; (id 1)</dd>" in text
    assert "bfloat16: 0.150 % ± 0.020 against float32; not used" in text
    assert "20500.0" in text
    assert '<td class="n">2.50</td>' in text  # per cent that no start token would cost


def test_a_record_of_an_earlier_format_is_shown_as_history():
    model = make_model()
    result = make_result(model, format=2, calibration=None)
    assert "not on the leaderboard until it is measured again" in page_of(model, result)


def without_json_ld(text):
    """A partial without its description for search engines, which is data and never runs."""
    found = re.search(r'<script type="application/ld\+json">\n(.*?)</script>', text, re.DOTALL)
    if found is None:
        return text
    assert not set("<>&%").intersection(found[1])
    assert not re.search(r"\{[{%#]", found[1])
    assert json.loads(found[1])["@type"] == "Dataset"
    return text.replace(found[0], "")


def test_hostile_text_is_shown_as_text(miniature):
    """No text of a record or a table is markup; test_hostile_site.py reads built pages."""
    shown = 0
    for path in miniature:
        if not path.endswith(".md"):
            continue
        text = without_json_ld(page_text(miniature, path[len("docs/") : -len(".md")]))
        assert "<script" not in text, path
        parsed = outline(text)
        assert parsed.scripts == [], path
        shown += HOSTILE in "".join(parsed.text)
    assert shown >= 3


def whole_pages(files):
    """The pages that are nothing but front matter, without the changelog, which people write."""
    return [
        path
        for path, text in files.items()
        if path.endswith(".md") and path != "docs/changelog.md" and text[-5:] == b"\n---\n"
    ]


def test_a_page_of_a_model_is_front_matter_and_nothing_else(miniature):
    pages = [miniature[path].decode() for path in whole_pages(miniature)]
    assert len(pages) == 4 + 13 + 3  # models, published models, tables
    for page in pages:
        assert page.count("\n---\n") == 1
        fields = yaml.safe_load(page.removeprefix("---\n").removesuffix("---\n"))
        assert not set("<>").intersection(fields["title"])
        assert fields["search"] == {"exclude": True}
        assert fields["html"].startswith("<h1>")


def test_every_path_is_made_of_safe_characters(miniature):
    for path in miniature:
        assert re.fullmatch(r"(docs|theme)(/[A-Za-z0-9][A-Za-z0-9._@-]*)+", path), path


def test_an_address_that_is_not_of_the_web_is_no_link(miniature):
    assert "javascript:" not in "".join(
        re.findall(r'href="([^"]*)"', page_text(miniature, "published/paper/team0__model-0"))
    )
    templates = site_sources().templates | {
        "links.html": '{% import "components.html" as ui %}'
        '{{ ui.external("https://example.org/?a=1&b", "x") }} '
        '{{ ui.external("javascript:1", "x") }}'
    }
    assert Renderer(templates, COMMIT.date)("links.html") == (
        '<a href="https://example.org/?a=1&amp;b" rel="noopener">x</a> x: javascript:1'
    )


def test_every_cohort_has_a_page_and_no_page_mixes_two(miniature):
    cohorts = ["measured-base-16-8-starter", "measured-instruct-16-8-starter", "paper"]
    for name in cohorts:
        page = page_text(miniature, f"boards/{name}")
        assert re.findall(r'<table class="board wide" id="([^"]+)"', page) == [f"{name}-table"]
        (table,) = re.findall(r'<table class="board wide".*?</table>', page, re.DOTALL)
        assert ("models/org__" in table) != ("published/paper/" in table)
        switch = re.search(r'<nav class="switch".*?</nav>', page, re.DOTALL).group()
        assert re.findall(r'href="../../boards/([^/]+)/"', switch) == cohorts
        assert f'boards/{name}/" aria-current="page"' in switch


def test_the_home_page_shows_the_first_cohort_that_has_a_fit(miniature):
    home = page_text(miniature, "index")
    assert '<table class="board wide" id="paper-table">' in home
    assert 'data-board="boards/paper.json"' in home


def test_the_data_of_a_table_hold_the_rows_of_its_page(miniature):
    """Cells in order of columns; a figure with its interval; a rank as a range."""
    data = json.loads(miniature["docs/boards/measured-base-16-8-starter.json"])
    keys = [column["key"] for column in data["columns"]]
    row = next(row for row in data["rows"] if row[0] == "models/org__rival/")
    cells = dict(zip(keys, row[4:], strict=True))
    value, text, low, high, interval = cells["compression.prose"]
    assert (value, text) == (1.1, "1.100")
    assert [low, high] == pytest.approx([1.0, 1.2], abs=0.05)
    assert interval == f"{low:.3f}–{high:.3f}"
    assert cells["rank"] == [1, "1–2", 1, 2]  # both base models have the same record: a tie
    assert (cells["scored_bytes"], cells["wall_seconds"]) == ([300, "300"], [1.5, "2"])
    assert cells["date"] == "2026-01-01"
    assert data["date"] == "2026-01-02"


def test_the_headline_names_n_and_the_interval(miniature):
    home = page_text(miniature, "index")
    assert re.search(r"Pearson r = −\d\.\d\d \(n = 12; 95 % interval −\d\.\d\d to", home)
    assert sum(len(rows.split()) for rows in re.findall(r'data-rows="([^"]+)"', home)) == 12


def test_unknown_figures_are_a_dash(miniature):
    rows = re.findall(r"<tr class=.*?</tr>", page_text(miniature, "index"))
    (row,) = (row for row in rows if "unknown" in row)
    assert row.count(f'<td class="n">{UNKNOWN}</td>') == 2  # parameters and the mean
    assert row.count('<span class="predicted">') == 1  # quiz
    assert not re.search(r">\s*(nan|none|inf)\b", page_text(miniature, "index"), re.IGNORECASE)


def test_the_predict_page_begins_with_who_wins_in_each_set(repository, miniature):
    cohorts = make_cohorts(repository.specs, repository.stored, repository.published)
    found = {}
    for cohort in cohorts:  # of the mean alone, which is what the table shows
        study = mean_studies().get(cohort.name) or study_cohort(cohort, only=["score"])
        found[cohort.name] = Evidence(study.benchmarks[0].shortage, 0, study)
    assert page_text(miniature, "predict").lstrip().startswith('<h2 id="outcome">')
    page = render_predict(renderer(), cohorts, found, calibrate([], []))
    begun = page.partition("</table>")[0]
    rows = re.findall(r"<tr.*?</tr>", begun, re.DOTALL)[1:]
    # A set without a shortage has one row, and one more if only some sizes or computes are known.
    sets = [evidence.study for evidence in found.values() if evidence.shortage is None]
    assert {cohort.name for cohort in cohorts if found[cohort.name].shortage is None} == set(
        COHORTS
    )
    assert len(rows) == sum(1 + len(study.on_known) for study in sets)
    for name, evidence in found.items():
        own = [row for row in rows if f'href="#{name}"' in row]
        if evidence.shortage is not None:
            assert own == []
            continue
        comparison = evidence.study.benchmarks[0].comparison
        assert [re.search(r"<small>(.*?)</small>", row)[1] for row in own] == [
            one.rows for one in (comparison, *evidence.study.on_known)
        ]
        assert f">{percent(comparison.compression.mae.value, 2)}<" in own[0]
        assert f">{percent(comparison.best_baseline.mae.value, 2)}<" in own[0]
        wins = comparison.compression.mae.value < comparison.best_baseline.mae.value
        assert ("Compression wins" in own[0]) == wins


def test_the_predict_page_folds_each_set_under_its_verdict(miniature):
    """The sets, then the ledger; a link to a set leads to what is not folded."""
    predict = page_text(miniature, "predict")
    headings = re.findall(r'<h2 id="([^"]+)">', predict)
    assert headings == ["outcome", "evidence", "ledger", "amounts", "costs"]
    prose = (SITE / "docs/predict.md").read_text("utf-8")
    assert "## Predictions logged in advance" not in prose  # once is enough
    before, fold, inside = predict.partition('<details id="paper">')
    assert fold
    summary = inside.partition("</summary>")[0]
    assert re.search(r"\d+ models of \d+ groups\. Compression (wins|loses)", summary)
    assert '<table class="board" id="paper-' not in before
    assert "<details open" not in predict
    assert re.findall(r'href="#([^"]+)"', predict) == ["paper"]


def test_few_measured_models_give_no_fit(miniature):
    predict = page_text(miniature, "predict")
    assert predict.count("Not enough evidence: ") == 2
    assert "Compression " in predict


def test_a_failed_model_says_so_first(miniature):
    page = page_text(miniature, "models/org__failing")
    assert page.index("Failed.") < page.index("Nothing is measured yet.")
    assert "nan-logits" in page
    home = page_text(miniature, "index")
    assert home.count("org__failing") == 1
    assert "failed or not measured: <a" in home


def test_a_failure_that_was_mended_is_history_only():
    model = make_model()
    failed = make_result(model, text=None, lossless=None, error=Failure(reason="nan", message="x"))
    page = page_of(model, failed, make_result(model))
    assert "Failed." not in page
    assert "failed (nan): x" in page


def test_a_retracted_record_is_struck_through_and_kept(miniature):
    page = page_text(miniature, "models/org__plain")
    assert "<s>corpus prose" in page
    assert "retracted: the text was cut short" in page


def test_a_record_of_a_revision_that_is_no_longer_listed_is_history():
    model = make_model()
    old = make_result(model, revision="sha256-" + "f" * 40)
    page = page_of(model, old, make_result(model))
    history = page.partition("History of its records")[2].partition("</ul>")[0]
    assert history.count("· counts") == 1
    assert history.count("· history") == 1


def test_a_record_of_an_earlier_protocol_is_marked():
    model = make_model()
    text = make_result(model).text
    old = text.model_copy(
        update={"protocol": text.protocol.model_copy(update={"document_bytes": 9})}
    )
    page = page_of(model, make_result(model, text=old))
    assert "not on the leaderboard until it is measured again" in page


def test_a_text_older_than_the_model_is_flagged():
    late = make_model(released=datetime(2021, 1, 1).date())
    page = page_of(late, make_result(late))
    assert "no: the model may have seen the text" in page


def test_a_score_that_is_not_lossless_says_so():
    model = make_model()
    lossless = make_result(model).lossless.model_copy(update={"failing_bytes": 150})
    page = page_of(model, make_result(model, lossless=lossless))
    assert "150 (50.0 %): not lossless, so not ranked" in page


def test_ids_are_unique_on_every_page(miniature):
    for path in miniature:
        if path.endswith(".md"):
            text = page_text(miniature, path[len("docs/") : -len(".md")])
            ids = re.findall(r' id="([^"]+)"', text)
            assert len(ids) == len(set(ids)), path


def test_an_empty_board_is_a_board():
    """Its tables have columns and no rows."""
    files = render([], [])
    assert files["docs/data/preferences.csv"].count(b"\n") == 1
    assert 'id="columns-preferences"' in page_text(files, "download")


def test_axis_ticks_are_round_and_inside():
    axis = linear_axis([0.38, 0.51])
    assert axis.low < 0.38
    assert axis.high > 0.51
    assert axis.ticks == [(0.4, "0.4"), (0.45, "0.45"), (0.5, "0.5")]
    assert (1.0, "1") in linear_axis([1.0, 1.0]).ticks
    for values in ([5e-324, 5e-324], [0.0, 1e-320], [1.0, 1.0 + 1e-15], [1e15, 1e15]):
        axis = linear_axis(values)
        assert len({place for place, _ in axis.ticks}) == len(axis.ticks) > 0


def test_numbers_as_readers_want_them():
    assert (number(-0.5, 2), number(None, 2), number(float("nan"), 1)) == (
        "−0.50",
        UNKNOWN,
        UNKNOWN,
    )
    assert (percent(0.1234), count(134515008), count(2e12), count(None)) == (
        "12.3",
        "134.5M",
        "2T",
        UNKNOWN,
    )
    assert (counted(1, "family"), counted(2, "family"), counted(0, "model")) == (
        "1 family",
        "2 families",
        "0 models",
    )
    assert with_interval(0.14713, (0.1363, 0.1579)) == "0.147 (0.136 to 0.158)"
    assert with_interval(0.14713, None) == "0.1471"
    assert with_interval(None, (0.1, 0.2)) == UNKNOWN
    assert with_spread(0.14713, 0.01081) == "0.147 ± 0.011"
    assert with_spread(0.14713, None) == "0.1471"
    assert with_spread(None, 0.1) == UNKNOWN


def test_retraction_dates_do_not_matter_for_what_counts():
    model = make_model()
    late = make_result(model, started=datetime(2027, 1, 1, tzinfo=UTC), retracted="bad")
    page = page_of(model, make_result(model), late)
    assert "· counts" in page


def test_the_checksums_cover_every_file_in_the_data_folder(miniature):
    data = {p.removeprefix("docs/data/"): c for p, c in miniature.items() if "docs/data/" in p}
    lines = data.pop("SHA256SUMS").decode().splitlines()
    listed = {path: digest for digest, path in (line.split("  ", 1) for line in lines)}
    assert listed == {path: hashlib.sha256(content).hexdigest() for path, content in data.items()}


def test_the_changelog_is_found_by_search_and_linked_by_its_headings(miniature_board):
    """The search reads a page's body, not its front matter; no empty line ends the block."""
    sources = site_sources()
    made = render_pages(
        miniature_board, replace(sources, changelog="# Log\n\n## Added\n\n- <b>x</b> `</div>`\n")
    )
    body = made["docs/changelog.md"].decode().rpartition("\n---\n")[2]
    (block,) = body.strip().split("\n\n")
    assert '<h2 id="added">Added</h2>' in block
    assert "&lt;b&gt;x&lt;/b&gt;" in block
    assert block.count("</div>") == 1
