"""GGUF files are de-quantised in memory, on every path, without leaving a tensor out."""

import copy
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from compression_leaderboard.measure.machine import MeasureError
from compression_leaderboard.measure.weights import (
    Reference,
    load_folder,
    load_gguf,
    load_model,
    load_reference,
)
from compression_leaderboard.records.models import Weights
from gguf import GGMLQuantizationType, dequantize
from gguf.quants import quantize
from transformers import LlamaConfig, LlamaForCausalLM

from tests.factory import make_model
from tests.tiny import tiny_model
from tests.tiny_gguf import BOS, EOS, write_llama

REPAIR = "restore the files of one and the same checkpoint"


@pytest.fixture(scope="module")
def model():
    return tiny_model()


@pytest.fixture
def file(tmp_path, model) -> Path:
    path = tmp_path / "weights/A/tiny.gguf"
    path.parent.mkdir(parents=True)
    write_llama(path, model)
    return path


def same_output(ours, theirs, tolerance: float = 1e-5) -> None:
    ids = torch.arange(60).unsqueeze(0)
    with torch.inference_mode():
        difference = (ours(ids).logits - theirs(ids).logits).abs().max()
    assert float(difference) <= tolerance


def test_a_file_gives_the_model_that_it_was_made_of(file, model):
    loaded = load_gguf(file, torch.float32, "tiny.gguf")
    same_output(loaded.model, model)
    assert loaded.subject.parameters == model.num_parameters()
    assert loaded.subject.weights_bytes == file.stat().st_size
    assert (loaded.subject.context_tokens, loaded.subject.layers) == (64, 2)


def test_every_path_leads_to_the_same_model(file, model, tmp_path):
    """A file, a folder with nothing else, and `path` of a model's file."""
    digest = f"sha256-{hashlib.sha256(file.read_bytes()).hexdigest()[:40]}"
    by_path = make_model(weights=Weights(path="weights/A", revision=digest))
    loads = [
        load_reference(Reference("a file", path=file), tmp_path, torch.float32),
        load_reference(Reference("a folder", path=file.parent), tmp_path, torch.float32),
        load_folder(file.parent, torch.float32),
        load_model(by_path, by_path.revisions()[-1], tmp_path, torch.float32),
    ]
    for loaded in loads:
        same_output(loaded.model, model)
    wrong = make_model(weights=Weights(path="weights/A", revision="sha256-" + "0" * 40))
    with pytest.raises(MeasureError, match=f"these weights are {digest}, the model file says"):
        load_model(wrong, wrong.revisions()[-1], tmp_path)


@pytest.mark.parametrize("kind", ["F16", "BF16", "Q8_0", "Q5_1", "Q4_1"])
def test_quantised_weights_are_those_that_gguf_reads(tmp_path, model, kind):
    quantization = GGMLQuantizationType[kind]
    file = tmp_path / "tiny.gguf"
    write_llama(file, model, quantization)
    expected = copy.deepcopy(model)
    for values in expected.parameters():
        if values.ndim > 1:
            blocks = quantize(values.detach().numpy(), quantization)
            values.data = torch.from_numpy(dequantize(blocks, quantization))
    loaded = load_gguf(file, torch.float32, "tiny.gguf")
    for ours, theirs in zip(loaded.model.parameters(), expected.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_weights_take_the_number_format_asked_for(file, model):
    loaded = load_gguf(file, torch.bfloat16, "tiny.gguf")
    for ours, theirs in zip(loaded.model.parameters(), model.parameters(), strict=True):
        assert torch.equal(ours, theirs.to(torch.bfloat16))


def test_the_tokens_before_a_text_are_those_of_the_file(tmp_path, model):
    for adds in (True, False):
        file = tmp_path / f"{adds}.gguf"
        write_llama(file, model, fields={"tokenizer.ggml.add_bos_token": adds})
        tokenizer = load_gguf(file, torch.float32, file.name).tokenizer
        assert (tokenizer.bos_token_id, tokenizer.eos_token_id) == (BOS, EOS)
        assert (tokenizer.encode("a")[0] == BOS) is adds
        text = "the end – äöü 🙂\n"
        assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


def test_the_frequencies_of_llama_3_are_read(tmp_path):
    """llama.cpp writes factors in place of the scaling of a configuration."""
    torch.manual_seed(0)
    scaling: dict[str, Any] = {
        "rope_type": "llama3",
        "rope_theta": 10000.0,
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 16,
    }
    sizes: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    config = LlamaConfig(
        vocab_size=264,
        **sizes,
        num_attention_heads=2,
        max_position_embeddings=64,
        rope_parameters=scaling,
        initializer_range=0.3,
    )
    model = LlamaForCausalLM(config).float().eval()
    plain = 1 / 10000.0 ** (torch.arange(0, 16, 2) / 16)
    factors = (plain / model.model.rotary_emb.inv_freq).numpy().astype(np.float32)
    assert factors.max() > 2
    file = tmp_path / "llama3.gguf"
    write_llama(file, model, more={"rope_freqs.weight": factors})
    same_output(load_gguf(file, torch.float32, file.name).model, model, 1e-4)
    write_llama(file, model)
    with pytest.raises(AssertionError):  # without the factors it is another model
        same_output(load_gguf(file, torch.float32, file.name).model, model, 1e-2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"leave_out": ("blk.1.ffn_up.weight",)},
            "not the model of its header: 1 tensor is missing "
            f"(model.layers.1.mlp.up_proj.weight); {REPAIR}",
        ),
        (
            {"more": {"blk.0.attn_q.bias": np.ones(32, np.float32)}},
            "not the model of its header: 1 tensor is not part of it "
            f"(blk.0.attn_q.bias); {REPAIR}",
        ),
        (
            {"more": {"rope_freqs.weight": np.ones(5, np.float32)}},
            "rope_freqs.weight has 5 factors, which fit no positions of the model; "
            "use the safetensors of the model",
        ),
        (
            {"fields": {"llama.rope.scaling.type": "yarn"}},
            "its positions are scaled (yarn), which transformers does not read from GGUF; "
            "use the safetensors of the model",
        ),
    ],
)
def test_a_file_that_is_not_its_model_is_refused(tmp_path, model, changes, message):
    file = tmp_path / "tiny.gguf"
    write_llama(file, model, **changes)
    with pytest.raises(MeasureError) as failure:
        load_gguf(file, torch.float32, "tiny.gguf")
    assert failure.value.message == f"tiny.gguf: {message}"


def test_a_file_cut_off_is_one_line(file):
    for size in (0, 100, file.stat().st_size // 2):
        file.write_bytes(file.read_bytes()[:size])
        with pytest.raises(MeasureError) as failure:
            load_gguf(file, torch.float32, "tiny.gguf")
        assert failure.value.message.startswith("tiny.gguf: ")
        assert "\n" not in failure.value.message


def test_progress_is_told_in_stages(file):
    stages: list[tuple[str, int, int]] = []
    load_gguf(file, torch.float32, "tiny.gguf", lambda *stage: stages.append(stage))
    names = list(dict.fromkeys(stage for stage, _, _ in stages))
    assert names == [
        "reading the header",
        "reading the tokenizer",
        "de-quantizing",
    ]
    last = stages[-1]
    assert last[1] == last[2] > 0
