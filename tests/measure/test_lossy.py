"""The information plane of a text, end to end with a tiny random model."""

import os
import shutil

import numpy as np
import pytest
import torch
from compression_leaderboard.measure import text as scorer
from compression_leaderboard.measure.documents import Document, find_token_ends
from compression_leaderboard.measure.information import draw_anchors, solve_scale
from compression_leaderboard.measure.machine import MeasureError
from compression_leaderboard.measure.plane import LayerFiles, cut_parts, normalise
from compression_leaderboard.measure.text import score_text
from compression_leaderboard.records.corpora import Protocol

from tests.tiny import byte_tokenizer, fallback_tokenizer, load_tiny, tiny_model

WORDS = ["a", "model", "keeps", "what", "helps", "it", "to", "predict", "–", "äöü", "🙂", ""]


def documents(count: int = 24, words: int = 30) -> list[Document]:
    generator = np.random.default_rng(0)
    return [
        Document(f"d{i}", " ".join(generator.choice(WORDS, words)) + "\n") for i in range(count)
    ]


def protocol(**changes) -> Protocol:
    fields = {
        "documents": 24,
        "document_bytes": 10_000,
        "window_tokens": 32,
        "stride_tokens": 16,
        "positions": 1200,
        "max_order": 3,
        "byte_orders": (1, 2, 4),
        "bins": 20,
        "anchor_seeds": (0, 1),
    }
    return Protocol(**(fields | changes))


def lossy_of(loaded=None, texts=None, **changes):
    return score_text(
        loaded or load_tiny(), texts or documents(), protocol(**changes), lambda *_: None
    )[1]


@pytest.fixture(scope="module")
def lossy():
    return lossy_of()


def test_every_layer_has_every_label_set(lossy):
    sets = [(s.unit, s.side, s.order) for s in lossy.labels]
    assert sorted(set(sets)) == sorted(
        [("token", side, k) for side in ("input", "output") for k in (1, 2, 3)]
        + [("byte", side, k) for side in ("input", "output") for k in (1, 2, 4)]
    )
    assert [layer.layer for layer in lossy.layers] == [0, 1, 2]
    for layer in lossy.layers:
        assert [(i.unit, i.side, i.order) for i in layer.information] == sets
        assert 1 <= layer.effective_rank <= 32
        for found in layer.information:
            assert all(
                0 <= i <= c + 1e-6 for i, c in zip(found.plug_in, layer.ceiling, strict=True)
            )
            assert found.standard_error > 0


def test_bytes_of_a_byte_level_model_are_its_tokens(lossy):
    """One token a byte: labels of bytes and of tokens are the same, and so are the estimates."""
    for layer in lossy.layers:
        by_set = {(i.unit, i.side, i.order): i for i in layer.information}
        for side in ("input", "output"):
            for order in (1, 2):
                token, byte = by_set["token", side, order], by_set["byte", side, order]
                assert byte.plug_in == pytest.approx(token.plug_in, abs=1e-6)
                assert byte.standard_error == pytest.approx(token.standard_error, rel=1e-3)


def test_the_replicates_are_of_the_groups_and_the_shares_of_the_positions(lossy):
    assert len(lossy.group_positions) == 20
    assert sum(lossy.group_positions) == lossy.positions == 1200
    assert all(len(one.corrected) == 20 for one in lossy.replicates)
    assert len(lossy.replicates) == len(lossy.labels)
    assert sorted({share.positions for share in lossy.convergence}) == [150, 300, 600]


def test_fewer_than_twenty_documents_have_no_jackknife():
    lossy = lossy_of(texts=documents(8, 90))
    assert lossy.group_positions == ()
    assert lossy.replicates == ()
    assert lossy.layers[1].information[0].standard_error is None


def test_the_order_of_documents_changes_nothing_but_the_draw():
    """All positions eligible and asked for: no draw, so only the order of sums differs."""
    texts = [Document(f"d{i}", "the same length of text, always " * 2) for i in range(3)]
    texts = [Document(d.name, d.text[i:] + d.text[:i]) for i, d in enumerate(texts)]
    eligible = sum(len(d.text) - 7 for d in texts)  # four bytes before an end and after it
    one, other = (
        lossy_of(texts=order, positions=eligible, max_order=1, byte_orders=(4,))
        for order in (texts, texts[::-1])
    )
    for layer, again in zip(one.layers, other.layers, strict=True):
        assert layer.entropy == pytest.approx(again.entropy, abs=1e-5)
        for found, same in zip(layer.information, again.information, strict=True):
            assert found.plug_in == pytest.approx(same.plug_in, abs=1e-5)


def test_too_few_positions_are_not_compared():
    lossy = lossy_of(positions=100_000)
    assert lossy == "the text has fewer positions than the 100,000 of its protocol"


def test_documents_shorter_than_the_longest_label_are_scored_without_positions():
    short = [Document("one", "a"), Document("two", "ab"), *documents(20)]
    lossless, lossy = score_text(load_tiny(), short, protocol(positions=800), lambda *_: None)
    assert not isinstance(lossy, str)
    assert lossy.documents == 20
    assert all(np.isfinite(d.bits) for d in lossless.documents)


def test_zero_vectors_and_equal_vectors_give_numbers():
    model = tiny_model()
    with torch.no_grad():
        model.model.embed_tokens.weight.zero_()
    lossy = lossy_of(load_tiny(model=model))
    for layer in lossy.layers:
        assert np.isfinite(layer.entropy).all()
        assert layer.effective_rank == pytest.approx(1.0, abs=1e-3)
        for found in layer.information:
            assert np.isfinite([found.plug_in, found.null]).all()
            assert found.plug_in == pytest.approx([0, 0], abs=1e-5)
            assert found.null == pytest.approx([0, 0], abs=1e-5)
            assert found.standard_error in (None, pytest.approx(0, abs=1e-5))


@pytest.mark.parametrize("largest", [16, 40])
def test_a_batch_that_does_not_fit_is_halved(lossy, monkeypatch, largest):
    """The model runs out of memory above so many tokens; the result is the same."""
    loaded = load_tiny()
    plain = loaded.model.forward

    def small(input_ids, **options):
        if input_ids.numel() > largest * 32:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(input_ids=input_ids, **options)

    monkeypatch.setattr(loaded.model, "forward", small)
    halved = lossy_of(loaded)
    for layer, again in zip(lossy.layers, halved.layers, strict=True):
        assert layer.entropy == pytest.approx(again.entropy, abs=1e-5)


def test_a_window_that_never_fits_is_reported(monkeypatch):
    loaded = load_tiny()

    def never(**_):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 TB")

    monkeypatch.setattr(scorer, "_score_batch", lambda *_: never())
    with pytest.raises(MeasureError, match="a window of 32 tokens does not fit in memory"):
        lossy_of(loaded)


def test_the_disk_is_checked_before_the_start(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(MeasureError, match=r"hidden states need 0\.1 GB of temporary files"):
        LayerFiles(load_tiny().subject, protocol(anchor_seeds=(0,)), 1_000_000)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-3), (torch.bfloat16, 1e-2)])
@pytest.mark.parametrize("seeds", [1, 4])
def test_states_and_assignments_on_disk_give_the_same(seeds, dtype, tolerance):
    """32 dimensions are kept as states beside 80 assignments, and as assignments beside 20."""
    states = [
        torch.randn(300, 32, generator=torch.Generator().manual_seed(k)).to(dtype) for k in range(2)
    ]
    anchors, scale = draw_anchors(range(seeds), 20, 32).float(), solve_scale(32, 20)
    subject = load_tiny().subject.model_copy(update={"layers": 1})
    files = LayerFiles(subject, protocol(anchor_seeds=tuple(range(seeds))), 300)
    files.append([layer[:100] for layer in states])
    files.append([layer[100:] for layer in states])
    assert files.keeps_states == (seeds == 4)
    for k, layer in enumerate(states):
        directions = normalise(layer.float())
        found = list(files.read_assignments(k))
        assert len(found) == seeds
        for assignments, seed in zip(found, anchors, strict=True):
            expected = (directions @ seed.T / scale).softmax(-1)
            assert torch.allclose(assignments, expected, atol=tolerance)
        assert torch.allclose(files.read_sample(k), directions, atol=1e-3)
    sizes = [os.fstat(file.fileno()).st_size for file in files.rows + files.samples]
    assert sum(sizes) == files.size_bytes
    files.close()


@pytest.mark.parametrize("pieces", [[5000], [1] * 5000, [2, 0, 1, 4] * 714 + [2], [1, 4999]])
def test_the_sample_is_every_third_position_whatever_the_batches(pieces):
    states = torch.randn(5000, 32, generator=torch.Generator().manual_seed(0))
    subject = load_tiny().subject.model_copy(update={"layers": 0})
    files = LayerFiles(subject, protocol(anchor_seeds=(0, 1, 2, 3)), 5000)
    for piece in torch.split(states, pieces):
        files.append([piece])
    assert torch.allclose(files.read_sample(0), normalise(states)[::3], atol=1e-3)
    assert os.fstat(files.samples[0].fileno()).st_size == 2 * 32 * len(range(0, 5000, files.step))
    files.close()


def test_groups_and_shares_are_dealt_evenly():
    parts = cut_parts(np.repeat(np.arange(40), 50), seed=0)
    assert np.bincount(parts.group).tolist() == [100] * 20
    assert np.cumsum(np.bincount(parts.stage)).tolist() == [250, 500, 1000, 2000]
    documents = np.repeat(np.arange(40), 50)
    assert all(len(set(parts.group[documents == d])) == 1 for d in range(40))


TEXT = "Zwölf – 🙂 at last."


def test_the_bytes_of_byte_level_tokens_are_counted_letter_by_letter():
    tokenizer = byte_tokenizer()
    tokens = np.array(tokenizer.encode(TEXT, add_special_tokens=False))
    assert find_token_ends(TEXT, tokens, tokenizer).tolist() == list(
        range(1, len(TEXT.encode()) + 1)
    )


def test_the_bytes_of_other_tokens_are_those_of_the_characters_they_end():
    """Byte fallback spells 🙂 in four tokens: the first three end before it."""
    tokenizer = fallback_tokenizer()
    tokens = np.array(tokenizer.encode(TEXT, add_special_tokens=False))
    ends = find_token_ends(TEXT, tokens, tokenizer)
    before = len("Zwölf – ".encode())
    assert list(ends).count(before) == 4  # the space, and three of the smiley's tokens
    assert ends[-1] == len(TEXT.encode())
    assert (np.diff(ends) >= 0).all()
