"""Each program of examples/published writes its committed tables from the file of the source."""

import csv
from importlib import import_module
from pathlib import Path

import pytest

from tests import ROOT

FIGURES = ROOT.parent / "shared" / "data" / "published"
PROGRAMS = ROOT / "examples" / "published"
PUBLISHED = ROOT / "results" / "published"
# Program → the source's file or folder, the tables, and their rows.
SOURCES = {
    "gemstones": ("gemstones/gemstones_joined.csv", {"gemstones/table.csv": 665}),
    "llm_line": ("llm_line/latest_pm_hf.csv", {"llm-line/table.csv": 118}),
    "lm_harmony": (
        "lm_harmony/all_results.json",
        {
            "lm-harmony-base/table.csv": 33,
            "lm-harmony-base-tuned/table.csv": 33,
            "lm-harmony-instruct/table.csv": 20,
            "lm-harmony-instruct-tuned/table.csv": 20,
        },
    ),
    "perplexity_correlations": (
        "perplexity_correlations",
        {
            "perplexity-correlations/table.csv": 60,
            "perplexity-correlations/documents.csv": 263,
        },
    ),
}
needs_figures = pytest.mark.skipif(not FIGURES.is_dir(), reason="shared figures are not here")


@pytest.fixture
def programs(monkeypatch):
    monkeypatch.syspath_prepend(str(PROGRAMS))
    return {path.stem: import_module(path.stem) for path in PROGRAMS.glob("*.py")}


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_program_is_tried(programs):
    assert set(programs) == {"source_tables", *SOURCES}


@needs_figures
@pytest.mark.parametrize("name", SOURCES)
def test_a_program_writes_the_committed_tables(programs, monkeypatch, tmp_path, name):
    raw, tables = SOURCES[name]
    monkeypatch.setattr("sys.argv", [name, str(FIGURES / raw), str(tmp_path)])
    programs["source_tables"].write_tables(programs[name].make_tables)
    written = {p.relative_to(tmp_path).as_posix(): p for p in tmp_path.rglob("*.csv")}
    assert {table: len(rows_of(path)) for table, path in written.items()} == tables
    for table, path in written.items():
        assert path.read_bytes() == (PUBLISHED / table).read_bytes(), table


@needs_figures
def test_lm_harmony_is_the_wide_table_made_of_the_same_file():
    """Another hand's table of the same file has the same figures, families and kinds."""
    theirs = {row["model"]: row for row in rows_of(FIGURES / "lm_harmony/lm_harmony_wide.csv")}
    seen = []
    for kind in ("base", "instruct"):
        plain, tuned = (
            {row["model"]: row for row in rows_of(PUBLISHED / f"lm-harmony-{kind}{end}/table.csv")}
            for end in ("", "-tuned")
        )
        for model, row in plain.items():
            other = theirs[model]
            seen.append(model)
            assert (row["family"], kind) == (other["family"], other["kind"])
            for column in set(row) & set(other) - {"cola", "cola_stderr"}:
                same = row[column] == other[column]
                assert same or (row[column], other[column]) == ("", "0.0"), column
            scores = [column for column in row if f"tbt_{column}" in other and column != "cola"]
            assert len(scores) == 23
            assert [tuned[model][s] for s in scores] == [other[f"tbt_{s}"] for s in scores]
            cola = [2 * float(rows[model]["cola"]) - 1 for rows in (plain, tuned)]
            assert cola == pytest.approx([float(other["cola"]), float(other["tbt_cola"])])
    assert sorted(seen) == sorted(m for m, row in theirs.items() if row["bpb_wiki_2025"])


@needs_figures
def test_perplexity_correlations_is_the_wide_table_made_of_the_same_files():
    theirs = {
        row["model"]: row
        for row in rows_of(FIGURES / "perplexity_correlations/wide.csv")
        if row["family"] != "amber"
    }
    ours = {row["model"]: row for row in rows_of(PUBLISHED / "perplexity-correlations/table.csv")}
    assert set(ours) == set(theirs)
    for model, row in ours.items():
        other = theirs[model]
        assert row["family"] == other["family"]
        assert float(row["all_documents"]) == pytest.approx(float(other["bpb_mean_263_docs"]))
        for score in ("arc_easy", "piqa", "sciq"):
            assert 1 - float(row[score]) == pytest.approx(float(other[f"error_{score}"]))


@pytest.mark.parametrize(
    ("model", "size"),
    [
        ("Qwen/Qwen1.5-0.5B-Chat", "500000000"),
        ("stabilityai/stablelm-2-1_6b", "1600000000"),
        ("bigscience/bloom-7b1", "7100000000"),
        ("facebook/xglm-564M", "564000000"),
        ("TencentARC/Mistral_Pro_8B_v0.1", "8000000000"),
        ("TinyLlama/TinyLlama-1.1B-intermediate-step-240k-503b", "1100000000"),
        ("vilm/Mixsmol-4x400M-v0.1-epoch2", ""),
        ("microsoft/phi-1_5", "1300000000"),
        ("7b/Amber", ""),
    ],
)
def test_a_size_is_that_of_the_name(programs, model, size):
    assert programs["source_tables"].size_of(model) == size


@needs_figures
def test_sizes_that_no_name_states_are_those_of_another_source(programs):
    sizes = {row["Model"]: row["Model Size (B)"] for row in rows_of(FIGURES / "obs_scaling.csv")}
    for model, size in programs["source_tables"].UNNAMED_SIZES.items():
        assert float(size) == float(sizes[model]) * 1e9, model


def test_a_cell_with_another_constant_than_the_others_is_left_out():
    """Bits are loss times a constant of tokenizer and text; OLMo-7B's 74th line breaks it."""
    row = {row["model"]: row for row in rows_of(PUBLISHED / "llm-line/table.csv")}[
        "allenai/OLMo-7B-line74"
    ]
    assert (row["slimpajama"], row["c4"]) == ("", "1.1820302151355517")
