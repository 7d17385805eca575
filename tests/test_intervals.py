"""Every published interval against a second calculation: a changed level or formula fails here."""

import ast
import json
import math
import re
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from compression_leaderboard.board.cohorts import compressor_rates, make_cohorts
from compression_leaderboard.board.comparisons import TextBits, link_scores, rank_ranges
from compression_leaderboard.board.derived import compare_bits
from compression_leaderboard.board.figures import Key, Quantity
from compression_leaderboard.board.published import published_rows
from compression_leaderboard.fits.correlations import bootstrap_pearson
from compression_leaderboard.fits.evaluation import (
    Coverage,
    LeftOut,
    Prediction,
    Validation,
    measure_accuracy,
)
from compression_leaderboard.fits.intervals import (
    LEVELS,
    LeftOutRows,
    collect_errors,
    degrees_of_freedom,
    make_interval,
    measure_scale,
)
from compression_leaderboard.fits.study import BenchmarkStudy, find_outliers, weigh_evidence
from compression_leaderboard.fits.table import Benchmark
from compression_leaderboard.intervals import (
    LEVEL,
    Interval,
    jackknife_error,
    jackknife_interval,
    normal_interval,
    normal_quantile,
    paired_difference,
    percentile_interval,
    rate_interval,
    stderr_of,
    student_quantile,
)
from compression_leaderboard.records.published import (
    CompressionColumn,
    ScoreColumn,
)
from compression_leaderboard.repository.contents import PublishedTable
from scipy import stats

from tests import ROOT
from tests.exported import render_site
from tests.factory import (
    make_classical,
    make_model,
    make_preference,
    make_result,
    make_source,
    make_specs,
    store,
)
from tests.paired_difference_vectors import NAME, make_vectors
from tests.project.test_layers import MODULES, PACKAGE, read_tree
from tests.simulated import simulated_cohort
from tests.vector_files import assert_alike, read_vectors

Z95 = 1.959964  # of the standard normal distribution, 97.5 %
T95 = {1: 12.7062, 2: 4.30265, 4: 2.77645, 9: 2.26216}  # of Student's t, by degrees of freedom


def test_a_normal_interval_spans_196_standard_errors_inside_the_range_of_fractions():
    assert normal_quantile() == pytest.approx(Z95, abs=1e-6)
    assert normal_quantile(0.8) == pytest.approx(1.281552, abs=1e-6)
    assert normal_interval(0.5, 0.02) == pytest.approx((0.5 - Z95 * 0.02, 0.5 + Z95 * 0.02))
    assert normal_interval(0.01, 0.02) == pytest.approx((0, 0.01 + Z95 * 0.02))
    assert normal_interval(0.99, 0.02) == pytest.approx((0.99 - Z95 * 0.02, 1))
    assert stderr_of(normal_interval(0.5, 0.02)) == pytest.approx(0.02)


def test_quantiles_of_student_are_those_of_the_tables():
    assert {n: student_quantile(n) for n in T95} == pytest.approx(T95, rel=1e-5)


def test_a_percentile_interval_is_the_middle_95_percent():
    assert percentile_interval(np.arange(1001.0)) == pytest.approx((25, 975))


def test_the_interval_of_bits_per_byte_is_that_of_all_resamples():
    """Four documents have 256 resamples: the ends of 2,000 draws are those of all, or next to them.

    Documents of other sizes: total bits over total bytes, not the mean of the documents' rates.
    """
    bits, sizes = np.array([50.0, 120, 260, 310]), np.array([100, 100, 200, 400])
    rates = [
        bits[list(drawn)].sum() / sizes[list(drawn)].sum() for drawn in product(range(4), repeat=4)
    ]
    low, high = rate_interval(bits.tolist(), sizes.tolist())
    assert (low, high) == pytest.approx(tuple(np.quantile(rates, [0.025, 0.975])), abs=0.01)
    assert rate_interval([1.0], [1]) is None


def test_the_interval_of_bits_per_byte_reaches_196_standard_errors_of_many_documents():
    random = np.random.default_rng(1)
    sizes = random.integers(80, 120, 400)
    bits = sizes * (1 + 0.2 * random.standard_normal(400))
    low, high = rate_interval(bits.tolist(), sizes.tolist())
    rest = bits - bits.sum() / sizes.sum() * sizes
    error = math.sqrt(400 / 399 * float((rest**2).sum())) / sizes.sum()
    assert (high - low) / (2 * error) == pytest.approx(Z95, rel=0.04)


def test_the_jackknife_of_a_mean_is_its_standard_error():
    """Groups of equal sizes: s / √G. The interval: Student's t with G − 1 degrees, no other."""
    values = np.array([3.0, 5, 4, 8, 1, 2, 6, 7, 9, 5])
    mean = values.mean()
    without = (values.sum() - values) / 9
    error = values.std(ddof=1) / 10**0.5
    assert jackknife_error(mean, without, np.ones(10)) == pytest.approx(error)
    low, high = jackknife_interval(mean, without, np.ones(10))
    assert (low, high) == pytest.approx((mean - T95[9] * error, mean + T95[9] * error), rel=1e-5)


def test_the_jackknife_weighs_groups_by_their_size():
    """Busing, Meijer and van der Leeden 1999, formula (9), written out for three groups."""
    without, sizes, estimate = (0.40, 0.42, 0.44), (20, 20, 10), 0.415
    ratios = [50 / size for size in sizes]
    pseudo = [h * estimate - (h - 1) * w for h, w in zip(ratios, without, strict=True)]
    centre = 3 * estimate - sum((1 - s / 50) * w for s, w in zip(sizes, without, strict=True))
    variance = sum((p - centre) ** 2 / (h - 1) for p, h in zip(pseudo, ratios, strict=True)) / 3
    low, high = jackknife_interval(estimate, without, sizes)
    reach = T95[2] * math.sqrt(variance)
    assert (low, high) == pytest.approx((estimate - reach, estimate + reach), rel=1e-5)


def test_a_paired_difference_of_a_worked_example():
    """Three documents of 100 bytes, 28, 26 and 26 bits apart: deviation 1.1547 bits, t 4.30265."""
    difference, reach = paired_difference((100, 120, 140), (72, 94, 114), (100, 100, 100))
    assert difference == pytest.approx(80 / 300)
    assert reach == pytest.approx(4.30265 * 0.011547 / 3**0.5, rel=1e-4)
    with pytest.raises(ValueError, match="two documents"):
        paired_difference([1], [2], [3])


def test_a_paired_difference_is_that_of_a_long_bootstrap():
    """With 200 documents t is near 1.96, and the linearised error near the bootstrap's."""
    random = np.random.default_rng(2)
    n = 200
    sizes = random.integers(50, 2000, n)
    hard = sizes * random.uniform(0.6, 1.4, n)
    bits, others = hard + random.normal(0, 20, n), hard * 0.98 + random.normal(0, 20, n)
    difference, reach = paired_difference(bits, others, sizes)
    drawn = random.integers(0, n, (20_000, n))
    draws = (bits - others)[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    assert difference == pytest.approx(draws.mean(), abs=0.02 * reach)
    assert reach == pytest.approx(student_quantile(n - 1) * draws.std(), rel=0.03)


def test_a_paired_difference_holds_its_level_with_few_documents():
    """Five documents: n in the place of n − 1, or the normal quantile, would hold 93 or 88 %."""
    random = np.random.default_rng(3)
    inside = 0
    for gaps in random.normal(0.1, 1, (4000, 5)):
        difference, reach = paired_difference(100 + gaps, np.full(5, 100.0), np.ones(5))
        inside += abs(difference - 0.1) <= reach
    assert inside / 4000 == pytest.approx(0.95, abs=0.012)


def test_records_are_compared_by_the_paired_difference():
    one = make_result(make_model()).lossless
    bits = (110.0, 111.0, 126.0)
    documents = tuple(replace(d, bits=b) for d, b in zip(one.documents, bits, strict=True))
    other = one.model_copy(update={"documents": documents})
    difference, reach = paired_difference((100, 110, 120), bits, (100, 100, 100))
    value, interval = compare_bits(one, other)
    assert value == pytest.approx(difference)
    assert interval == pytest.approx((difference - reach, difference + reach))


def test_the_vectors_of_the_script_are_those_of_python():
    """A changed answer is written by `python -m tests.paired_difference_vectors`."""
    assert_alike(read_vectors(NAME), make_vectors(), "vectors")


@pytest.mark.parametrize(("share", "ranges"), [(0.99, [(1, 2)] * 2), (1.01, [(1, 1), (2, 2)])])
def test_ranks_part_where_the_paired_difference_leaves_out_zero(share, ranges):
    """The second model is shifted until the interval ends just before or just behind 0."""
    bits, sizes = np.array([100.0, 120, 140, 90, 95]), np.full(5, 100.0)
    others = bits + np.array([3, -2, 1, 4, -1])
    difference, reach = paired_difference(others, bits, sizes)
    shifted = others + 100 * (share * reach - difference)
    assert rank_ranges([TextBits(np.array([bits, shifted]), sizes)]) == ranges


def test_ranks_by_two_texts_add_up_their_variances_with_the_shortest_ones_degrees():
    """Of three documents and of five: t of 2 degrees, half the root of both variances."""
    gaps = (np.array([3.0, -2, 1]), np.array([4.0, -1, 0, 2, 1]))
    errors = [g.std(ddof=1) / len(g) ** 0.5 / 100 for g in gaps]
    reach = T95[2] * math.hypot(*errors) / 2
    texts = [(np.full(len(g), 100.0), g - g.mean()) for g in gaps]
    for share, ranges in ((0.99, [(1, 2)] * 2), (1.01, [(1, 1), (2, 2)])):
        moved = [
            TextBits(np.array([b, b + 100 * share * reach + g]), np.full(len(b), 100.0))
            for b, g in texts
        ]
        assert rank_ranges(moved) == ranges


def test_a_link_of_corpora_is_students_interval_of_the_mean_change():
    old = {"a": 1.0, "b": 1.2, "c": 1.5}
    new = {"a": 1.1, "b": 1.25, "c": 1.71}
    link = link_scores("older", "newer", None, old, new)
    assert link.difference == pytest.approx(0.12)
    reach = T95[2] * 0.0818535 / 3**0.5  # deviation of 0.1, 0.05 and 0.21
    assert link.interval == pytest.approx((0.12 - reach, 0.12 + reach), rel=1e-4)


def test_the_family_bootstrap_of_a_correlation_is_that_of_all_resamples():
    """Three families of two models have 27 resamples; whole families are drawn."""
    x = np.array([1.0, 1.1, 1.5, 1.7, 2.0, 2.3])
    y = np.array([0.9, 0.7, 0.8, 0.5, 0.45, 0.2])
    families = ["a", "a", "b", "b", "c", "c"]
    values = []
    for drawn in product(range(3), repeat=3):
        rows = [place for family in drawn for place in (2 * family, 2 * family + 1)]
        values.append(np.corrcoef(x[rows], y[rows])[0, 1])
    expected = np.quantile(np.repeat(values, 200), [0.025, 0.975])
    interval = bootstrap_pearson(x, y, families, 0)
    assert interval == pytest.approx(tuple(expected), abs=1e-6)
    alone = bootstrap_pearson(x, y, list("abcdef"), 0)
    assert alone != pytest.approx(interval, abs=0.01)  # models drawn one by one


def test_the_family_bootstrap_has_the_level_of_a_long_bootstrap():
    random = np.random.default_rng(6)
    families = np.repeat(np.arange(15), 2)
    x = random.normal(0, 1, 30) + random.normal(0, 1, 15)[families]
    y = x + random.normal(0, 1, 30) + random.normal(0, 1, 15)[families]
    members = np.arange(30).reshape(15, 2)
    values = []
    for drawn in random.integers(0, 15, (10_000, 15)):
        rows = members[drawn].ravel()
        values.append(np.corrcoef(x[rows], y[rows])[0, 1])
    low, high = np.quantile(values, [0.025, 0.975])
    interval = bootstrap_pearson(x, y, [f"f{k:02}" for k in families], 0)
    assert interval == pytest.approx((low, high), abs=0.05 * (high - low))


def test_the_accuracy_of_a_fit_has_the_interval_of_resampled_groups():
    """Forty groups of one error each: 1.96 standard errors of their mean."""
    random = np.random.default_rng(4)
    errors = random.uniform(0.01, 0.05, 40)
    accuracy = measure_accuracy(np.full(40, 0.5), 0.5 - errors, np.arange(40), 0).mae
    assert accuracy.value == pytest.approx(errors.mean())
    reach = (accuracy.interval.high - accuracy.interval.low) / 2
    assert reach == pytest.approx(Z95 * errors.std() / 40**0.5, rel=0.05)


def test_the_levels_of_predictions_are_80_and_95_percent():
    assert LEVELS == (0.8, 0.95)


def test_the_level_is_written_once():
    """The only other 0.95 is a share of memory; nothing spells out a quantile."""
    spelled = [
        path.relative_to(PACKAGE).as_posix()
        for path in MODULES
        for node in ast.walk(read_tree(path))
        if isinstance(node, ast.Constant) and node.value in (0.95, 0.975, 1.96, 1.959964)
    ]
    assert spelled == ["intervals.py", "measure/local_engine.py"]


def test_every_interval_of_a_fit_has_the_one_type():
    evidence = weigh_evidence(simulated_cohort(0, "line")[0])
    study = evidence.study.benchmarks[0]
    rows = [row.prediction for validation in study.validations for row in validation.rows]
    intervals = [interval for p in (*study.predictions, *rows) for interval in p.intervals]
    intervals += [correlation.interval for correlation in evidence.correlations]
    intervals += [validation.accuracy.mae.interval for validation in study.validations]
    assert len(intervals) > 20
    assert {type(interval) for interval in intervals} == {Interval}


def one_by_one(relative: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Folds that each leave out one row, every row being a group."""
    return [(relative[k : k + 1], np.array([k])) for k in range(len(relative))]


@pytest.mark.parametrize(("level", "quantile"), [(0.8, 1.53321), (0.95, 2.77645)])
def test_a_model_based_prediction_is_students_interval(level, quantile):
    """Five groups of one error: 4 degrees of freedom, times the root mean square and the scale."""
    relative = np.array([1.0, -2, 0.5, 1.5, -1])
    errors = replace(collect_errors(one_by_one(relative)), freedom=4.0)
    assert errors.kind(0.95) == "model-based"
    errors = replace(errors, groups=3)  # few enough for 80 % too
    low, high = make_interval(level, np.array([0.5]), np.array([0.01]), errors, 1.0)
    reach = quantile * math.sqrt(8.5 / 5) * 0.01
    assert (low[0], high[0]) == pytest.approx((0.5 - reach, 0.5 + reach), rel=1e-5)


@pytest.mark.parametrize(("level", "place"), [(0.8, 17), (0.95, 20)])
def test_a_conformal_prediction_is_the_order_statistic_of_the_errors(level, place):
    """20 groups of one error, 1 to 20: the ⌈level · 21⌉-th smallest, as the conformal rule says."""
    sizes = np.arange(1.0, 21)
    relative = sizes * np.where(np.arange(20) % 2, 1, -1)
    errors = replace(collect_errors(one_by_one(relative)), freedom=19.0)
    assert errors.kind(level) == "conformal"
    low, high = make_interval(level, np.array([0.5]), np.array([0.001]), errors, 1.0)
    assert (low[0], high[0]) == pytest.approx((0.5 - 0.001 * place, 0.5 + 0.001 * place))
    folds = np.full((1, 20), 0.51)  # CV+: about what the fits of the folds predict
    low, high = make_interval(level, np.array([0.5]), np.array([0.001]), errors, 1.0, folds)
    assert (low[0], high[0]) == pytest.approx((0.51 - 0.001 * place, 0.51 + 0.001 * place))


def test_a_prediction_stays_between_0_and_the_ceiling():
    errors = replace(collect_errors(one_by_one(np.array([1.0, -2, 0.5, 1.5, -1]))), freedom=4.0)
    ends = make_interval(0.95, np.array([0.01, 0.89]), np.array([0.1, 0.1]), errors, 0.9)
    assert (ends[0][0], ends[1][1]) == (0, 0.9)


def test_a_prediction_beyond_the_training_rows_widens_by_a_quarter_that_weighs_as_three_cuts():
    """Of one fold: the variance beyond what the spread explains, over the distance squared."""
    inside = LeftOutRows(np.array([0.02, -0.02]), np.zeros(2), np.zeros(2, bool), np.arange(2))
    assert measure_scale([inside], [], 0).growth == pytest.approx(0.25)
    errors, beyond = np.array([0.10, 0.12]), np.array([0.1, 0.2])
    cut = LeftOutRows(errors, beyond, np.zeros(2, bool), np.arange(2))
    shown = float(np.sum(errors**2 - 0.02**2) / np.sum(beyond**2))
    scale = measure_scale([inside], [cut], 0)
    assert scale.spread == pytest.approx(0.02)
    assert scale.growth == pytest.approx(math.sqrt((3 * 0.25**2 + shown) / 4))


def test_errors_of_one_group_are_taken_to_be_half_alike_at_least():
    """Satterthwaite with four groups of two opposite errors, whose means show no likeness."""
    freedom = degrees_of_freedom(np.array([1.0, -1] * 4), np.repeat(np.arange(4), 2), np.full(4, 2))
    assert freedom == pytest.approx(1 / (0.5**2 / 3 + 0.5**2 / 4))


def test_an_outlier_is_outside_of_its_95_percent_interval_where_one_in_twenty_is_expected():
    key = Key("score", "a", "b")
    intervals = (Interval(0.45, 0.55), Interval(0.4, 0.6))
    rows = tuple(
        LeftOut(Prediction(f"m{score}", key, 0.5, intervals, "line", "a", False), score)
        for score in (0.5, 0.58, 0.62, 0.39)
    )
    benchmark = Benchmark(key, "A", 0.0, 1.0)
    validation = Validation("group", rows, measure_accuracy(*ACCURACY), (), ())
    outliers = find_outliers([BenchmarkStudy(benchmark, None, validations=(validation,))])
    assert [row.measured for _, row in outliers.rows] == [0.62, 0.39]
    assert outliers.validated == 4
    assert outliers.expected == pytest.approx(0.2)


ACCURACY = np.array([0.5, 0.6]), np.array([0.5, 0.5]), np.arange(2), 0


def test_compare_gets_the_quantile_of_each_texts_documents(miniature_board):
    """Standard errors on either side of a difference: Student's t with n − 1 degrees."""
    files = render_site(miniature_board)
    reaches = [
        (text["reach"], len(text["documents"]))
        for path, content in files.items()
        if path.startswith("docs/compare/")
        for texts in json.loads(content).values()
        for text in texts.values()
    ]
    assert reaches == [(pytest.approx(T95[2], rel=1e-5), 3)] * 3
    choose = json.loads(files["docs/data/choose.json"])
    assert choose["normal_95"] == pytest.approx(Z95, abs=1e-6)


PERCENT = re.compile(r"(\d+) %(?!\})")
OF_80 = {"predict.html": 3}  # two heads of coverage, one of predictions


@pytest.mark.parametrize("folder", ["site/templates", "site/docs/assets"])
def test_pages_call_the_level_of_an_interval_by_its_number(folder):
    """Every per cent that a template or a script writes out is a level."""
    assert (LEVEL, LEVELS) == (0.95, (0.8, 0.95))
    for path in sorted((ROOT / folder).iterdir()):
        if path.suffix in (".html", ".js"):
            levels = [n for n in PERCENT.findall(path.read_text("utf-8")) if n != "100"]
            assert set(levels) <= {"95", "80"}, path.name
            assert levels.count("80") == OF_80.get(path.name, 0), path.name


def test_figures_of_the_board_have_these_intervals():
    """A score of 0.5 ± 0.1, the mean of it alone, three documents, pairs and a compressor."""
    model = make_model()
    (task,) = make_result(model, "suite").tasks
    task = replace(task, scores=(replace(task.scores[0], stderr=0.1),))
    text, pairs = make_result(model), make_preference(model)
    results = [text, make_result(model, "suite", tasks=(task,)), pairs, make_classical()]
    (cohort,) = make_cohorts(make_specs(model), store(*results), [])
    intervals = {key.quantity: f.interval for key, f in cohort.rows[0].figures.items()}
    score = (0.5 - Z95 * 0.1, 0.5 + Z95 * 0.1)
    assert intervals["score"] == intervals["mean_score"] == pytest.approx(score)
    assert intervals["compression"] == rate_interval([100, 110, 120], [100, 100, 100])
    layers = np.array([layer.replicates for layer in pairs.preference.layers])
    deviation = (layers[1:].mean(axis=0) - 0.04).std(ddof=1)  # ±0.0015 in turn
    reach = stats.t.ppf(0.975, 19) * deviation * 19 / 20**0.5
    assert intervals["preference"] == pytest.approx((0.04 - reach, 0.04 + reach))
    assert intervals["lexical"] == pytest.approx((0.01, 0.01))
    lossy = text.lossy
    information = {r.side: r.corrected for r in lossy.replicates}
    sides: dict[Quantity, str] = {"complexity": "input", "expressivity": "output"}
    for quantity, side in sides.items():
        value = cohort.rows[0].figures[Key(quantity, "prose", "16/8")].value
        expected = jackknife_interval(value, information[side], lossy.group_positions)
        assert intervals[quantity] == pytest.approx(expected)
    (compressor, *_) = compressor_rates(store(make_classical()))
    assert compressor.interval == rate_interval([8 * 75, 8 * 75, 8 * 80], [100, 100, 100])


def test_published_scores_have_binomial_intervals():
    """0.5 of 100 items: an error of 0.05; 0.8 of 400: 0.02; the mean: half the root of both."""
    scores = [("half", 100), ("most", 400)]
    source = make_source(
        compression=(CompressionColumn(column="bpc", label="Text", unit="bits per character"),),
        scores=tuple(
            ScoreColumn(column=name, label=name, chance=0, metric="accuracy", items=items)
            for name, items in scores
        ),
    )
    line = {"model": "m", "family": "f", "bpc": "0.9", "half": "0.5", "most": "0.8"}
    (row,) = published_rows(PublishedTable(source, (line,)))
    expected = {
        Key("score", "half", "paper"): (0.5, 0.05),
        Key("score", "most", "paper"): (0.8, 0.02),
        Key("mean_score", "", "paper"): (0.65, math.hypot(0.05, 0.02) / 2),
    }
    for key, (value, error) in expected.items():
        interval = (value - Z95 * error, value + Z95 * error)
        assert row.figures[key].interval == pytest.approx(interval)


@pytest.mark.parametrize(
    ("held", "n", "low", "high"),
    [(8, 10, 0.443905, 0.974789), (50, 100, 0.398321, 0.601679), (0, 10, 0, 0.308497)],
)
def test_the_interval_of_coverage_is_clopper_and_pearsons(held, n, low, high):
    """Values of scipy.stats.binomtest(...).proportion_ci(method="exact")."""
    coverage = Coverage(0.8, held, n, "conformal")
    exact = stats.binomtest(held, n).proportion_ci(method="exact")
    assert (exact.low, exact.high) == pytest.approx((low, high), abs=1e-5)
    assert (coverage.low, coverage.high) == pytest.approx((low, high), abs=1e-5)


def test_the_band_of_the_chart_is_students_interval_of_the_mean_with_hc3_errors():
    """MacKinnon and White 1985, written out: residuals divided by 1 − leverage."""
    cohort, _ = simulated_cohort(5, groups=12)
    line = weigh_evidence(cohort).line
    x, y = cohort.values(cohort.mean_compression), cohort.values(cohort.mean_score)
    x, y = x[np.isfinite(y)], y[np.isfinite(y)]
    design = np.column_stack([np.ones_like(x), x])
    inverse = np.linalg.inv(design.T @ design)
    beta = inverse @ design.T @ y
    leverage = np.einsum("ij,jk,ik->i", design, inverse, design)
    weights = ((y - design @ beta) / (1 - leverage)) ** 2
    covariance = inverse @ (design.T * weights) @ design @ inverse
    at = np.array([1, line.x[0]])
    reach = student_quantile(len(x) - 2) * math.sqrt(at @ covariance @ at)
    assert line.y[0] == pytest.approx(at @ beta)
    assert (line.low[0], line.high[0]) == pytest.approx((line.y[0] - reach, line.y[0] + reach))
    assert student_quantile(len(x) - 2) == pytest.approx(stats.t.ppf(0.975, len(x) - 2))
