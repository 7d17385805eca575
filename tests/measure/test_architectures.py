"""Models of every sort that transformers loads: the score is that of brute force."""

import math
from typing import Any

import pytest
import torch
from compression_leaderboard.measure import text as scorer
from compression_leaderboard.measure.machine import MeasureError
from transformers import AutoConfig, AutoModelForCausalLM

from tests.cases import one_in
from tests.measure.test_lossless import TEXTS, brute_force_bits, score
from tests.tiny import load_tiny, tiny_model

HEADS = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 32}
COMMON = HEADS | {"intermediate_size": 64, "max_position_embeddings": 64}
GROUPED = COMMON | {"num_key_value_heads": 1}
EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "learned positions": ("gpt2", {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64}),
    "parallel blocks": ("gpt_neox", COMMON),
    "positions from an offset": ("opt", COMMON | {"ffn_dim": 64, "word_embed_proj_dim": 32}),
    "biases by distance": ("bloom", {"hidden_size": 32, "n_layer": 2, "n_head": 2}),
    "experts": ("mixtral", GROUPED | EXPERTS),
    "biases in attention": ("qwen2", GROUPED),
    "norms after blocks": ("olmo2", GROUPED),
    "part of a head rotated": ("phi", COMMON),
    "state space": ("mamba", {"hidden_size": 32, "num_hidden_layers": 2}),
    "logits multiplied": ("cohere", GROUPED | {"logit_scale": 0.25}),
    "logits divided": ("granite", GROUPED | {"logits_scaling": 4.0}),
}


def random_model(name):
    kind, settings = CASES[name]
    torch.manual_seed(0)
    special = {"bos_token_id": 256, "eos_token_id": 257, "pad_token_id": 0}
    config = AutoConfig.for_model(
        kind, vocab_size=264, initializer_range=0.3, **special, **settings
    )
    return AutoModelForCausalLM.from_config(config).float().eval()


@pytest.mark.parametrize("name", one_in(4, CASES))
def test_the_score_is_that_of_brute_force(name):
    loaded = load_tiny(model=random_model(name))
    found = score(TEXTS, loaded)
    for document, text in zip(found.documents, TEXTS, strict=True):
        assert document.bits == pytest.approx(brute_force_bits(loaded, text, 16, 8), rel=1e-5)


def test_a_model_that_changes_its_logits_in_another_way_is_refused(monkeypatch):
    model = tiny_model()
    plain = model.forward

    def bent(*arguments, **options):
        output = plain(*arguments, **options)
        output.logits = output.logits**3
        return output

    monkeypatch.setattr(model, "forward", bent)
    with pytest.raises(MeasureError) as failure:
        score(["some text"], load_tiny(model=model))
    assert failure.value.reason == "architecture"
    assert str(failure.value) == (
        "LlamaForCausalLM transforms its logits in a way that the scorer does not know; "
        "report it, so that it can be added"
    )


@pytest.mark.slow
def test_logits_of_a_large_vocabulary_are_made_for_few_rows_at_a_time():
    """262,144 words: never more than 32 rows, and a score like that of all rows at once."""
    model = tiny_model(vocabulary=262_144)
    rows = []
    model.lm_head.register_forward_hook(lambda _, __, out: rows.append(out.flatten(0, -2).shape[0]))
    text = "Sixty-four bytes and some more, so that one window holds two pieces."
    loaded = load_tiny(model=model, context=128)
    (found,) = score([text], loaded).documents
    assert max(rows) == scorer.LOGIT_ROWS
    assert found.bits == pytest.approx(brute_force_bits(loaded, text, 16, 8), rel=1e-5)


def test_a_bfloat16_model_is_summed_in_float32():
    """The model computes in bfloat16, the softmax over its logits does not: it is that of float64
    over the same logits. A softmax in bfloat16 would miss by a hundredth."""
    model = tiny_model().to(torch.bfloat16)
    loaded = load_tiny(model=model)
    text = "fits one window"
    (found,) = score([text], loaded).documents
    tokens = loaded.tokenizer.encode(text, add_special_tokens=False)
    nats = 0.0
    with torch.inference_mode():
        logits = model(torch.tensor([[256, *tokens[:-1]]])).logits[0]
    for row, token in zip(logits, tokens, strict=True):
        nats -= float(row.double().log_softmax(-1)[token])
    assert found.bits == pytest.approx(nats / math.log(2), rel=1e-5)
