"""The published figures are those of their sources, digit for digit."""

import csv
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from compression_leaderboard.board.figures import Key
from compression_leaderboard.board.published import published_rows
from compression_leaderboard.repository.contents import PublishedTable, read_published
from scipy.stats import pearsonr, spearmanr

from tests import ROOT

FIGURES = ROOT.parent / "shared" / "data" / "published"
HUANG = Path("results/published/huang-2024")
COMPRESSION = ("bpc_cc", "bpc_python", "bpc_arxiv_math", "bpc_avg")
# Column of our table → column of the source, for figures that are copied as they are.
SCORES = {
    "mmlu": "MMLU",
    "arc_c": "ARC-C",
    "hellaswag": "HellaSwag",
    "winograd": "Winograd",
    "truthfulqa": "TruthfulQA",
    "gsm8k": "GSM8K",
    "xwinograd": "XWinograd",
    "humaneval": "HumanEval",
}
# Column of our table → column of the source and its unit, for figures in other units.
SCALED = {
    "parameters": ("Model Size (B)", 1e9),
    "training_tokens": ("Pretraining Data Size (T)", 1e12),
    "training_flop": ("FLOPs (1E21)", 1e21),
}
needs_figures = pytest.mark.skipif(not FIGURES.is_dir(), reason="shared figures are not here")


@pytest.fixture(scope="module")
def huang() -> PublishedTable:
    tables, problems = read_published(ROOT)
    assert problems == []
    return next(table for table in tables if table.source.name == "huang-2024")


def source_rows(name: str, key: str) -> dict[str, dict[str, str]]:
    with (FIGURES / name).open(encoding="utf-8", newline="") as stream:
        return {row[key]: row for row in csv.DictReader(stream)}


def complete(table: PublishedTable) -> list[dict[str, str]]:
    return [row for row in table.rows if all(row[score] for score in SCORES)]


def test_28_models_stand_in_order_once_each(huang):
    models = [row["model"] for row in huang.rows]
    assert len(models) == len(set(models)) == 28
    assert models == sorted(models, key=str.lower)


def test_23_models_of_10_families_have_all_scores(huang):
    rows = complete(huang)
    assert len(rows) == 23
    assert len(Counter(row["family"] for row in rows)) == 10


@needs_figures
def test_the_models_are_those_of_the_source(huang):
    assert {r["model"] for r in huang.rows} == set(source_rows("hkust_bpc.csv", "hf_id"))


@needs_figures
def test_every_compression_figure_is_that_of_the_source(huang):
    source = source_rows("hkust_bpc.csv", "hf_id")
    for row in huang.rows:
        theirs = source[row["model"]]
        assert row["name"] == theirs["model"]
        assert [row[c] for c in COMPRESSION] == [theirs[c] for c in COMPRESSION], row["model"]


@needs_figures
def test_every_score_and_size_is_that_of_the_source(huang):
    source = source_rows("obs_scaling.csv", "Model")
    for row in huang.rows:
        theirs = source[row["model"]]
        assert row["family"] == theirs["Model Family"]
        for ours, column in SCORES.items():
            assert row[ours] == theirs[column], (row["model"], ours)
        for ours, (column, unit) in SCALED.items():
            assert bool(row[ours]) == bool(theirs[column]), (row["model"], ours)
            if row[ours]:
                # The source's products carry a last digit of float arithmetic: 547.6800000000001.
                expected = float(theirs[column]) * unit
                assert float(row[ours]) == pytest.approx(expected, rel=1e-15), row["model"]


def test_the_sources_average_is_the_mean_of_the_three_corpora(huang):
    """Within rounding: the source gives three decimals, and of some means cuts the fourth."""
    for row in huang.rows:
        mean = sum(float(row[c]) for c in COMPRESSION[:3]) / 3
        assert abs(mean - float(row["bpc_avg"])) < 0.001, row["model"]


@pytest.mark.parametrize(
    ("compression", "scores", "n", "r"),
    [
        ("bpc_avg", tuple(SCORES), 23, -0.944),
        ("bpc_avg", ("mmlu",), 28, -0.907),
        ("bpc_avg", ("arc_c",), 26, -0.959),
        ("bpc_python", ("humaneval",), 25, -0.965),
    ],
)
def test_the_known_correlations_follow_from_the_table(huang, compression, scores, n, r):
    rows = [row for row in huang.rows if all(row[score] for score in scores)]
    x = [float(row[compression]) for row in rows]
    y = [sum(float(row[score]) for score in scores) / len(scores) for row in rows]
    assert len(rows) == n
    assert pearsonr(x, y).statistic == pytest.approx(r, abs=0.0005)


def test_the_known_rank_correlation_follows_from_the_table(huang):
    rows = complete(huang)
    x = [float(row["bpc_avg"]) for row in rows]
    y = [sum(float(row[score]) for score in SCORES) for row in rows]
    assert spearmanr(x, y).statistic == pytest.approx(-0.957, abs=0.0005)


def test_chance_levels_follow_from_the_number_of_choices(huang):
    chance = {score.column: score.chance for score in huang.source.scores}
    assert chance == {
        "mmlu": 0.25,
        "arc_c": 0.25,
        "hellaswag": 0.25,
        "winograd": 0.5,
        "truthfulqa": 0.0,  # true answers share the probability: no fixed number of choices
        "gsm8k": 0.0,
        "xwinograd": 0.5,
        "humaneval": 0.0,
    }


def test_every_citation_has_a_licence_and_an_address(huang):
    assert [c.licence for c in huang.source.citations] == ["MIT", "Apache-2.0"]
    assert all(c.url.startswith("https://github.com/") for c in huang.source.citations)


TABLE = f"{HUANG.as_posix()}/table.csv"
SCORE = ",0.7635156727391681"
NUMBER = "write a number, or nothing where it is unknown"
UNIT = "write it in the unit of the column, or nothing where it is unknown"
CELLS = "write one cell per column"


def test_two_columns_of_one_name_are_told(tmp_path):
    folder = shutil.copytree(ROOT / HUANG, tmp_path / HUANG)
    lines = (folder / "table.csv").read_text("utf-8").splitlines()
    more = [f"{line},{'mmlu' if k == 0 else '0.5'}\n" for k, line in enumerate(lines)]
    (folder / "table.csv").write_text("".join(more), "utf-8")
    assert list(map(str, read_published(tmp_path)[1])) == [
        f"{TABLE}: mmlu: names two columns; rename or remove one"
    ]


@pytest.mark.parametrize(
    ("old", "new", "message", "repair"),
    [
        ("0.572,", "x,", 'line 2, bpc_cc: "x" is not a number', NUMBER),
        ("0.572,", "nan,", 'line 2, bpc_cc: "nan" is not a number', NUMBER),
        ("0.572,", "٠٫٥,", 'line 2, bpc_cc: "٠٫٥" is not a number', NUMBER),
        ("0.572,", "٥,", 'line 2, bpc_cc: "٥" is not a number', NUMBER),
        ("0.572,", "1_0,", 'line 2, bpc_cc: "1_0" is not a number', NUMBER),
        ("0.572,", "0,", "line 2, bpc_cc: 0 is not between 0 and 1000", UNIT),
        ("0.572,", "1e308,", "line 2, bpc_cc: 1e308 is not between 0 and 1000", UNIT),
        (",34000000000,", ",0,", "line 2, parameters: 0 is not between 0 and 1e+30", UNIT),
        (",34000000000,", ",-1,", "line 2, parameters: -1 is not between 0 and 1e+30", UNIT),
        (SCORE, ",NaN", 'line 2, mmlu: "NaN" is not a number', NUMBER),
        (
            SCORE, ",76.35", "line 2, mmlu: 76.35 is not a fraction in [0, 1]",
            "write a fraction: per cent divided by 100",
        ),
        (
            SCORE, ",-0.1", "line 2, mmlu: -0.1 is not a fraction in [0, 1]",
            "write a fraction, or nothing where it is unknown",
        ),
        (SCORE, f"{SCORE},9", "line 2: has more or fewer cells than the header", CELLS),
        (SCORE, "", "line 2: has more or fewer cells than the header", CELLS),
    ],
)  # fmt: skip
def test_a_bad_cell_is_told_with_line_and_column(tmp_path, old, new, message, repair):
    folder = shutil.copytree(ROOT / HUANG, tmp_path / HUANG)
    text = (folder / "table.csv").read_text("utf-8")
    text = text.replace(old, new, 1)
    (folder / "table.csv").write_text(text, "utf-8")
    tables, problems = read_published(tmp_path)
    assert tables == []
    assert [str(p).partition(": ")[2] for p in problems] == [f"{message}; {repair}"]


def test_other_faults_of_a_table_are_told(tmp_path):
    folder = shutil.copytree(ROOT / HUANG, tmp_path / HUANG)
    lines = (folder / "table.csv").read_text("utf-8").splitlines()
    lines[0] = lines[0].replace(",mmlu,", ",MMLU,")
    (folder / "table.csv").write_text("\n".join(lines), "utf-8")
    (problem,) = read_published(tmp_path)[1]
    assert str(problem) == f"{TABLE}: mmlu: no such column; add it, or remove it from source.toml"

    (folder / "table.csv").write_bytes(b"model\n\xff\n")
    (problem,) = read_published(tmp_path)[1]
    assert str(problem) == f"{TABLE}: is not UTF-8 text; save it as UTF-8"

    (folder / "table.csv").unlink()
    (problem,) = read_published(tmp_path)[1]
    assert str(problem) == f"{TABLE}: is missing; add the table"


def test_a_model_that_stands_twice_is_told(tmp_path):
    folder = shutil.copytree(ROOT / HUANG, tmp_path / HUANG)
    with (folder / "table.csv").open("a", encoding="utf-8") as stream:
        stream.write((folder / "table.csv").read_text("utf-8").splitlines()[1] + "\n")
    (problem,) = read_published(tmp_path)[1]
    assert str(problem) == f'{TABLE}: line 30: "01-ai/Yi-34B" occurs twice; remove one'


@pytest.mark.parametrize(
    ("score", "items", "error"),
    [(0.5, 100, 0.05), (0.0, 100, None), (1.0, 100, None), (0.5, None, None), (None, 100, None)],
)
def test_a_published_score_has_an_error_where_one_follows(huang, score, items, error):
    column = huang.source.scores[0]
    scores = (column.model_copy(update={"items": items}), *huang.source.scores[1:])
    source = huang.source.model_copy(update={"scores": scores})
    cells = dict(huang.rows[0]) | {column.column: "" if score is None else str(score)}
    (row,) = published_rows(replace(huang, source=source, rows=[cells]))
    figure = row.figures.get(Key("score", column.column, source.name))
    assert (figure.stderr if figure else None) == error
