"""GGUF files are de-quantised in memory, on every path, without leaving a tensor out."""

import copy
import hashlib
import itertools
import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from compression_leaderboard.measure import gguf
from compression_leaderboard.measure.documents import Document
from compression_leaderboard.measure.machine import MeasureError
from compression_leaderboard.measure.text import score_text
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
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2MoeConfig,
    Qwen2MoeForCausalLM,
    Qwen3MoeConfig,
    Qwen3MoeForCausalLM,
)

from tests.architectures import PROTOCOL, TEXTS, randomise
from tests.factory import make_model
from tests.measure.test_lossless import brute_force_bits
from tests.tiny import GEMMA, natural_start, tiny_model
from tests.tiny_gguf import BOS, EOS, write_gemma3, write_llama, write_qwen_moe

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


MOE: dict[str, Any] = {
    "vocab_size": 264,
    "hidden_size": 32,
    "intermediate_size": 48,
    "moe_intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "max_position_embeddings": 64,
    "initializer_range": 0.3,
}


@pytest.mark.parametrize(
    ("kind", "config", "architecture"),
    [
        (
            "qwen2moe",
            Qwen2MoeConfig(**MOE, shared_expert_intermediate_size=40),
            Qwen2MoeForCausalLM,
        ),
        (
            "qwen3moe",
            Qwen3MoeConfig(**MOE | {"head_dim": 16, "norm_topk_prob": True}),
            Qwen3MoeForCausalLM,
        ),
    ],
)
def test_a_mixture_of_experts_is_the_model_that_it_was_made_of(
    tmp_path, kind, config, architecture
):
    """Widths of experts that transformers would leave at the default are read as well."""
    torch.manual_seed(0)
    model = architecture(config).float().eval()
    randomise(model)
    file = tmp_path / "experts.gguf"
    write_qwen_moe(file, model, kind)
    loaded = load_gguf(file, torch.float32, file.name)
    same_output(loaded.model, model)
    assert loaded.subject.parameters == model.num_parameters()
    documents = [Document(str(number), text) for number, text in enumerate(TEXTS)]
    loaded = replace(loaded, calibration=natural_start(loaded.tokenizer))
    lossless, _ = score_text(loaded, documents, PROTOCOL, lambda *_: None)
    for document in lossless.documents:
        bits = brute_force_bits(loaded, TEXTS[int(document.document)], *PROTOCOL.window)
        assert document.bits == pytest.approx(bits, abs=1e-4 * document.tokens)


# Of SentencePiece: unknown 2, control 3, byte 6, normal 1. A merge is worth its score.
WORDS = ("▁t", "he", "▁the", "th", "▁th", "e▁", "in", "▁in", "ing", "ä", "▁▁", "▁▁▁", "▁▁▁▁")
LETTERS = [chr(k) for k in range(33, 127) if chr(k) not in "<>"]
PIECES: list[tuple[str, float, int]] = [
    ("<pad>", -1000.0, 3),
    ("<eos>", -1000.0, 3),
    ("<bos>", -1000.0, 3),
    ("<unk>", -1000.0, 2),
    *((f"<0x{byte:02X}>", -1000.0, 6) for byte in range(256)),
    *((word, -1.0 - k, 1) for k, word in enumerate(WORDS)),
    *((letter, -100.0 - k, 1) for k, letter in enumerate(["▁", "\n", *LETTERS])),
]


def sentence_pieces(
    text: str, scores: Mapping[str, float], whole: Collection[str] = ()
) -> list[str]:
    """Merge, as SentencePiece does, the neighbours whose piece has the highest score first.

    whole: pieces that a user defined, which are cut out before, the longest first.
    """
    cuts = "|".join(map(re.escape, sorted(whole, key=len, reverse=True)))
    parts = re.split(f"({cuts})", text.replace(" ", "▁")) if whole else [text.replace(" ", "▁")]
    merged: list[str] = []
    for number, part in enumerate(parts):
        merged += [part] if number % 2 else _merge(part, scores)
    return [
        name
        for piece in merged
        for name in ([piece] if piece in scores else [f"<0x{b:02X}>" for b in piece.encode()])
    ]


def _merge(text: str, scores: Mapping[str, float]) -> list[str]:
    pieces = [*text]
    while True:
        pairs = [a + b for a, b in itertools.pairwise(pieces)]
        known = [k for k, pair in enumerate(pairs) if pair in scores]
        if not known:
            return pieces
        best = max(known, key=lambda k: (scores[pairs[k]], -k))
        pieces[best : best + 2] = [pairs[best]]


def test_gemma_3_is_the_model_that_it_was_made_of(tmp_path):
    """Norms are stored plus one; layers attend to a window, the sixth to all; pieces merge."""
    torch.manual_seed(0)
    config = Gemma3TextConfig(
        **GEMMA
        | {
            "vocab_size": len(PIECES),
            "num_hidden_layers": 6,
            "layer_types": None,
            "query_pre_attn_scalar": 16,
        }
    )
    model = Gemma3ForCausalLM(config).float().eval()
    randomise(model)
    file = tmp_path / "gemma.gguf"
    write_gemma3(file, model, PIECES)
    loaded = load_gguf(file, torch.float32, file.name)
    assert loaded.model.config.layer_types[4:] == ["sliding_attention", "full_attention"]
    same_output(loaded.model, model)
    assert loaded.tokenizer.encode("the")[0] == 2
    scores = {piece: score for piece, score, kind in PIECES if kind == 1}
    for text in ("the thing in the end", "  two   spaces\n\n", "Zwölf Bären – 🙂", " a"):
        tokens = loaded.tokenizer.encode(text, add_special_tokens=False)
        assert loaded.tokenizer.convert_ids_to_tokens(tokens) == sentence_pieces(text, scores)
        assert loaded.tokenizer.decode(tokens, clean_up_tokenization_spaces=False) == text


@pytest.mark.parametrize(
    ("kind", "layers", "expected"), [("gemma2", 46, 64), ("gemma3", 62, 64), ("gemma3", 6, 16)]
)
def test_queries_of_gemma_are_scaled_as_llama_cpp_does(kind, layers, expected):
    """The header does not say it. 27B: 128 numbers per head, divided by the root of 168 or 144."""
    config = SimpleNamespace(
        hidden_size=128, num_attention_heads=2, head_dim=16, num_hidden_layers=layers
    )
    config.query_pre_attn_scalar, config.final_logit_softcapping = 256, 30.0
    gguf._complete_config(config, {f"{kind}.final_logit_softcapping": 20.0}, kind)
    assert (config.query_pre_attn_scalar, config.final_logit_softcapping) == (expected, 20.0)


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
            {"fields": {"llama.expert_count": 8}},
            "is a mixture of experts of Llama's kind (Mixtral), which transformers does not read "
            "from GGUF; use the safetensors of the model",
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
