"""Pages and tables say who measured, and mark a contributor's figures until measured again."""

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from compression_leaderboard.board.board import cohorts_from_json, cohorts_to_json
from compression_leaderboard.exports.release import export_files
from compression_leaderboard.pages.board_table import make_board_table
from compression_leaderboard.pages.model_page import render_model
from compression_leaderboard.pages.reliability_page import render_reliability
from compression_leaderboard.public import load_board
from compression_leaderboard.repository.results import StoredResult, write_record
from compression_leaderboard.repository.specs import toml_text

from tests import ROOT
from tests.commands import run
from tests.exported import COMMIT, board_of, page_text, render_site, renderer
from tests.factory import CORPUS, SUITE, make_model, make_result, make_specs
from tests.histories import ALICE, BOT, EVE, History

OURS, THEIRS = make_model("org/ours"), make_model("org/theirs")


def entry(model, kind="corpus", **provenance) -> StoredResult:
    result = make_result(model, kind)
    return StoredResult(f"results/measured/{result.file}", result, **provenance)


def board(*, agrees: bool = False):
    """One model by the workflow, and one whose suite a contributor measured."""
    stored = [
        entry(OURS, added_by="workflow"),
        entry(OURS, "suite", added_by="workflow"),
        entry(THEIRS, added_by="maintainer"),
        entry(THEIRS, "suite", added_by="contributor", agrees=agrees),
    ]
    return board_of(make_specs(OURS, THEIRS), stored)


def rows_of(table: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table.decode())))


@pytest.mark.parametrize(
    ("agrees", "provenance", "measured_by"),
    [
        (False, "contributed", "contributor"),
        (True, "measured", "contributor, re-measured"),
    ],
)
def test_a_row_is_marked_until_each_contributed_record_is_measured_again(
    agrees, provenance, measured_by
):
    (cohort,) = board(agrees=agrees).cohorts
    table = make_board_table(cohort)
    assert {row.name: row.provenance for row in table.rows} == {
        "org/ours": "measured",
        "org/theirs": provenance,
    }
    assert {row.name: row.measured_by for row in cohort.rows} == {
        "org/ours": "workflow",
        "org/theirs": measured_by,
    }


def test_the_leaderboard_has_a_legend_for_the_mark_only_where_it_occurs():
    marked = page_text(render_site(board()), "home")
    assert '<tr class="contributed"><th scope="row"><a href="models/org__theirs/">' in marked
    assert "measured by a contributor" in marked
    assert '<option value="contributed">' in marked
    plain = page_text(render_site(board(agrees=True)), "home")
    assert "contributed" not in plain.lower()
    assert "tr.contributed th::after" in (ROOT / "site/docs/assets/board.css").read_text()


def test_every_figure_knows_who_measured_it_and_so_does_a_site_that_is_read_again():
    cohorts = board().cohorts
    by_model = {
        row.name: {key.quantity: figure.measured_by for key, figure in row.figures.items()}
        for row in cohorts[0].rows
    }
    assert set(by_model["org/ours"].values()) == {"workflow"}
    assert by_model["org/theirs"]["compression"] == "maintainer"
    assert by_model["org/theirs"]["mean_compression"] == "maintainer"
    assert by_model["org/theirs"]["score"] == "contributor"
    again = cohorts_from_json(cohorts_to_json(cohorts))
    assert [row.measured_by for row in again[0].rows] == [r.measured_by for r in cohorts[0].rows]


def test_tables_say_who_measured_and_leave_the_unknown_empty():
    files = export_files(board())
    scores = rows_of(files["data/scores.csv"])
    assert {(r["model"], r["kind"]): r["measured_by"] for r in scores} == {
        ("org__ours", "compression"): "workflow",
        ("org__ours", "benchmark"): "workflow",
        ("org__theirs", "compression"): "maintainer",
        ("org__theirs", "benchmark"): "contributor",
    }
    leaderboard = {r["model"]: r["measured_by"] for r in rows_of(files["data/leaderboard.csv"])}
    assert leaderboard == {"org__ours": "workflow", "org__theirs": "contributor"}
    compression = {r["model"]: r["measured_by"] for r in rows_of(files["data/compression.csv"])}
    assert compression == {"org__ours": "workflow", "org__theirs": "maintainer"}
    unknown = board_of(make_specs(OURS), [entry(OURS)])
    assert {r["measured_by"] for r in rows_of(export_files(unknown)["data/scores.csv"])} == {""}
    one = board_of(make_specs(OURS), [entry(OURS), entry(OURS, "suite", added_by="workflow")])
    assert one.cohorts[0].rows[0].measured_by is None


@pytest.mark.parametrize(
    ("provenance", "words"),
    [
        ({"added_by": "workflow"}, "the board’s workflow"),
        ({"added_by": "maintainer"}, "a maintainer"),
        ({"added_by": "contributor"}, "a contributor, not re-measured"),
        ({"added_by": "contributor", "agrees": True}, "a contributor, re-measured"),
        ({}, "unknown"),
    ],
)
def test_a_models_page_says_who_measured_each_record(provenance, words):
    stored = board_of(make_specs(OURS), [entry(OURS, **provenance)]).stored
    page = render_model(renderer(), OURS, stored, make_specs(OURS), [], [], COMMIT.id)
    assert f'measured by <a href="../../reliability/#who-measured">{words}</a>' in page


def test_the_page_reliability_counts_records_by_who_measured():
    stored = board().stored
    page = render_reliability(renderer(), make_specs(OURS, THEIRS), stored, COMMIT.date)
    table = page.partition('id="measurers"')[2].partition("</table>")[0]
    body = table.partition("<tbody>")[2]
    rows = [re.findall(r">([^<>]+)</t[hd]>", row) for row in body.split("<tr>")[1:]]
    assert rows == [
        ["the board’s workflow", "2", "2", "1"],
        ["a maintainer", "1", "1", "1"],
        ["a contributor, not re-measured", "1", "1", "1"],
    ]


@pytest.fixture
def history(tmp_path: Path) -> History:
    """A repository with one record of the workflow and one of a contributor."""
    history = History(tmp_path / "board")
    history.put("runs/corpora/prose.toml", toml_text(CORPUS))
    history.put("runs/suites/starter.toml", toml_text(SUITE))
    for model in (OURS, THEIRS):
        history.put(model.file, f'kind = "{model.kind}"\n{toml_text(model)}')
    for model, author in ((OURS, BOT), (THEIRS, EVE)):
        write_record(history.root / "results/measured", history.root, make_result(model))
        history.commit(author)
    return history


def measured_by(folder: Path) -> dict[str, str]:
    rows = rows_of((folder / "data/compression.csv").read_bytes())
    return {row["model"]: row["measured_by"] for row in rows}


KNOWN = {"org__ours": "workflow", "org__theirs": "contributor"}


def test_commands_and_the_python_api_read_the_history(history, tmp_path):
    root = history.root
    exported = run("export", "--root", str(root), "--out", str(tmp_path / "out"))
    assert (exported.exception, exported.stderr) == (None, "")
    assert measured_by(tmp_path / "out") == KNOWN
    rows = load_board(root).cohorts[0].rows
    assert {row.model: row.measured_by for row in rows} == KNOWN
    released = run("release", "HEAD", "--root", str(root), "--out", str(tmp_path / "releases"))
    assert released.exit_code == 0
    (folder,) = (path for path in (tmp_path / "releases").iterdir() if path.is_dir())
    assert measured_by(folder) == KNOWN


def test_without_history_it_is_unknown_and_the_command_says_so(history, tmp_path):
    """A record that is not committed yet has no author either."""
    (history.root / ".git").rename(tmp_path / "git")
    command = ["export", "--root", str(history.root), "--out", str(tmp_path / "out")]
    assert run(*command).stderr == (
        "who measured 2 records is unknown: git has no commit that added them; "
        "build in a clone with its whole history\n"
    )
    assert measured_by(tmp_path / "out") == {"org__ours": "", "org__theirs": ""}
    (tmp_path / "git").rename(history.root / ".git")
    result = make_result(OURS, "suite")
    write_record(history.root / "results/measured", history.root, result)
    assert run(*command).stderr == (
        "who measured 1 record is unknown: git has no commit that added them; commit them\n"
    )
    history.commit(ALICE)
    assert run(*command).stderr == ""


def test_a_board_of_unknown_provenance_is_not_marked():
    plain = board_of(make_specs(OURS), [replace(entry(OURS), added_by=None)])
    assert [row.provenance for row in make_board_table(plain.cohorts[0]).rows] == ["measured"]
