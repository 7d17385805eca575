"""Shards of a matrix fit their runners and hold every job once; what fits none is named."""

import json
from typing import Any

import pytest
from compression_leaderboard.plan.estimates import Estimate, Runner, pack_shards
from compression_leaderboard.plan.jobs import Job
from compression_leaderboard.records.results import Kind, Part
from hypothesis import given
from hypothesis import strategies as st

from tests.commands import invoke
from tests.factory import make_model

MODELS = [make_model(f"org/m{k}") for k in range(3)]
RUNNER = Runner(shards=256, minutes=10, memory_bytes=16e9, disk_bytes=14e9)


def job(model: int = 0, name: str = "starter", kind: Kind = "suite") -> Job:
    return Job(MODELS[model], MODELS[model].revisions()[-1], kind, name, "missing")


def cost(minutes: float | None, **more: Any) -> Estimate:
    return Estimate(seconds=None if minutes is None else 60 * minutes, **more)


def names(shard) -> list[str]:
    return [f"{j.model.rpartition('__')[2]}/{j.name}" for j in shard.jobs]


def test_jobs_of_a_revision_stay_together():
    jobs = [(job(0, "a"), cost(3)), (job(0, "b"), cost(4)), (job(1, "a"), cost(5))]
    shards, waiting = pack_shards(jobs, RUNNER)
    assert [names(shard) for shard in shards] == [["m0/b", "m0/a"], ["m1/a"]]
    assert [shard.minutes for shard in shards] == [7.0, 5.0]
    assert waiting == []


def test_small_revisions_share_a_shard():
    jobs = [(job(k, "a"), cost(3)) for k in range(3)]
    (shard,), _ = pack_shards(jobs, RUNNER)
    assert shard.minutes == 9.0


def test_a_long_suite_is_cut_into_parts_and_its_error_counts():
    """19 minutes, give or take a factor of 1.5, need three runs of 10."""
    shards, waiting = pack_shards([(job(), cost(19, seconds_factor=1.5))], RUNNER)
    parts = sorted((j.part.number, j.part.of) for shard in shards for j in shard.jobs)
    assert parts == [(1, 3), (2, 3), (3, 3)]
    assert max(shard.minutes for shard in shards) <= 10
    assert waiting == []


@pytest.mark.parametrize(
    ("due", "cost_", "why"),
    [
        (
            job(kind="corpus", name="prose"),
            cost(11),
            "takes about 11 minutes, there are 10, and a corpus is not cut",
        ),
        (job(), cost(1, memory_bytes=20e9), "needs about 20.0 GB of memory, there are 16.0"),
        (job(), cost(1, download_bytes=15e9), "has 15.0 GB of weights, the disk takes 14.0"),
    ],
)
def test_what_fits_no_runner_is_named_with_the_reason(due, cost_, why):
    assert pack_shards([(due, cost_)], RUNNER) == (
        [],
        [(due, f"waits for a larger runner: {why}")],
    )


def test_a_job_of_unknown_time_has_a_shard_of_its_own():
    jobs = [(job(0, "a"), cost(None)), (job(0, "b"), cost(1)), (job(1, "a"), cost(1))]
    shards, _ = pack_shards(jobs, RUNNER)
    assert [(names(s), s.minutes) for s in shards] == [
        (["m0/a"], None),
        (["m0/b", "m1/a"], 2.0),
    ]


def test_more_shards_than_a_matrix_takes_wait_for_the_next_run():
    jobs = [(job(k, "a"), cost(6 + k)) for k in range(3)]
    shards, waiting = pack_shards(jobs, Runner(shards=2, minutes=10))
    assert [names(shard) for shard in shards] == [["m2/a"], ["m1/a"]]
    assert [(w.model.id, why) for w, why in waiting] == [
        ("org__m0", "waits for the next run: 2 shards are in this one already")
    ]


COSTS = st.one_of(st.none(), st.floats(0.01, 40))


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5), COSTS), unique_by=lambda t: t[:2]))
def test_every_job_is_in_one_shard_or_waits_and_no_shard_is_too_long(drawn):
    jobs = [(job(m, f"s{n}"), cost(minutes)) for m, n, minutes in sorted(drawn, key=lambda t: t[0])]
    shards, waiting = pack_shards(jobs, Runner(shards=4, minutes=10))
    assert len(shards) <= 4
    for shard in shards:
        assert shard.minutes is None or shard.minutes <= 10.1  # rounded to a tenth
        assert shard.minutes is not None or len(shard.jobs) == 1
    placed = [(j.model, j.name, j.part) for shard in shards for j in shard.jobs]
    left = [(j.model.id, j.name, j.part) for j, _ in waiting]
    assert len(set(placed + left)) == len(placed + left)
    wanted = set()
    for (due, estimated), (_, _, minutes) in zip(
        jobs, sorted(drawn, key=lambda t: t[0]), strict=True
    ):
        of = 1 if minutes is None else -(-estimated.seconds // 600)
        numbers = [None] if of == 1 else [Part(number=k, of=int(of)) for k in range(1, int(of) + 1)]
        wanted |= {(due.model.id, due.name, part) for part in numbers}
    assert set(placed + left) == wanted


def test_the_matrix_is_one_line_that_a_workflow_reads(board):
    result = invoke(board, "plan", "--matrix", "--max-jobs", "256", "--max-minutes", "300")
    (line,) = result.stdout.splitlines()
    include = json.loads(line)["include"]
    planned = [(j["model"], j["kind"], j["name"]) for shard in include for j in shard["jobs"]]
    assert sorted(planned) == [
        ("classical", "corpus", "speeches"),
        ("tiny__A", "corpus", "speeches"),
        ("tiny__A", "suite", "arithmetic"),
    ]
    assert len({shard["name"] for shard in include}) == len(include)
