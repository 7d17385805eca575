"""What goes wrong while measuring, done for real: killed, interrupted, out of memory, no disk.

Each test's name stands in the table of site/docs/reliability.md.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Self

import psutil
import pytest
from compression_leaderboard.measure import local_engine
from compression_leaderboard.measure.checkpoint import hash_folder, hash_weights
from compression_leaderboard.measure.local_engine import Limits, record_job, run_local
from compression_leaderboard.plan.jobs import Job, latest_results, plan_jobs
from compression_leaderboard.records.results import Result
from compression_leaderboard.repository.files import JobLocks
from compression_leaderboard.repository.results import StoredResult, read_records, write_record
from compression_leaderboard.repository.specs import hash_task, read_specs

from tests import ROOT
from tests.commands import invoke
from tests.tiny import save_tiny, tiny_model
from tests.workspace import SUITE, TASK, add_model_file

pytestmark = pytest.mark.slow

KILLS = 20


def start(board: Path, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    """`leaderboard measure` as a user starts it, in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "compression_leaderboard.cli",
        "measure",
        "--root",
        str(board),
        *arguments,
    ]
    given: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # A shell that runs the tests in the background has them ignore Ctrl-C; a user's does not.
    given["preexec_fn"] = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(command, cwd=ROOT, **(given | options))


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    stdout, stderr = process.communicate()
    return process.returncode, stdout, stderr


def records(board: Path) -> list[Result]:
    stored, problems = read_records(board, "results/measured")
    assert problems == []
    return [entry.result for entry in stored]


def measured(result: Result) -> dict[str, Any]:
    """What a record says, without when and how fast."""
    return {k: v for k, v in result.content.items() if k not in ("started", "environment")}


def figures(board: Path) -> list[dict[str, Any]]:
    return sorted((measured(result) for result in records(board)), key=json.dumps)


def temporary_files(board: Path) -> list[Path]:
    return [path for path in (board / "results").rglob("*") if path.suffix == ".tmp"]


def family_of(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def wait_until_gone(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those that are still there after so long; a zombie is gone."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        left = [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
        if not left:
            return []
        time.sleep(0.1)
    return left


def jobs_of(board: Path, model: str = "tiny__A") -> list[Job]:
    return [job for job in plan_jobs(read_specs(board)[0], []) if job.model.id == model]


def run_here(board: Path, jobs: list[Job], limits: Limits, report: Any = None) -> list[Result]:
    specs = read_specs(board)[0]
    with closing(run_local(jobs, specs, board, limits, report or (lambda *_: None))) as results:
        return [result for _, result in results if isinstance(result, Result)]


def add_greedy_suite(board: Path) -> None:
    """A task whose prompt has 2 GB; the model's file asks for it before the ordinary suite."""
    items = board / "runs/tasks/items.jsonl"
    task = TASK.replace("tiny_arithmetic", "tiny_greedy")
    task = task.replace('doc_to_text: "{{question}}"', "doc_to_text: \"{{'x' * 2000000000}}\"")
    (board / "runs/tasks/tiny_greedy.yaml").write_text(task)
    definition = hash_task(board / "runs/tasks", "tiny_greedy")
    suite = SUITE.replace("arithmetic", "greedy")
    suite = suite.format(revision=hash_weights([items]), definition=definition)
    (board / "runs/suites/greedy.toml").write_text(suite)
    model = board / "runs/models/tiny/A.toml"
    listed = 'suites = ["greedy", "arithmetic"]'
    model.write_text(model.read_text().replace('suites = ["arithmetic"]', listed))


# Killed ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_killed_at_twenty_random_moments_a_run_loses_and_spoils_nothing(board, tmp_path_factory):
    """SIGKILL to the driver: its worker dies with it, every record is whole, and a last run ends
    with what an undisturbed one measures."""
    calm = tmp_path_factory.mktemp("calm")
    shutil.copytree(board, calm, dirs_exist_ok=True)
    began = time.monotonic()
    assert finish(start(calm))[0] == 0
    whole = time.monotonic() - began
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # shown when the test fails
    moments = random.Random(seed)
    for _ in range(KILLS):
        shutil.rmtree(board / "results", ignore_errors=True)
        process = start(board, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(moments.uniform(0, whole))
        family = family_of(process.pid) if process.poll() is None else []
        process.kill()
        process.wait()
        assert wait_until_gone(family, seconds=60) == []  # at once, or when libraries are loaded
        kept = records(board)  # each is whole, or there would be problems
        assert finish(start(board))[0] == 0
        assert figures(board) == figures(calm)
        assert {result.run_id for result in kept} <= {r.run_id for r in records(board)}


@pytest.mark.parametrize(
    ("kernel_kills", "reason", "says"),
    [
        (0, "unexpected", "the worker was ended by SIGKILL"),
        (1, "out_of_memory", "the worker was ended while the system ended processes for lack of"),
    ],
)
def test_a_killed_worker_costs_its_job_and_the_next_one_has_a_new_worker(
    board, tmp_path, monkeypatch, kernel_kills, reason, says
):
    """The first job's worker is killed in the middle; the second job is measured. The kernel's
    count is the test's own: the real one counts for the whole machine."""
    counter = tmp_path / "vmstat"
    counter.write_text("oom_kill 3\n")
    monkeypatch.setattr(local_engine, "OOM_COUNTER", counter)
    mine = psutil.Process()

    killed: list[int] = []

    def kill(stage: str, done: int, total: int) -> None:
        for process in mine.children(recursive=True):
            if not killed and "tokens" in stage and os.getsid(process.pid) == process.pid:
                counter.write_text(f"oom_kill {3 + kernel_kills}\n")
                process.kill()
                killed.append(process.pid)

    suite, corpus = jobs_of(board)
    first, second = run_here(board, [corpus, suite], Limits(), kill)
    assert first.error.reason == reason
    assert first.error.message.startswith(says)
    assert first.asked == corpus.asked
    assert second.error is None


# Interrupted --------------------------------------------------------------------------------------


def test_ctrl_c_stops_within_five_seconds_and_keeps_what_is_done(board):
    process = start(board)
    done = next(line for line in process.stderr if line.startswith("["))  # not of progress
    assert "[1/3]" in done
    family = family_of(process.pid)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    status, _, stderr = finish(process)
    assert time.monotonic() - began < 5
    assert status == 130
    assert stderr.splitlines()[-1] == (
        "stopped: 1 of 3 jobs done and recorded; "
        "run `leaderboard measure` with the same options to continue"
    )
    assert wait_until_gone(family, seconds=5) == []
    (kept,) = records(board)
    assert finish(start(board))[:2] == (0, "2 measured, 0 failed\n")
    assert kept.run_id in {result.run_id for result in records(board)}


# Two runs at once ---------------------------------------------------------------------------------


def test_two_runs_at_once_do_no_job_twice(board):
    """Both end well, and each of the three jobs has exactly one record."""
    runs = [start(board), start(board)]
    ended = [finish(process) for process in runs]
    assert [status for status, _, _ in ended] == [0, 0]
    done = [result.file.rpartition("/")[0] for result in records(board)]
    assert len(done) == len(set(done)) == 3


def test_a_lock_lasts_until_its_process_releases_it_or_ends(tmp_path):
    ours, theirs = (
        JobLocks(tmp_path, tmp_path / "results"),
        JobLocks(tmp_path, tmp_path / "results"),
    )
    assert ours.acquire("job")
    assert not theirs.acquire("job")
    assert JobLocks(tmp_path, tmp_path / "other").acquire("job")  # of another results folder
    ours.release("job")
    assert theirs.acquire("job")
    holder = "import sys; from pathlib import Path; "
    holder += "from compression_leaderboard.repository.files import JobLocks; "
    holder += "locks = JobLocks(Path(sys.argv[1]), Path(sys.argv[1])); "
    holder += "print(locks.acquire('x'), flush=True); "
    holder += "sys.stdin.read()"
    command = [sys.executable, "-c", holder, str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout.readline() == "True\n"
        mine = JobLocks(tmp_path, tmp_path)
        assert not mine.acquire("x")
        process.kill()
        process.wait()
        assert mine.acquire("x")


# Memory and time ----------------------------------------------------------------------------------


def test_a_job_out_of_memory_is_recorded_and_the_next_goes_on_with_a_smaller_batch(board):
    add_greedy_suite(board)
    greedy, suite, corpus = run_here(board, jobs_of(board), Limits(memory_bytes=1_500_000_000))
    assert greedy.error.reason == "out_of_memory"
    assert "it may use 1.50; measure on a machine with more" in greedy.error.message
    assert greedy.environment.memory_bytes == 1_500_000_000
    assert greedy.environment.batch_divisor is None
    assert [suite.error, corpus.error] == [None, None]
    assert [suite.environment.batch_divisor, corpus.environment.batch_divisor] == [2, 2]


@contextmanager
def little_memory(n_bytes: int) -> Iterator[Path]:
    """A control group with a limit on memory: the file that takes its processes. Else skips."""
    places = {"/sys/fs/cgroup/memory": "memory.limit_in_bytes", "/sys/fs/cgroup": "memory.max"}
    for base, limit in places.items():
        group = Path(base) / f"leaderboard-test-{os.getpid()}"
        try:
            group.mkdir()
            (group / limit).write_text(str(n_bytes))
        except OSError:
            continue
        try:
            yield group / "cgroup.procs"
        finally:
            _remove_group(group)
        return
    pytest.skip("needs the right to make a control group")


def _remove_group(group: Path) -> None:
    """Once the last of its processes is gone, which takes the kernel a moment."""
    for _ in range(100):
        with suppress(OSError):
            group.rmdir()
            return
        time.sleep(0.1)
    group.rmdir()


def test_a_worker_that_the_kernel_ends_for_lack_of_memory_is_told_as_such(board):
    """The kernel's own killer, in a control group of 1.5 GB; the limit is unknown to the run."""
    add_greedy_suite(board)
    with little_memory(1_500_000_000) as group:
        join = partial(group.write_text, "0")  # 0: the process that writes
        process = start(board, "--model", "tiny__A", preexec_fn=join)
        assert finish(process)[:2] == (1, "2 measured, 1 failed\n")
    (greedy,) = [result for result in records(board) if result.name == "greedy"]
    assert (greedy.error.reason, greedy.error.message) == (
        "out_of_memory",
        "the worker was ended while the system ended processes for lack of memory; "
        "measure on a machine with more",
    )
    after = [result.environment.batch_divisor for result in records(board) if not result.error]
    assert after == [2, 2]


def test_a_job_over_its_time_is_recorded_and_the_next_goes_on(board):
    """The first job gets 50 ms, in which no worker is ready."""
    suite, corpus = jobs_of(board)
    (first,) = run_here(board, [suite], Limits(seconds=0.05))
    assert first.error.reason == "timeout"
    assert first.error.message == "not done after 0.0 minutes; raise --timeout and add --again"
    (second,) = run_here(board, [corpus], Limits())
    assert second.error is None


# Disk ---------------------------------------------------------------------------------------------


@contextmanager
def small_disk(folder: Path, n_bytes: int) -> Iterator[None]:
    """A file system of so many bytes on a folder; skips where we may not mount one."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={n_bytes}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_on_a_full_disk_there_is_a_clear_error_and_no_half_file(board):
    with small_disk(board / "results", 64 * 1024):
        filler = board / "results" / "filler"
        filler.write_bytes(bytes(64 * 1024))
        result = invoke(board, "measure", "--model", "tiny__A")
        (line,) = str(result.exception).splitlines()
        assert line.endswith(
            "cannot be written: No space left on device; "
            "fix that and run the command again; what was written before stays"
        )
        assert records(board) == []
        assert temporary_files(board) == []
        filler.unlink()
        assert invoke(board, "measure", "--model", "tiny__A").exit_code == 0
        assert temporary_files(board) == []


def test_a_write_that_fails_is_told_and_leaves_no_half_file(board):
    """A file stands where the folder of the model's records should go."""
    (board / "results/measured").mkdir(parents=True)
    (board / "results/measured/tiny__A").write_text("in the way")
    result = invoke(board, "measure", "--model", "tiny__A", "--corpus", "speeches")
    assert "cannot be written: Not a directory; fix that" in str(result.exception)
    assert temporary_files(board) == []


# The clock ----------------------------------------------------------------------------------------


def test_after_the_clock_went_back_the_new_record_counts(board):
    """The first record was made while the clock was 20 hours ahead."""
    chosen = ("measure", "--model", "tiny__A", "--corpus", "speeches")
    invoke(board, *chosen)
    (early,) = records(board)
    ahead = early.model_copy(update={"started": early.started + timedelta(hours=20)})
    (board / "results/measured" / early.file).unlink()
    write_record(board / "results/measured", board, ahead)
    assert invoke(board, *chosen, "--again").exit_code == 0
    stored: list[StoredResult] = read_records(board, "results/measured")[0]
    assert len(stored) == 2
    ((counts),) = [entry.result for entry in latest_results(stored).values()]
    assert counts.started < ahead.started
    assert counts.replaces == ahead.run_id
    assert "nothing to do" in invoke(board, *chosen).stdout


def test_a_clock_that_jumps_back_does_not_change_how_long_a_job_took(board, monkeypatch):
    class Backwards(datetime):
        """A clock that loses an hour with every look at it."""

        looks = 0

        @classmethod
        def now(cls, tz: Any = None) -> Self:
            cls.looks += 1
            return super().now(tz) - timedelta(hours=cls.looks)

    monkeypatch.setattr(local_engine, "datetime", Backwards)
    corpus = jobs_of(board)[1]

    def work() -> dict[str, Any]:
        time.sleep(0.2)
        Backwards.now()
        raise ValueError("stop")

    result = record_job(corpus, work)
    assert 0.2 <= result.environment.wall_seconds < 60


# The worker ---------------------------------------------------------------------------------------


def test_weights_are_loaded_once_for_all_jobs_of_a_revision_and_not_by_the_driver(board):
    """One worker did both jobs; this process, which drives, has no child left."""
    seen: set[int] = set()

    def look(stage: str, done: int, total: int) -> None:
        workers = psutil.Process().children(recursive=True)
        seen.update(p.pid for p in workers if os.getsid(p.pid) == p.pid)

    suite, corpus = jobs_of(board)
    results = run_here(board, [corpus, suite, corpus], Limits(), look)
    assert [result.error for result in results] == [None] * 3
    assert len(seen) == 1
    assert not psutil.pid_exists(seen.pop())


def test_each_model_has_a_worker_of_its_own(board):
    """What one model took does not count as memory of the next."""
    save_tiny(board / "weights/B", model=tiny_model(seed=1))
    add_model_file(board, "B", hash_folder(board / "weights/B"))
    jobs = [*jobs_of(board), *jobs_of(board, "tiny__B")]
    results = run_here(board, jobs, Limits())
    assert [result.error for result in results] == [None] * 4
    assert len({result.lossless.bits_per_byte for result in results if result.lossless}) == 2
