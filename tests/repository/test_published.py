"""The published figures are those of their sources, digit for digit."""

import csv
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from compression_leaderboard.board.cohorts import make_cohorts
from compression_leaderboard.board.figures import Key
from compression_leaderboard.board.published import page_of, published_rows
from compression_leaderboard.records.published import CompressionColumn, ScoreColumn
from compression_leaderboard.repository.contents import PublishedTable, read_published
from compression_leaderboard.repository.specs import Specs, toml_text
from scipy.stats import pearsonr, spearmanr

from tests import ROOT
from tests.factory import make_source

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
CELLS = "quote cells that hold commas"


def test_a_featured_source_comes_before_the_others(huang):
    def source(name: str, featured: bool) -> PublishedTable:
        changed = huang.source.model_copy(update={"name": name, "featured": featured})
        return replace(huang, source=changed)

    tables = [source("a", featured=False), source("b", featured=False), source("c", featured=True)]
    assert [cohort.name for cohort in make_cohorts(Specs(), [], tables)] == ["c", "a", "b"]


@pytest.mark.parametrize(("names", "doubled"), [("mmlu,x", "mmlu"), ("note,note", "note")])
def test_two_columns_of_one_name_are_told(tmp_path, names, doubled):
    folder = shutil.copytree(ROOT / HUANG, tmp_path / HUANG)
    lines = (folder / "table.csv").read_text("utf-8").splitlines()
    more = [f"{line},{names if k == 0 else '0.5,0.5'}\n" for k, line in enumerate(lines)]
    (folder / "table.csv").write_text("".join(more), "utf-8")
    assert list(map(str, read_published(tmp_path)[1])) == [
        f"{TABLE}: {doubled}: occurs twice; remove one, here or in source.toml"
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
        (",34000000000,", ",0,", "line 2, parameters: 0 is not a whole number above 0", NUMBER),
        (",34000000000,", ",-1,", "line 2, parameters: -1 is not a whole number above 0", NUMBER),
        ("6.12e+23", "0", "line 2, training_flop: 0 is not between 0 and 1e+30", UNIT),
        ("6.12e+23", "1e30", "line 2, training_flop: 1e30 is not between 0 and 1e+30", UNIT),
        (SCORE, ",NaN", 'line 2, mmlu: "NaN" is not a number', NUMBER),
        (
            SCORE, ",76.35", "line 2, mmlu: 76.35 is not a fraction in [0, 1]",
            "write a fraction: per cent divided by 100",
        ),
        (
            SCORE, ",-0.1", "line 2, mmlu: -0.1 is not a fraction in [0, 1]",
            "write a fraction, or nothing where it is unknown",
        ),
        (SCORE, f"{SCORE},9", "line 2: has another number of cells than the first line", CELLS),
        (SCORE, "", "line 2: has another number of cells than the first line", CELLS),
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


SMALL = toml_text(
    make_source(
        name="small",
        title="Small",
        parameters="size",
        compression=(CompressionColumn(column="bpc", label="Text", unit="bits per character"),),
        scores=(ScoreColumn(column="quiz", label="Quiz", chance=0.25, metric="accuracy"),),
    )
)
ROWS = "model,family,size,bpc,quiz\none,a,1000,0.9,0.5\ntwo,b,2000,0.8,0.6\n"
LINE = "line 2: has another number of cells than the first line; quote cells that hold commas"
WHOLE = f"is not a whole number above 0; {NUMBER}"


def write_small(root: Path, source: str = SMALL, table: str = ROWS, name: str = "small") -> None:
    folder = root / "results/published" / name
    folder.mkdir(parents=True)
    (folder / "source.toml").write_text(source.replace('"small"', f'"{name}"'), "utf-8")
    (folder / "table.csv").write_text(table, "utf-8")


def problems_of(root: Path) -> list[str]:
    return [str(problem).rpartition(".csv: ")[2] for problem in read_published(root)[1]]


def test_a_valid_table_has_no_problem(tmp_path):
    write_small(tmp_path)
    assert problems_of(tmp_path) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("one,a,", "one, x,a,", LINE),
        (",0.9,0.5", ",0.9", LINE),
        ("0.9,0.5", "0,9,0.5", LINE),
        ("1000", "1000.5", f"line 2, size: 1000.5 {WHOLE}"),
        ("1000", "0", f"line 2, size: 0 {WHOLE}"),
        ("1000", "-1000", f"line 2, size: -1000 {WHOLE}"),
        ("1000", "1e19", f"line 2, size: 1e19 {WHOLE}"),
        (
            "size,bpc,quiz", "bpc,bpc,quiz",
            "bpc: occurs twice; remove one, here or in source.toml",
        ),
    ],
)  # fmt: skip
def test_a_table_that_would_be_misread_is_refused(tmp_path, old, new, message):
    write_small(tmp_path, SMALL.replace('"size"', '"bpc"') if "bpc,bpc" in new else SMALL)
    table = tmp_path / "results/published/small/table.csv"
    table.write_text(ROWS.replace(old, new, 1), "utf-8")
    assert problems_of(tmp_path) == [message]


@pytest.mark.parametrize("old", ['"bpc"', '"quiz"'])
def test_a_column_holds_the_figures_of_one_text_or_score(tmp_path, old):
    kind = "scores" if old == '"quiz"' else "compression"
    table = SMALL[SMALL.index(f"[[{kind}]]") :].partition("\n[[")[0]
    write_small(tmp_path, f"{SMALL}{table}\n")
    name = old.strip('"')
    assert problems_of(tmp_path) == [f"{name}: occurs twice; remove one, here or in source.toml"]


@pytest.mark.parametrize("old", ['"Text"', '"bits per character"', '"Quiz"', '"MIT"', '"Small"'])
def test_what_the_downloads_need_is_not_empty(tmp_path, old):
    write_small(tmp_path, SMALL.replace(old, '""'))
    (problem,) = problems_of(tmp_path)
    assert "is empty; fill it in" in problem


def test_a_benchmark_that_is_named_twice_counts_once_in_the_mean(tmp_path):
    write_small(tmp_path, SMALL.replace("mean = []", 'mean = ["quiz", "quiz"]'))
    (table,), problems = read_published(tmp_path)
    assert problems == []
    mean = Key("mean_score", "", "small")
    assert [row.figures[mean].value for row in published_rows(table)] == [0.5, 0.6]


def test_a_benchmark_without_room_above_chance_is_reported(tmp_path):
    write_small(tmp_path, SMALL.replace("ceiling = ", "ceiling = 0.255  # "))
    (problem,) = problems_of(tmp_path)
    assert "ceiling: 0.255 is not a hundredth above chance, 0.25; correct one" in problem


@pytest.mark.parametrize("name", ["index", "a.json"])
def test_no_source_is_named_like_a_file_beside_its_page(tmp_path, name):
    write_small(tmp_path, name=name)
    (problem,) = problems_of(tmp_path)
    assert f'"{name}" is a file of the site; choose another name' in problem


def test_an_empty_table_lacks_every_column(tmp_path):
    write_small(tmp_path, table="")
    assert all("no such column" in problem for problem in problems_of(tmp_path))
    assert len(problems_of(tmp_path)) == 5


@pytest.mark.parametrize("key", ["index", "README"])
def test_no_model_takes_the_page_of_its_folder(key):
    assert page_of("small", key).rpartition("-")[0] == f"published/small/{key}"
    assert page_of("small", "Readme") == "published/small/Readme/"


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


ERRORS = SMALL.replace('column = "quiz"', 'column = "quiz"\nstderr = "error"')
ERROR = "write a fraction above 0, or nothing where it is unknown"


@pytest.mark.parametrize(("given", "error"), [("0.02", 0.02), ("", None)])
def test_a_standard_error_of_the_source_comes_before_that_of_the_items(tmp_path, given, error):
    source = ERRORS.replace('stderr = "error"', 'stderr = "error"\nitems = 100')
    write_small(tmp_path, source, f"model,family,size,bpc,quiz,error\none,a,1000,0.9,0.5,{given}\n")
    (table,), problems = read_published(tmp_path)
    assert problems == []
    (row,) = published_rows(table)
    assert row.figures[Key("score", "quiz", "small")].stderr == (error or 0.05)


@pytest.mark.parametrize("given", ["0", "1", "-0.1"])
def test_a_standard_error_is_a_fraction_above_0(tmp_path, given):
    write_small(tmp_path, ERRORS, f"model,family,size,bpc,quiz,error\none,a,1000,0.9,0.5,{given}\n")
    assert problems_of(tmp_path) == [f"line 2, error: {given} is not between 0 and 1; {ERROR}"]


DOCUMENTS = "document,text,one,two\nfirst,bpc,0.8,0.7\nsecond,bpc,1.0,0.9\n"


def write_documents(root: Path, text: str) -> None:
    write_small(root)
    (root / "results/published/small/documents.csv").write_text(text, "utf-8")


def test_a_text_may_have_documents(tmp_path):
    write_documents(tmp_path, DOCUMENTS)
    (table,), problems = read_published(tmp_path)
    assert problems == []
    assert [(d.name, d.text, d.figures) for d in table.documents] == [
        ("first", "bpc", {"one": 0.8, "two": 0.7}),
        ("second", "bpc", {"one": 1.0, "two": 0.9}),
    ]
    assert [row.figures[Key("compression", "bpc", "small")].n for row in published_rows(table)] == [
        2, 2,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "messages"),
    [
        ("one,two", "one,three", [
            "two: no such column; add it",
            "three: no model of table.csv, whose column model has all; "
            "remove it, or add the model there",
        ]),
        ("one,two", "one,one", [
            "one: occurs twice; remove one", "two: no such column; add it",
        ]),
        ("second", "first", ['line 3: "first" occurs twice; remove one']),
        ("second", "", ["line 3: document is empty; fill it in"]),
        ("first,bpc", "first,bits", [
            'line 2, text: "bits" is no column of [[compression]]; choose from bpc',
        ]),
        ("0.8", "", [
            "line 2, one: is empty; write the figure, or remove the document",
        ]),
        ("0.8", "x", [f'line 2, one: "x" is not a number; {NUMBER}']),
        ("0.8", "0", [f"line 2, one: 0 is not between 0 and 1000; {UNIT}"]),
        ("0.8", "0.8,1", [LINE]),
        ("0.8", "0.81", [
            "line 2, bpc: 0.9 is not the mean over the documents, 0.905; "
            "correct it, or documents.csv",
        ]),
    ],
)  # fmt: skip
def test_wrong_documents_are_told(tmp_path, old, new, messages):
    write_documents(tmp_path, DOCUMENTS.replace(old, new, 1))
    assert problems_of(tmp_path) == messages
