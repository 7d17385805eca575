"""The invariants of bits per byte, each against a tiny random model."""

import math

import numpy as np
import pytest
import torch
from compression_leaderboard.measure import text as scorer
from compression_leaderboard.measure.documents import (
    Document,
    cut_windows,
    encode_documents,
)
from compression_leaderboard.measure.machine import MeasureError
from compression_leaderboard.measure.text import bits_per_byte, score_text
from compression_leaderboard.records.corpora import Protocol
from compression_leaderboard.records.results import Lossless
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tiny import byte_tokenizer, load_tiny, lossy_tokenizer, tiny_model

PROTOCOL = Protocol(
    documents=1,
    document_bytes=10_000,
    window_tokens=16,
    stride_tokens=8,
    positions=1_000_000,  # more than there are: the lossy side is not asked for here
    max_order=1,
)
TEXTS = ["The first of the texts is a little longer than the window.", "Short – äöü 🙂", "x"]


def score(texts: list[str], loaded=None, protocol: Protocol = PROTOCOL) -> Lossless:
    documents = [Document(f"d{index}", text) for index, text in enumerate(texts)]
    return score_text(loaded or load_tiny(), documents, protocol, lambda *_: None)[0]


def brute_force_bits(loaded, text: str, window: int, stride: int) -> float:
    """One forward pass a token, its context cut as the protocol and the start mode say."""
    tokens = loaded.tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
    start = loaded.start
    sequence = tokens if start.token_id is None else [start.token_id, *tokens]
    nats = math.log(loaded.subject.vocabulary) if start.token_id is None else 0.0
    if start.is_in_every_window:
        stride = min(stride, window - 1)
    for target in range(1, len(sequence)):
        last = target - 1  # the input that predicts it
        begin = max(0, math.ceil((last + 1 - window) / stride)) * stride
        context = sequence[begin:target]
        if start.is_in_every_window:
            context = [start.token_id, *context[1:]]
        with torch.inference_mode():
            logits = loaded.model(torch.tensor([context])).logits[0, -1]
        nats -= float(logits.double().log_softmax(-1)[sequence[target]])
    return nats / math.log(2) + math.log2(len(start.modes))


@pytest.mark.parametrize(("bos", "eos"), [(True, True), (False, True), (False, False)])
def test_windows_equal_brute_force_for_every_start(bos, eos):
    """Invariants 1 and 4: every token once, the first too; windowed = brute force."""
    loaded = load_tiny(byte_tokenizer(bos, eos))
    found = score(TEXTS, loaded)
    for document, text in zip(found.documents, TEXTS, strict=True):
        assert document.bits == pytest.approx(brute_force_bits(loaded, text, 16, 8), rel=1e-5)


def test_the_denominator_is_the_raw_bytes():
    """Invariant 2: UTF-8 bytes of the text, never anything that tokens say."""
    found = score(TEXTS)
    total = sum(len(text.encode()) for text in TEXTS)
    assert [d.bytes for d in found.documents] == [len(text.encode()) for text in TEXTS]
    assert found.bits_per_byte == pytest.approx(sum(d.bits for d in found.documents) / total)


def test_a_tokenizer_that_changes_the_text_is_told_apart():
    """Invariant 2: the bytes of documents that do not come back are counted."""
    found = score(["lower case", "Upper Case"], load_tiny(lossy_tokenizer()))
    assert [d.lossless for d in found.documents] == [True, False]
    assert found.failing_bytes == len("Upper Case")


def test_the_softmax_covers_padded_rows():
    """Invariant 3: rows of the vocabulary that no token uses take their share of probability."""
    model = tiny_model()
    few = score(["some text"], load_tiny(model=model))
    with torch.no_grad():
        model.lm_head.weight[258:] = 50 * model.lm_head.weight[100]
    assert score(["some text"], load_tiny(model=model)).bits_per_byte != few.bits_per_byte


def test_a_later_token_changes_no_earlier_score():
    """Invariant 3: causal."""
    loaded = load_tiny()
    nats = []
    for text in ("the same beginning, A", "the same beginning, B"):
        encoded = encode_documents([Document("d", text)], loaded)
        windows = cut_windows([len(encoded[0].inputs)], 64, 64)
        passed = scorer.run_forward(loaded, encoded, windows)
        nats.append(passed.nats[0])
    assert np.allclose(nats[0][:-1], nats[1][:-1], atol=1e-6)
    assert nats[0][-1] != nats[1][-1]


def test_batching_and_padding_change_nothing(monkeypatch):
    """Invariant 5: at most 1e-4 bits a token between one window a batch and all in one."""
    together = score(TEXTS)
    monkeypatch.setattr(scorer, "BATCH_TOKENS", 1)
    alone = score(TEXTS)
    for a, b in zip(together.documents, alone.documents, strict=True):
        assert abs(a.bits - b.bits) <= 1e-4 * a.tokens


def test_every_document_keeps_its_bits():
    """Invariant 6: documents in their order, with bits and bytes."""
    found = score(TEXTS)
    assert [d.document for d in found.documents] == ["d0", "d1", "d2"]
    alone = [score([text]).documents[0].bits for text in TEXTS]
    assert [d.bits for d in found.documents] == pytest.approx(alone, rel=1e-5)


def test_a_uniform_model_costs_the_logarithm_of_its_vocabulary():
    """Invariant 7: log2 V bits a token."""
    model = tiny_model()
    with torch.no_grad():
        model.lm_head.weight.zero_()
    found = score(["abcdefgh"], load_tiny(model=model))
    assert found.documents[0].bits == pytest.approx(8 * math.log2(264), rel=1e-6)


@given(
    lengths=st.lists(st.integers(0, 70), max_size=5),
    window=st.integers(2, 20),
    share=st.floats(0.05, 1),
)
def test_windows_cover_every_input_exactly_once(lengths, window, share):
    stride = max(1, int(window * share))
    seen = [[0] * length for length in lengths]
    for piece in cut_windows(lengths, window, stride):
        assert 0 < piece.end - piece.begin <= window
        assert piece.begin <= piece.new < piece.end
        for index in range(piece.new, piece.end):
            seen[piece.document][index] += 1
    assert all(count == 1 for counts in seen for count in counts)


@settings(max_examples=15, deadline=None)
@given(text=st.text(min_size=1, max_size=40))
def test_any_text_gets_a_finite_score(text):
    """BOM, CRLF, NUL and emoji included; a lone surrogate is no UTF-8 text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    found = score([text])
    assert math.isfinite(found.bits_per_byte)
    assert found.failing_bytes == 0


def test_bits_per_byte_of_a_worked_example():
    """Four tokens of probability 1/2, 1/4, 1/8, 1/4 over two bytes: 8 bits, 4 a byte."""
    assert bits_per_byte([math.log(2), math.log(4), math.log(8), math.log(4)], 2) == 4.0
    with pytest.raises(ValueError, match="0 bytes"):
        bits_per_byte([], 0)


def test_nan_logits_name_the_document():
    model = tiny_model()
    with torch.no_grad():
        model.lm_head.weight[3, 0] = float("nan")
    with pytest.raises(MeasureError) as failure:
        score(["abc"], load_tiny(model=model))
    assert failure.value.reason == "nan"
    assert str(failure.value) == (
        "d0: the model's output is not a finite number; the weights or the dtype are broken"
    )


def test_a_shorter_context_than_the_window_is_refused():
    with pytest.raises(MeasureError) as failure:
        score(["abc"], load_tiny(context=8))
    assert str(failure.value) == (
        "the model reads 8 tokens, the window has 16; use a window of at most 8"
    )


def test_an_empty_document_is_refused():
    with pytest.raises(MeasureError, match="d0 is empty; leave it out of the corpus"):
        score([""])
