"""Weights beyond a device's memory are read from disk layer by layer, and give the same figures."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from compression_leaderboard.measure import text as scoring
from compression_leaderboard.measure.answers import AnsweringModel
from compression_leaderboard.measure.documents import Document
from compression_leaderboard.measure.machine import MeasureError
from compression_leaderboard.measure.text import score_text
from compression_leaderboard.measure.weights import Loaded, load_folder, place_model
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

from tests.factory import PROTOCOL
from tests.measure.test_answers import requests_of
from tests.tiny import byte_tokenizer, natural_start
from tests.tiny_gguf import write_llama

WORDS = "the text of a document, with words of several lengths; "
DOCUMENTS = [Document(f"{k}.txt", WORDS[k:] * 6) for k in range(4)]


def save(folder: Path, kind: str) -> int:
    """A model in a folder; returns the bytes of its weights."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=264,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=4,
        num_attention_heads=2,
        max_position_embeddings=64,
        initializer_range=0.3,
        tie_word_embeddings=kind == "tied",
    )
    model = LlamaForCausalLM(config).float().eval()
    if kind == "gguf":
        write_llama(folder / "model.gguf", model)
    else:
        model.save_pretrained(folder)
        byte_tokenizer().save_pretrained(folder)
    return 4 * model.num_parameters()


def calibrated_folder(folder: Path, **options: Any) -> Loaded:
    loaded = load_folder(folder, torch.float32, **options)
    return replace(loaded, calibration=natural_start(loaded.tokenizer))


@pytest.mark.parametrize(
    ("kind", "share"), [("safetensors", 0.6), ("safetensors", 0.0), ("tied", 0.6), ("gguf", 0.6)]
)
def test_weights_on_disk_give_the_same_figures(tmp_path, kind, share):
    size = save(tmp_path, kind)
    protocol = PROTOCOL.model_copy(
        update={"window_tokens": 32, "stride_tokens": 16, "positions": 200}
    )
    plain = calibrated_folder(tmp_path)
    lossless, lossy = score_text(plain, DOCUMENTS, protocol, lambda *_: None)
    offloaded = calibrated_folder(tmp_path, memory={"cpu": int(share * size)})
    places = {str(values.device) for values in offloaded.model.parameters()}
    assert places == ({"cpu", "meta"} if share else {"meta"})  # meta: on disk
    assert offloaded.subject == plain.subject
    assert offloaded.device == torch.device("cpu")
    ours, theirs = score_text(offloaded, DOCUMENTS, protocol, lambda *_: None)
    assert ours.bits_per_byte == pytest.approx(lossless.bits_per_byte, rel=1e-6)
    assert not isinstance(lossy, str)
    assert not isinstance(theirs, str)
    for layer, same in zip(theirs.layers, lossy.layers, strict=True):
        assert layer.entropy == pytest.approx(same.entropy, rel=1e-5)


def test_an_output_layer_on_disk_is_read_once_for_all_slices(tmp_path, monkeypatch):
    """And once by the model itself, in each forward pass."""
    save(tmp_path, "safetensors")
    loaded = calibrated_folder(tmp_path, memory={"cpu": 0})
    reads, passes = [], []
    hook, plain = loaded.model.lm_head._hf_hook, loaded.model.forward
    before = hook.pre_forward

    def read(module: Any, *args: Any, **kwargs: Any) -> Any:
        reads.append(1)
        return before(module, *args, **kwargs)

    def forward(*args: Any, **kwargs: Any) -> Any:
        passes.append(1)
        return plain(*args, **kwargs)

    monkeypatch.setattr(hook, "pre_forward", read)
    monkeypatch.setattr(loaded.model, "forward", forward)
    monkeypatch.setattr(scoring, "LOGIT_ELEMENTS", 1)
    monkeypatch.setattr(scoring, "LOGIT_ROWS", 4)
    score_text(loaded, DOCUMENTS, PROTOCOL, lambda *_: None)
    assert len(reads) <= 2 * len(passes)


def test_requests_of_benchmarks_are_answered_from_disk(tmp_path):
    save(tmp_path, "safetensors")
    pairs = [(WORDS[:10], WORDS[10:20]), (WORDS[:7], "x")]
    asked: dict[str, list[tuple[Any, ...]]] = {
        "loglikelihood": [*pairs],
        "loglikelihood_rolling": [(WORDS,)],
        "generate_until": [(WORDS[:20], {"until": ["\n"], "max_gen_toks": 4})],
    }
    plain = AnsweringModel(calibrated_folder(tmp_path))
    offloaded = AnsweringModel(calibrated_folder(tmp_path, memory={"cpu": 0}))
    for kind, arguments in asked.items():
        ours = getattr(offloaded, kind)(requests_of(kind, arguments))
        theirs = getattr(plain, kind)(requests_of(kind, arguments))
        for mine, other in zip(ours, theirs, strict=True):
            assert mine == (other if kind == "generate_until" else pytest.approx(other, abs=1e-4))


def test_weights_on_disk_are_complete_too(tmp_path):
    size = save(tmp_path, "safetensors")
    file = tmp_path / "model.safetensors"
    tensors = load_file(file)
    del tensors["lm_head.weight"]
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(MeasureError, match=r"1 tensor is missing \(lm_head\.weight\)"):
        load_folder(tmp_path, torch.float32, memory={"cpu": size // 2})


def test_weights_that_fit_are_loaded_as_a_whole():
    assert place_model(1000) == ({}, None)
    options, folder = place_model(10**18)
    assert options == {"device_map": "auto", "offload_folder": folder}
    Path(folder).rmdir()
