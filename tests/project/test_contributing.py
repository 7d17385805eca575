"""The three ways to add a model, each walked by the commands that CONTRIBUTING shows.

The shown commands run as they stand, in a shell, in a clone of a repository on disk. What a browser
or a maintainer does between them is done here: a file written, a pull request merged.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from compression_leaderboard.repository.results import read_records
from compression_leaderboard.repository.specs import read_specs

from tests import ROOT
from tests.hub import Hub
from tests.pull_requests import make_base
from tests.tiny import save_tiny
from tests.workspace import write_board

pytestmark = pytest.mark.slow

TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
FILE = "runs/models/org/model.toml"
LEADERBOARD = ROOT / "examples/rehearsal/bin"  # `leaderboard` of this very tree


def blocks(number: int) -> list[str]:
    """The commands of one of the ways, a text for each block of code."""
    way = TEXT.partition(f"\n### {number}. ")[2].partition("\n#")[0]
    found = re.findall(r"```sh\n(.*?)```", way, re.DOTALL)
    assert found
    return found


@dataclass
class Origin:
    """A bare repository whose main branch is a board, and the clones that people work in."""

    folder: Path

    def run(self, commands: str, place: str) -> str:
        """Commands in a clone, by its name; whatever fails is an error with what it said."""
        own = {"HOME": str(self.folder), "PYTHON": sys.executable}
        own["PYTHONPATH"] = str(ROOT / "generator")
        own["PATH"] = f"{LEADERBOARD}{os.pathsep}{os.environ['PATH']}"
        for role in ("AUTHOR", "COMMITTER"):
            own |= {f"GIT_{role}_NAME": "someone", f"GIT_{role}_EMAIL": "someone@localhost"}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=self.folder / place,
            env=os.environ | own,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout}{done.stderr}"
        return done.stdout

    def clone(self, place: str, branch: str = "main") -> Path:
        self.run(f"rm -rf {place} && git clone --quiet --branch {branch} origin.git {place}", ".")
        return self.folder / place

    def validated(self, branch: str) -> str:
        """What the first way's command says of a pull request, in a checkout of main."""
        self.clone("maintainer")
        self.clone("pull-request", branch)
        (command,) = blocks(1)
        return self.run(command, "maintainer")

    def merge(self, branch: str) -> None:
        self.clone("maintainer")
        self.run(f"git merge --quiet --no-edit origin/{branch} && git push --quiet", "maintainer")


def make_origin(folder: Path) -> Origin:
    """The origin of what stands in folder/work; a newcomer's clone is `fork`."""
    origin = Origin(folder)
    origin.run("git init --quiet --bare --initial-branch=main origin.git", ".")
    start = "git init --quiet --initial-branch=main && git add --all && git commit -qm board"
    origin.run(f"{start} && git push --quiet ../origin.git main", "work")
    origin.clone("fork")
    return origin


@pytest.fixture
def served(tmp_path: Path) -> Path:
    save_tiny(tmp_path / "served")
    (tmp_path / "served/README.md").write_text("---\nlicense: apache-2.0\n---\n")
    return tmp_path / "served"


@pytest.fixture
def whole(tmp_path: Path) -> Origin:
    """The specs of this repository, as a newcomer finds them."""
    make_base(tmp_path / "work")
    return make_origin(tmp_path)


def test_one_file_in_the_browser(whole: Origin, hub: Hub, served: Path):
    """The page's example, with the commit that the Hub's page Files shows put into it."""
    page = (ROOT / "site/docs/add.md").read_text("utf-8")
    (example,) = re.findall(r"## The file\n\n```toml\n(.*?)```", page, re.DOTALL)
    commit = hub.add("models", "org/model", served)
    (named,) = re.findall(r"name it `([^`]+)`", TEXT)
    file = whole.folder / "fork" / named
    file.parent.mkdir(parents=True)
    text = re.sub(r"parameters = \d+", "parameters = 37536", example)  # of the model served here
    file.write_text(re.sub(r'revision = "\w+"', f'revision = "{commit}"', text))
    propose = "git switch -qc patch-1 && git add --all && git commit -qm Add && git push -q origin"
    whole.run(f"{propose} patch-1", "fork")
    assert whole.validated("patch-1") == "1 file of data: no problems\n"
    whole.merge("patch-1")
    assert "org__model" in read_specs(whole.clone("fork"))[0].models
    assert "org__model suite starter: missing" in whole.run("leaderboard plan", "fork")


def test_a_file_with_what_the_hub_tells(whole: Origin, hub: Hub, served: Path):
    commit = hub.add("models", "org/model", served)
    (commands,) = blocks(2)
    said = whole.run(commands, "fork")
    assert f"{FILE}: written" in said
    assert "runs/ and results/ have no problems" in said
    assert whole.validated("add-model") == "1 file of data: no problems\n"
    whole.merge("add-model")
    model = read_specs(whole.clone("fork"))[0].models["org__model"]
    assert (model.family, model.weights.revision) == ("Name of the family", commit)


def test_records_measured_on_a_machine_of_ones_own(tmp_path: Path, hub: Hub, served: Path):
    """From a merged model to merged records; afterwards nothing of the model is due."""
    work = tmp_path / "work"
    work.mkdir()
    write_board(work)
    commit = hub.add("models", "org/model", served)
    file = (work / "runs/models/tiny/A.toml").read_text().replace("tiny/A", "org/model")
    source = f'[weights]\nhub = "org/model"\nrevision = "{commit}"\n'
    (work / FILE).parent.mkdir()
    (work / FILE).write_text(file.partition("[weights]")[0] + source)
    origin = make_origin(tmp_path)
    (commands,) = blocks(3)
    origin.run(commands, "fork")
    assert origin.validated("records-of-org-model") == "2 files of data: no problems\n"
    origin.merge("records-of-org-model")
    stored, problems = read_records(origin.clone("fork"), "results/measured")
    assert problems == []
    assert sorted((e.result.model, e.result.name) for e in stored) == [
        ("org__model", "arithmetic"),
        ("org__model", "speeches"),
    ]
    due = origin.run("leaderboard plan --model org__model", "fork")
    assert due == "nothing to do: every record exists and follows the current protocol\n"
