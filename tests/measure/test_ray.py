"""The Ray engine on a real cluster of two nodes on loopback."""

import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from compression_leaderboard.measure.checkpoint import hash_folder
from compression_leaderboard.measure.local_engine import Limits
from compression_leaderboard.plan.estimates import Estimate
from compression_leaderboard.plan.jobs import plan_jobs
from compression_leaderboard.records.results import Result
from compression_leaderboard.repository.specs import read_specs

from tests.tiny import save_tiny, tiny_model
from tests.workspace import add_model_file

pytestmark = pytest.mark.slow
ray = pytest.importorskip("ray")
MODELS = ("A", "B", "C", "D")


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A node for the driver, and one with a processor: it is at a task while there are any."""
    from ray.cluster_utils import Cluster

    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    found.second = found.add_node(num_cpus=1)
    ray.init(address=found.address, log_to_driver=False, logging_level="ERROR")
    found.wait_for_nodes()
    yield found
    ray.shutdown()
    found.shutdown()


@pytest.fixture
def boards(board: Path) -> Path:
    """Four models, each with a suite and a corpus."""
    for seed, name in enumerate(MODELS[1:], start=1):
        save_tiny(board / "weights" / name, model=tiny_model(seed=seed))
        add_model_file(board, name, hash_folder(board / "weights" / name))
    return board


def figures(result: Result) -> tuple[Any, ...]:
    scores = [score for task in result.tasks for score in task.scores]
    bits = result.lossless.bits_per_byte if result.lossless else None
    return result.model, result.name, result.error, bits, scores


def test_a_node_killed_in_the_middle_costs_a_retry_and_no_result(boards, cluster, monkeypatch):
    """The node that works dies in the middle of its second task, and another one joins; every job
    still has exactly one good record, with the figures of the local engine."""
    from compression_leaderboard.measure import ray_engine as engine
    from compression_leaderboard.measure.local_engine import run_local

    deaths = []
    after_death = engine._after_death

    def count(task: Any, error: Any) -> Any:
        deaths.append(type(error).__name__)
        return after_death(task, error)

    monkeypatch.setattr(engine, "_after_death", count)
    specs = read_specs(boards)[0]
    jobs = [job for job in plan_jobs(specs, []) if job.model.id != "classical"]
    found = []
    with closing(engine.run_ray(jobs, specs, boards, Limits(), lambda _: Estimate())) as results:
        for job, result in results:
            assert isinstance(result, Result)
            assert (job.model.id, job.name) == (result.model, result.name)
            found.append(result)
            if len(found) == 2:  # both of the first task; the next is at work for seconds
                time.sleep(0.5)
                cluster.remove_node(cluster.second, allow_graceful=False)
                cluster.add_node(num_cpus=1)
    assert deaths
    assert [result.error for result in found] == [None] * 8
    with closing(run_local(jobs, specs, boards, Limits(), lambda *_: None)) as results:
        local = [result for _, result in results if isinstance(result, Result)]
    assert sorted(map(figures, found), key=str) == sorted(map(figures, local), key=str)
