"""Tables and pages from records: figures, downloads, and hostile text."""

from datetime import UTC, datetime

import pandas as pd
import pytest

from generator.fits.evidence import weigh_evidence
from generator.publish.downloads import FIELDS, FILES, to_csv
from generator.publish.site import render_site
from generator.publish.text import UNKNOWN, count, escape, number, percent
from generator.records.models import Checkpoint
from generator.records.results import Failure
from generator.tables.cohorts import make_cohorts
from generator.tables.derive import bits_interval, place_on_plane
from tests.factory import REVISION, make_model, make_result, make_specs, store

HOSTILE = "<script>alert(1)</script>{{7*7}}{% include 'x' %}{#--- | \" ' 🙂"


def render(models, results):
    specs, stored = make_specs(*models), store(*results)
    cohorts = make_cohorts(specs, stored, [])
    evidence = {cohort.name: weigh_evidence(cohort) for cohort in cohorts}
    return render_site(cohorts, evidence, specs, stored, "0" * 40, "2026-01-01T00:00:00+00:00")


def test_the_plane_is_the_ratio_of_corrected_means_over_the_layers_above_the_embedding():
    plane = place_on_plane(make_result(make_model()).lossy, 1)
    assert plane.complexity == pytest.approx(0.41)
    assert plane.expressivity == pytest.approx(0.205)
    assert plane.optimality == pytest.approx(0.5)
    assert place_on_plane(make_result(make_model()).lossy, 2) is None


def test_no_optimality_where_complexity_is_noise():
    lossy = make_result(make_model()).lossy
    layers = tuple(
        layer.model_copy(
            update={
                "information": tuple(
                    i.model_copy(update={"null_deviation": (0.3, 0.3)}) for i in layer.information
                )
            }
        )
        for layer in lossy.layers
    )
    assert place_on_plane(lossy.model_copy(update={"layers": layers}), 1).optimality is None


def test_the_interval_holds_the_figure_and_is_the_same_every_time():
    lossless = make_result(make_model()).lossless
    interval = bits_interval(lossless)
    assert interval.low < lossless.bits_per_byte < interval.high
    assert bits_interval(lossless) == interval


def test_base_and_instruct_models_are_apart():
    base, instruct = make_model("org/a"), make_model("org/b", kind="instruct")
    cohorts = make_cohorts(
        make_specs(base, instruct), store(make_result(base), make_result(instruct)), []
    )
    assert [(c.name, list(c.rows["model"])) for c in cohorts] == [
        ("measured-base", ["org__a"]),
        ("measured-instruct", ["org__b"]),
    ]


def test_only_final_weights_stand_in_the_leaderboard():
    early = Checkpoint(revision="sha256-" + "e" * 40, tokens_seen=10, path="w")
    last = Checkpoint(revision=REVISION, tokens_seen=20, path="weights")
    model = make_model(checkpoints=(early, last), training_tokens=20)
    result = make_result(model, revision=early.revision, tokens_seen=10)
    assert make_cohorts(make_specs(model), store(result), []) == []
    files = render([model], [result])
    assert "1.1000 bits per byte" in files["theme/generated/models/org__small.html"].decode()


def test_few_measured_models_give_no_fit():
    files = render([make_model()], [make_result(make_model())])
    assert "Not enough evidence: " in files["theme/generated/predict.html"].decode()


def test_the_same_records_give_the_same_bytes():
    models = [make_model(), make_model("org/other")]
    results = [make_result(m, kind) for m in models for kind in ("corpus", "suite")]
    assert render(models, results) == render(models[::-1], results[::-1])


def test_numbers_on_a_page_follow_from_records():
    model = make_model()
    page = render([model], [make_result(model), make_result(model, "suite")])
    text = page["theme/generated/models/org__small.html"].decode()
    assert "1.1000" in text
    assert make_result(model).run_id in text
    assert "50.0" in text
    assert f"docs/records/{make_result(model).file}" in page


def test_hostile_text_is_shown_as_text():
    model = make_model(family=HOSTILE, licence=HOSTILE, note=HOSTILE)
    broken = make_result(model, "suite", tasks=(), error=Failure(reason="nan", message=HOSTILE))
    files = render([model], [make_result(model), broken])
    for path, content in files.items():
        if path.startswith("theme/"):
            text = content.decode()
            assert not set("{}").intersection(text), path
            assert "<script>" not in text
            assert "&#60;script&#62;" in text or HOSTILE not in text


def test_a_failed_and_a_retracted_record_are_shown_as_such():
    model = make_model()
    failed = make_result(model, "suite", tasks=(), error=Failure(reason="nan", message="why"))
    retracted = make_result(model, started=datetime(2026, 3, 1, tzinfo=UTC), retracted="bad text")
    page = render([model], [failed, retracted])["theme/generated/models/org__small.html"].decode()
    assert "failed (nan): why" in page
    assert "<s>corpus prose" in page
    assert "retracted: bad text" in page
    assert "Nothing is measured yet." in page


def test_every_column_of_every_download_is_documented():
    files = render([make_model()], [make_result(make_model()), make_result(make_model(), "suite")])
    tables = {p.removeprefix("docs/data/"): c for p, c in files.items() if "/data/" in p}
    assert set(tables) == set(FILES)
    used = {
        name for content in tables.values() for name in content.decode().split("\n")[0].split(",")
    }
    assert used <= set(FIELDS)
    assert set(FIELDS) == used


def test_csv_guards_formulas_and_leaves_unknown_cells_empty():
    frame = pd.DataFrame({"name": ["=1+1", "@x", "plain"], "value": [1 / 3, None, 2.0]})
    assert to_csv(frame).decode() == "name,value\n'=1+1,0.333333\n'@x,\nplain,2\n"


def test_numbers_as_readers_want_them():
    assert (number(-0.5, 2), number(None, 2), number(float("nan"), 1)) == (
        "−0.50",
        UNKNOWN,
        UNKNOWN,
    )
    assert (percent(0.1234), count(134515008), count(2e12), count(None)) == (
        "12.3",
        "134.5M",
        "2T",
        UNKNOWN,
    )
    assert escape("a{b}") == "a&#123;b&#125;"
