"""Preference information: estimate, null and interval; pairs; measured end to end."""

import csv
import hashlib
import io
import json
from functools import cache

import numpy as np
import pytest
import torch
from compression_leaderboard.board.cohorts import make_cohorts
from compression_leaderboard.board.derived import preference_figure
from compression_leaderboard.board.figures import Key
from compression_leaderboard.board.measured import make_trajectories
from compression_leaderboard.cli import app
from compression_leaderboard.intervals import jackknife_interval
from compression_leaderboard.measure.checkpoint import hash_folder
from compression_leaderboard.measure.information import (
    assign,
    draw_anchors,
    solve_scale,
)
from compression_leaderboard.measure.machine import MeasureError
from compression_leaderboard.measure.plane import normalise
from compression_leaderboard.measure.preferences import (
    DrawnPairs,
    Swaps,
    draw_swaps,
    encode_pairs,
    estimate_preference,
    measure_preference,
    sum_assignments,
)
from compression_leaderboard.pages.rendering import with_interval
from compression_leaderboard.records.corpora import Pair
from compression_leaderboard.records.models import Checkpoint, Weights
from compression_leaderboard.repository.results import read_records
from compression_leaderboard.repository.specs import read_specs
from scipy import stats
from typer.testing import CliRunner

from tests.exported import board_of, page_text, render_site
from tests.factory import (
    PAIRS,
    REVISION,
    make_model,
    make_preference,
    make_result,
    make_specs,
    store,
)
from tests.miniature import write_toml
from tests.tiny import byte_tokenizer, load_tiny, save_tiny

BINS = 10
TOKENS = 12
SAMPLED = 60


def sample_assignments(generator, pairs=SAMPLED, shared=0.0, signal=0.0, tokens=TOKENS, seeds=1):
    """Assignments (P, 2, T, S, B) of noise, with shifts shared by all tokens of a completion.

    signal: how far the first bin of preferred completions is raised.
    """
    logits = generator.standard_normal((pairs, 2, tokens, seeds, BINS))
    logits += shared * generator.standard_normal((pairs, 2, 1, seeds, BINS))
    logits[:, 0, ..., 0] += signal
    return torch.from_numpy(logits).softmax(dim=-1)


def estimate(assignments, swaps=None):
    pairs, _, tokens = assignments.shape[:3]
    counts = torch.full((pairs, 2), tokens)
    return estimate_preference(assignments.sum(dim=2), counts, swaps or usual_swaps(pairs))


@cache
def usual_swaps(pairs):
    return draw_swaps(pairs, 200, 20, 0)


def entropy(rows):
    mean = rows.mean(axis=0)
    return -np.sum(mean * np.log(mean)) / np.log(len(mean))


def brute_force(chosen, rejected):
    """Plug-in information of lists of tokens' assignments, from its definition."""
    both = np.concatenate([chosen, rejected])
    share = len(chosen) / len(both)
    return entropy(both) - share * entropy(chosen) - (1 - share) * entropy(rejected)


def corrected_scores(count, **options):
    """Corrected information in units of the null's deviation, one for each of many samples."""
    scores = []
    for seed in range(count):
        found = estimate(sample_assignments(np.random.default_rng(seed), **options))
        scores.append(float((found.plug_in - found.null) / found.null_deviation))
    return np.array(scores)


def test_plug_in_and_null_are_those_of_their_definitions():
    """Completions of unequal lengths, two anchor seeds, three swaps done one by one."""
    generator = np.random.default_rng(1)
    lengths = generator.integers(3, 9, (5, 2))
    tokens = [[generator.dirichlet(np.ones(BINS), (n, 2)) for n in pair] for pair in lengths]
    sums = torch.tensor(np.array([[side.sum(axis=0) for side in pair] for pair in tokens]))
    signs = np.array([[1, 1, 1, 1, 1], [1, -1, 1, 1, -1], [-1, 1, 1, 1, 1], [1, 1, -1, -1, 1]])
    swaps = Swaps(torch.from_numpy(signs).double(), np.arange(5))
    found = estimate_preference(sums, torch.from_numpy(lengths), swaps)

    def under(row, seed, kept=range(5)):
        sides: list[list[np.ndarray]] = [[], []]
        for i in kept:
            for k in (0, 1):
                sides[k if row[i] == 1 else 1 - k].append(tokens[i][k][:, seed])
        return brute_force(np.concatenate(sides[0]), np.concatenate(sides[1]))

    for seed in (0, 1):
        null = [under(row, seed) for row in signs[1:]]
        assert float(found.plug_in[seed]) == pytest.approx(under(signs[0], seed), abs=1e-12)
        assert float(found.null[seed]) == pytest.approx(np.mean(null), abs=1e-12)
        assert float(found.null_deviation[seed]) == pytest.approx(np.std(null, ddof=1), abs=1e-12)
    without = [0, 1, 3, 4]  # the third group holds the third pair
    alone = [
        under(signs[0], seed, without) - np.mean([under(r, seed, without) for r in signs[1:]])
        for seed in (0, 1)
    ]
    assert float(found.replicates[2]) == pytest.approx(np.mean(alone), abs=1e-12)


def test_swaps_are_the_same_every_time_and_groups_are_even():
    swaps = draw_swaps(45, 200, 20, 3)
    again = draw_swaps(45, 200, 20, 3)
    assert torch.equal(swaps.signs, again.signs)
    assert (swaps.groups == again.groups).all()
    assert set(np.bincount(swaps.groups)) == {2, 3}
    assert (swaps.signs[0] == 1).all()
    assert set(swaps.signs[1:].unique().tolist()) == {-1.0, 1.0}
    assert not torch.equal(swaps.signs, draw_swaps(45, 200, 20, 4).signs)


@pytest.mark.slow
@pytest.mark.parametrize("shared", [1.0, 0.0])
def test_pairs_without_signal_carry_no_information(shared):
    """Whether tokens are noise of their own or share the shift of their completion."""
    scores = corrected_scores(100, shared=shared)
    assert abs(scores.mean()) < 3 / np.sqrt(len(scores))
    assert 0.75 < scores.std(ddof=1) < 1.35
    assert (np.abs(scores) < 3).mean() >= 0.97


def test_a_null_over_tokens_would_take_what_completions_share_for_information():
    generator = np.random.default_rng(2)
    assignments = sample_assignments(generator, shared=1.0)
    chosen, rejected = (assignments[:, k, :, 0].reshape(-1, BINS).numpy() for k in (0, 1))
    both = np.concatenate([chosen, rejected])
    shuffled = []
    for _ in range(100):
        mixed = generator.permutation(both)
        shuffled.append(brute_force(mixed[: len(chosen)], mixed[len(chosen) :]))
    excess = brute_force(chosen, rejected) - np.mean(shuffled)
    assert excess > 5 * np.std(shuffled)
    found = estimate(assignments)
    assert abs(float(found.plug_in - found.null)) < 3 * float(found.null_deviation)


def test_a_signal_is_found():
    assert corrected_scores(5, shared=1.0, signal=1.5).min() > 4


@pytest.mark.slow
def test_the_interval_covers_the_truth():
    """Of 200 samples of 60 pairs about 95 % of the intervals hold the value of 40,000 pairs."""
    options = {"shared": 0.5, "signal": 0.7, "tokens": 4}
    many = sample_assignments(np.random.default_rng(0), pairs=40_000, **options)
    chosen, rejected = (many[:, k, :, 0].reshape(-1, BINS).numpy() for k in (0, 1))
    truth = brute_force(chosen, rejected)
    covered = 0
    for seed in range(1, 201):
        found = estimate(sample_assignments(np.random.default_rng(seed), **options))
        value = float((found.plug_in - found.null).mean())
        interval = jackknife_interval(value, found.replicates.numpy(), np.ones(20))
        covered += interval.low <= truth <= interval.high
    assert 0.90 <= covered / 200 <= 0.99


def test_a_constant_figure_has_no_width():
    interval = jackknife_interval(0.5, np.full(20, 0.5), np.ones(20))
    assert (interval.low, interval.high) == pytest.approx((0.5, 0.5))


def test_the_interval_is_that_of_a_mean():
    """For a mean of 20 values, the delete-one jackknife is the t interval of textbooks."""
    values = np.random.default_rng(4).standard_normal(20)
    replicates = (values.sum() - values) / 19
    interval = jackknife_interval(values.mean(), replicates, np.ones(20))
    expected = stats.t.interval(0.95, 19, values.mean(), stats.sem(values))
    assert (interval.low, interval.high) == pytest.approx(expected)


def test_the_figure_is_the_mean_over_the_layers_above_the_embedding():
    figure = preference_figure(make_preference(make_model()).preference)
    assert figure.value == pytest.approx(0.04)
    assert figure.lexical == pytest.approx(0.01)
    assert figure.beyond_lexical == pytest.approx(0.03)
    assert (figure.lexical_interval.low, figure.lexical_interval.high) == pytest.approx(
        (0.01, 0.01)
    )
    reach = stats.t.ppf(0.975, 19) * 0.0015 * 19**0.5  # replicates differ by ±0.0015 from 0.04
    assert figure.interval.high - figure.value == pytest.approx(reach)


LONG = PAIRS.model_copy(
    update={"protocol": PAIRS.protocol.model_copy(update={"longest_tokens": 64})}
)


def some_pairs(count=30):
    """Pairs of which the preferred side has letters of its own."""
    generator = np.random.default_rng(0)
    found = []
    for k in range(count):
        good, bad = (
            "".join(generator.choice(list(letters), 12)) for letters in ("abcdef", "tuvwxyz")
        )
        found.append(Pair(prompt=f"Question {k}?", chosen=good, rejected=bad))
    return found


def measure(pairs, spec=LONG, loaded=None):
    return measure_preference(loaded or load_tiny(), DrawnPairs(pairs, "d" * 64, 0), spec, ignore)


def ignore(stage, done, total):
    """No progress is shown."""


def test_states_of_completion_tokens_are_those_of_the_model():
    """Each side alone, without batches or blocks: assignments at every completion token."""
    pairs = some_pairs(3)
    loaded = load_tiny()
    completions = encode_pairs(pairs, loaded, 64)
    sums = sum_assignments(loaded, completions, LONG.protocol, ignore)
    anchors, scale = draw_anchors((0, 1), 100, 32), solve_scale(32, 100)
    assert len(sums) == 3
    for row, pair in enumerate(pairs):
        for side, text in enumerate((pair.chosen, pair.rejected)):
            prompt = [256, *f"{pair.prompt}\n".encode()]
            ids = loaded.tokenizer.encode(f"{pair.prompt}\n{text}", add_special_tokens=False)
            with torch.inference_mode():
                states = loaded.model(
                    torch.tensor([[256, *ids]]), output_hidden_states=True
                ).hidden_states
            for layer, state in enumerate(states):
                z = normalise(state[0, len(prompt) :].double())
                assert len(z) == len(text)
                expected = torch.stack([a.sum(dim=0) for a in assign(z, anchors, scale)])
                assert torch.allclose(sums[layer][row, side].double(), expected, atol=5e-3)


def test_blocks_change_nothing(monkeypatch):
    loaded, pairs = load_tiny(), some_pairs(5)
    completions = encode_pairs(pairs, loaded, 64)
    whole = sum_assignments(loaded, completions, LONG.protocol, ignore)
    monkeypatch.setattr("compression_leaderboard.measure.preferences.BLOCK_TOKENS", 60)
    parts = sum_assignments(loaded, completions, LONG.protocol, ignore)
    assert all(torch.allclose(a, b, atol=5e-3) for a, b in zip(whole, parts, strict=True))


def test_the_embedding_finds_sides_that_differ_in_their_letters():
    found = measure(some_pairs())
    assert (found.pairs, found.left_out, found.completion_tokens) == (30, 0, 720)
    figure = preference_figure(found)
    assert figure.lexical_interval.low > 0.01
    assert figure.lexical > 10 * np.mean(found.layers[0].null_deviation)
    mixed = [
        Pair(prompt=p.prompt, chosen=p.rejected, rejected=p.chosen) if k % 2 else p
        for k, p in enumerate(some_pairs())
    ]
    assert preference_figure(measure(mixed)).lexical < 0.1 * figure.lexical


def test_long_pairs_are_left_out_and_counted():
    pairs = some_pairs(25)
    long = Pair(prompt="Why?", chosen="x" * 70, rejected="no")
    found = measure([*pairs, long])
    assert (found.pairs, found.left_out) == (25, 1)
    assert found.layers == measure(pairs).layers
    with pytest.raises(MeasureError, match="19 pairs are short enough, at least 20 are needed"):
        measure([*pairs[:19], long])


def test_a_model_with_a_shorter_context_is_refused():
    with pytest.raises(MeasureError, match="the model reads 32 tokens, the protocol's pairs have"):
        measure(some_pairs(), loaded=load_tiny(context=32))


def test_a_tokenizer_without_start_token_is_measured():
    loaded = load_tiny(tokenizer=byte_tokenizer(bos=False, eos=False))
    assert measure(some_pairs(20), loaded=loaded).completion_tokens == 480


@pytest.mark.slow
def test_from_spec_to_site(tmp_path):
    """Measured once by the command; the record is of today, and the figure is on the pages."""
    lines = "".join(json.dumps(pair.model_dump()) + "\n" for pair in some_pairs(20))
    (tmp_path / "runs/preferences").mkdir(parents=True)
    (tmp_path / "runs/preferences/pairs.jsonl").write_text(lines)
    digest = hashlib.sha256(lines.encode()).hexdigest()
    spec = LONG.model_copy(update={"sha256": digest})
    write_toml(tmp_path / "runs/corpora/pairs.toml", spec)
    save_tiny(tmp_path / "weights/A")
    revision = hash_folder(tmp_path / "weights/A")
    weights = Weights(path="weights/A", revision=revision)
    model = make_model("tiny/A", suites=(), corpora=("pairs",), weights=weights)
    write_toml(tmp_path / model.file, model)

    def invoke(*arguments):
        return CliRunner().invoke(app, [arguments[0], "--root", str(tmp_path), *arguments[1:]])

    shown = invoke("measure", "--corpus", "pairs")
    assert "ln(bins) of preference information" in shown.stderr
    assert "1 measured, 0 failed" in shown.stdout
    assert "nothing to do" in invoke("measure", "--corpus", "pairs").stdout
    assert "pairs: your machine: " in invoke("measure", "--local", "--again").stdout
    assert "have no problems" in invoke("check").stdout
    (entry,), problems = read_records(tmp_path, "results/measured")
    assert problems == []
    figure = preference_figure(entry.result.preference)
    specs = read_specs(tmp_path)[0]
    (cohort,) = make_cohorts(specs, [entry], [])
    (row,) = cohort.rows
    shown = row.figures[Key("preference", "pairs")]
    assert (shown.value, shown.interval) == (figure.value, figure.interval)
    assert row.value(Key("lexical", "pairs")) == figure.lexical
    assert cohort.compression == ()
    assert row.value(cohort.mean_compression) is None
    files = render_site(board_of(specs, [entry]))
    home = page_text(files, "index")
    assert "Preference information, Everyday pairs" in home
    assert f"<span>{figure.value:.5f}</span>" in home
    page = page_text(files, "models/tiny__A")
    assert 'id="corpus-pairs"' in page
    assert with_interval(figure.beyond_lexical, figure.beyond_interval) in page
    (line,) = csv.DictReader(io.StringIO(files["docs/data/preferences.csv"].decode()))
    assert float(line["preference"]) == pytest.approx(figure.value, rel=1e-5)
    layers = list(csv.DictReader(io.StringIO(files["docs/data/preference_layers.csv"].decode())))
    assert [layer["layer"] for layer in layers] == ["0", "1", "2"]


def test_pairs_change_no_mean_over_texts():
    """A preference set is no text: it has no column of bits per byte and no window."""
    model = make_model(corpora=("prose", "pairs"))
    alone = make_cohorts(make_specs(model), store(make_result(model)), [])
    both = make_cohorts(make_specs(model), store(make_result(model), make_preference(model)), [])
    assert [c.name for c in both] == [c.name for c in alone]
    assert both[0].compression == alone[0].compression
    values = [cohort.values(cohort.mean_compression) for cohort in (both[0], alone[0])]
    assert np.array_equal(values[0], values[1], equal_nan=True)
    assert [c.id for c in both[0].preferences] == ["pairs_preference"]
    trajectory = make_model(
        training_tokens=20,
        checkpoints=(Checkpoint(revision=REVISION, tokens_seen=20, path="weights"),),
    )
    curve = make_trajectories(make_specs(trajectory), store(make_preference(trajectory)))
    assert [one.quantity for one in curve] == ["preference_information"]
    assert curve[0].figure.value == pytest.approx(0.04)
