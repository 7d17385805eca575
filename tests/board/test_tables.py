"""Tables from records: what may stand in one row, and figures derived from raw values."""

from dataclasses import replace

import numpy as np
import pytest
from compression_leaderboard.board.cohorts import make_cohorts
from compression_leaderboard.board.derived import (
    bits_interval,
    compare_bits,
    main_score,
    mean_score,
    place_on_plane,
)
from compression_leaderboard.board.measured import make_trajectories
from compression_leaderboard.board.published import page_of
from compression_leaderboard.intervals import rate_interval
from compression_leaderboard.pages.record_sections import view_convergence, view_plane
from compression_leaderboard.records.models import Checkpoint, Suite

from tests.exported import render_source
from tests.factory import (
    CORPUS,
    PROTOCOL,
    REVISION,
    STDERR,
    SUITE,
    make_model,
    make_result,
    make_specs,
    store,
)
from tests.frames import frame_of

EARLY = "sha256-" + "e" * 40


def with_information(lossy, **changes):
    layers = tuple(
        layer.model_copy(
            update={"information": tuple(i.model_copy(update=changes) for i in layer.information)}
        )
        for layer in lossy.layers
    )
    return lossy.model_copy(update={"layers": layers})


def test_the_plane_is_the_ratio_of_corrected_means_over_the_layers_above_the_embedding():
    plane = place_on_plane(make_result(make_model()).lossy, 1)
    assert plane.complexity.value == pytest.approx(0.41)
    assert plane.expressivity.value == pytest.approx(0.205)
    assert plane.optimality.value == pytest.approx(0.5)
    assert plane.complexity.spread == pytest.approx(0.02 / 2**0.5)
    assert place_on_plane(make_result(make_model()).lossy, 2) is None


def test_the_interval_of_a_ratio_is_that_of_its_leave_outs():
    plane = place_on_plane(make_result(make_model()).lossy, 1)
    assert plane.optimality.interval.low == pytest.approx(0.5)  # each leave-out has ratio 0.5
    assert plane.optimality.interval.high == pytest.approx(0.5)
    assert plane.complexity.interval.low < 0.41 < plane.complexity.interval.high
    few = make_result(make_model()).lossy.model_copy(
        update={"group_positions": (), "replicates": ()}
    )
    assert place_on_plane(few, 1).complexity.interval is None


def test_two_models_are_compared_document_by_document():
    """A model that costs 0.5 bits a byte more on every document differs by exactly that."""
    lossless = make_result(make_model()).lossless
    dearer = tuple(replace(d, bits=d.bits + 0.5 * d.bytes) for d in lossless.documents)
    difference, interval = compare_bits(lossless.model_copy(update={"documents": dearer}), lossless)
    assert difference == pytest.approx(0.5)
    assert interval == pytest.approx((0.5, 0.5))
    assert bits_interval(lossless).high - bits_interval(lossless).low > 0.01
    other = lossless.model_copy(update={"documents": lossless.documents[:2]})
    assert compare_bits(other, lossless) is None


def test_the_embedding_is_not_averaged():
    lossy = make_result(make_model()).lossy
    loud = with_information(lossy, plug_in=(0.9, 0.9)).layers[0]
    changed = lossy.model_copy(update={"layers": (loud, *lossy.layers[1:])})
    assert place_on_plane(changed, 1) == place_on_plane(lossy, 1)


@pytest.mark.parametrize(("deviation", "known"), [(0.1, True), (0.2, True), (0.21, False)])
def test_no_optimality_within_two_deviations_of_no_complexity(deviation, known):
    """Corrected complexity is 0.41 here."""
    lossy = with_information(make_result(make_model()).lossy, null_deviation=(deviation,) * 2)
    plane = place_on_plane(lossy, 1)
    assert (plane.optimality is not None) == known
    assert plane.complexity.value == pytest.approx(0.41)


@pytest.mark.parametrize("nothing", [0.0, -0.1, 1e-12])
@pytest.mark.parametrize("place", ["of a seed", "without a group"])
def test_no_optimality_if_one_seed_or_group_alone_makes_the_complexity(place, nothing):
    lossy = make_result(make_model()).lossy
    if place == "of a seed":
        lossy = with_information(lossy, plug_in=(0.9, nothing), null=(0.0, 0.0))
    else:
        read, follows = lossy.replicates
        read = read.model_copy(update={"corrected": (0.6, 0.6, nothing)})
        lossy = lossy.model_copy(update={"replicates": (read, follows)})
    plane = place_on_plane(lossy, 1)
    assert plane.optimality is None
    assert plane.complexity.value >= 0.4


@pytest.mark.parametrize("nothing", [0.0, 1e-12])
def test_states_without_entropy_or_information_have_no_ratio_of_it(nothing):
    """Vectors that are all equal: parts show no optimality, labels no regularity."""
    lossy = with_information(make_result(make_model()).lossy, plug_in=(nothing,) * 2, null=(0.0, 0))
    assert view_convergence(lossy) is None
    layers = tuple(x.model_copy(update={"entropy": (nothing,) * 2}) for x in lossy.layers)
    gains = view_plane(lossy.model_copy(update={"layers": layers})).gains
    assert [gain.regularity for gain in gains] == [None]
    assert view_convergence(make_result(make_model()).lossy) is not None


@pytest.mark.parametrize(("first", "shown"), [(0.5, "+20 %"), (0.0, "–"), (-0.1, "–")])
def test_a_change_from_nothing_is_not_a_share(first, shown):
    macro = '{% import "plane_sections.html" as plane %}{{ plane.change(first, 0.6) }}'
    assert render_source(macro, first=first).strip() == shown


def test_one_anchor_seed_has_no_spread():
    lossy = with_information(
        make_result(make_model()).lossy, plug_in=(0.5,), null=(0.1,), null_deviation=(0.001,)
    )
    plane = place_on_plane(lossy, 1)
    assert plane.optimality.value == pytest.approx(1.0)
    assert plane.optimality.spread is None


def test_the_interval_holds_the_figure_and_is_the_same_every_time():
    lossless = make_result(make_model()).lossless
    interval = bits_interval(lossless)
    assert interval.low < lossless.bits_per_byte < interval.high
    assert bits_interval(lossless) == interval
    alone = lossless.model_copy(update={"documents": lossless.documents[:1]})
    assert bits_interval(alone) is None


def test_intervals_of_bits_hold_the_truth():
    """31 documents of sizes and difficulties of their own: about 95 % of 400 intervals hold the
    rate, and about 95 % hold the difference of two models that find the same documents hard."""
    held = {"rate": 0, "difference": 0}
    for run in range(400):
        generator = np.random.default_rng([5, run])
        sizes = np.round(np.exp(generator.normal(8, 0.5, 31))).astype(int)
        hardness = np.exp(generator.normal(0, 0.15, 31) - 0.15**2 / 2)
        difference = 0.05 + 0.1 * generator.standard_normal(31)
        intervals = {
            "rate": (1.1, rate_interval(list(sizes * 1.1 * hardness), list(sizes))),
            "difference": (0.05, rate_interval(list(sizes * difference), list(sizes))),
        }
        for name, (truth, interval) in intervals.items():
            held[name] += interval.low <= truth <= interval.high
    assert 0.91 <= held["rate"] / 400 <= 0.97
    assert 0.91 <= held["difference"] / 400 <= 0.97


def test_the_mean_of_tasks_has_the_error_of_independent_samples():
    task = make_result(make_model(), "suite").tasks[0]
    assert main_score(task) == (0.5, STDERR, 4)
    assert mean_score([task] * 4) == pytest.approx((0.5, STDERR / 2))
    unknown = replace(task.scores[0], stderr=None)
    assert mean_score([task, replace(task, scores=(unknown,))])[1] is None


def test_base_and_instruct_models_are_apart():
    base, instruct = make_model("org/a"), make_model("org/b", kind="instruct")
    cohorts = make_cohorts(
        make_specs(base, instruct), store(make_result(base), make_result(instruct)), []
    )
    assert [(c.name, [row.model for row in c.rows]) for c in cohorts] == [
        ("measured-base-16-8-no-suite", ["org__a"]),
        ("measured-instruct-16-8-no-suite", ["org__b"]),
    ]


def test_texts_under_windows_of_other_lengths_are_apart():
    """A long and a short context are two protocols: no shared column, no shared mean."""
    short = PROTOCOL.model_copy(update={"window_tokens": 8, "stride_tokens": 4})
    corpus = CORPUS.model_copy(update={"name": "prose-8", "protocol": short})
    both = make_model("org/a", corpora=("prose", "prose-8"))
    little = make_model("org/b", corpora=("prose-8",))
    specs = make_specs(both, little)
    specs.corpora["prose-8"] = corpus
    text = make_result(both).text.model_copy(update={"protocol": short})
    results = [
        make_result(both),
        make_result(both, name="prose-8", text=text),
        make_result(little, name="prose-8", text=text),
    ]
    cohorts = make_cohorts(specs, store(*results), [])
    found = [([row.model for row in c.rows], [k.name for k in c.compression]) for c in cohorts]
    assert found == [(["org__a", "org__b"], ["prose-8"]), (["org__a"], ["prose"])]


def test_a_mean_over_another_suite_is_another_score():
    model = make_model(suites=("starter", "second"))
    second = Suite(**(SUITE.model_dump() | {"name": "second", "tasks": SUITE.tasks}))
    specs = make_specs(model)
    specs.suites["second"] = second
    results = [make_result(model, "suite"), make_result(model, "suite", name="second")]
    cohorts = make_cohorts(specs, store(make_result(model), *results), [])
    assert [c.name for c in cohorts] == [
        "measured-base-16-8-second",
        "measured-base-16-8-starter",
    ]


def test_number_formats_are_never_merged():
    model = make_model()
    exact, rough = make_result(model), make_result(model, "suite")
    environment = rough.environment.model_copy(update={"dtype": "bfloat16"})
    rough = rough.model_copy(update={"environment": environment})
    rows = frame_of(make_cohorts(make_specs(model), store(exact, rough), [])[0])
    assert list(rows["dtype"]) == ["bfloat16", "float32"]
    assert list(rows["prose"].isna()) == [True, False]
    assert list(rows["score"].isna()) == [False, True]


def test_every_row_has_a_label_of_its_own():
    """So that weights of one name can be told apart in a chart and chosen side by side."""
    model, other = make_model("org/a"), make_model("org/b")
    weights = other.weights.model_copy(update={"quantization": "Q4_1"})
    small = make_model("org/a", weights=weights)
    exact, rough = make_result(model), make_result(model, "suite")
    environment = rough.environment.model_copy(update={"dtype": "bfloat16"})
    rough = rough.model_copy(update={"environment": environment})
    results = store(exact, rough, make_result(small), make_result(other))
    rows = frame_of(make_cohorts(make_specs(model, small, other), results, [])[0])
    assert list(rows["name"]) == ["org/a", "org/a", "org/a", "org/b"]
    assert list(rows["label"]) == [
        "org/a (bfloat16)",
        "org/a (float32)",
        "org/a (Q4_1)",
        "org/b",
    ]


def test_records_of_an_earlier_protocol_are_not_ranked():
    model = make_model()
    old = PROTOCOL.model_copy(update={"document_bytes": 99})
    text = make_result(model).text.model_copy(update={"protocol": old})
    assert make_cohorts(make_specs(model), store(make_result(model, text=text)), []) == []


def test_a_score_that_is_not_lossless_is_not_ranked():
    model = make_model()
    lossless = make_result(model).lossless.model_copy(update={"failing_bytes": 100})
    cohort = make_cohorts(make_specs(model), store(make_result(model, lossless=lossless)), [])[0]
    assert cohort.compression == ()
    assert all(row.value(cohort.mean_compression) is None for row in cohort.rows)


def test_only_final_weights_stand_in_the_leaderboard():
    model = make_model(
        training_tokens=20,
        checkpoints=(
            Checkpoint(revision=EARLY, tokens_seen=10, path="w"),
            Checkpoint(revision=REVISION, tokens_seen=20, path="weights"),
        ),
    )
    early = make_result(model, revision=EARLY, tokens_seen=10)
    specs = make_specs(model)
    assert make_cohorts(specs, store(early), []) == []
    trajectories = make_trajectories(specs, store(make_result(model), early))
    bits = [one for one in trajectories if one.quantity == "bits_per_byte"]
    assert [one.tokens_seen for one in bits] == [10, 20]
    assert {one.quantity for one in trajectories} >= {"complexity", "expressivity", "optimality"}


def test_a_model_without_checkpoints_has_no_trajectory():
    model = make_model()
    assert make_trajectories(make_specs(model), store(make_result(model))) == []


def test_the_order_of_records_changes_nothing():
    models = [make_model("org/a"), make_model("org/b")]
    results = [make_result(m, kind) for m in models for kind in ("corpus", "suite")]
    one = make_cohorts(make_specs(*models), store(*results), [])
    other = make_cohorts(make_specs(*models[::-1]), store(*results[::-1]), [])
    assert one[0].rows == other[0].rows


@pytest.mark.parametrize("key", ["../../x", "a b", "<i>", "", "é", "a?b#c", ".."])
def test_a_published_model_has_an_address_of_safe_characters(key):
    page = page_of("paper", key)
    assert page.startswith("published/paper/")
    assert page.count("/") == 3
    assert not set(page) & set("<>?# é{}")
    assert "/../" not in page


def test_two_published_models_never_share_an_address():
    assert page_of("paper", "a b") != page_of("paper", "a  b")
    assert page_of("paper", "org/model") == "published/paper/org__model/"
    assert page_of("paper", "org__model") != page_of("paper", "org/model")
