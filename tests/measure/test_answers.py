"""Requests of lm-eval are answered as lm-eval answers them, with few logits in memory."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch
from compression_leaderboard.measure import text as scoring
from compression_leaderboard.measure.answers import AnsweringModel
from compression_leaderboard.measure.documents import Document
from compression_leaderboard.measure.machine import MeasureError
from compression_leaderboard.measure.text import score_text
from compression_leaderboard.measure.weights import Loaded
from compression_leaderboard.plan.estimates import BATCH_TOKENS
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from torch.utils._python_dispatch import TorchDispatchMode

from tests.factory import PROTOCOL
from tests.tiny import load_tiny, tiny_gemma2, tiny_model

VOCABULARIES = (152_064, pytest.param(262_144, marks=pytest.mark.slow))
CONTEXT = 256
WORDS = "the text of a request, with words of several lengths; "
# Sixteen of unequal lengths, in bytes, which are tokens.
LENGTHS = (*range(20, 230, 15), 60, 60)


class Largest(TorchDispatchMode):
    """Counts the elements of the largest tensor that has a row of the vocabulary."""

    def __init__(self, vocabulary: int):
        super().__init__()
        self.vocabulary, self.elements = vocabulary, 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for value in result if isinstance(result, list | tuple) else [result]:
            if isinstance(value, torch.Tensor) and value.shape[-1:] == (self.vocabulary,):
                self.elements = max(self.elements, value.numel())
        return result


@contextmanager
def bounded_logits(vocabulary: int) -> Iterator[None]:
    """At no time does a tensor of logits have more elements than the scorer allows."""
    with Largest(vocabulary) as largest:
        yield
    assert 0 < largest.elements <= max(scoring.LOGIT_ELEMENTS, scoring.LOGIT_ROWS * vocabulary)


def prompts() -> list[str]:
    return [(WORDS * 5)[k : k + length] for k, length in enumerate(LENGTHS)]


def requests_of(kind: str, arguments: Sequence[tuple[Any, ...]]) -> list[Instance]:
    return [
        Instance(request_type=kind, doc={}, arguments=given, idx=0, metadata=("own", k, 1))
        for k, given in enumerate(arguments)
    ]


def choices() -> list[Instance]:
    """Two continuations behind each prompt: one token, and a third of the prompt."""
    pairs = [(text[: -len(text) // 3], text[-len(text) // 3 :]) for text in prompts()]
    pairs += [(text, letter) for text in prompts() for letter in "ab"]
    return requests_of("loglikelihood", pairs)


def rolling() -> list[Instance]:
    return requests_of("loglikelihood_rolling", [(text,) for text in [*prompts(), WORDS * 12]])


def generations() -> list[Instance]:
    options = {"until": ["\n"], "max_gen_toks": 8}
    return requests_of("generate_until", [(text, options) for text in prompts()])


KINDS = {
    "loglikelihood": choices,
    "loglikelihood_rolling": rolling,
    "generate_until": generations,
}


def lm_eval_model(loaded: Loaded, batch: int = 16) -> HFLM:
    return HFLM(pretrained=loaded.model, tokenizer=loaded.tokenizer, batch_size=batch)


def large(vocabulary: int) -> Loaded:
    model = tiny_model(vocabulary, context=CONTEXT)
    return load_tiny(model=model, context=CONTEXT)


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
@pytest.mark.parametrize("kind", KINDS)
def test_logits_of_a_large_vocabulary_stay_few(kind, vocabulary):
    """Sixteen requests of up to 229 tokens have half a billion logits in lm-eval's own batch."""
    model = AnsweringModel(large(vocabulary))
    assert len(LENGTHS) * max(LENGTHS) * vocabulary > 50 * scoring.LOGIT_ELEMENTS
    with bounded_logits(vocabulary):
        answers = getattr(model, kind)(KINDS[kind]())
    assert len(answers) == len(KINDS[kind]())


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_logits_of_a_text_stay_few(vocabulary):
    loaded = large(vocabulary)
    documents = [Document(str(k), text) for k, text in enumerate([*prompts(), WORDS * 12])]
    protocol = PROTOCOL.model_copy(
        update={"window_tokens": 128, "stride_tokens": 64, "positions": 100}
    )
    with bounded_logits(vocabulary):
        score_text(loaded, documents, protocol, lambda *_: None)


@pytest.mark.parametrize("make", [tiny_model, tiny_gemma2])
@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_those_of_lm_eval(kind, make):
    """Whatever else is in the batch: without padding, and with logits made elsewhere."""
    loaded = load_tiny(model=make())
    short = [(WORDS * 5)[k : k + 10 + k % 7] for k in range(16)]
    given: dict[str, list[tuple[Any, ...]]] = {
        "loglikelihood": [(text[:7], text[7:]) for text in short]
        + [(short[0], letter) for letter in "abc"]
        + [(WORDS * 3, " cut off in front")],
        "loglikelihood_rolling": [(text,) for text in [*short, WORDS * 4]],
        "generate_until": [(text, {"until": ["\n"], "max_gen_toks": 8}) for text in short],
    }
    ours = getattr(AnsweringModel(loaded), kind)(requests_of(kind, given[kind]))
    theirs = getattr(lm_eval_model(loaded, 1), kind)(requests_of(kind, given[kind]))
    if kind == "generate_until":
        assert ours == theirs
        return
    for mine, other in zip(ours, theirs, strict=True):
        if kind == "loglikelihood":
            assert mine[1] == other[1]
            mine, other = mine[0], other[0]
        assert mine == pytest.approx(other, abs=1e-4)


def test_greedy_answers_are_recognised():
    """A continuation that the model itself would write is marked as such; another one is not."""
    loaded = load_tiny()
    ids = loaded.tokenizer("the text of", return_tensors="pt").input_ids
    with torch.inference_mode():
        written = loaded.model.generate(ids, max_new_tokens=3, do_sample=False)[0, ids.shape[1] :]
    model = AnsweringModel(loaded)
    context, right = ids[0].tolist(), written.tolist()
    wrong = [*right[:-1], (right[-1] + 1) % 256]
    answers = model._loglikelihood_tokens([(None, context, right), (None, context, wrong)])
    assert [is_greedy for _, is_greedy in answers] == [True, False]


def test_smaller_batches_have_fewer_inputs():
    """After a job that ran out of memory."""
    loaded = load_tiny(context=CONTEXT, model=tiny_model(context=CONTEXT))
    sizes: list[int] = []
    plain = loaded.model.forward

    def forward(*args: Any, **kwargs: Any) -> Any:
        sizes.append(kwargs["input_ids"].numel())
        return plain(*args, **kwargs)

    loaded.model.forward = forward
    alike = requests_of("loglikelihood", [(WORDS * 2, chr(97 + k) + " b") for k in range(26)])
    for divisor in (1, 16):
        model = AnsweringModel(replace(loaded, batch_divisor=divisor))
        sizes.clear()
        model.loglikelihood(alike)
        assert max(sizes) <= BATCH_TOKENS // divisor
        length = sum(sizes) // len(alike)
        assert len(sizes) == math.ceil(len(alike) / (BATCH_TOKENS // divisor // length))


@pytest.mark.parametrize("length", [0, 65])
def test_a_continuation_that_cannot_be_scored_is_refused(length):
    with pytest.raises(MeasureError) as failure:
        AnsweringModel(load_tiny())._loglikelihood_tokens([(None, [1], [2] * length)])
    assert failure.value.message == (
        f"a continuation has {length} tokens; choose a task whose continuations have 1 to 64"
    )
