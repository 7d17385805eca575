"""Tiny models of every architecture in transformers' causal mapping, with random weights.

The default configuration of an architecture is shrunk by the names of its settings; a table has
what some need beyond that. One layer of each kind is kept. `python -m tests.architectures` writes
the table on the site.
"""

import json
import math
import re
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from compression_leaderboard.measure.calibration import check_causal, take_sample
from compression_leaderboard.measure.documents import Document
from compression_leaderboard.measure.machine import MeasureError
from compression_leaderboard.measure.text import SOFTCAPS, score_text
from compression_leaderboard.measure.weights import load_folder
from compression_leaderboard.records.corpora import Protocol
from compression_leaderboard.records.plane import Lossy
from compression_leaderboard.records.results import Lossless
from transformers import CONFIG_MAPPING, AutoModelForCausalLM, __version__
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as CAUSAL

from tests import ROOT
from tests.tiny import byte_tokenizer, natural_start

AutoModel: Any = AutoModelForCausalLM  # its own types know neither formats nor devices
Row = dict[str, str]
TABLE = ROOT / "site/architectures.toml"

TEXTS = ("The first of the texts is longer than a window.", "So is the other one (äöü).")
PROTOCOL = Protocol(
    documents=2,
    document_bytes=10_000,
    window_tokens=16,
    stride_tokens=8,
    positions=30,
    max_order=1,
)

VOCABULARY = 264  # bytes, a start and an end, and rows that no token uses
SMALL: Mapping[int, tuple[str, ...]] = {
    2: (
        *("num_hidden_layers", "n_layer", "n_layers", "num_layers", "decoder_layers"),
        *("encoder_layers", "num_blocks", "num_decoder_layers", "num_encoder_layers", "depth"),
        *("num_attention_heads", "n_head", "n_heads", "num_heads", "decoder_attention_heads"),
        *("encoder_attention_heads", "num_encoder_attention_heads", "swa_num_attention_heads"),
        *("num_decoder_attention_heads", "index_n_heads", "linear_num_heads"),
        *("num_experts_per_tok", "experts_per_token", "num_experts_per_token", "moe_topk", "moe_k"),
        *("linear_num_key_heads", "linear_num_value_heads", "n_group", "topk_group", "hc_mult"),
        *("zero_expert_num", "o_groups", "num_expert_group", "n_groups", "heads_per_ngram"),
        *("hc_count", "laurel_rank", "adapter_rank", "gated_norm_rank", "n_mamba_heads"),
    ),
    1: ("num_key_value_heads", "swa_num_key_value_heads", "mamba_n_groups", "kv_n_heads"),
    4: (
        *("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts", "d_rel"),
        *("mamba_n_heads", "time_step_rank", "mamba_dt_rank", "num_centroids", "mamba_num_heads"),
        *("centroid_intermediate_top_k",),
    ),
    5: ("sliding_window", "index_topk", "window_size", "sliding_window_size", "rel_extent"),
    8: (
        *("qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim", "index_head_dim", "state_size"),
        *("linear_head_dim", "linear_key_head_dim", "linear_value_head_dim", "chunk_size"),
        *("mamba_d_state", "ssm_state_size", "hc_lowrank", "hidden_size_per_layer_input"),
        *("mamba_chunk_size", "router_hidden_size", "attention_window_size"),
        *("attention_chunk_size",),
    ),
    16: (
        *("head_dim", "swa_head_dim", "mamba_d_head", "q_lora_rank", "kv_lora_rank"),
        *("o_lora_rank", "mamba_head_dim", "mamba_headdim", "word_embed_proj_dim", "d_head"),
        *("global_head_dim", "attention_head_size", "d_kv"),
    ),
    32: (
        *("hidden_size", "d_model", "n_embd", "dim", "embed_dim", "hidden_dim", "embedding_size"),
        *("embedding_dim", "emb_dim", "lru_width", "input_embedding_size"),
        *("output_embedding_size", "pronunciation_embed_dim", "shape_embed_dim", "ple_embed_dim"),
        *("backbone_hidden_size", "adapter_in_dim", "adapter_input_size", "adapter_out_dim"),
    ),
    48: (
        *("intermediate_size", "ffn_dim", "ffn_hidden_size", "decoder_ffn_dim", "encoder_ffn_dim"),
        *("moe_intermediate_size", "shared_expert_intermediate_size", "n_inner", "dff"),
        *("moe_shared_expert_intermediate_size", "shared_intermediate_size", "mlp_dim"),
        *("expert_ffn_hidden_size", "dim_feedforward", "dim_ff", "feed_forward_size", "d_inner"),
        *("shared_experts_intermediate_size", "intermediate_size_mlp"),
    ),
    64: (
        *("max_position_embeddings", "n_positions", "max_seq_len", "max_target_positions"),
        *("max_source_positions", "context_length", "n_ctx", "model_max_length", "mem_len"),
        *("shape_vocab_size", "pronunciation_vocab_size", "ngram_vocab_size_base"),
    ),
    VOCABULARY: ("vocab_size", "vocab_size_per_layer_input", "unpadded_vocab_size"),
}
SIZES = {name: size for size, names in SMALL.items() for name in names}
DEPTHS = ("num_hidden_layers", "num_layers", "n_layers", "n_layer")
# Names that a configuration gives for settings under another name, or works out itself.
DERIVED = ("attention_layers", "hybrid_layer_ids")
PER_HEAD: dict[str, Any] = {"num_key_value_heads": 2}
HEAD: dict[str, Any] = {"head_dim": 16}
GEMMA3N: dict[str, Any] = {
    "num_hidden_layers": 4,
    "layer_types": ["sliding_attention", "full_attention"] * 2,
    "intermediate_size": [48] * 4,
    "activation_sparsity_pattern": [0.0] * 4,
    "num_kv_shared_layers": 2,
}
ASSISTANT: dict[str, Any] = {
    "model_type": "gemma4_text",
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "layer_types": ["sliding_attention", "full_attention"],
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "global_head_dim": 16,
    "sliding_window": 5,
    "max_position_embeddings": 64,
    "hidden_size_per_layer_input": 0,
    "vocab_size_per_layer_input": 0,
    "num_kv_shared_layers": 2,
}
QWEN4: dict[str, Any] = {
    "indexer_n_heads": 2,
    "indexer_kv_heads": 1,
    "indexer_head_dim": 16,
    "indexer_budget": 8,
    "indexer_compress_ratio": 4,
}
EXCEPTIONS: Mapping[str, Mapping[str, Any]] = {
    "blt": {"encoder_hash_byte_group_vocab": 64, "encoder_hash_byte_group_size": [3, 4]},
    "cohere_compass_text": {
        "rope_parameters": {
            kind: {"rope_type": "default", "rope_theta": 10000.0}
            for kind in ("full_attention", "sliding_attention")
        }
    },
    "dbrx": {"attn_config": {"rope_theta": 10000.0, "kv_n_heads": 1, "clip_qkv": 8.0}},
    "codegen": {"n_head": 4, "rotary_dim": 8},
    "deepseek_v2": {"num_experts_per_tok": 2},
    "dots1": {"n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2},
    "falcon_h1": {"mamba_d_ssm": 32},
    "gemma3n": {"text_config": GEMMA3N},
    "gemma3n_text": GEMMA3N,
    "gemma4_assistant": {"text_config": ASSISTANT},
    "gemma4_unified_assistant": {"text_config": ASSISTANT | {"model_type": "gemma4_unified_text"}},
    "gptj": {"rotary_dim": 8},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "hunyuan_v1_dense": HEAD,
    "hunyuan_v1_moe": HEAD | {"num_experts": 4, "moe_topk": 2},
    "lfm2": {"block_auto_adjust_ff_dim": False},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"], "num_dense_layers": 1},
    "mamba2": {"num_heads": 4},
    "ministral": HEAD,
    "nemotron": PER_HEAD,
    "qwen4_exp": {"text_config": QWEN4},
    "qwen4_exp_text": QWEN4,
    "reformer": {
        "axial_pos_shape": [8, 8],
        "axial_pos_embds_dim": [16, 16],
        "attn_layers": ["local", "lsh"],
        "local_attn_chunk_length": 8,
        "lsh_attn_chunk_length": 8,
    },
    "xmod": {"default_language": "en_XX"},
    "zamba2": {"n_mamba_heads": 4},
    "zamba": {
        "num_hidden_layers": 4,
        "layers_block_type": ["linear_attention", "hybrid"] * 2,
    },
}


def shrink(config: Any, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a tiny configuration. changes: of the default, by name."""
    whole = config.to_dict()
    depth = next((whole[name] for name in DEPTHS if isinstance(whole.get(name), int)), 0)
    by_layer = {
        name: values
        for name, values in whole.items()
        if isinstance(values, list) and len(values) == depth > 2 and name not in DERIVED
    }
    kinds = {name: [str(value) for value in values] for name, values in by_layer.items()}
    layers = sorted({values.index(kind) for values in kinds.values() for kind in values})
    layers += [layer for layer in range(2) if layer not in layers][: max(0, 2 - len(layers))]
    settings: dict[str, Any] = {
        name: [values[layer] for layer in sorted(layers)] for name, values in by_layer.items()
    }
    for name, value in whole.items():
        if name in DEPTHS and by_layer:
            settings[name] = len(layers)
        elif name in SIZES and isinstance(value, int) and not isinstance(value, bool):
            settings[name] = SIZES[name] if name.startswith("vocab") else min(value, SIZES[name])
        elif name in ("bos_token_id", "eos_token_id", "pad_token_id"):
            settings[name] = {"bos_token_id": 256, "eos_token_id": 257, "pad_token_id": 0}[name]
    if whole.get("num_key_value_heads") == whole.get("num_attention_heads") is not None:
        settings["num_key_value_heads"] = settings.get("num_attention_heads")
    if "qk_rope_head_dim" in whole and whole.get("head_dim") == whole["qk_rope_head_dim"]:
        settings["head_dim"] = settings["qk_rope_head_dim"]
    settings |= {name: 3.0 for name in SOFTCAPS if whole.get(name)}  # within reach of the logits
    if "is_decoder" in whole:
        settings["is_decoder"] = True
    for name in config.sub_configs:
        part = getattr(config, name, None)
        if part is not None:
            settings[name] = shrink(part, changes.get(name, {}))
            if "model_type" in part.to_dict():
                settings[name]["model_type"] = part.model_type
    for name, value in changes.items():
        if name not in config.sub_configs:
            settings[name] = value
    return settings


def tiny_config(kind: str) -> Any:
    """Make a tiny configuration of an architecture, by its model_type."""
    configuration: Any = CONFIG_MAPPING[kind]
    changes = EXCEPTIONS.get(kind, {})
    if kind.endswith("assistant"):
        return configuration(**changes, backbone_hidden_size=32)
    return configuration(**shrink(configuration(), changes))


def randomise(model: Any) -> None:
    """Move every weight, so that none is zero or one, or equal to another."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.is_floating_point():
                spread = 0.3 if parameter.ndim > 1 else 0.1
                parameter.copy_(torch.nan_to_num(parameter).clamp(-3, 3))
                parameter.add_(torch.randn_like(parameter) * spread)


SOUND = "generates codes of sound; transformers cannot make it from its configuration"
# Why no tiny model can be made.
UNBUILDABLE: Mapping[str, str] = {
    "gemma3n": "its vision tower needs the packages timm and pillow; gemma3n_text works",
    "gemma4_assistant": "drafts tokens for another model, whose states it needs",
    "gemma4_unified_assistant": "drafts tokens for another model, whose states it needs",
    "musicgen": SOUND,
    "musicgen_melody": SOUND,
}


def build(kind: str, folder: Path) -> None:
    """Write a tiny model with random weights, and a tokenizer, as a user would have them."""
    model = AutoModel.from_config(tiny_config(kind)).float().eval()
    randomise(model)
    model.save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)


def score_folder(kind: str, folder: Path) -> tuple[Lossless, Lossy | str]:
    """Score the texts as for a record. Raises MeasureError."""
    loaded = load_folder(folder, torch.float32, kind)
    loaded = replace(loaded, calibration=natural_start(loaded.tokenizer))
    check_causal(loaded, take_sample(loaded), PROTOCOL.window_tokens)
    documents = [Document(str(number), text) for number, text in enumerate(TEXTS)]
    return score_text(loaded, documents, PROTOCOL, lambda *_: None)


def brute_force(folder: Path, dtype: torch.dtype) -> list[float]:
    """Sum the bits of each text from the model's own logits, one window at a time."""
    model = AutoModel.from_pretrained(folder, dtype=dtype).to(dtype).eval()
    tokenizer, (width, stride) = byte_tokenizer(), PROTOCOL.window
    bits = []
    for text in TEXTS:
        tokens = tokenizer.encode(text, add_special_tokens=False)
        sequence, nats = [tokenizer.bos_token_id, *tokens], 0.0
        scored = begin = 0
        while scored < len(tokens):
            end = min(begin + width, len(tokens))
            with torch.inference_mode():
                logits = model(input_ids=torch.tensor([sequence[begin:end]]), use_cache=False)[0]
            for place in range(scored, end):
                row = logits[0, place - begin].double().log_softmax(-1)
                nats -= float(row[sequence[place + 1]])
            begin, scored = begin + stride, end
        bits.append(nats / math.log(2))
    return bits


def examine(kind: str, folder: Path) -> Row:
    """Find out whether an architecture can be scored. Its score must be that of brute force."""
    row = {"model_type": kind, "architecture": CAUSAL[kind]}
    if kind in UNBUILDABLE:
        with pytest.raises((AttributeError, ImportError, ValueError)):
            build(kind, folder)
        return row | {"outcome": "not tried", "why": UNBUILDABLE[kind]}
    build(kind, folder)
    try:
        lossless, lossy = score_folder(kind, folder)
    except MeasureError as error:
        why = re.sub(r" by up to \S+ nats", "", error.message.removeprefix(f"{kind}: "))
        return row | {"outcome": "refused", "why": why}  # the same with any random weights
    try:
        right = brute_force(folder, torch.float64)
    except RuntimeError:  # some layers compute in float32 or bfloat16 alone
        right = brute_force(folder, torch.float32)
    for document, bits in zip(lossless.documents, right, strict=True):
        assert abs(document.bits - bits) <= 1e-4 * document.tokens
    return row | {"outcome": "works"} | ({"why": lossy} if isinstance(lossy, str) else {})


def read_table() -> tuple[str, list[Row]]:
    """Read the version of transformers and the rows of the table on the site."""
    table = tomllib.loads(TABLE.read_text("utf-8"))
    return table["transformers"], table["architectures"]


def write_table(rows: Sequence[Row]) -> None:
    """Write the table on the site."""
    lines = ["# Made by `python -m tests.architectures`.", f'transformers = "{__version__}"']
    for row in rows:
        lines += [
            "",
            "[[architectures]]",
            *(f"{k} = {json.dumps(v, ensure_ascii=False)}" for k, v in row.items()),
        ]
    TABLE.write_text("\n".join(lines) + "\n", "utf-8")


def main() -> None:
    """Examine every architecture, or those that are named, and write the table."""
    rows = {row["model_type"]: row for row in (read_table()[1] if TABLE.is_file() else ())}
    for kind in sys.argv[1:] or CAUSAL:
        with tempfile.TemporaryDirectory() as folder:
            try:
                rows[kind] = examine(kind, Path(folder))
            except Exception as error:
                print(f"{kind}: {type(error).__name__}: {error}", file=sys.stderr)
    write_table([rows[kind] for kind in CAUSAL if kind in rows])


if __name__ == "__main__":
    main()
