"""Records of contributors are measured again by sample; who differs beyond rounding is found."""

import hashlib
import math
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import comb
from typing import Any

import pytest
from compression_leaderboard.plan.estimates import Estimate, History, Runner
from compression_leaderboard.plan.jobs import Machine, latest_results
from compression_leaderboard.plan.rechecks import (
    MOST,
    TOLERANCES,
    Outcome,
    choose_rechecks,
    compare_recheck,
    estimate_recheck,
    mark_remeasured,
    plan_rechecks,
)
from compression_leaderboard.records.rechecks import (
    DOCUMENTS,
    ITEMS,
    Recheck,
    RepeatedDocument,
    RepeatedTask,
    draw_sample,
)
from compression_leaderboard.records.results import (
    DocumentBits,
    Failure,
    Lossless,
    Response,
    Result,
)
from compression_leaderboard.repository.provenance import Addition
from compression_leaderboard.repository.results import StoredRecheck, StoredResult

from tests.factory import (
    make_classical,
    make_model,
    make_preference,
    make_recheck,
    make_result,
    make_specs,
)

COMMIT = "a" * 40
MODEL = make_model()
SPECS = make_specs(MODEL, make_model("org/pairs", suites=(), corpora=("pairs",)))
HERE = Machine(packages={"torch": "2.13.0"})
RUNNER = Runner()


def text_record(bits: Callable[[int], float], dtype: str = "float32") -> Result:
    """A record of 40 documents of 1,000 bytes."""
    listed = tuple(
        DocumentBits(document=f"d{k:03}", bytes=1000, tokens=250, bits=bits(k), lossless=True)
        for k in range(40)
    )
    total = math.fsum(document.bits for document in listed)
    lossless = make_result(MODEL).lossless
    assert isinstance(lossless, Lossless)
    lossless = lossless.model_copy(update={"documents": listed, "bits_per_byte": total / 40_000})
    return in_format(make_result(MODEL, lossless=lossless), dtype)


def in_format(result: Result, dtype: str) -> Result:
    environment = result.environment.model_copy(update={"dtype": dtype})
    return result.model_copy(update={"environment": environment})


def suite_record(right: Callable[[int], bool], items: int = 1000, margin: float = 2.0) -> Result:
    """A record of one task, in which the two choices differ by a margin in nats."""
    result = make_result(MODEL, "suite")
    (task,) = result.tasks
    responses = tuple(
        Response(
            item=k,
            target=0,
            log_likelihoods=(-3.0, -3.0 - margin if right(k) else -3.0 + margin),
            metrics={"acc": float(right(k))},
        )
        for k in range(items)
    )
    return result.model_copy(update={"tasks": (replace(task, responses=responses),)})


def compared(record: Result, truth: Result) -> Outcome:
    """A record with a re-measurement that finds the truth."""
    recheck = make_recheck(record, COMMIT, truth)
    outcome = compare_recheck(record, recheck)
    assert outcome is not None
    return outcome


def honest(k: int) -> float:
    return 1000.0 + 10 * k


def with_bits(more: list[float], dtype: str) -> Result:
    """The honest record with more bits for each document."""
    return text_record(lambda k: honest(k) + more[k], dtype)


# The sample ---------------------------------------------------------------------------------------


def test_the_sample_follows_from_the_commit_and_the_record_alone():
    """Anyone can draw it again with sha256sum and sort."""
    record = text_record(honest)
    sample = draw_sample(record, COMMIT)
    assert sample == draw_sample(record, COMMIT)
    assert len(sample.documents) == len(set(sample.documents)) == DOCUMENTS
    assert sample.share == 0.5
    hashes = {
        hashlib.sha256(f"{COMMIT}\n{record.run_id}\nd{k:03}".encode()).hexdigest(): f"d{k:03}"
        for k in range(40)
    }
    assert sample.documents == tuple(sorted(hashes[digest] for digest in sorted(hashes)[:20]))
    assert draw_sample(record, "b" * 40).documents != sample.documents
    assert draw_sample(text_record(lambda k: 999.0), COMMIT).documents != sample.documents


def test_every_document_is_drawn_as_often_as_any_other():
    """Over 400 commits, each of 40 documents is in half of the samples, within four deviations."""
    record = text_record(honest)
    counts = dict.fromkeys((f"d{k:03}" for k in range(40)), 0)
    for number in range(400):
        for document in draw_sample(record, f"{number:040x}").documents:
            counts[document] += 1
    assert all(160 <= count <= 240 for count in counts.values()), counts


def test_a_small_text_and_a_small_suite_are_measured_again_as_a_whole():
    assert draw_sample(make_result(MODEL), COMMIT).documents == ("d0", "d1", "d2")
    assert draw_sample(make_result(MODEL, "suite"), COMMIT).items == {"sums": (0, 1, 2, 3)}


def test_each_task_has_the_same_share_of_the_sample():
    """So that a small task, which counts as much in the mean, is no place to hide."""
    large = suite_record(lambda k: True, 5000)
    small = large.tasks[0].task.model_copy(update={"task": "small"})
    second = replace(large.tasks[0], task=small, responses=large.tasks[0].responses[:150])
    record = large.model_copy(update={"tasks": (large.tasks[0], second)})
    items = draw_sample(record, COMMIT).items
    assert {name: len(drawn) for name, drawn in items.items()} == {"sums": 120, "small": 120}
    assert all(list(drawn) == sorted(set(drawn)) for drawn in items.values())
    assert ITEMS == 240


def test_the_chance_to_catch_a_forger_is_the_stated_one():
    """Of 40 documents, 4 forged ones are in the sample with 95 %, 6 with 99 %."""
    for forged, stated in ((4, 0.95), (6, 0.99)):
        exact = 1 - comb(40 - forged, DOCUMENTS) / comb(40, DOCUMENTS)
        assert round(exact, 2) == stated
        record = text_record(honest)
        names = {f"d{k:03}" for k in range(forged)}
        caught = sum(
            bool(names & {*draw_sample(record, f"{number:040x}").documents})
            for number in range(1000)
        )
        assert abs(caught / 1000 - exact) < 4 * math.sqrt(exact * (1 - exact) / 1000)


# The comparison -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_rounding_agrees_in_every_format(dtype):
    """A random walk over tokens as it was measured, 200 times: no false alarm."""
    step = {"float32": 0.0002, "float16": 0.012, "bfloat16": 0.07}[dtype]
    for seed in range(200):
        draw = random.Random(seed)
        noise = [draw.gauss(0, step) * math.sqrt(honest(k)) for k in range(40)]
        assert compared(with_bits(noise, dtype), text_record(honest)).faults == ()


@pytest.mark.parametrize(
    ("dtype", "share"), [("float32", 0.0005), ("float16", 0.005), ("bfloat16", 0.05)]
)
def test_one_forged_document_in_the_sample_is_found(dtype, share):
    found = 0
    for forged in range(40):
        record = with_bits([-share * honest(k) * (k == forged) for k in range(40)], dtype)
        outcome = compared(record, text_record(honest))
        if f"d{forged:03}" in draw_sample(record, COMMIT).documents:
            found += 1
            assert outcome.faults
            assert outcome.worst.place == f"d{forged:03}"
            assert outcome.worst.amount == pytest.approx(-share * honest(forged))
        else:
            assert not outcome.faults
    assert 10 <= found <= 30


@pytest.mark.parametrize(
    ("dtype", "share"), [("float32", 0.00009), ("float16", 0.0015), ("bfloat16", 0.005)]
)
def test_lowering_each_document_by_less_than_its_tolerance_is_found_in_the_mean(dtype, share):
    forged = text_record(lambda k: honest(k) * (1 - share), dtype=dtype)
    outcome = compared(forged, text_record(honest))
    (fault,) = outcome.faults
    assert fault.startswith(f"all bits together by -{share:.3%}")
    assert outcome.worst.times < 1


def test_an_unknown_format_has_the_tolerances_of_float32():
    forged = text_record(lambda k: honest(k) * 0.999, dtype="float8_e4m3")
    assert compared(forged, text_record(honest)).faults


def test_a_document_of_another_size_is_another_document():
    record = text_record(honest)
    recheck = make_recheck(record, COMMIT, record)
    (first, *rest) = recheck.documents
    other = recheck.model_copy(update={"documents": (first.model_copy(update={"bytes": 9}), *rest)})
    outcome = compare_recheck(record, other)
    assert outcome is not None
    assert outcome.faults == (f"{first.document} is another document",)
    absent = RepeatedDocument(document=first.document)
    outcome = compare_recheck(record, recheck.model_copy(update={"documents": (absent, *rest)}))
    assert outcome is not None
    assert outcome.faults == (f"{first.document} is another document",)


def test_a_tokenizer_that_loses_text_cannot_be_hidden():
    record = text_record(honest)
    recheck = make_recheck(record, COMMIT, record)
    (first, *rest) = recheck.documents
    lost = first.model_copy(update={"lossless": False})
    outcome = compare_recheck(record, recheck.model_copy(update={"documents": (lost, *rest)}))
    assert outcome is not None
    assert outcome.faults == (f"the tokenizer gives {first.document} back in one of the two alone",)


def test_items_that_agree_agree():
    record = suite_record(lambda k: k % 3 == 0)
    outcome = compared(record, record)
    assert (outcome.faults, outcome.compared, outcome.mean) == ((), ITEMS, 0.0)


def test_answers_turned_from_wrong_to_right_are_found():
    """A forger turns a tenth of the answers; each of its log-likelihoods is far off."""
    truth = suite_record(lambda k: k % 2 == 0)
    outcome = compared(suite_record(lambda k: k % 2 == 0 or k % 10 == 1), truth)
    assert outcome.faults
    assert any("items differ, sums" in fault for fault in outcome.faults)
    assert any(fault.startswith("the score by +0.") for fault in outcome.faults)


def test_turning_close_answers_within_the_tolerance_of_each_is_found_in_the_score():
    """In bfloat16, where a margin of 0.1 nats is rounding: 10 points more in all."""
    truth = suite_record(lambda k: k % 2 == 0, margin=0.1)
    forged = in_format(suite_record(lambda k: k % 2 == 0 or k % 10 == 1, margin=0.1), "bfloat16")
    outcome = compared(forged, truth)
    assert outcome.worst.times < 1
    assert outcome.faults


def test_a_task_cut_short_and_an_exchanged_target_are_found():
    truth = suite_record(lambda k: k % 2 == 0, 300)
    short = suite_record(lambda k: k % 2 == 0, 280)
    assert compared(short, truth).faults == ("sums has 280 items of 300",)
    other = tuple(replace(response, target=1) for response in truth.tasks[0].responses)
    turned = truth.model_copy(update={"tasks": (replace(truth.tasks[0], responses=other),)})
    assert len(compared(turned, truth).faults) == ITEMS


def test_a_task_that_the_suite_does_not_have_is_found():
    record = suite_record(lambda k: True, 20)
    absent = RepeatedTask(task="sums", items=0, responses=())
    recheck = make_recheck(record, COMMIT, record).model_copy(update={"tasks": (absent,)})
    assert recheck.is_of(draw_sample(record, COMMIT))
    outcome = compare_recheck(record, recheck)
    assert outcome is not None
    assert outcome.faults == ("sums has 20 items of 0",)


def test_generated_answers_are_not_compared():
    truth = suite_record(lambda k: True, 20)
    silent = tuple(replace(r, log_likelihoods=()) for r in truth.tasks[0].responses)
    generated = truth.model_copy(update={"tasks": (replace(truth.tasks[0], responses=silent),)})
    assert compare_recheck(generated, make_recheck(generated, COMMIT, generated)) is None
    # Leaving out the log-likelihoods of a task that has some is no way round.
    assert compared(generated, truth).faults


# Which records are measured again -----------------------------------------------------------------


def stored(*results: Result) -> list[StoredResult]:
    return [StoredResult(f"results/measured/{result.file}", result) for result in results]


def rechecked(*rechecks: Recheck) -> list[StoredRecheck]:
    return [StoredRecheck(f"results/rechecks/{recheck.file}", recheck) for recheck in rechecks]


def additions(entries: list[StoredResult], provenance: Any = "contributor") -> dict[str, Addition]:
    return {entry.file: Addition(provenance, COMMIT) for entry in entries}


def due(entries: list[StoredResult], rechecks: list[StoredRecheck] | None = None, **more: Any):
    return plan_rechecks(SPECS, entries, rechecks or [], additions(entries, **more), HERE)


def test_only_contributors_records_are_measured_again():
    entries = stored(make_result(MODEL), make_result(MODEL, "suite"))
    jobs = due(entries)
    assert [(job.kind, job.sample and job.sample.repeats) for job in jobs] == [
        ("corpus", entries[0].run_id),
        ("suite", entries[1].run_id),
    ]
    assert due(entries, provenance="workflow") == due(entries, provenance="maintainer") == []
    assert plan_rechecks(SPECS, entries, [], {}, HERE) == []


def test_a_record_is_measured_again_once():
    record = make_result(MODEL)
    assert due(stored(record), rechecked(make_recheck(record, COMMIT, record))) == []


def test_a_record_that_another_replaced_is_history():
    record = make_result(MODEL)
    later = {"replaces": record.run_id, "started": record.started + timedelta(days=1)}
    entries = stored(record, record.model_copy(update=later))
    (job,) = due(entries)
    assert job.sample is not None
    assert job.sample.repeats == entries[1].run_id


def test_a_stale_record_is_history():
    text = make_result(MODEL).text
    assert text is not None
    stale = make_result(MODEL, text=text.model_copy(update={"sha256": "0" * 64}))
    assert due(stored(stale)) == []


@pytest.mark.parametrize(
    ("reason", "packages", "tried"),
    [
        ("network", {"torch": "2.13.0"}, True),
        ("unexpected", {"torch": "2.13.0"}, False),
        ("unexpected", {"torch": "2.12.0"}, True),
    ],
)
def test_what_failed_is_tried_again_when_that_may_help(reason, packages, tried):
    record = make_result(MODEL)
    failed = make_recheck(record, COMMIT, error=Failure(reason=reason, message="m"))
    environment = failed.environment.model_copy(update={"packages": packages})
    failed = failed.model_copy(update={"environment": environment})
    assert bool(due(stored(record), rechecked(failed))) == tried


def test_what_failed_waits_behind_what_was_never_tried():
    first, second = make_result(MODEL), make_result(MODEL, "suite")
    failed = make_recheck(first, COMMIT, error=Failure(reason="network", message="m"))
    jobs = due(stored(first, second), rechecked(failed))
    assert [job.kind for job in jobs] == ["suite", "corpus"]


def test_records_without_figures_by_document_or_item_are_named():
    jobs = due(stored(make_preference(make_model("org/pairs")), make_classical()))
    assert [job.blocked for job in jobs] == [
        "its figures are not by document or item, so no sample can be measured again"
    ] * 2


def test_a_contributors_claim_of_memory_and_time_keeps_no_record_from_being_measured():
    record = make_result(MODEL)
    claimed = {"wall_seconds": 1e9, "peak_memory_bytes": 10**13}
    record = record.model_copy(
        update={"environment": record.environment.model_copy(update=claimed)}
    )
    (job,) = due(stored(record))
    cost = estimate_recheck(History([], SPECS.models, "cpu"), job)
    assert (cost.seconds, cost.memory_bytes) == (None, 4 * MODEL.parameters)
    ((chosen, _),) = choose_rechecks([(job, cost)], RUNNER)
    assert chosen.blocked is None


def test_a_model_that_fits_no_runner_is_named_and_takes_no_ones_place():
    (job,) = due(stored(make_result(MODEL)))
    large = Estimate(memory_bytes=10**12)
    costs = [(job, large), *[(job, Estimate())] * (MOST + 1)]
    chosen = [blocked.blocked for blocked, _ in choose_rechecks(costs, RUNNER)]
    assert chosen[0] is not None
    assert chosen[0].startswith("waits for a larger runner: needs about 1000.0 GB")
    assert chosen[1:-1] == [None] * MOST
    assert chosen[-1] == "waits for the next run: 20 samples are in this one already"


# What differs does not count ----------------------------------------------------------------------


def test_a_record_that_differs_gives_way_to_the_one_before_until_it_is_confirmed():
    before = text_record(honest)
    later = {"replaces": before.run_id, "started": before.started + timedelta(days=1)}
    forged = text_record(lambda k: honest(k) * 0.9).model_copy(update=later)
    entries = stored(before, forged)
    assert latest_results(entries)[forged.key].result == forged
    differs = make_recheck(forged, COMMIT, before)
    marked = mark_remeasured(entries, rechecked(differs))
    assert [entry.counts for entry in marked] == [True, False]
    assert "documents differ" in (marked[1].differs or "")
    assert latest_results(marked)[forged.key].result == before
    contributed = [replace(entry, added_by="contributor") for entry in entries]
    agrees = make_recheck(forged, COMMIT, forged).model_copy(
        update={"started": datetime(2026, 6, 1, tzinfo=UTC)}
    )
    again = mark_remeasured(entries, rechecked(agrees, differs))
    assert latest_results(again)[forged.key].result == forged
    names = [e.measured_by for e in mark_remeasured(contributed, rechecked(agrees, differs))]
    assert names == ["contributor", "contributor, re-measured"]


def test_a_re_measurement_of_another_job_or_that_failed_says_nothing():
    record = text_record(honest)
    other = make_recheck(record, COMMIT, text_record(lambda k: 1.0))
    entries = stored(record)
    wrong = other.model_copy(update={"name": "poems"})
    failed = make_recheck(record, COMMIT, error=Failure(reason="nan", message="m"))
    assert mark_remeasured(entries, rechecked(wrong, failed)) == entries
