"""What jobs will cost, learned from records, and which failed jobs are tried again."""

import math
from typing import Any, get_args

import pytest
from compression_leaderboard.board.derived import current_results
from compression_leaderboard.plan.estimates import Estimate, History
from compression_leaderboard.plan.jobs import Job, Machine, latest_results, plan_jobs
from compression_leaderboard.records.models import Model, Weights
from compression_leaderboard.records.results import (
    Failure,
    Part,
    Reason,
    Result,
    Subject,
    retry_of,
)

from tests.factory import make_classical, make_model, make_result, make_specs, store

MODEL = make_model()


def took(model: Model, seconds: float, peak: int = 1000, **changes: Any) -> Result:
    result = make_result(model, "suite", **changes)
    costs = {"wall_seconds": seconds, "peak_memory_bytes": peak}
    environment = result.environment.model_copy(update=costs)
    return result.model_copy(update={"environment": environment})


def sized(name: str, parameters: int) -> Model:
    return make_model(f"org/{name}", parameters=parameters)


def estimate(model: Model, results: list[Result], others: list[Model], **job: Any) -> Estimate:
    models = {m.id: m for m in [model, *others]}
    history = History(results, models, "cpu")
    checkpoint = model.revisions()[-1]
    return history.estimate(Job(model, checkpoint, "suite", "starter", "missing", **job))


def test_a_model_costs_what_it_did_before():
    """The median of its records; the error is their spread around it, as a factor."""
    results = [took(MODEL, 10), took(MODEL, 20, started=LATER), took(MODEL, 40, started=LAST)]
    found = estimate(MODEL, results, [])
    assert found.seconds == 20
    assert found.seconds_factor == pytest.approx(math.exp(math.sqrt(2 / 3) * math.log(2)))
    assert estimate(MODEL, results[:1], []).seconds_factor is None


def test_time_grows_with_a_power_of_the_parameters_of_other_models():
    """Records on an exact power law are continued by it, and the error is a factor of 1."""
    others = [sized(f"m{k}", 10**k) for k in (6, 7, 8)]
    results = [took(m, m.parameters**0.5 / 100) for m in others]
    found = estimate(sized("new", 4 * 10**7), results, others)
    assert found.seconds == pytest.approx((4 * 10**7) ** 0.5 / 100)
    assert found.seconds_factor == pytest.approx(1)
    half = estimate(sized("new", 4 * 10**7), results, others, part=Part(number=1, of=2))
    assert half.seconds == pytest.approx(found.seconds / 2)


def test_the_error_is_that_of_models_left_out():
    """A model twice as slow as the line through the others is a miss of a factor 2."""
    others = [sized(f"m{k}", 10**k) for k in (6, 7, 8)]
    slow = {10**7: 2.0}
    results = [took(m, slow.get(m.parameters, 1.0)) for m in others]
    found = estimate(sized("new", 3 * 10**7), results, others)
    # Left out in turn: 1/4 of what the line through the other two says, twice it, and 1/4.
    misses = [math.log(4), math.log(2), math.log(4)]
    assert found.seconds_factor == pytest.approx(math.exp(math.hypot(*misses) / math.sqrt(3)))


def test_what_the_records_cannot_tell_is_unknown():
    """Two models, models ten times too small, another suite, another device: no guess."""
    others = [sized(f"m{k}", 10**k) for k in (6, 7, 8)]
    results = [took(m, 1.0) for m in others]
    assert estimate(sized("new", 10**7 // 2), results[:2], others) == Estimate(download_bytes=0)
    assert estimate(sized("new", 2 * 10**9), results, others).seconds is None
    other_suite = [r.model_copy(update={"name": "other"}) for r in results]
    assert estimate(sized("new", 10**7 // 2), other_suite, others).seconds is None
    gpu = {"device": "cuda"}
    on_gpu = [
        r.model_copy(update={"environment": r.environment.model_copy(update=gpu)}) for r in results
    ]
    assert estimate(sized("new", 10**7 // 2), on_gpu, others) == Estimate(download_bytes=0)


def test_memory_is_the_smallest_peak_of_the_job_else_a_line_in_parameters():
    own = [took(MODEL, 1, 5000), took(MODEL, 1, 3000, started=LATER)]
    assert estimate(MODEL, own, []).memory_bytes == 3000
    others = [sized(f"m{k}", k * 10**6) for k in (1, 2, 3)]
    results = [took(m, 1, 1000 + 2 * m.parameters) for m in others]
    found = estimate(sized("new", 4 * 10**6), results, others)
    assert found.memory_bytes == pytest.approx(1000 + 8 * 10**6, abs=1)
    assert found.memory_error_bytes <= 1


def test_a_download_is_the_size_of_the_weights_on_the_hub():
    hub = make_model("org/hub", weights=Weights(hub="org/hub", revision="a" * 40))
    assert estimate(hub, [], []).download_bytes is None
    subject = Subject(
        architecture="Llama",
        parameters=10,
        weights_bytes=77,
        context_tokens=8,
        vocabulary=9,
        layers=1,
        width=8,
    )
    assert estimate(hub, [took(hub, 1, subject=subject)], []).download_bytes == 77


def test_failed_records_and_compressors_teach_nothing_about_models():
    failed = took(MODEL, 9, error=Failure(reason="nan", message="m"), tasks=())
    assert estimate(MODEL, [failed, make_classical()], []).seconds is None


LATER = make_result(MODEL).started.replace(day=2)
LAST = LATER.replace(day=3)
HERE = Machine("cpu", 8_000, {"torch": "2.13.0"})


def planned(failed: Result, machine: Machine = HERE, again: bool = False, specs=None) -> Job:
    """The job of the suite after `failed`, with the record of the corpus in place."""
    stored = store(make_result(MODEL), failed)
    jobs = plan_jobs(specs or make_specs(MODEL), stored, again, machine)
    return next(job for job in jobs if job.kind == "suite")


def failure(reason: str, memory: int | None = 8_000, **changes: Any) -> Result:
    """A failure of exactly today's suite, with the software of today."""
    asked = next(j.asked for j in plan_jobs(make_specs(MODEL), []) if j.kind == "suite")
    error = Failure(reason=reason, message="m")
    result = make_result(
        MODEL, "suite", **({"error": error, "tasks": (), "asked": asked} | changes)
    )
    environment = result.environment.model_copy(update={"memory_bytes": memory})
    return result.model_copy(update={"environment": environment})


@pytest.mark.parametrize("reason", get_args(Reason))
def test_a_failed_job_waits_for_what_its_policy_says(reason):
    """The same machine, software and specs: only what may work by itself now is tried again."""
    job = planned(failure(reason))
    assert job.why == f"failed before: {reason}"
    assert (job.blocked is None) == (retry_of(reason) in ("now", "next_run"))
    assert (planned(failure(reason), again=True).blocked is None) == (retry_of(reason) != "never")


def test_out_of_memory_waits_for_a_larger_machine():
    failed = failure("out_of_memory", memory=8_000_000_000)
    assert planned(failed, Machine("cpu", 8_000_000_000)).blocked == (
        "waits for a machine with more than 8.0 GB of memory"
    )
    assert planned(failed, Machine("cpu", None)).blocked is not None  # unknown is not larger
    assert planned(failed, Machine("cpu", 16_000_000_000)).blocked is None
    newer = Machine("cpu", 8_000_000_000, {"torch": "3.0"})
    assert planned(failed, newer).blocked is not None


def test_other_failures_wait_until_the_software_or_the_suite_changed():
    waits = "nothing has changed since; fix it, or run `leaderboard measure --again`"
    assert planned(failure("nan")).blocked == waits
    assert planned(failure("nan"), Machine("cpu", 8_000, {"torch": "3.0"})).blocked is None
    assert planned(failure("nan"), Machine("cpu", 8_000)).blocked == waits  # torch is not here
    assert planned(failure("nan", asked="0" * 12)).blocked is None
    assert planned(failure("a word of old", asked=None)).blocked is None  # before hashes were kept


def test_a_retracted_failure_is_forgotten():
    assert planned(failure("nan", retracted="the disk was broken")).why == "missing"


def test_a_record_is_later_than_the_one_it_replaces_whatever_the_clock_says():
    """The clock went back by a year between two runs."""
    first = make_result(MODEL, started=LATER)
    second = make_result(MODEL, started=LATER.replace(year=2025), replaces=first.run_id)
    third = make_result(MODEL, started=LATER.replace(year=2024), replaces=second.run_id)
    assert [e.result for e in latest_results(store(first, second, third)).values()] == [third]
    gone = second.model_copy(update={"retracted": "wrong"})
    assert gone.run_id == second.run_id
    assert [e.result for e in latest_results(store(first, gone, third)).values()] == [third]
    failed = third.model_copy(update={"error": Failure(reason="nan", message="m")})
    assert [e.result for e in latest_results(store(first, second, failed)).values()] == [second]
    last_gone = third.model_copy(update={"retracted": "wrong"})
    found = latest_results(store(first, second, last_gone)).values()
    assert [e.result for e in found] == [second]


def test_a_part_of_a_suite_does_not_count():
    part = make_result(MODEL, "suite", part=Part(number=1, of=2))
    assert not latest_results(store(part))
    assert planned(part).why == "missing"


@pytest.mark.parametrize("total", [2, 3, 7, 200])
@pytest.mark.parametrize("of", [2, 3, 7])
def test_parts_hold_every_item_once(total, of):
    items = [i for k in range(1, of + 1) for i in Part(number=k, of=of).items_of(total)]
    assert items == list(range(total))


def test_records_made_earlier_keep_their_ids():
    """New fields that nobody filled are not written."""
    content = make_result(MODEL).content
    assert not {"part", "parts", "asked", "replaces"} & set(content)
    assert "memory_bytes" not in content["environment"]


@pytest.mark.parametrize("kind", ["corpus", "suite"])
def test_a_record_of_an_earlier_format_is_measured_again_and_not_ranked(kind):
    specs = make_specs(MODEL)
    changes = {"format": 2, "calibration": None, "backend": None}
    old = make_result(MODEL, kind, **changes)
    (job,) = [job for job in plan_jobs(specs, store(old)) if job.key == old.key]
    assert (job.why, job.replaces) == (
        "stale: measured under the rules of format 2",
        old.run_id,
    )
    assert current_results(specs, store(old)) == []
    assert current_results(specs, store(make_result(MODEL, kind))) != []


def test_sizes_under_compressors_are_the_same_in_every_format():
    old = make_classical(format=2)
    assert [entry.result for entry in current_results(make_specs(MODEL), store(old))] == [old]
