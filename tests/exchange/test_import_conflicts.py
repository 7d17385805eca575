"""Imported files that disagree, and which of them are about a model of the board."""

import math
from datetime import date
from types import SimpleNamespace
from typing import cast

import pytest
from compression_leaderboard.board.imported import (
    THRESHOLD,
    find_conflicts,
    imports_of,
    relate,
)
from compression_leaderboard.exchange.lm_eval import import_lm_eval
from compression_leaderboard.exports.formats import to_arrow
from compression_leaderboard.exports.tables import TABLES
from compression_leaderboard.fits.study import StudiedBoard
from compression_leaderboard.pages.reference import describe_conflict, render_imported
from compression_leaderboard.repository.results import StoredImport

from tests.exported import renderer
from tests.factory import make_model
from tests.result_files import encoded, new_file, old_file

COMMIT = "c" * 40


def reading(value, stderr=0.01, n=None, metric="acc", args="", few_shot=0, revision=None, **more):
    """A file that states one figure. revision: a branch or a commit."""
    entries = {metric: value} | ({} if stderr is None else {f"{metric}_stderr": stderr})
    if n is not None:
        entries["sample_len"] = n
    stated = f",revision={revision}" if revision else ""
    config = {
        "model": "hf",
        "model_args": f"pretrained=org/small{stated}{args}",
        "num_fewshot": few_shot,
    }
    document = {"results": {"arc": entries}, "config": config} | more
    return import_lm_eval("run.json", encoded(document))


def widest(*records):
    """Standard errors of the only conflict; None where there is none."""
    found = find_conflicts(records)
    assert len(found) <= 1
    return found[0].standard_errors if found else None


def test_the_threshold_is_five_combined_standard_errors():
    apart = THRESHOLD * math.hypot(0.03, 0.04)
    assert find_conflicts([reading(0.3, 0.03), reading(0.3 + 0.999 * apart, 0.04)]) == []
    (found,) = find_conflicts([reading(0.3, 0.03), reading(0.3 + 1.001 * apart, 0.04)])
    assert found.standard_errors == pytest.approx(5.005)
    assert [r.score.value for r in found.readings] == [0.3, pytest.approx(0.3 + 1.001 * apart)]


def test_equal_figures_never_conflict():
    assert find_conflicts([reading(0.5), reading(0.5), reading(0.5 + 1e-12, 1e-15)]) == []


@pytest.mark.parametrize(
    "other",
    [
        {"metric": "acc_norm"},
        {"few_shot": 5},
        {"few_shot": None},
        {"args": ",peft=org/adapter"},
        {"args": ",load_in_4bit=True"},
        {"revision": "step3000"},
    ],
)
def test_figures_of_different_things_are_not_compared(other):
    one, two = reading(0.2, revision="step1"), reading(0.9, **{"revision": "step1"} | other)
    assert find_conflicts([one, two]) == []


@pytest.mark.parametrize(
    ("one", "other", "compared"),
    [
        (None, None, True),
        ("main", "main", True),
        ("main", None, True),
        (COMMIT, None, True),
        (COMMIT, "main", False),
        (COMMIT, "d" * 40, False),
        ("step1", "step2", False),
    ],
)
def test_revisions_part_only_where_both_state_one(one, other, compared):
    found = find_conflicts([reading(0.2, revision=one), reading(0.9, revision=other)])
    assert bool(found) == compared


def test_without_a_standard_error_the_largest_possible_one_is_used():
    """Of 100 items of 0 or 1 it is 0.05 at most."""
    assert widest(reading(0.0, None, n=100), reading(1.0, None, n=100)) == pytest.approx(
        1 / math.hypot(0.05, 0.05)
    )
    assert find_conflicts([reading(0.4, None, n=100), reading(0.6, 0.01, n=100)]) == []
    assert widest(reading(0.2, 0.01), reading(0.9, None, n=100)) == pytest.approx(
        0.7 / math.hypot(0.01, 0.05)
    )


@pytest.mark.parametrize(
    "records",
    [
        (reading(0.2, None), reading(0.9, None)),
        (reading(0.2, 0.01), reading(0.9, None)),
        (reading(20.0, None, n=100, metric="bleu"), reading(30.0, None, n=100, metric="bleu")),
    ],
)
def test_a_difference_without_any_error_gets_no_verdict(records):
    (found,) = find_conflicts(records)
    assert found.standard_errors is None
    assert len(found.readings) == 2
    assert describe_conflict(found).startswith("differ: ")


def test_all_readings_in_a_conflict_are_shown_and_no_other():
    records = [reading(0.90), reading(0.20), reading(0.21), reading(0.55, 1.0)]
    (found,) = find_conflicts(records)
    assert [r.score.value for r in found.readings] == [0.20, 0.21, 0.90]
    assert found.standard_errors == pytest.approx(0.7 / math.hypot(0.01, 0.01))


def test_what_else_differs_is_said():
    plain = reading(0.2, n=100)
    chat = reading(0.9, n=10, args=",dtype=float16", chat_template="x", versions={"arc": 1})
    (found,) = find_conflicts([plain, chat])
    assert found.differs == ("task version", "chat template", "items", "number format")
    assert describe_conflict(found) == (
        "conflict: org/small: arc acc, 0-shot: "
        f"0.2 ± 0.01 (run.json, sha256 {plain.source.sha256[:12]}) against "
        f"0.9 ± 0.01 (run.json, sha256 {chat.source.sha256[:12]}): "
        "49.5 standard errors apart; the files also differ in: "
        "task version, chat template, items, number format"
    )


def test_the_widest_conflict_comes_first_and_those_without_verdict_last():
    records = [
        reading(0.2, metric="a"),
        reading(0.4, metric="a"),
        reading(0.2, metric="b"),
        reading(0.9, metric="b"),
        reading(0.2, None, metric="c"),
        reading(0.9, None, metric="c"),
    ]
    metrics = [conflict.readings[0].score.metric for conflict in find_conflicts(records)]
    assert metrics == ["b", "a", "c"]
    assert find_conflicts(reversed(records)) == find_conflicts(records)


# The model's page


def stored(*records):
    return [StoredImport(f"results/imported/{record.file}", record) for record in records]


def board_model(**weights):
    model = make_model("org/small")
    given = {"hub": "org/small", "path": None, "revision": COMMIT} | weights
    return model.model_copy(update={"weights": model.weights.model_copy(update=given)})


@pytest.mark.parametrize(
    ("args", "relation"),
    [
        (f",revision={COMMIT}", "these weights"),
        (f",revision={'d' * 40}", "another revision"),
        (",revision=main", "revision unknown"),
        ("", "revision unknown"),
        (",peft=org/adapter", None),
        (",load_in_8bit=True", None),
    ],
)
def test_how_a_file_relates_to_a_model_of_the_board(args, relation):
    assert relate(reading(0.5, args=args), board_model()) == relation


def test_weights_that_are_not_of_the_hub_cannot_be_compared_by_commit():
    model = board_model(hub=None, path="weights", revision="sha256-" + "a" * 40)
    assert relate(reading(0.5, revision=COMMIT), model) == "revision unknown"


def test_original_weights_are_another_model_than_quantised_ones():
    model = board_model(quantization="Q4_1")
    assert relate(reading(0.5, revision=COMMIT), model) == "original weights"
    page = render_imported(renderer(), model, stored(reading(0.5, revision=COMMIT)), [])
    assert "the original weights; those measured here are quantised, another model" in page


def test_another_model_has_no_section():
    assert render_imported(renderer(), make_model("org/other"), stored(reading(0.5)), []) == ""


def test_the_section_names_the_file_its_hash_and_the_conflicts():
    low, high, other = reading(0.2), reading(0.9, n=50), reading(0.5, metric="f1")
    conflicts = find_conflicts([low, high, other])
    page = render_imported(renderer(), board_model(), stored(low, high, other), conflicts)
    assert 'class="tag tag-imported"' in page
    assert "in no mean and no fit" in page
    for record in (low, high, other):
        assert f"file SHA-256 {record.source.sha256}" in page
        assert f"../../records/imported/{record.file}" in page
    assert page.count("standard errors apart") == 1
    assert "lm-eval of unknown version; date unknown; revision unknown" in page
    assert "49.5 standard errors apart" in page


def test_the_latest_run_comes_first_and_undated_ones_last():
    dated = [reading(0.1 * k, date=1_700_000_000 + k) for k in (1, 3, 2)]
    found = imports_of(board_model(), stored(reading(0.9), *dated))
    assert [entry.imported.tasks[0].scores[0].value for _, entry in found] == [
        pytest.approx(0.3),
        0.2,
        0.1,
        0.9,
    ]


def imported_rows(*records):
    board = SimpleNamespace(imported=stored(*records), conflicts=find_conflicts(records))
    return to_arrow(
        TABLES["imported"], TABLES["imported"].rows(cast(StudiedBoard, board))
    ).to_pandas()


def test_the_table_has_a_row_per_figure_with_its_provenance():
    one, two = import_lm_eval("new.json", encoded(new_file())), reading(0.2)
    rows = imported_rows(one, two)
    assert len(rows) == one.kept + 1
    assert set(rows["provenance"]) == {"imported"}
    first = rows.iloc[0]
    assert (first["model"], first["task"], first["filter"]) == (
        "org__small",
        "sums_easy",
        "strict-match",
    )
    assert (first["few_shot"], first["items"], first["higher_is_better"]) == (8, 40, True)
    assert (first["commit"], first["stated_revision"], first["date"]) == (
        COMMIT,
        "main",
        date(2026, 2, 19),
    )
    assert first["source_sha256"] == one.source.sha256
    assert first["record"] == f"imported/{one.file}"
    assert set(rows["disputed"]) == {False}


def test_disputed_figures_are_marked():
    records = [reading(0.2), reading(0.9), import_lm_eval("old.json", encoded(old_file()))]
    rows = imported_rows(*records)
    assert list(rows["disputed"]) == [True, True, False, False]
    assert list(rows["apart"].iloc[:2]) == [pytest.approx(49.497, abs=0.001)] * 2
