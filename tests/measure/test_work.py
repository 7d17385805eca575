"""What the page on large models counts is what measuring makes a model read."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from compression_leaderboard.measure.calibration import WIDEST, calibrate, read_texts
from compression_leaderboard.measure.documents import Document, cut_windows
from compression_leaderboard.measure.text import score_documents
from compression_leaderboard.measure.weights import Loaded
from compression_leaderboard.plan.estimates import Work, count_calibration, count_windows
from compression_leaderboard.records.calibration import CALIBRATION_DOCUMENTS
from hypothesis import given
from hypothesis import strategies as st

from tests.tiny import load_tiny, tiny_model


def counting(context: int) -> tuple[Loaded, list[int]]:
    """A tiny model, and the numbers of inputs of its forward passes."""
    model = tiny_model(context=context)
    sizes: list[int] = []
    plain = model.forward

    def forward(*args: Any, **kwargs: Any) -> Any:
        sizes.append(kwargs["input_ids"].numel())
        return plain(*args, **kwargs)

    model.forward = forward
    return load_tiny(model=model, context=context), sizes


def read_by(sizes: list[int]) -> Work:
    return Work(sum(sizes), len(sizes))


@given(
    st.lists(st.integers(1, 3000), min_size=1, max_size=5),
    st.integers(2, 600),
    st.integers(1, 600),
)
def test_windows_are_counted_as_they_are_cut(inputs, window, stride):
    stride = min(window, stride)
    windows = cut_windows(inputs, window, stride)
    tokens = sum(w.end - w.begin for w in windows)
    assert count_windows(inputs, window, stride).tokens - 8 == tokens


@pytest.mark.parametrize("window", [1024, 2048])
def test_a_calibration_reads_what_is_counted(tmp_path, window):
    loaded, sizes = counting(context=window)

    def load(_: torch.dtype) -> Loaded:
        return replace(loaded, calibration=None)

    assert len(read_texts()) == CALIBRATION_DOCUMENTS
    windows = replace(WIDEST, tokens=window)
    calibrate(load, "sha256-" + "a" * 40, tmp_path, lambda *_: None, windows, torch.float32)
    exact, once = count_calibration(window, window // 2)
    assert read_by(sizes) == exact
    assert once.tokens >= 4000


def test_a_text_is_read_as_it_is_counted():
    loaded, sizes = counting(context=64)
    lengths = [30, 64, 65, 200, 200, 131]
    documents = [Document(str(k), "a" * n) for k, n in enumerate(lengths)]
    score_documents(loaded, documents, 64, 24)
    assert read_by(sizes) == count_windows(lengths, 64, 24)
