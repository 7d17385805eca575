"""Every relation that a measurement keeps, broken once: the record is refused, with the reason."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from compression_leaderboard.gate.collect import why_refused
from compression_leaderboard.gate.impossible import Known, why_impossible
from compression_leaderboard.records.calibration import NumberFormat
from compression_leaderboard.records.results import Failure, Result, Subtask

from tests.factory import (
    make_classical,
    make_model,
    make_preference,
    make_proof,
    make_result,
    make_specs,
    store,
)

MODEL = make_model()
LATEST = date(2026, 6, 2)
CORPUS, SUITE = make_result(MODEL), make_result(MODEL, "suite")
PREFERENCE, PROOF, COMPRESSED = make_preference(MODEL), make_proof(MODEL), make_classical()
WHOLE = [CORPUS, SUITE, PREFERENCE, PROOF, COMPRESSED]


def known(*results: Result) -> Known:
    return Known.of(store(*results), LATEST)


def with_group() -> Result:
    """The suite's task as a group of two equal subtasks."""
    (task,) = SUITE.tasks
    members = tuple(
        Subtask(name=name, version="1", scores=task.scores, responses=task.responses)
        for name in ("one", "two")
    )
    scores = tuple(replace(score, n=8) for score in task.scores)
    group = replace(task, responses=(), scores=scores, subtasks=members)
    grouped = replace(group, task=group.task.model_copy(update={"task": "pair"}))
    return SUITE.model_copy(update={"tasks": (grouped,)})


@pytest.mark.parametrize("result", [*WHOLE, with_group()], ids=lambda r: r.kind)
def test_what_was_measured_is_possible(result):
    assert why_impossible(result, known(*WHOLE)) is None


def changed(result: Result, path: str, value: Any) -> Result:
    """The record with one field changed. path: names and indices from the record, dotted."""

    def change(part: Any, names: list[str]) -> Any:
        if not names:
            return value(part) if callable(value) else value
        name, *rest = names
        if isinstance(part, tuple):
            items = list(part)
            items[int(name)] = change(items[int(name)], rest)
            return tuple(items)
        inner = change(getattr(part, name), rest)
        if hasattr(part, "model_copy"):
            return part.model_copy(update={name: inner})
        return replace(part, **{name: inner})

    made: Result = change(result, path.split("."))
    return made


FIRST = "lossy.layers.1"
DOCUMENT = "lossless.documents.0"
START = "calibration.start"
FAST = changed(
    changed(CORPUS, "environment.dtype", "bfloat16"),
    "calibration.number_format",
    NumberFormat(dtype="bfloat16", bits=20_005.0, float32_bits=20_000.0, standard_error=0.0001),
)
NOT_GIVEN_BACK = changed(CORPUS, f"{DOCUMENT}.lossless", False)
BROKEN: list[tuple[Result, str, Any, str]] = [
    (CORPUS, "started", datetime(2014, 12, 31, tzinfo=UTC), "was started on 2014-12-31, not"),
    (CORPUS, "started", datetime(2026, 6, 3, tzinfo=UTC), "was started on 2026-06-03, not"),
    (CORPUS, "replaces", SUITE.run_id, f"replaces {SUITE.run_id}, which is no record of the same"),
    (CORPUS, "replaces", "0" * 12, "replaces 000000000000, which is no record of the same job"),
    (CORPUS, "environment.dtype", None, "does not say in which number format it was computed"),
    (CORPUS, "lossless.bits_per_byte", 1.2, "has 1.2 bits per byte, its documents 1.1"),
    (CORPUS, "lossless.failing_bytes", 100, "has 100 failing bytes, its documents 0"),
    (CORPUS, "lossless.documents.0.lossless", False, "has 0 failing bytes, its documents 100"),
    (CORPUS, "lossless.documents.0.tokens", 401, "has a document of more than 4 tokens per byte"),
    (CORPUS, "lossless.documents.0.document", "d1", "has a document twice"),
    (CORPUS, "lossless.documents.0.document", "x", "has the document x of 100 bytes, other"),
    (CORPUS, "lossless.documents.0.bytes", 10, "has 210 bytes of documents, the text 300"),
    (CORPUS, "lossless.documents.0.bytes", 101, "has a document of more than 100 bytes"),
    (CORPUS, "lossless.documents", lambda d: (*d, replace(d[0], document="d4")), "has 4 documents"),
    (CORPUS, "lossless.stretches.0.bits", 241.0, "has 331.0 bits in stretches, 330.0 in documents"),
    (CORPUS, "lossless.stretches.0.bytes", 1, "has other bytes in stretches than in documents"),
    (CORPUS, "calibration.sha256", "0" * 64, "was calibrated on another text than the board's"),
    (CORPUS, "calibration.tokens", 4001, "has 4001 tokens of calibration text, at most 4000"),
    (CORPUS, "calibration.window_tokens", 8, "was calibrated in windows of 8 tokens, not 16"),
    (PREFERENCE, "calibration.window_tokens", 8, "was calibrated in windows of 8 tokens, not 16"),
    (PROOF, "calibration.window_tokens", 8, "was calibrated in windows of 8 tokens, not 16"),
    (CORPUS, "calibration.future_nats", 0.01, "has costs that later tokens change by 0.01 nats"),
    (CORPUS, f"{START}.mode", "bos-every-window", "starts with bos-every-window where its bits"),
    (CORPUS, f"{START}.modes.0.bits", 19_000.0, "starts with bos where its bits choose none"),
    (CORPUS, f"{START}.modes.0.bits", 0.0, "starts with bos where its bits choose none"),
    (CORPUS, "environment.dtype", "bfloat16", "was scored in bfloat16, its calibration allows fl"),
    (FAST, "calibration.number_format.bits", 20_300.0, "was scored in bfloat16, its calib"),
    (FAST, "calibration.number_format.standard_error", 0.0006, "was scored in bfloat16, its"),
    (FAST, "calibration.number_format.float32_bits", 20_005.0, "has 20005.0 bits in float32"),
    (FAST, "calibration.tokens", 3999, "compares number formats on 3999 tokens, not 4000"),
    (
        changed(CORPUS, "lossless.bits_per_byte", 231 / 300),
        DOCUMENT,
        lambda d: replace(d, bits=1.0, class_bits=(1.0, 0.0)),
        "has a document of fewer bits than the 1.585 that name its start mode",
    ),
    (CORPUS, f"{DOCUMENT}.class_bytes.0", 81, "has 101 bytes in classes, 100 in the document d0"),
    (
        CORPUS,
        f"{DOCUMENT}.class_bits.0",
        71.0,
        "has 101.0 bits in classes, 100.0 in the document d",
    ),
    (CORPUS, f"{DOCUMENT}.class_bytes", (80, 19, 1), "has 1 bytes at the start of the document d0"),
    (CORPUS, f"{DOCUMENT}.class_bytes", (100, 0, 0), "has 28.0 bits of whitespace in the document"),
    (NOT_GIVEN_BACK, "lossless.failing_bytes", 100, "has classes of the document d0, which its"),
    (CORPUS, "lossy.positions", 49, "has 49 positions, the protocol 50"),
    (CORPUS, "lossy.documents", 4, "has positions in 4 documents"),
    (CORPUS, "lossy.group_positions", (20, 20, 11), "has groups whose positions do not add up"),
    (CORPUS, "lossy.group_positions", (50,), "deals 3 documents to 1 group"),
    (CORPUS, "lossy.group_positions", (20, 20, 9, 1), "deals 3 documents to 4 groups"),
    (CORPUS, "lossy.labels", lambda labels: labels[:1], "has other labels than the protocol"),
    (CORPUS, "lossy.labels.0.distinct", 51, "has more distinct labels than positions"),
    (CORPUS, "lossy.replicates.0.corrected", (0.4,), "has another number of replicates than of"),
    (CORPUS, "lossy.convergence.0.positions", 51, "has a share of more than all positions"),
    (CORPUS, "lossy.layers", lambda layers: layers[:2], "does not have each of 2 layers and the"),
    (CORPUS, f"{FIRST}.layer", 2, "does not have each of 2 layers and the embedding once"),
    (CORPUS, "subject", None, "does not say what model has these layers"),
    (CORPUS, f"{FIRST}.entropy", (0.9,), "layer 1 does not have a number for each of 2 seeds"),
    (CORPUS, f"{FIRST}.effective_rank", 65.0, "layer 1 has the effective rank 65.0 of 64"),
    (CORPUS, f"{FIRST}.effective_rank", 0.5, "layer 1 has the effective rank 0.5 of 64"),
    (CORPUS, f"{FIRST}.ceiling", (0.7, 0.92), "layer 1 has a ceiling above its entropy"),
    (CORPUS, f"{FIRST}.information", lambda i: i[:1], "layer 1 has other labels than the protocol"),
    (CORPUS, f"{FIRST}.information.0.null", (0.1,), "layer 1 does not have an estimate for each"),
    (CORPUS, f"{FIRST}.information.0.plug_in", (0.5, 0.71), "layer 1 has more information than"),
    (SUITE, "tasks.0.scores.0.value", 0.75, "sums: has 0.75 as acc, its items 0.5"),
    (SUITE, "tasks.0.scores.0.stderr", 0.1, "sums: has the standard error 0.1, its items 0.288"),
    (SUITE, "tasks.0.scores.0.n", 5, "sums: scores 5 items, has 4"),
    (SUITE, "tasks.0.scores.0.metric", "f1", "sums: has a f1 that its items do not have"),
    (SUITE, "tasks.0.scores", (), "sums: has no acc"),
    (SUITE, "tasks.0.responses", (), "sums: has no items"),
    (SUITE, "tasks.0.responses", lambda r: r[:1] * 4, "sums: has an item twice"),
    (
        SUITE,
        "tasks.0.responses",
        lambda r: r[::-1],
        "sums: does not have every item once, in order",
    ),
    (SUITE, "tasks.0.responses", lambda r: r[:3], "sums: has 3 items, others 4"),
    (
        SUITE,
        "tasks.0.responses.0.target",
        1,
        "sums: has an item whose log-likelihoods give another",
    ),
    (
        SUITE,
        "tasks.0.responses.0.target",
        2,
        "sums: has an item whose log-likelihoods give another",
    ),
    (with_group(), "tasks.0.scores.0.n", 4, "pair: scores 4 items, its subtasks 8"),
    (with_group(), "tasks.0.scores.0.value", 0.6, "pair: has 0.6 as acc, its subtasks 0.5"),
    (with_group(), "tasks.0.subtasks.0.scores.0.value", 0.6, "one: has 0.6 as acc, its items 0.5"),
    (PREFERENCE, "preference.pairs", 19, "has 19 pairs with those left out, the protocol 20"),
    (PREFERENCE, "preference.completion_tokens", 39, "has completions without tokens"),
    (PREFERENCE, "preference.layers", lambda layers: layers[1:], "does not have each layer once"),
    (PREFERENCE, "preference.layers.1.null", (0.02,), "layer 1 does not have an estimate for each"),
    (PROOF, "proof.sample_bytes", 301, "has a sample of 301 bytes, the text has 300"),
    (PROOF, "proof.tokens", 1201, "has more than 4 tokens per byte"),
    (PROOF, "proof.bits_quantised", 700.0, "has fewer bits under the coder's weights than under"),
    (PROOF, "proof.compressed_bytes", 500, "has 4000 bits for a cost of "),
    (COMPRESSED, "classical.compressed", lambda c: c[:5], "has other compressors or settings than"),
    (COMPRESSED, "classical.compressed.0.whole_bytes", 1601, "gzip makes 1601 bytes of 300"),
    (COMPRESSED, "classical.documents.0.bytes", 99, "has 299 bytes of documents, the text 300"),
]


@pytest.mark.parametrize(("result", "path", "value", "wrong"), BROKEN)
def test_each_broken_relation_is_told(result, path, value, wrong):
    broken = changed(result, path, value)
    assert broken != result
    reason = why_impossible(broken, known(*WHOLE))
    assert reason is not None
    assert reason.startswith(wrong)


def test_a_text_is_not_free():
    """A rate of 0 would also be the denominator of a comparison."""
    free = tuple(replace(document, bits=0.0) for document in CORPUS.lossless.documents)
    scored = {"documents": free, "stretches": (), "bits_per_byte": 0.0}
    lossless = CORPUS.lossless.model_copy(update=scored)
    reason = why_impossible(CORPUS.model_copy(update={"lossless": lossless}), known(CORPUS))
    assert reason == "has 0.0 bits per byte, fewer than any text needs"


def test_a_new_failure_has_a_known_reason_and_an_old_one_any():
    failed = SUITE.model_copy(update={"tasks": (), "error": Failure(reason="zzz", message="m")})
    assert why_refused(failed, make_specs(MODEL), known()) == 'failed for the unknown reason "zzz"'
    assert why_impossible(failed, known()) is None
    new = failed.model_copy(update={"error": Failure(reason="nan", message="m")})
    assert why_refused(new, make_specs(MODEL), known()) is None


def test_the_first_record_of_a_text_is_what_others_are_compared_with():
    other = changed(CORPUS, "lossless.documents.0.document", "x")
    assert why_impossible(other, known(other, CORPUS)) is None
    assert why_impossible(CORPUS, known(other, CORPUS)) is not None


def test_a_suite_that_now_pins_its_tasks_has_as_many_items_as_before():
    """Otherwise the first record with a definition could have any number of items."""
    (task,) = SUITE.tasks
    defined = replace(task, task=task.task.model_copy(update={"definition": "d" * 64}))
    first = SUITE.model_copy(update={"tasks": (defined,)})
    fewer = tuple(replace(s, n=2, stderr=None) for s in task.scores)
    short = first.model_copy(
        update={"tasks": (replace(defined, responses=task.responses[:2], scores=fewer),)}
    )
    assert why_impossible(first, known(SUITE)) is None
    assert why_impossible(short, known(SUITE, short)) == "sums: has 2 items, others 4"
