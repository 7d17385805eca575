"""Records: written whole, never edited, and the latest valid one counts."""

import json
import stat
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from generator.files.results import read_results, record_text, write_atomically, write_result
from generator.plan import latest_results, plan_jobs
from generator.records.results import Failure, Result
from tests.factory import CORPUS, PROTOCOL, SUITE, make_model, make_result, make_specs, store

MODEL = make_model()
LATER = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize("kind", ["corpus", "suite"])
def test_a_record_comes_back_as_it_was(tmp_path, kind):
    result = make_result(MODEL, kind)
    file = write_result(tmp_path, "measured", result)
    assert file.endswith(f"/{kind}-{result.name}/{result.run_id}.json")
    stored, problems = read_results(tmp_path, "measured")
    assert (stored[0].file, stored[0].result, problems) == (file, result, [])


def test_the_run_id_follows_from_the_content_but_for_a_retraction():
    result = make_result(MODEL)
    assert make_result(MODEL, retracted="wrong text").run_id == result.run_id
    assert make_result(MODEL, started=LATER).run_id != result.run_id


def written(tmp_path):
    file = write_result(tmp_path, "measured", make_result(MODEL))
    return tmp_path / file, file


def test_a_truncated_record_is_reported(tmp_path):
    path, file = written(tmp_path)
    path.write_text(path.read_text()[:500])
    stored, problems = read_results(tmp_path, "measured")
    assert stored == []
    assert [str(p) for p in problems] == [
        f"{file}: is not valid JSON; restore it from git or measure again"
    ]


def test_an_edited_record_is_reported(tmp_path):
    path, file = written(tmp_path)
    result = make_result(MODEL)
    edited = result.model_copy(update={"tokens_seen": 5})
    path.write_text(record_text(edited))
    _, problems = read_results(tmp_path, "measured")
    assert [str(p) for p in problems] == [
        f"{file}: its content does not belong in this file; it belongs in {edited.file}; "
        "records are never edited: restore it from git or measure again"
    ]


def test_an_unknown_format_and_field_are_reported_together(tmp_path):
    path, file = written(tmp_path)
    content = json.loads(path.read_text()) | {"format": 2, "modell": "x"}
    path.write_text(json.dumps(content))
    _, problems = read_results(tmp_path, "measured")
    assert [str(p) for p in problems] == [
        f"{file}: format: 2 is not allowed; it should be 1",
        f'{file}: modell: unknown field; did you mean "model"?',
    ]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_figures_are_finite(value):
    content = make_result(MODEL).model_dump()
    content["lossless"]["bits_per_byte"] = value
    with pytest.raises(ValidationError):
        Result.model_validate(content)


def test_a_write_that_fails_leaves_no_half_file(tmp_path):
    target = tmp_path / "taken"
    target.mkdir()  # a folder stands where the file should go
    with pytest.raises(OSError, match="taken"):
        write_atomically(target, b"content")
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]


def test_written_files_are_readable_by_all(tmp_path):
    write_atomically(tmp_path / "file", b"content")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o644


def test_the_latest_valid_record_counts():
    old, new = make_result(MODEL), make_result(MODEL, started=LATER)
    bad = make_result(MODEL, started=LATER, error=Failure(reason="nan", message="m"))
    taken_back = make_result(MODEL, started=LATER, retracted="wrong")
    assert [e.result for e in latest_results(store(new, old)).values()] == [new]
    assert [e.result for e in latest_results(store(old, bad, taken_back)).values()] == [old]


def reasons(*results):
    jobs = plan_jobs(make_specs(MODEL), store(*results))
    return {(job.kind, job.why) for job in jobs}


def test_the_plan_says_what_is_due_and_why():
    corpus, suite = make_result(MODEL), make_result(MODEL, "suite")
    assert reasons() == {("corpus", "missing"), ("suite", "missing")}
    assert reasons(corpus, suite) == set()
    failed = make_result(MODEL, "suite", error=Failure(reason="nan", message="m"), tasks=())
    assert reasons(corpus, failed) == {("suite", "failed before: nan")}


def test_a_record_of_another_protocol_text_or_suite_is_stale():
    protocol = PROTOCOL.model_copy(update={"stride_tokens": 4})
    corpus = CORPUS.model_copy(update={"protocol": protocol})
    task = SUITE.tasks[0].model_copy(update={"few_shot": 5})
    specs = make_specs(MODEL)
    specs.corpora["prose"] = corpus
    specs.suites["starter"] = SUITE.model_copy(update={"tasks": (task,)})
    stored = store(make_result(MODEL), make_result(MODEL, "suite"))
    assert {job.why for job in plan_jobs(specs, stored)} == {
        "stale: the protocol changed",
        "stale: the suite's tasks changed",
    }
    specs.corpora["prose"] = CORPUS.model_copy(update={"sha256": "d" * 64})
    assert "stale: the corpus text changed" in {job.why for job in plan_jobs(specs, stored)}


def test_an_unpinned_suite_is_blocked():
    task = SUITE.tasks[0]
    unpinned = task.model_copy(update={"dataset": task.dataset.model_copy(update={"revision": ""})})
    specs = make_specs(MODEL)
    specs.suites["starter"] = SUITE.model_copy(update={"tasks": (unpinned,)})
    (job,) = [job for job in plan_jobs(specs, []) if job.kind == "suite"]
    assert job.blocked == "unpinned datasets: sums; run `leaderboard plan --pin`"
