"""Records: written whole, never edited, and the latest valid one counts."""

import hashlib
import json
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from inspect import isclass
from typing import Any, cast, get_args

import pytest
from compression_leaderboard.plan.jobs import latest_results, plan_jobs
from compression_leaderboard.records.base import Record, UserError, problems_of
from compression_leaderboard.records.calibration import ModeBits, Start
from compression_leaderboard.records.models import Checkpoint
from compression_leaderboard.records.results import CLASSICAL, Failure, Result, TaskResult
from compression_leaderboard.repository.files import write_atomically
from compression_leaderboard.repository.results import read_records, record_text, write_record
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tests.factory import (
    CORPUS,
    PROTOCOL,
    SUITE,
    make_classical,
    make_model,
    make_preference,
    make_result,
    make_specs,
    store,
)

FIX = "fix it, restore it from git or measure again"
MODEL = make_model()
LATER = datetime(2026, 2, 1, tzinfo=UTC)
BOUNDED = st.floats(-1e15, 1e15, exclude_min=True, exclude_max=True)


@pytest.mark.parametrize("kind", ["corpus", "suite"])
def test_a_record_comes_back_as_it_was(tmp_path, kind):
    result = make_result(MODEL, kind)
    file = write_record(tmp_path / "results/measured", tmp_path, result)
    assert file.endswith(f"/{kind}-{result.name}/{result.run_id}.json")
    stored, problems = read_records(tmp_path, "results/measured")
    assert (stored[0].file, stored[0].result, problems) == (file, result, [])


def test_the_committed_records_are_in_order(checked_repository):
    """And so is all else in runs/ and results/."""
    assert checked_repository[1] == []
    assert len(checked_repository[0].stored) > 0


@given(BOUNDED, st.none() | BOUNDED.map(abs), st.text(st.characters(exclude_categories=["Cs"])))
def test_any_figure_and_text_comes_back_exactly(tmp_path_factory, value, stderr, text):
    (task,) = make_result(MODEL, "suite").tasks
    score = replace(task.scores[0], value=value, stderr=stderr, metric=text)
    result = make_result(MODEL, "suite", tasks=(replace(task, scores=(score,)),))
    root = tmp_path_factory.mktemp("record")
    file = write_record(root / "results/measured", root, result)
    (stored,), problems = read_records(root, "results/measured")
    assert (stored.result, stored.file, problems) == (result, file, [])


def test_the_run_id_follows_from_the_content_but_for_a_retraction():
    result = make_result(MODEL)
    assert make_result(MODEL, retracted="wrong text").run_id == result.run_id
    assert make_result(MODEL, started=LATER).run_id != result.run_id


def test_the_file_is_named_by_the_hash_of_what_stands_in_it(tmp_path):
    """Anyone can check a record without this package: sorted keys, no spaces, ASCII."""
    path, _ = written(tmp_path)
    content = json.loads(path.read_text("utf-8"))
    assert "retracted" not in content
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    assert path.stem == hashlib.sha256(canonical.encode()).hexdigest()[:12]


def test_a_record_is_retracted_in_its_file(tmp_path):
    path, file = written(tmp_path)
    path.write_text(
        path.read_text().replace('"format": 3,', '"format": 3, "retracted": "wrong text",')
    )
    stored, problems = read_records(tmp_path, "results/measured")
    assert problems == []
    assert [(s.file, s.result.retracted, s.result.counts) for s in stored] == [
        (file, "wrong text", False)
    ]


def written(tmp_path):
    file = write_record(tmp_path / "results/measured", tmp_path, make_result(MODEL))
    return tmp_path / file, file


def test_a_truncated_record_is_reported(tmp_path):
    path, file = written(tmp_path)
    path.write_text(path.read_text()[:500])
    stored, problems = read_records(tmp_path, "results/measured")
    assert stored == []
    assert [str(p) for p in problems] == [
        f"{file}: is not valid JSON: EOF while parsing a string at line 24 column 14; {FIX}"
    ]


def test_an_edited_record_is_reported(tmp_path):
    path, file = written(tmp_path)
    result = make_result(MODEL)
    edited = result.model_copy(update={"tokens_seen": 5})
    path.write_text(record_text(edited))
    _, problems = read_records(tmp_path, "results/measured")
    assert [str(p) for p in problems] == [
        f"{file}: its content does not belong in this file; it belongs in "
        f"results/measured/{edited.file}; "
        "records are never edited: restore it from git or measure again"
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "EOF while parsing a value at line 1 column 0"),
        (b"\xff\xfe", "expected value at line 1 column 1"),
        (b"[1, 2", "EOF while parsing a list at line 1 column 5"),
        (b"\x00" * 100, "expected value at line 1 column 1"),
    ],
)
def test_a_corrupt_record_is_reported(tmp_path, content, reason):
    path, file = written(tmp_path)
    path.write_bytes(content)
    assert [str(p) for p in read_records(tmp_path, "results/measured")[1]] == [
        f"{file}: is not valid JSON: {reason}; {FIX}"
    ]


@given(st.data())
def test_a_record_cut_anywhere_is_reported(tmp_path_factory, data):
    text = record_text(make_result(MODEL))
    length = data.draw(st.integers(0, len(text.rstrip()) - 1))
    path = tmp_path_factory.getbasetemp() / "cut/results/measured/cut.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text[:length])
    stored, problems = read_records(path.parents[2], "results/measured")
    assert (stored, len(problems)) == ([], 1)


def test_a_misplaced_record_is_reported(tmp_path):
    path, file = written(tmp_path)
    moved = path.parent.parent / "corpus-code" / path.name
    moved.parent.mkdir()
    path.rename(moved)
    stored, problems = read_records(tmp_path, "results/measured")
    assert stored == []
    assert [str(p) for p in problems] == [
        f"{moved.relative_to(tmp_path)}: its content does not belong in this file; it belongs in "
        f"{file}; "
        "records are never edited: restore it from git or measure again"
    ]


def test_a_folder_named_like_a_record_is_reported(tmp_path):
    path, file = written(tmp_path)
    path.unlink()
    path.mkdir()
    assert [str(p) for p in read_records(tmp_path, "results/measured")[1]] == [
        f"{file}: cannot be read: Is a directory; restore it from git or measure again"
    ]


def test_all_faulty_records_are_reported_and_the_good_ones_read(tmp_path):
    write_record(tmp_path / "results/measured", tmp_path, make_result(MODEL))
    for name in ("a.json", "b.json"):
        (tmp_path / "results/measured" / name).write_text("{")
    stored, problems = read_records(tmp_path, "results/measured")
    assert [s.result for s in stored] == [make_result(MODEL)]
    assert [p.file for p in problems] == ["results/measured/a.json", "results/measured/b.json"]


@pytest.mark.parametrize(
    ("kind", "name", "empty"),
    [("suite", "tasks", []), ("corpus", "text", None), ("corpus", "lossless", None)],
)
def test_a_record_without_what_was_asked_is_reported(tmp_path, kind, name, empty):
    file = write_record(tmp_path / "results/measured", tmp_path, make_result(MODEL, kind))
    content = json.loads((tmp_path / file).read_text()) | {name: empty}
    (tmp_path / file).write_text(json.dumps(content))
    assert [str(p) for p in read_records(tmp_path, "results/measured")[1]] == [
        f"{file}: {name}: missing; measure again: a {kind} record needs it"
    ]


@pytest.mark.parametrize(
    ("record", "part", "needed"),
    [
        (make_result(MODEL, "suite"), "lossless", "tasks"),
        (make_result(MODEL), "tasks", "text and lossless"),
        (make_classical(), "lossless", "text and classical"),
        (make_preference(MODEL), "lossless", "preference"),
    ],
)
def test_a_record_with_the_part_of_another_is_reported(record, part, needed):
    """Nothing would verify that part, and the board would show it."""
    other = make_result(MODEL, "suite" if part == "tasks" else "corpus")
    with pytest.raises(ValidationError, match=f"cannot be in a record with {needed}; measure"):
        Result.model_validate({**dict(record), part: getattr(other, part)})


def test_a_time_without_its_zone_is_reported(tmp_path):
    path, file = written(tmp_path)
    path.write_text(path.read_text().replace("2026-01-01T00:00:00Z", "2026-01-01T00:00:00"))
    assert [str(p) for p in read_records(tmp_path, "results/measured")[1]] == [
        f'{file}: started: "2026-01-01T00:00:00" is not allowed; it should have timezone info'
    ]


def test_an_unknown_format_and_field_are_reported_together(tmp_path):
    path, file = written(tmp_path)
    content = json.loads(path.read_text()) | {"format": 1, "modell": "x"}
    path.write_text(json.dumps(content))
    _, problems = read_records(tmp_path, "results/measured")
    assert [str(p) for p in problems] == [
        f"{file}: format: 1 is not allowed; it should be 2 or 3",
        f'{file}: modell: unknown field; did you mean "model"?',
    ]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_figures_are_finite(value):
    content = make_result(MODEL).model_dump()
    content["lossless"]["bits_per_byte"] = value
    with pytest.raises(ValidationError, match="finite"):
        Result.model_validate(content)


@pytest.mark.parametrize("figure", ["NaN", "Infinity", "-Infinity"])
def test_a_record_with_a_figure_that_is_none_is_reported(tmp_path, figure):
    path, file = written(tmp_path)
    path.write_text(path.read_text().replace('"bits_per_byte": 1.1', f'"bits_per_byte": {figure}'))
    assert [str(p) for p in read_records(tmp_path, "results/measured")[1]] == [
        f"{file}: lossless.bits_per_byte: {figure} is not allowed; it should be a finite number"
    ]


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('"group_positions": [20, 20, 10]', '"group_positions": [0, 40, 10]', "group_positions.1"),
        ('"bytes": 192', '"bytes": 0', "stretches.1.bytes"),
        ('"dtype": "float32"', '"dtype": ""', "environment.dtype"),
    ],
)
def test_a_record_with_an_empty_group_stretch_or_name_is_reported(tmp_path, old, new, field):
    """The first two are denominators, and a name is a cell of a table."""
    path, _ = written(tmp_path)
    content = json.dumps(json.loads(path.read_text()))
    assert old in content
    path.write_text(content.replace(old, new))
    (problem,) = read_records(tmp_path, "results/measured")[1]
    assert problem.field.endswith(field)


def test_a_text_without_documents_is_reported(tmp_path):
    path, file = written(tmp_path)
    content = json.loads(path.read_text())
    content["lossless"]["documents"] = []
    path.write_text(json.dumps(content))
    assert [str(p) for p in read_records(tmp_path, "results/measured")[1]] == [
        f"{file}: lossless.documents: is empty; fill it in"
    ]


def test_a_score_in_per_cent_is_refused_and_says_how_to_mend_it():
    """Only of the metric that counts: others may have any unit."""
    task = make_result(MODEL, "suite").tasks[0]
    adapter = TypeAdapter(TaskResult)
    content = adapter.dump_python(task, mode="json")
    content["scores"] = [content["scores"][0] | {"value": 45.0}]
    with pytest.raises(ValidationError) as found:
        adapter.validate_json(json.dumps(content))
    record = cast(type[Record], TaskResult)  # a dataclass that stands for one
    assert [str(p) for p in problems_of(found.value, "record.json", record)] == [
        "record.json: scores: 45 of sums is not a fraction in [0, 1]; "
        "a score in per cent is divided by 100"
    ]
    content["scores"][0]["metric"] = "perplexity"
    assert adapter.validate_json(json.dumps(content)).scores[0].value == 45.0


def test_no_such_figure_is_written_either(tmp_path):
    """model_copy does not validate; the writer refuses all the same, before it opens a file."""
    lossless = make_result(MODEL).lossless.model_copy(update={"bits_per_byte": float("nan")})
    result = make_result(MODEL).model_copy(update={"lossless": lossless})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_record(tmp_path / "results/measured", tmp_path, result)
    assert list(tmp_path.iterdir()) == []


@contextmanager
def disk_full_after(n_bytes: int) -> Iterator[None]:
    """Any write beyond `n_bytes` of a file fails, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_record_that_does_not_fit_on_the_disk_leaves_nothing(tmp_path):
    with disk_full_after(1000), pytest.raises(UserError, match="be written: File too large; "):
        write_record(tmp_path / "results/measured", tmp_path, make_result(MODEL))
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_a_write_that_does_not_fit_leaves_the_old_file_as_it_was(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"old")
    with disk_full_after(1000), pytest.raises(OSError, match="File too large"):
        write_atomically(path, b"new" * 1000)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("file", b"old")]


def test_a_write_over_a_folder_leaves_no_half_file(tmp_path):
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


def test_of_two_records_of_one_moment_the_same_one_counts_in_any_order():
    one, two = make_result(MODEL), make_result(MODEL, tokens_seen=1)
    first, second = latest_results(store(one, two)), latest_results(store(two, one))
    assert first == second


EVENTS = st.tuples(st.integers(0, 5), st.sampled_from(["good", "failed", "retracted"]))


@given(st.lists(EVENTS, max_size=6), st.randoms())
def test_the_record_that_counts_is_the_newest_good_one_whatever_the_order(events, random):
    marks: dict[str, dict[str, Any]] = {
        "good": {},
        "failed": {"error": Failure(reason="nan", message="m")},
        "retracted": {"retracted": "wrong"},
    }
    results = [
        make_result(MODEL, started=LATER + timedelta(days=day), **marks[event])
        for day, event in events
    ]
    random.shuffle(results)
    found = [entry.result for entry in latest_results(store(*results)).values()]
    good = [result for result in results if result.counts]
    assert len(found) == bool(good)
    if good:
        assert found[0].started == max(result.started for result in good)
        assert found[0].counts


def model_jobs(specs, stored, again=False):
    """What is due of the models; the classical compressors have tests of their own."""
    return [j for j in plan_jobs(specs, stored, again) if j.model.id != CLASSICAL.id]


def reasons(*results):
    jobs = model_jobs(make_specs(MODEL), store(*results))
    return {(job.kind, job.why) for job in jobs}


def test_the_plan_says_what_is_due_and_why():
    corpus, suite = make_result(MODEL), make_result(MODEL, "suite")
    assert reasons() == {("corpus", "missing"), ("suite", "missing")}
    assert reasons(corpus, suite) == set()
    failed = make_result(MODEL, "suite", error=Failure(reason="nan", message="m"), tasks=())
    assert reasons(corpus, failed) == {("suite", "failed before: nan")}


def test_a_failure_does_not_make_a_good_record_due_again():
    corpus, suite = make_result(MODEL), make_result(MODEL, "suite")
    failed = make_result(MODEL, started=LATER, error=Failure(reason="nan", message="m"))
    assert reasons(corpus, suite, failed) == set()


def test_a_retracted_record_is_due_again():
    suite = make_result(MODEL, "suite")
    assert reasons(make_result(MODEL, retracted="wrong"), suite) == {("corpus", "missing")}


def test_all_is_due_when_asked_for_again():
    stored = store(make_result(MODEL), make_result(MODEL, "suite"))
    jobs = model_jobs(make_specs(MODEL), stored, again=True)
    assert [(job.kind, job.why) for job in jobs] == [
        ("suite", "asked for"),
        ("corpus", "asked for"),
    ]
    assert jobs[0].key == (MODEL.id, MODEL.weights.revision, "suite", "starter")


def test_every_checkpoint_is_due_in_order_and_the_final_weights_last():
    revisions = [f"sha256-{letter * 40}" for letter in "def"]
    checkpoints = tuple(
        Checkpoint(revision=revision, tokens_seen=seen, path=f"weights/{seen}")
        for revision, seen in zip(revisions, (300, 100, 200), strict=True)
    )
    model = make_model(checkpoints=checkpoints, suites=(), training_tokens=400)
    done = make_result(model).model_copy(update={"revision": revisions[1]})
    due = [job.checkpoint.tokens_seen for job in model_jobs(make_specs(model), store(done))]
    assert due == [200, 300, 400]


def test_a_record_of_another_protocol_text_or_suite_is_stale():
    protocol = PROTOCOL.model_copy(update={"stride_tokens": 4})
    corpus = CORPUS.model_copy(update={"protocol": protocol})
    task = SUITE.tasks[0].model_copy(update={"few_shot": 5})
    specs = make_specs(MODEL)
    specs.corpora["prose"] = corpus
    specs.suites["starter"] = SUITE.model_copy(update={"tasks": (task,)})
    stored = store(make_result(MODEL), make_result(MODEL, "suite"))
    assert {job.why for job in model_jobs(specs, stored)} == {
        "stale: the protocol changed",
        "stale: the suite's tasks changed",
    }
    specs.corpora["prose"] = CORPUS.model_copy(update={"sha256": "d" * 64})
    assert "stale: the corpus text changed" in {job.why for job in model_jobs(specs, stored)}


def test_an_unpinned_suite_is_blocked():
    task = SUITE.tasks[0]
    unpinned = task.model_copy(update={"dataset": task.dataset.model_copy(update={"revision": ""})})
    specs = make_specs(MODEL)
    specs.suites["starter"] = SUITE.model_copy(update={"tasks": (unpinned,)})
    (job,) = [job for job in plan_jobs(specs, []) if job.kind == "suite"]
    assert job.blocked == "unpinned: sums; run `leaderboard plan --pin`"


def test_what_may_be_unknown_may_be_absent():
    """A record is written without what is not known: such a field needs a default."""
    seen: set[type[Record]] = set()
    due: list[type[Record]] = [Result]
    while due:
        record = due.pop()
        seen.add(record)
        for name, field in record.model_fields.items():
            kinds = [field.annotation, *get_args(field.annotation)]
            if type(None) in kinds:
                assert not field.is_required(), f"{record.__name__}.{name}"
            found = [k for kind in kinds for k in (kind, *get_args(kind))]
            due += [k for k in found if isclass(k) and issubclass(k, Record) and k not in seen]
    assert len(seen) > 15


@pytest.mark.parametrize("kind", ["corpus", "suite"])
@pytest.mark.parametrize("name", ["calibration", "backend"])
def test_a_record_of_this_format_says_what_was_measured_before(kind, name):
    changes = {name: None}
    if (kind, name) == ("corpus", "backend"):
        assert make_result(MODEL, kind, **changes).backend is None  # texts have none
        return
    with pytest.raises(ValidationError, match="format 3 needs it"):
        make_result(MODEL, kind, **changes)


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"mode": "eos"}, "eos is none of its modes"),
        ({"default": "eos"}, "eos is none of its modes"),
        ({"mode": "none"}, "does not go with the mode none"),
        ({"token_id": None}, "does not go with the mode bos"),
        ({"modes": (ModeBits(mode="bos", bits=1.0),) * 2}, "has a mode twice"),
    ],
)
def test_a_start_mode_that_contradicts_itself_is_reported(changes, wrong):
    fields = dict(make_result(MODEL).calibration.start)
    with pytest.raises(ValidationError, match=wrong):
        Start(**(fields | changes))
