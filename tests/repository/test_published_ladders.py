"""The published ladders of runs and checkpoints are those of their sources, digit for digit."""

import csv

import pytest
from compression_leaderboard.board.cohorts import make_cohorts
from compression_leaderboard.repository.contents import PublishedTable, read_published
from compression_leaderboard.repository.specs import Specs
from scipy.stats import pearsonr

from tests import ROOT
from tests.frames import frame_of

FIGURES = ROOT.parent / "shared" / "data" / "published"
LARGEST_BYTES = 2**20
# Source → the shared file, how its rows are named there, and column of ours → column of theirs
# for sizes; all other figures have the same name there, or the prefix given last.
SOURCES = {
    "pythia-v0": ("pythia_v0_wikitext_bpb.csv", "tokens_seen", ""),
    "olmo-ladder": ("olmo_ladder.csv", "throughput/total_tokens", "downstream/"),
    "mlfoundations-scaling": ("mlfoundations_scaling.csv", "tokens", "acc_"),
}
needs_figures = pytest.mark.skipif(not FIGURES.is_dir(), reason="shared figures are not here")


@pytest.fixture(scope="module")
def tables() -> dict[str, PublishedTable]:
    found, problems = read_published(ROOT)
    assert problems == []
    return {table.source.name: table for table in found}


@pytest.fixture(scope="module")
def cohorts(tables):
    return {c.name: c for c in make_cohorts(Specs(), [], list(tables.values()))}


def key_of(name: str, row: dict[str, str]) -> str:
    """The key that our table gives to a row of the shared file."""
    if name == "pythia-v0":
        return f"{row['model']}-step{float(row['step']):.0f}"
    return row["run" if name == "olmo-ladder" else "model"]


@needs_figures
@pytest.mark.parametrize("name", SOURCES)
def test_every_figure_is_that_of_the_source(tables, name):
    file, tokens, prefix = SOURCES[name]
    with (FIGURES / file).open(encoding="utf-8", newline="") as stream:
        theirs = {key_of(name, row): row for row in csv.DictReader(stream)}
    source = tables[name].source
    assert {row[source.key] for row in tables[name].rows} == set(theirs)
    for row in tables[name].rows:
        other = theirs[row[source.key]]
        assert float(row["parameters"]) == float(other["params"])
        assert row["training_tokens"] == other[tokens].removesuffix(".0")
        for column in source.compression:
            assert row[column.column] == other[column.column]
        for score in source.scores:
            assert row[score.column] == other[f"{prefix}{score.column}"], row[source.key]


@pytest.mark.parametrize(
    ("name", "rows", "groups", "texts", "scores"),
    [
        ("pythia-v0", 90, 6, 1, 10),
        ("olmo-ladder", 25, 21, 11, 20),
        ("mlfoundations-scaling", 95, 3, 8, 46),
    ],
)
def test_the_tables_have_their_sizes(cohorts, name, rows, groups, texts, scores):
    cohort = cohorts[name]
    assert (len(cohort.rows), frame_of(cohort)["family"].nunique()) == (rows, groups)
    assert (len(cohort.compression), len(cohort.scores)) == (texts, scores)
    assert frame_of(cohort)[["compression", "score"]].notna().all(axis=None)


def test_every_table_is_small():
    """A page, and a pull request, can hold it."""
    sizes = [path.stat().st_size for path in (ROOT / "results" / "published").rglob("*.csv")]
    assert max(sizes) < LARGEST_BYTES


def test_nats_per_token_stay_nats_per_token(cohorts):
    units = {name: {c.unit for c in cohorts[name].compression} for name in SOURCES}
    assert units == {
        "pythia-v0": {"bits per byte"},
        "olmo-ladder": {"nats per token"},
        "mlfoundations-scaling": {"nats per token"},
    }


def test_the_mean_of_six_tasks_follows_from_the_table(cohorts):
    """The known correlation over the 90 checkpoints: r = -0.991."""
    rows = frame_of(cohorts["pythia-v0"])
    assert pearsonr(rows["bits_per_byte"], rows["score"]).statistic == pytest.approx(
        -0.991, abs=0.0005
    )


def test_the_mean_error_of_46_tasks_is_that_of_the_source(cohorts):
    """One row's mean error, as the source prints it."""
    rows = frame_of(cohorts["mlfoundations-scaling"]).set_index("model")
    error = 1 - rows.loc["c4_original-d=1024_l=24_h=8-0.25", "score"]
    assert error == pytest.approx(0.7221246664263219, abs=1e-12)


def test_a_rerun_is_left_out_with_its_twin(cohorts):
    rows = frame_of(cohorts["olmo-ladder"]).set_index("model")
    assert rows.loc["190M-1xC-rerun", "family"] == rows.loc["190M-1xC", "family"] == "190M-1xC"


def test_the_error_of_a_score_is_binomial_where_the_number_of_items_is_known(cohorts):
    row = frame_of(cohorts["pythia-v0"]).iloc[0]
    assert row["sciq_stderr"] == pytest.approx((row["sciq"] * (1 - row["sciq"]) / 1000) ** 0.5)
    assert frame_of(cohorts["olmo-ladder"])["score_stderr"].isna().all()


def test_compute_is_derived_where_the_source_gives_none(cohorts):
    row = frame_of(cohorts["pythia-v0"]).iloc[0]
    assert row["training_flop"] == 6 * row["parameters"] * row["training_tokens"]
    unknown = frame_of(cohorts["olmo-ladder"]).set_index("model").loc["peteish1_eval_final"]
    assert unknown["training_flop"] != unknown["training_flop"]


def test_a_mean_over_a_column_that_is_no_score_is_told(tmp_path):
    folder = tmp_path / "results" / "published" / "pythia-v0"
    folder.mkdir(parents=True)
    for name in ("table.csv", "source.toml"):
        text = (ROOT / "results" / "published" / "pythia-v0" / name).read_text("utf-8")
        (folder / name).write_text(text.replace('mean = ["lambada_openai"', 'mean = ["lambda"'))
    (problem,) = read_published(tmp_path)[1]
    assert str(problem) == (
        'results/published/pythia-v0/source.toml: mean: "lambda" is no score; '
        "remove it, or add it to [[scores]]"
    )
