"""Who added a record follows from the history of a repository, whatever commits and files claim."""

import subprocess
from pathlib import Path

import pytest
from compression_leaderboard.records.base import Problem
from compression_leaderboard.repository.git import read_history
from compression_leaderboard.repository.provenance import Addition, read_provenance
from compression_leaderboard.repository.specs import read_specs

from tests import ROOT
from tests.histories import ALICE, BOT, EVE, OTHER, RECORD, TEAM, History


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "board")


@pytest.mark.parametrize(
    ("author", "provenance"),
    [
        (BOT, "workflow"),
        (ALICE, "maintainer"),
        (EVE, "contributor"),
        ("Alice@Board.EXAMPLE", "maintainer"),
        ("alice@board.example.net", "contributor"),
        ("\N{KELVIN SIGN}" + ALICE[1:], "contributor"),
        ("", "contributor"),
    ],
)
def test_the_author_of_a_direct_commit_added_its_records(history, author, provenance):
    history.put(RECORD)
    commit = history.commit(author)
    assert history.provenance == {RECORD: Addition(provenance, commit)}


def test_a_letter_that_is_no_ascii_is_no_other_case_of_one(history):
    """The Kelvin sign in lower case is a plain k."""
    history.put("runs/maintainers.toml", 'maintainers = ["kim@board.example"]\n')
    history.commit(ALICE)
    history.put(RECORD)
    history.commit("\N{KELVIN SIGN}im@board.example")
    assert history.provenance[RECORD].provenance == "contributor"


def test_a_merge_brings_a_record_of_the_author_on_the_branch(history):
    commit = history.branch("pull", EVE, RECORD)
    merge = history.merge("pull", author=ALICE)
    history.put(OTHER)
    later = history.commit(ALICE)
    assert history.provenance == {
        RECORD: Addition("contributor", merge),
        OTHER: Addition("maintainer", later),
    }
    assert commit not in (merge, later)


def test_a_merge_of_merges_brings_what_each_author_added(history):
    """The pull request itself merged main and another branch meanwhile."""
    history.branch("theirs", EVE, RECORD)
    history.branch("workflow", BOT, OTHER)
    history.git("checkout", "--quiet", "theirs")
    history.merge("workflow", author=EVE)
    history.git("checkout", "--quiet", "main")
    history.put("README.md", "another line of history\n")
    history.commit(ALICE)
    merge = history.merge("theirs")
    assert history.provenance == {
        RECORD: Addition("contributor", merge),
        OTHER: Addition("workflow", merge),
    }


def test_an_octopus_brings_what_each_author_added(history):
    history.branch("first", EVE, RECORD)
    history.branch("second", BOT, OTHER)
    merge = history.merge("first", "second")
    assert len(history.git("show", "--no-patch", "--format=%P").split()) == 3
    assert history.provenance == {
        RECORD: Addition("contributor", merge),
        OTHER: Addition("workflow", merge),
    }


def test_a_squashed_pull_request_is_of_the_author_of_the_squash(history):
    history.branch("pull", EVE, RECORD)
    history.git("merge", "--quiet", "--squash", "pull")
    commit = history.commit(EVE, committer="noreply@github.com")
    assert history.provenance == {RECORD: Addition("contributor", commit)}


def test_what_only_a_merge_itself_adds_is_of_whoever_merged(history):
    history.branch("pull", EVE, RECORD)
    history.put("README.md", "another line of history\n")
    history.commit(ALICE)
    history.git("merge", "--quiet", "--no-ff", "--no-commit", "pull")
    history.put(OTHER)
    merge = history.commit(ALICE)
    assert history.provenance == {
        RECORD: Addition("contributor", merge),
        OTHER: Addition("maintainer", merge),
    }


def test_committers_and_co_authors_count_for_nothing(history):
    history.put(RECORD)
    history.commit(EVE, f"Add\n\nCo-authored-by: A <{ALICE}>\nAuthor: {BOT}\n", committer=ALICE)
    assert history.provenance[RECORD].provenance == "contributor"


def test_what_is_restored_stays_of_its_first_author(history):
    history.put(RECORD)
    first = history.commit(EVE)
    (history.root / RECORD).unlink()
    history.commit(ALICE)
    assert history.provenance == {}
    history.put(RECORD)
    history.commit(ALICE)
    assert history.provenance == {RECORD: Addition("contributor", first)}


def test_other_content_at_the_path_of_a_removed_record_is_of_its_own_author(history):
    history.put(RECORD)
    history.commit(ALICE)
    (history.root / RECORD).unlink()
    history.commit(ALICE)
    history.put(RECORD, '{"forged": 1}\n')
    commit = history.commit(EVE)
    assert history.provenance == {RECORD: Addition("contributor", commit)}


@pytest.mark.parametrize(
    ("first", "second", "provenance", "whose"),
    [
        (EVE, ALICE, "contributor", 0),  # a maintainer retracts a contributor's record
        (BOT, ALICE, "workflow", 0),
        (ALICE, EVE, "contributor", 1),
    ],
)
def test_an_edit_adds_no_trust(history, first, second, provenance, whose):
    commits = []
    for author, text in ((first, "{}\n"), (second, '{"retracted": "wrong"}\n')):
        history.put(RECORD, text)
        commits.append(history.commit(author))
    assert history.provenance == {RECORD: Addition(provenance, commits[whose])}


def test_a_renamed_record_is_of_whoever_renamed_it(history):
    history.put(RECORD, "a line that git would recognise elsewhere\n" * 9)
    history.commit(ALICE)
    history.git("mv", RECORD, OTHER)
    commit = history.commit(EVE)
    assert history.provenance == {OTHER: Addition("contributor", commit)}


def test_the_branch_that_arrives_first_brings_a_record_whatever_dates_say(history):
    history.seconds += 1000
    history.branch("early", EVE, RECORD)
    history.seconds -= 900
    history.branch("late", BOT, RECORD)
    history.seconds += 2000
    merge = history.merge("early")
    history.merge("late")
    assert history.provenance == {RECORD: Addition("contributor", merge)}


def test_a_file_that_is_not_committed_is_of_unknown_provenance(history):
    history.put(RECORD)
    assert history.provenance == {}


def test_without_history_every_provenance_is_unknown(history, tmp_path):
    history.put(RECORD)
    history.commit(ALICE)
    history.put(OTHER)
    history.commit(ALICE)
    shallow = tmp_path / "shallow"
    history.git("clone", "--quiet", "--depth=1", f"file://{history.root}", str(shallow))
    assert (shallow / RECORD).is_file()
    assert read_provenance(shallow) == {}
    history.git("-C", str(shallow), "fetch", "--quiet", "--unshallow")
    assert read_provenance(shallow) == history.provenance != {}
    unpacked = tmp_path / "unpacked"
    (history.root / ".git").rename(tmp_path / "git")
    history.root.rename(unpacked)
    assert (unpacked / RECORD).is_file()
    assert read_provenance(unpacked) == {}


def test_a_board_inside_a_larger_repository_has_its_own_paths(tmp_path):
    outer = History(tmp_path)
    outer.put(f"board/{RECORD}")
    outer.put("board/runs/maintainers.toml", TEAM)
    outer.put(OTHER)
    commit = outer.commit(BOT)
    assert read_provenance(tmp_path / "board") == {RECORD: Addition("workflow", commit)}


def test_neither_a_mailmap_nor_replaced_commits_nor_settings_change_an_author(history):
    history.put(RECORD)
    history.put(".mailmap", f"Alice <{ALICE}> someone <{EVE}>\n")
    commit = history.commit(EVE)
    expected = {RECORD: Addition("contributor", commit)}
    for setting in ("log.mailmap=true", "log.showSignature=true", "diff.renames=copies"):
        history.git("config", *setting.split("="))
    assert history.provenance == expected
    raw = history.git("cat-file", "commit", commit).replace(EVE, ALICE)
    (history.root / ".git/forged").write_text(raw + "\n")
    forged = history.git("hash-object", "-t", "commit", "-w", ".git/forged")
    history.git("replace", commit, forged)
    assert history.git("log", "-1", "--format=%ae") == ALICE  # the replacement works
    assert history.provenance == expected


UTF_7 = "encoding UTF-7"
FORGED_PUT = f":000000 100644 {'0' * 40} {'1' * 40} A"


@pytest.mark.parametrize(
    ("author", "further"),
    [
        (f"author x <{EVE}> <{ALICE}>", ""),
        (f"author x <{ALICE}> <{EVE}>", ""),
        (f"author x <{EVE}\0\0commit {'0' * 40}\nauthor x <{ALICE}>", ""),
        (f"author x <{EVE}> 1700000000 -0000\nauthor x <{ALICE}>", ""),
        (f"author x <{EVE}>", f"author x <{ALICE}> 1700000000 -0000"),
        (f"author x <{EVE}>", f"parent {'1' * 40}"),
        (f"author x <{EVE}>", f"gpgsig\n author x <{ALICE}> 1700000000 -0000"),
        # In UTF-7 the address of a maintainer; and NUL, "commit" and so on.
        ("author x <+AGEAbABpAGMAZQ-@board.example>", UTF_7),
        (f"author x <{EVE}+AAA-commit+AAA-{'0' * 40}+AAAAAA-{ALICE}+AAA-{ALICE}>", UTF_7),
        # A message with lines like those of the log.
        (f"author x <{EVE}>", f"\nauthor x <{ALICE}>\n{FORGED_PUT}\0{OTHER}"),
        (f"author x <{EVE}>", f"encoding UTF-7\n\n+AAo-{FORGED_PUT}+AAA-{OTHER}+AAA-"),
    ],
)
def test_a_malformed_commit_is_no_way_to_a_trusted_address(history, author, further):
    history.put(RECORD)
    history.git("add", "--all")
    time = "1700000000 -0000"  # in UTF-7 a plus sign would begin an escape
    lines = [f"tree {history.git('write-tree')}", f"parent {history.head}"]
    lines += [f"{author} {time}", f"committer x <{EVE}> {time}", further, "", "Add", ""]
    (history.root / ".git/raw").write_bytes("\n".join(lines).encode())
    hashed = ["hash-object", "-t", "commit", "-w", "--literally", ".git/raw"]
    commit = history.git(*hashed)
    history.git("update-ref", "refs/heads/main", commit)
    assert history.provenance == {RECORD: Addition("contributor", commit)}


def test_ten_thousand_records_are_read_in_seconds(history):
    """The number of git calls does not grow with the number of records."""
    for number in range(10_000):
        history.put(f"results/measured/org__m{number % 100}/a/corpus-prose/{number}.json")
    commit = history.commit(BOT)
    assert set(history.provenance.values()) == {Addition("workflow", commit)}
    assert len(history.provenance) == 10_000


def test_the_history_of_this_repository_is_known_for_each_record():
    """Every record of the project itself was added by its maintainers or workflows."""
    if read_history(ROOT, "HEAD", "results/measured") is None:
        pytest.skip("no complete git history here")
    provenance = read_provenance(ROOT)
    committed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "results/measured"],
        capture_output=True,
        check=True,
    ).stdout.decode()
    assert provenance.keys() >= {path for path in committed.split("\0") if path}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            'workflow = ["bot"]',
            ("workflow.1", '"bot" is not an e-mail address', "write name@host in ASCII"),
        ),
        (
            'maintainers = ["NoReply@GitHub.com"]',
            (
                "maintainers.1",
                '"NoReply@GitHub.com" is everybody\'s on GitHub',
                "write the author's own address",
            ),
        ),
        (
            'workflow = ["a@b.example"]\nmaintainers = ["A@b.example"]',
            ("", '"a@b.example" occurs twice', "remove one"),
        ),
        (
            'maintainers = ["\N{CYRILLIC SMALL LETTER A}@b.example"]',
            (
                "maintainers.1",
                '"\N{CYRILLIC SMALL LETTER A}@b.example" is not an e-mail address',
                "write name@host in ASCII",
            ),
        ),
    ],
)
def test_a_faulty_file_is_reported_and_trusts_nobody(tmp_path, text, problem):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/maintainers.toml").write_text(text + "\n")
    specs, problems = read_specs(tmp_path)
    assert problems == [Problem("runs/maintainers.toml", *problem)]
    assert specs.maintainers.workflow == specs.maintainers.maintainers == ()
