"""The sentinel is due by what is due, and its readings say whether measuring has drifted."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from compression_leaderboard.operations.health import (
    drift_json,
    drift_markdown,
    drift_text,
    list_readings,
)
from compression_leaderboard.pages.reliability_page import render_reliability
from compression_leaderboard.plan.jobs import Machine, plan_jobs, plan_sentinel
from compression_leaderboard.records.models import Sentinel
from compression_leaderboard.records.results import Failure, Result
from compression_leaderboard.repository.results import write_record
from compression_leaderboard.repository.specs import Specs, read_specs, toml_text

from tests.commands import invoke
from tests.exported import renderer
from tests.factory import (
    CORPUS,
    MODEL_FILE,
    REVISION,
    make_classical,
    make_model,
    make_result,
    store,
)

MODEL = make_model(suites=(), corpora=("prose",))
OTHER = make_model("org/other", suites=(), corpora=("prose",))
SENTINEL = Sentinel(model=MODEL.id, corpus="prose")
SPECS = Specs({MODEL.id: MODEL}, {}, {"prose": CORPUS}, sentinel=SENTINEL)
FIRST = make_result(MODEL)
SAME = Machine("cpu", None, {"torch": "2.13.0", "numpy": "2.4"})


def later(day: int, bits: tuple[float, ...] = (0.0, 0.0, 0.0), **environment: object) -> Result:
    """Measured on a day of January; bits: added to the letters of the three documents."""
    assert FIRST.lossless is not None
    documents = tuple(
        replace(document, bits=document.bits + more, class_bits=(letters + more, spaces, start))
        for document, more in zip(FIRST.lossless.documents, bits, strict=True)
        for letters, spaces, start in [document.class_bits or ()]
    )
    rate = sum(document.bits for document in documents) / 300
    first, *others = FIRST.lossless.stretches
    stretches = (replace(first, bits=first.bits + sum(bits)), *others)
    lossless = {"documents": documents, "bits_per_byte": rate, "stretches": stretches}
    return FIRST.model_copy(
        update={
            "started": datetime(2026, 1, day, tzinfo=UTC),
            "lossless": FIRST.lossless.model_copy(update=lossless),
            "environment": FIRST.environment.model_copy(update=environment),
        }
    )


def why(results: list[Result], machine: Machine = SAME, beside: bool = False, specs=SPECS):
    job = plan_sentinel(specs, store(*results), machine, beside)
    return job and job.why


def test_it_is_due_beside_others_and_when_the_software_changed_and_else_not():
    assert why([FIRST]) is None
    assert why([FIRST], beside=True) == "sentinel: beside the others"
    newer = Machine("cpu", None, {"torch": "2.14.0"})
    assert why([FIRST], newer) == "sentinel: torch 2.13.0 → 2.14.0"
    assert why([FIRST], Machine()) is None  # nothing is known of this machine
    assert why([FIRST], beside=True, specs=replace(SPECS, sentinel=None)) is None


def test_once_measured_with_the_new_software_it_is_not_due_again():
    """By the newest record, so that planning twice, late or never changes nothing."""
    newer = Machine("cpu", None, {"torch": "2.14.0"})
    measured = later(2, packages={"torch": "2.14.0"}).model_copy(update={"replaces": FIRST.run_id})
    assert why([FIRST, measured], newer) is None
    assert why([measured, FIRST], newer) is None
    assert why([FIRST, measured], SAME) == "sentinel: torch 2.14.0 → 2.13.0"


def test_without_a_record_it_is_due_like_any_other_job_and_not_twice():
    for results in ([], [FIRST.model_copy(update={"retracted": "wrong"})]):
        assert why(results, beside=True) is None
        assert [j.why for j in plan_jobs(SPECS, store(*results)) if j.model is MODEL] == ["missing"]


def test_of_an_earlier_protocol_it_is_due_like_any_other_job_and_not_twice():
    wider = CORPUS.model_copy(
        update={"protocol": CORPUS.protocol.model_copy(update={"stride_tokens": 4})}
    )
    specs = replace(SPECS, corpora={"prose": wider})
    assert why([FIRST], beside=True, specs=specs) is None
    stale = "stale: the protocol changed"
    assert [j.why for j in plan_jobs(specs, store(FIRST)) if j.model is MODEL] == [stale]


def test_its_job_names_the_record_that_it_replaces():
    job = plan_sentinel(SPECS, store(FIRST), SAME, beside=True)
    assert (job.key, job.replaces, job.blocked) == (
        (MODEL.id, REVISION, "corpus", "prose"),
        FIRST.run_id,
        None,
    )


def verdicts(*results: Result) -> list[str]:
    return [reading.verdict for reading in list_readings(SPECS, store(*results))]


def test_readings_are_held_against_the_first():
    """330 bits in 300 bytes, 120 tokens: rounding is 0.0001 · 120 = 0.012 bits in all. The
    documents cost 1.0, 1.1 and 1.2 bits per byte: all draws of one of them are 1 in 27, more than
    1 in 40, so half the 95 % interval is 0.1."""
    edge = 0.012
    readings = list_readings(
        SPECS,
        store(
            later(6, (15.0, 15.0, 15.0)),
            later(2),
            FIRST,
            later(3, (edge * 0.99, 0.0, 0.0)),
            later(4, (edge * 1.01, 0.0, 0.0)),
            later(5, (0.0, 0.0, 10.0)),
        ),
    )
    assert [(r.entry.result.started.day, r.verdict) for r in readings] == [
        (1, "first"),
        (2, "equal"),
        (3, "rounding"),
        (4, "moved"),
        (5, "moved"),
        (6, "moved beyond noise"),
    ]
    assert readings[0].difference is None
    assert [r.difference for r in readings[1:]] == pytest.approx(
        [0.0, edge * 0.99 / 300, edge * 1.01 / 300, 10 / 300, 45 / 300]
    )
    # Gaps of 0, 0 and 10 bits: standard error 1/30, times t(2) = 4.30265.
    assert readings[4].interval == pytest.approx((-0.110088, 0.176755), abs=1e-6)
    assert readings[5].interval == pytest.approx((0.15, 0.15))


def test_a_difference_that_cancels_over_documents_is_not_equal():
    assert verdicts(FIRST, later(2, (5.0, -5.0, 0.0))) == ["first", "rounding"]


def test_another_number_format_has_a_first_record_of_its_own():
    half = later(2, (9.0, 9.0, 9.0), dtype="bfloat16")
    assert verdicts(FIRST, half, later(3), later(4, (9.0, 9.0, 9.0), dtype="bfloat16")) == [
        "first",
        "equal",
        "first",
        "equal",
    ]


def test_a_record_of_an_earlier_format_is_no_reference_for_later_ones():
    old = FIRST.model_copy(update={"format": 2, "calibration": None})
    assert verdicts(old, later(2, (9.0, 9.0, 9.0)), later(3)) == ["first", "first", "moved"]


def test_what_is_no_reading_is_left_out():
    """Failed, retracted, on another text, of an earlier revision, of another model."""
    other_text = FIRST.text.model_copy(update={"sha256": "0" * 64})
    error = Failure(reason="nan", message="m")
    assert (
        verdicts(
            make_result(MODEL, error=error, lossless=None, text=None),
            FIRST.model_copy(update={"retracted": "wrong"}),
            make_result(MODEL, text=other_text),
            make_result(MODEL, revision="sha256-" + "9" * 40),
            make_result(OTHER),
            make_classical(),
        )
        == []
    )
    assert list_readings(replace(SPECS, sentinel=None), store(FIRST)) == []


def test_what_changed_in_software_and_machine_stands_beside_a_reading():
    now = later(2, packages={"torch": "2.14.0"}, processor="another", threads=4)
    assert list_readings(SPECS, store(FIRST, now))[1].changed == (
        "torch 2.13.0 → 2.14.0",
        "processor a processor → another",
        "threads 2 → 4",
    )


def test_the_page_reliability_shows_every_reading():
    moved = later(2, (0.0, 0.0, 10.0), packages={"torch": "2.14.0"})
    page = render_reliability(renderer(), SPECS, store(FIRST, moved), "2026-02-01T00:00:00+00:00")
    table = page.partition('id="sentinel-table"')[2].partition("</table>")[0]
    assert "org/small on Prose: 2 records, as of" in table
    _, first, second = table.partition("<tbody>")[2].split("<tr>")
    assert f'<a href="../records/{FIRST.file}">{FIRST.run_id}</a>' in first
    assert "<td>the first</td>" in first
    assert f'<a href="../records/{moved.file}">{moved.run_id}</a>' in second
    assert '<span data-value="1.13333333">1.13333</span>' in second
    assert "0.03 (−0.11 to 0.18)" in second
    assert "moved, within the noise of the text" in second
    assert "torch 2.13.0 → 2.14.0" in second
    empty = render_reliability(renderer(), SPECS, [], "2026-02-01T00:00:00+00:00")
    assert "The sentinel is not measured yet." in empty
    none = render_reliability(
        renderer(), replace(SPECS, sentinel=None), [], "2026-02-01T00:00:00+00:00"
    )
    assert "This board names no sentinel." in none


def test_hostile_text_of_a_record_is_no_markup():
    hostile = later(2, processor="<img src=x>\n```\n@all {{ x }}")
    readings = list_readings(SPECS, store(FIRST, hostile))
    _, _, *lines = drift_markdown(SPECS, readings).splitlines()
    assert [line for line in lines if "@all" in line] == [lines[2]]
    assert all(re.fullmatch("- `[^`]+`|- ````.*[^`]````", line) for line in lines)
    assert len(drift_text(SPECS, readings).splitlines()) == 3
    page = render_reliability(renderer(), SPECS, store(FIRST, hostile), "2026-02-01T00:00:00+00:00")
    assert "<img" not in page
    assert "&lt;img src=x&gt;" in page


def write_board(root: Path) -> None:
    files = {
        "models/org/small.toml": MODEL_FILE,
        "corpora/prose.toml": toml_text(CORPUS),
        "sentinel.toml": toml_text(SENTINEL),
    }
    for name, text in files.items():
        (root / "runs" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "runs" / name).write_text(text)
    assert read_specs(root)[1] == []


def test_drift_prints_the_readings(tmp_path):
    write_board(tmp_path)
    assert invoke(tmp_path, "drift").stdout == "sentinel: org/small on Prose\nnot measured yet\n"
    moved = later(2, (0.0, 0.0, 10.0), packages={"torch": "2.14.0"})
    for result in (FIRST, moved):
        write_record(tmp_path / "results/measured", tmp_path, result)
    shown = invoke(tmp_path, "drift").stdout
    assert shown.splitlines() == [
        "sentinel: org/small on Prose",
        f"2026-01-01 {FIRST.run_id} float32  1.100000 bits/byte  the first",
        f"2026-01-02 {moved.run_id} float32  1.133333 bits/byte  +0.0333  "
        "moved, within the noise of the text  torch 2.13.0 → 2.14.0",
    ]
    points = "".join(f"- `{line}`\n" for line in shown.splitlines())
    assert invoke(tmp_path, "drift", "--markdown").stdout == f"### Sentinel\n\n{points}"
    listed = json.loads(invoke(tmp_path, "drift", "--json").stdout)
    assert listed == drift_json(list_readings(SPECS, store(FIRST, moved)))
    assert [one["verdict"] for one in listed] == ["first", "moved"]
    (tmp_path / "runs/sentinel.toml").unlink()
    assert invoke(tmp_path, "drift").stdout == ("no sentinel is named; write runs/sentinel.toml\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'model = "org__none"\ncorpus = "prose"\n',
            'model: unknown model "org__none"; choose from org__small',
        ),
        (
            'model = "org__small"\ncorpus = "python"\n',
            'corpus: unknown corpus of the model "python"; choose from prose',
        ),
        ('model = "org__small"\n', "corpus: missing; add it (a text, from runs/corpora)"),
    ],
)
def test_check_tells_what_is_wrong_with_the_sentinel(tmp_path, text, message):
    write_board(tmp_path)
    (tmp_path / "runs/sentinel.toml").write_text(text)
    (problem,) = invoke(tmp_path, "check").exception.problems
    assert problem == f"runs/sentinel.toml: {message}"


def test_plan_adds_it_to_the_matrix_beside_what_runs_there(tmp_path):
    """A job that fits no runner is nothing to stand beside; without --sentinel it is not added."""
    write_board(tmp_path)
    measured = FIRST.environment.model_copy(update={"packages": {}})
    write_record(
        tmp_path / "results/measured", tmp_path, FIRST.model_copy(update={"environment": measured})
    )

    def planned(*options: str) -> list[str]:
        shown = invoke(tmp_path, "plan", "--matrix", *options).stdout
        jobs = [job for shard in json.loads(shown)["include"] for job in shard["jobs"]]
        return sorted(job["model"] for job in jobs)

    assert planned() == ["classical"]
    assert planned("--sentinel") == ["classical", "org__small"]
    write_record(tmp_path / "results/measured", tmp_path, make_classical())
    assert planned("--sentinel") == []
    assert "nothing to do" in invoke(tmp_path, "plan", "--sentinel").stdout
