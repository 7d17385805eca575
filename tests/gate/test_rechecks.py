"""From a contributed record to its re-measurement: planned, measured, collected, and believed."""

import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from compression_leaderboard.gate.collect import sort_rechecks, why_recheck_refused
from compression_leaderboard.records.rechecks import Recheck, Repeat, Shard, ShardJob
from compression_leaderboard.records.results import (
    Failure,
    Result,
)
from compression_leaderboard.repository.results import (
    StoredRecheck,
    read_rechecks,
    read_records,
    write_record,
)

from tests.commands import invoke, run
from tests.factory import lower_bits, make_model, make_recheck, make_result
from tests.pull_requests import changed_record, make_base

BROUGHT = "a" * 40
RECORD = make_result(make_model())
GOOD = make_recheck(RECORD, BROUGHT, RECORD)
KNOWN: dict[str, Any] = {
    "originals": {RECORD.run_id: RECORD},
    "commits": {RECORD.run_id: BROUGHT},
    "latest": date(2026, 6, 1),
}


def with_environment(recheck: Recheck, **changes: Any) -> Recheck:
    environment = recheck.environment.model_copy(update=changes)
    return recheck.model_copy(update={"environment": environment})


@pytest.mark.parametrize(
    ("recheck", "wrong"),
    [
        (GOOD, None),
        (make_recheck(RECORD, BROUGHT, error=Failure(reason="nan", message="m")), None),
        (
            GOOD.model_copy(update={"repeats": "0" * 12}),
            "repeats 000000000000, which is no record of the same job",
        ),
        (
            GOOD.model_copy(update={"revision": "sha256-" + "9" * 40}),
            f"repeats {RECORD.run_id}, which is no record of the same job",
        ),
        (
            GOOD.model_copy(update={"commit": "b" * 40}),
            f"draws its sample by {'b' * 40}, but {BROUGHT} brought the record",
        ),
        (
            GOOD.model_copy(update={"documents": GOOD.documents[:2]}),
            "has another sample than the one that is drawn",
        ),
        (
            GOOD.model_copy(update={"documents": (*GOOD.documents, GOOD.documents[0])}),
            "has another sample than the one that is drawn",
        ),
        (with_environment(GOOD, dtype="bfloat16"), "was measured in bfloat16, not in float32"),
        (
            GOOD.model_copy(update={"started": datetime(2027, 1, 1, tzinfo=UTC)}),
            "was started on 2027-01-01, not between 2015-01-01 and 2026-06-01",
        ),
        (
            make_recheck(RECORD, BROUGHT, error=Failure(reason="bored", message="m")),
            'failed for the unknown reason "bored"',
        ),
    ],
)
def test_a_re_measurement_that_is_none_is_refused_with_what_is_wrong(recheck, wrong):
    assert why_recheck_refused(recheck, **KNOWN) == wrong


def test_a_sample_whose_commit_nobody_knows_is_refused():
    assert why_recheck_refused(GOOD, **(KNOWN | {"commits": {}})) == (
        "repeats a record that no known commit brought; fetch the whole history"
    )


def test_what_no_shard_planned_is_refused_and_what_is_absent_is_missing():
    stored = [StoredRecheck(f"rechecks/{GOOD.file}", GOOD)]
    accepted, refused, missing = sort_rechecks(stored, [], **KNOWN)
    assert (accepted, missing) == ([], [])
    assert refused == [f"rechecks/{GOOD.file}: no shard planned it; it is left out"]
    repeat = Repeat(record=RECORD.run_id, commit=BROUGHT)
    model, revision, kind, name = RECORD.key
    job = ShardJob(model=model, revision=revision, kind=kind, name=name, repeat=repeat)
    shard = Shard(name="shard-001", jobs=(job,))
    assert sort_rechecks(stored, [shard], **KNOWN) == ([GOOD], [], [])
    assert sort_rechecks([], [shard], **KNOWN)[2] == [
        f"org__small at {revision[:14]} corpus prose, a sample of {RECORD.run_id}: no record"
    ]


# Pull requests ------------------------------------------------------------------------------------


def git(folder: Path, *arguments: str, email: str = "stranger@example.org") -> str:
    who = ["-c", "user.name=someone", "-c", f"user.email={email}"]
    command = ["git", "-C", str(folder), *who, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit_all(folder: Path) -> str:
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Records")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def pull_request(tmp_path: Path) -> Callable[..., list[str]]:
    """What `validate` says of a re-measurement of a record of the base, whose history is known."""
    base, head = tmp_path / "base", tmp_path / "head"
    make_base(base)
    brought = commit_all(base)
    shutil.copytree(base, head)
    record = changed_record(head)

    def validate(*options: str, **changes: Any) -> list[str]:
        recheck = make_recheck(record, brought, record).model_copy(update=changes)
        write_record(head / "results/rechecks", head, recheck)
        result = run("validate", "--base", str(base), "--head", str(head), "--no-hub", *options)
        return [line.partition(": ")[2] for line in getattr(result.exception, "problems", [])]

    return validate


STARTED = {"started": datetime.now(UTC).replace(microsecond=0)}


def test_only_the_boards_own_workflow_or_an_owner_adds_a_re_measurement(pull_request):
    assert pull_request("--own", **STARTED) == []
    assert pull_request("--label", "re-measurement", **STARTED) == []
    assert pull_request(**STARTED) == [
        "is a re-measurement, which only the board's own runs may add; "
        'a maintainer agrees with the label "re-measurement"'
    ]


def test_a_re_measurement_by_another_commit_is_refused_even_of_the_board(pull_request):
    (line,) = pull_request("--own", commit="b" * 40, **STARTED)
    assert line.startswith(f"draws its sample by {'b' * 40}, but ")


# The whole way ------------------------------------------------------------------------------------


def forge(board: Path, share: float) -> Result:
    """Exchange the record of the text for one with fewer bits, whose figures agree."""
    (file,) = board.glob("results/measured/tiny__A/*/corpus-speeches/*.json")
    record = Result.model_validate_json(file.read_bytes())
    forged = lower_bits(record, share)
    file.unlink()
    write_record(board / "results/measured", board, forged)
    return forged


@pytest.fixture
def contributed(board: Path) -> Path:
    """A board, and beside it in one commit of a stranger: records of all its jobs."""
    commit_all(board)
    assert invoke(board, "measure").exit_code == 0
    return board


def measure_again(board: Path) -> str:
    """Plan, measure and collect as the workflow does; return what collect says."""
    planned = invoke(board, "plan", "--matrix", "--rechecks").stdout
    shards = json.loads(planned)["include"]
    for shard in shards:
        folder = board / "shards" / shard["name"]
        done = invoke(board, "measure", "--shard", json.dumps(shard), "--to", str(folder))
        assert done.exit_code == 0
    (board / "matrix.json").write_text(planned)
    (board / "shards").mkdir(exist_ok=True)
    result = invoke(board, "collect", str(board / "shards"), "--plan", str(board / "matrix.json"))
    shutil.rmtree(board / "shards")
    return result.stdout


@pytest.mark.slow
def test_an_honest_record_is_measured_again_once_and_agrees(contributed):
    commit_all(contributed)
    assert measure_again(contributed) == "2 new, 0 already there, 0 refused, 0 missing\n"
    rechecks, problems = read_rechecks(contributed)
    assert (sorted(e.recheck.kind for e in rechecks), problems) == (["corpus", "suite"], [])
    assert measure_again(contributed) == "0 new, 0 already there, 0 refused, 0 missing\n"
    assert "no problems" in invoke(contributed, "check").stdout
    assert invoke(contributed, "health").stdout == ""
    assert "nothing to do" in invoke(contributed, "plan").stdout


@pytest.mark.slow
def test_a_forged_record_is_found_named_and_measured_by_the_board_itself(contributed):
    """A fifth fewer bits everywhere: nothing else than measuring it can tell."""
    forged = forge(contributed, 0.2)
    commit_all(contributed)
    assert "no problems" in invoke(contributed, "check").stdout
    assert measure_again(contributed) == "2 new, 0 already there, 0 refused, 0 missing\n"
    line = invoke(contributed, "health").stdout.splitlines()[-1]
    assert line.startswith(
        f"differs from its re-measurement: results/measured/{forged.file}: 4 documents differ, "
    )
    assert " and all bits together by -" in line
    assert "corpus speeches: missing" in invoke(contributed, "plan").stdout
    assert invoke(contributed, "measure").exit_code == 0
    assert len(read_records(contributed, "results/measured")[0]) == 4
    assert "nothing to do" in invoke(contributed, "plan").stdout


@pytest.mark.slow
def test_a_maintainer_measures_any_record_again(contributed):
    forged = forge(contributed, 0.2)
    commit_all(contributed)
    result = invoke(contributed, "measure", "--recheck", forged.run_id)
    assert (result.exit_code, len(read_rechecks(contributed)[0])) == (0, 1)
    assert "tiny__A corpus speeches: differs: 4 documents differ" in result.stdout
    assert invoke(contributed, "measure", "--recheck", forged.run_id).exit_code == 0
    for arguments, wrong in (
        (("--recheck", "0" * 12), "--recheck: no record has the run id 000000000000"),
        (("--recheck", forged.run_id, "--local"), "--recheck: is given beside --local or --shard"),
    ):
        assert str(invoke(contributed, "measure", *arguments).exception).startswith(wrong)


@pytest.mark.slow
def test_a_shard_may_not_repeat_what_is_not_there(contributed):
    commit_all(contributed)
    planned = invoke(contributed, "plan", "--matrix", "--rechecks").stdout
    record = json.loads(planned)["include"][0]["jobs"][0]["repeat"]["record"]
    result = invoke(
        contributed,
        *("measure", "--to", str(contributed / "out")),
        *("--shard", planned.replace(record, "0" * 12)),
    )
    assert ", a sample of 000000000000: is not in runs/; plan again" in str(result.exception)
