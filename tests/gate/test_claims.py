"""No commit of a fork claims an address of the board, wherever in its history it hides."""

import shutil
from pathlib import Path

import pytest
import yaml
from compression_leaderboard.records.base import UserError
from compression_leaderboard.repository.files import Reader
from compression_leaderboard.repository.git import read_proposed
from compression_leaderboard.repository.provenance import added_by
from compression_leaderboard.repository.specs import read_maintainers

from tests import ROOT
from tests.commands import run
from tests.histories import ALICE, BOT, EVE, OTHER, RECORD, History

WEB_FLOW = "noreply@github.com"


@pytest.fixture
def base(tmp_path: Path) -> History:
    return History(tmp_path / "base")


@pytest.fixture
def fork(base: History, tmp_path: Path) -> History:
    """A clone of the base, on the branch of a pull request."""
    shutil.copytree(base.root, tmp_path / "head")
    fork = History.existing(tmp_path / "head", base.seconds)
    fork.git("checkout", "--quiet", "-b", "pull")
    return fork


def validate(base: Path, head: Path, *options: str) -> list[str]:
    """Return the lines about commits."""
    result = run("validate", "--base", str(base), "--head", str(head), "--no-hub", *options)
    lines = result.exception.problems if isinstance(result.exception, UserError) else []
    return [line for line in lines if line.startswith(("commit ", "head: "))]


def claim(commit: str, role: str, email: str) -> str:
    repair = "commit with your own, or push the branch to the board's repository"
    return f'commit {commit[:12]}: {role}: "{email}" is an address of the board; {repair}'


@pytest.mark.parametrize("email", [BOT, ALICE, "Alice@BOARD.example"])
@pytest.mark.parametrize("path", [RECORD, "README.md"])
def test_an_author_of_the_board_is_refused_and_its_own_branches_are_not(base, fork, email, path):
    fork.put(path)
    commit = fork.commit(email, committer=EVE)
    assert validate(base.root, fork.root) == [claim(commit, "author", email)]
    assert validate(base.root, fork.root, "--trusted-branch") == []


def test_a_committer_of_the_board_is_refused_and_that_of_githubs_editor_is_not(base, fork):
    commit = fork.commit(EVE, committer=ALICE)
    fork.commit(EVE, committer=WEB_FLOW)
    assert validate(base.root, fork.root) == [claim(commit, "committer", ALICE)]


def test_a_commit_without_a_message_is_read_too(base, fork):
    command = ["commit", "--quiet", "--allow-empty", "--allow-empty-message", "--message", ""]
    fork.git(*command, author=EVE, committer=ALICE)
    assert validate(base.root, fork.root) == [claim(fork.head, "committer", ALICE)]


@pytest.mark.parametrize(
    "email",
    [EVE, WEB_FLOW, "alice@board.example.net", "\N{CYRILLIC SMALL LETTER A}lice@board.example"],
)
def test_addresses_of_others_are_no_claim(base, fork, email):
    """What looks like an address of the board and is none adds no trust to a record either."""
    fork.put(RECORD)
    fork.commit(email)
    assert validate(base.root, fork.root) == []
    assert fork.provenance[RECORD].provenance == "contributor"


def test_a_commit_behind_merges_is_refused(base, fork):
    """It is on no first-parent history, and the merges keep nothing of what it adds."""
    fork.git("checkout", "--quiet", "-b", "hidden")
    fork.put(RECORD)
    commit = fork.commit(ALICE, committer=EVE)
    fork.git("checkout", "--quiet", "pull")
    fork.put(OTHER)
    fork.commit(EVE)
    fork.merge("--strategy=ours", "hidden", author=EVE)
    assert not (fork.root / RECORD).exists()
    assert validate(base.root, fork.root) == [claim(commit, "author", ALICE)]


def test_a_record_that_is_added_and_removed_again_is_refused_without_any_changed_file(base, fork):
    """Otherwise a later pull request could add it as what a maintainer had put there first."""
    fork.put(RECORD)
    commit = fork.commit(ALICE, committer=EVE)
    (fork.root / RECORD).unlink()
    fork.commit(EVE)
    assert validate(base.root, fork.root) == [claim(commit, "author", ALICE)]
    fork.put(RECORD)
    fork.commit(EVE)
    assert fork.provenance[RECORD].provenance == "maintainer"  # what the gate prevents
    triggers = yaml.safe_load((ROOT / ".github/workflows/validate.yml").read_text())[True]
    assert not {"paths", "paths-ignore"} & triggers["pull_request"].keys()


def test_commits_of_main_that_the_branch_has_merged_are_no_claims(base, fork):
    base.put("README.md", "later\n")
    base.commit(ALICE)
    fork.git("pull", "--quiet", "--no-rebase", "--no-edit", str(base.root), "main")
    assert validate(base.root, fork.root) == []


def test_the_test_merge_of_the_forge_is_no_claim_and_a_merge_of_the_branch_is(base, fork):
    fork.put(OTHER)
    fork.commit(EVE)
    fork.git("checkout", "--quiet", "main")
    merge = fork.merge("pull", author=ALICE)
    assert validate(base.root, fork.root) == []
    fork.git("checkout", "--quiet", "pull")
    fork.git("merge", "--quiet", "--ff-only", "main")
    fork.git("commit", "--quiet", "--allow-empty", "--message", "more", author=EVE)
    assert validate(base.root, fork.root) == [
        claim(merge, "author", ALICE),
        claim(merge, "committer", ALICE),
    ]


def test_replaced_commits_and_mailmaps_hide_nothing(base, fork):
    fork.put(".mailmap", f"Eve <{EVE}> someone <{ALICE}>\n")
    commit = fork.commit(ALICE, committer=EVE)
    fork.git("config", "log.mailmap", "true")
    raw = fork.git("cat-file", "commit", commit).replace(ALICE, EVE)
    (fork.root / ".git/innocent").write_text(raw + "\n")
    innocent = fork.git("hash-object", "-t", "commit", "-w", ".git/innocent")
    fork.git("replace", commit, innocent)
    assert validate(base.root, fork.root) == [claim(commit, "author", ALICE)]


def test_incomplete_history_is_refused_and_a_folder_without_git_is_not(base, fork, tmp_path):
    fork.commit(EVE)
    fork.commit(EVE)
    shallow = tmp_path / "shallow"
    fork.git("clone", "--quiet", "--depth=1", f"file://{fork.root}", str(shallow))
    line = "head: the commits of the pull request can't be read; "
    line += "check it out with git and all of its history"
    assert validate(base.root, shallow) == [line]
    shutil.rmtree(shallow / ".git")
    assert validate(base.root, shallow) == []
    shutil.rmtree(base.root / ".git")
    assert validate(base.root, fork.root) == [line]
    (fork.root / ".git/HEAD").unlink()
    assert validate(base.root, fork.root) == [line]


def test_validate_reads_all_commits_of_what_github_merges():
    """The base is the first parent of the merge, and only the board's own branches are trusted."""
    steps = yaml.safe_load((ROOT / ".github/workflows/validate.yml").read_text())["jobs"]
    head, parent, base, *_, validated = steps["validate"]["steps"]
    assert head["with"] == {"path": "head", "persist-credentials": False, "fetch-depth": 0}
    assert "git -C head rev-parse HEAD^1" in parent["run"]
    assert base["with"]["ref"] == "${{ steps.base.outputs.id }}"
    trusted = "${{ github.event.pull_request.head.repo.full_name == github.repository }}"
    assert validated["env"]["TRUSTED"] == trusted


def test_proposals_of_the_workflows_count_as_theirs(tmp_path):
    """The script commits with an address of runs/maintainers.toml."""
    script = (ROOT / ".github/propose.sh").read_text()
    email = script.partition("user.email='")[2].partition("'")[0]
    assert added_by(email, read_maintainers(Reader(ROOT))) == "workflow"


def test_the_commits_of_a_pull_request_are_those_that_the_base_lacks(base, fork):
    fork.put(OTHER)
    commits = [fork.commit(EVE), fork.commit(BOT)]
    proposed = read_proposed(base.root, fork.root)
    assert [commit.id for commit in proposed or ()] == commits
