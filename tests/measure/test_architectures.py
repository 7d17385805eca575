"""Every architecture of transformers: scored as by brute force, or refused with a reason."""

import math
from dataclasses import replace

import pytest
import torch
import transformers
from compression_leaderboard.measure import text as scorer
from compression_leaderboard.measure.documents import Document
from compression_leaderboard.measure.machine import MeasureError
from compression_leaderboard.measure.text import score_text
from compression_leaderboard.measure.weights import load_folder
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from tests.architectures import (
    PROTOCOL,
    TEXTS,
    build,
    examine,
    read_table,
    score_folder,
)
from tests.measure.test_lossless import brute_force_bits, score
from tests.tiny import load_tiny, natural_start, tiny_model

# Unlike each other: positions, heads, state, experts, logits, and what is refused.
FAST = {
    *("blt", "bloom", "cohere", "cpmant", "deepseek_v32", "deepseek_v4", "gemma3n", "gpt2"),
    *("mamba2", "mixtral", "recurrent_gemma", "rembert", "xlstm"),
}
VERSION, ROWS = read_table()


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(
            row,
            id=row["model_type"],
            marks=() if row["model_type"] in FAST else pytest.mark.slow,
        )
        for row in ROWS
    ],
)
def test_the_table_says_what_becomes_of_an_architecture(row, tmp_path):
    """Through the real loader; a score must be that of brute force."""
    assert examine(row["model_type"], tmp_path) == row


def test_the_table_is_of_every_architecture_of_this_transformers():
    repair = "run python -m tests.architectures"
    assert transformers.__version__ == VERSION, repair
    assert [row["model_type"] for row in ROWS] == [*MODEL_FOR_CAUSAL_LM_MAPPING_NAMES], repair
    assert {row["outcome"] for row in ROWS} == {"works", "refused", "not tried"}
    assert all(row.get("why") for row in ROWS if row["outcome"] != "works")


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (
            "opt",
            "OPTForCausalLM: the hidden states of layer 2 are 1 × 8 × 16, not one vector of 32 per "
            "position",
        ),
        (
            "gemma3n_text",
            "Gemma3nForCausalLM: the hidden states of layer 0 are 4 × 1 × 8 × 32, not one vector "
            "of 32 per position",
        ),
    ],
)
def test_a_model_without_one_vector_per_position_keeps_its_bits(kind, why, tmp_path):
    build(kind, tmp_path)
    lossless, lossy = score_folder(kind, tmp_path)
    assert lossy == why
    assert all(math.isfinite(document.bits) for document in lossless.documents)


def test_vectors_too_short_for_soft_entropy_cost_no_bits():
    loaded = load_tiny(model=tiny_model(width=4))
    documents = [Document(str(number), text) for number, text in enumerate(TEXTS)]
    lossless, lossy = score_text(loaded, documents, PROTOCOL, lambda *_: None)
    assert lossy == "hidden states have 4 numbers; soft entropy needs 8"
    assert lossless.bits_per_byte == score([*TEXTS], loaded).bits_per_byte


@pytest.mark.parametrize("kind", ["glm_moe_dsa", "cpmant"])
def test_a_text_costs_the_same_beside_a_longer_one(kind, tmp_path):
    """Padding moves what the indexer of DeepSeek-V3.2 and GLM chooses, and positions of CPM-Ant."""
    build(kind, tmp_path)
    loaded = load_folder(tmp_path, torch.float32)
    loaded = replace(loaded, calibration=natural_start(loaded.tokenizer))
    (alone,) = score(["a shorter text"], loaded).documents
    _, beside = score(["a text that is longer, much longer", "a shorter text"], loaded).documents
    assert beside.bits == pytest.approx(alone.bits, abs=1e-4)


def test_a_model_that_changes_its_logits_in_another_way_is_refused(monkeypatch):
    model = tiny_model()
    plain = model.forward

    def bent(*arguments, **options):
        output = plain(*arguments, **options)
        output.logits = output.logits + 0.01 * output.logits.sin()
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
