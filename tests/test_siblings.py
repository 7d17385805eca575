"""Records of the made-up siblings could have been measured, and a repository with them is sound."""

import shutil
from datetime import date

from compression_leaderboard.gate.impossible import without_impossible
from compression_leaderboard.gate.pull_request import find_twins
from compression_leaderboard.repository.contents import read_contents

from tests import ROOT
from tests.siblings import SIZES, STAGES, write_siblings


def test_siblings_could_have_been_measured(tmp_path):
    for name in ("runs", "results/measured"):
        shutil.copytree(ROOT / name, tmp_path / name)
    write_siblings(tmp_path)
    contents, problems = read_contents(tmp_path)
    assert problems == []
    theirs = [entry for entry in contents.stored if entry.result.model.startswith("sibling__")]
    assert len(theirs) == 3 * len(SIZES) * len(STAGES)
    assert without_impossible(contents.stored, date(2030, 1, 1)) == (contents.stored, [])
    assert find_twins(contents.stored) == {}
