"""New rows are just data: a model with compression and no scores gets its predictions."""

import csv
import shutil
from pathlib import Path

import pandas as pd
import pytest
from compression_leaderboard.exports.release import export_files

from tests import ROOT
from tests.exported import read_board

pytestmark = pytest.mark.slow
OWN = "results/published/huang-2024"
COLUMNS = (
    "cohort,model,benchmark,prediction,low80,high80,low95,high95,form,predictors,extrapolation"
)


def exported(root: Path, place: Path) -> pd.DataFrame:
    """predictions.csv of the repository."""
    files = export_files(read_board(root))
    (path,) = (name for name in files if name.endswith("predictions.csv"))
    place.write_bytes(files[path])
    return pd.read_csv(place)


def test_a_row_without_scores_appears_in_the_predictions(tmp_path):
    for name in ("runs", OWN):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("local"))
    table = tmp_path / OWN / "table.csv"
    before = exported(tmp_path, tmp_path / "before.csv")
    with table.open(newline="") as file:
        names = csv.DictReader(file).fieldnames
    row = dict.fromkeys(names, "") | {
        "model": "invented/New-7B",
        "name": "New 7B",
        "family": "New",
        "parameters": "7000000000",
        "bpc_cc": "0.64",
        "bpc_python": "0.35",
        "bpc_arxiv_math": "0.48",
        "bpc_avg": "0.49",
    }
    with table.open("a", newline="") as file:
        csv.DictWriter(file, names, lineterminator="\n").writerow(row)
    after = exported(tmp_path, tmp_path / "after.csv")
    assert ",".join(after.columns[:11]) == COLUMNS  # then the licence of the data
    new = after[after["model"] == "invented/New-7B"]
    assert len(new) == 9  # eight benchmarks and their mean
    for _, one in new.iterrows():
        assert one["low95"] <= one["low80"] <= one["prediction"] <= one["high80"] <= one["high95"]
    same = after[after["model"] != "invented/New-7B"].reset_index(drop=True)
    assert same["model"].tolist() == before["model"].tolist()
