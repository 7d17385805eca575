"""Tiny GGUF files, written as llama.cpp's converter writes them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType, GGUFValueType, GGUFWriter
from gguf.constants import MODEL_ARCH
from gguf.quants import quantize
from gguf.tensor_mapping import get_tensor_name_map
from numpy.typing import NDArray
from tokenizers import pre_tokenizers

BOS, EOS = 257, 258


def write_llama(
    file: Path,
    model: Any,
    quantization: GGMLQuantizationType = GGMLQuantizationType.F32,
    leave_out: tuple[str, ...] = (),
    more: dict[str, NDArray[np.float32]] | None = None,
    fields: dict[str, Any] | None = None,
) -> None:
    """A Llama with a byte-level vocabulary. leave_out, more: tensors by their names in the file."""
    config = model.config
    writer = _begin(file, "llama", config, config.rope_parameters["rope_theta"])
    writer.add_rope_dimension_count(config.head_dim)
    _add_tokenizer(writer, config.vocab_size)
    for key, value in (fields or {}).items():
        writer.add_key_value(key, value, GGUFValueType.get_type(value))
    names = get_tensor_name_map(MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for name, values in model.state_dict().items():
        ours = names.get_name(name, try_suffixes=(".weight",))
        if ours in leave_out:
            continue
        weights = values.float().numpy()
        if "q_proj" in name or "k_proj" in name:
            weights = _permute(weights, config.num_attention_heads)
        kind = GGMLQuantizationType.F32 if weights.ndim == 1 else quantization
        data = quantize(np.ascontiguousarray(weights), kind)
        writer.add_tensor(ours, data, raw_dtype=None if kind == 0 else kind)
    for name, values in (more or {}).items():
        writer.add_tensor(name, values)
    _write(writer)


def write_qwen_moe(file: Path, model: Any, kind: str) -> None:
    """A mixture of experts. kind: qwen2moe or qwen3moe."""
    config = model.config
    writer = _begin(file, kind, config, config.rope_parameters["rope_theta"])
    writer.add_expert_count(config.num_experts)
    writer.add_expert_used_count(config.num_experts_per_tok)
    writer.add_expert_feed_forward_length(config.moe_intermediate_size)
    if kind == "qwen2moe":
        writer.add_expert_shared_feed_forward_length(config.shared_expert_intermediate_size)
    else:
        writer.add_key_length(config.head_dim)
        writer.add_value_length(config.head_dim)
    _add_tokenizer(writer, config.vocab_size)
    names = get_tensor_name_map(getattr(MODEL_ARCH, kind.upper()), config.num_hidden_layers)
    for name, values in model.state_dict().items():
        weights = values.float().numpy()
        if name.endswith("experts.gate_up_proj"):
            block = name.split(".")[2]
            for half, part in zip(np.split(weights, 2, axis=1), ("gate", "up"), strict=True):
                writer.add_tensor(f"blk.{block}.ffn_{part}_exps.weight", half.copy())
        elif name.endswith("experts.down_proj"):
            writer.add_tensor(f"blk.{name.split('.')[2]}.ffn_down_exps.weight", weights)
        else:
            ours = names.get_name(name, try_suffixes=(".weight", ".bias"))
            one_row = name.endswith("shared_expert_gate.weight")
            writer.add_tensor(ours, weights[0] if one_row else weights)
    _write(writer)


def write_gemma3(file: Path, model: Any, pieces: Sequence[tuple[str, float, int]]) -> None:
    """A Gemma 3 with a vocabulary of SentencePiece. pieces: with score and type, by id."""
    config = model.config
    writer = _begin(file, "gemma3", config, config.rope_parameters["full_attention"]["rope_theta"])
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_sliding_window(config.sliding_window)
    texts, scores, types = zip(*pieces, strict=True)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(texts)
    writer.add_token_scores(scores)
    writer.add_token_types(types)
    writer.add_bos_token_id(texts.index("<bos>"))
    writer.add_eos_token_id(texts.index("<eos>"))
    writer.add_unk_token_id(texts.index("<unk>"))
    writer.add_pad_token_id(texts.index("<pad>"))
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)
    names = get_tensor_name_map(MODEL_ARCH.GEMMA3, config.num_hidden_layers)
    for name, values in model.state_dict().items():
        if name != "lm_head.weight":  # the embedding
            weights = values.float().numpy()
            ours = names.get_name(name, try_suffixes=(".weight",))
            writer.add_tensor(ours, weights + 1 if name.endswith("norm.weight") else weights)
    _write(writer)


def _begin(file: Path, architecture: str, config: Any, base: float) -> GGUFWriter:
    """Write the sizes that every header has. base: of the frequencies of positions."""
    writer = GGUFWriter(file, architecture)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_freq_base(base)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    return writer


def _write(writer: GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tokenizer(writer: GGUFWriter, vocabulary: int) -> None:
    """One token a byte, one merge, and padding up to the size of the softmax."""
    tokens = [*sorted(pre_tokenizers.ByteLevel.alphabet()), "th", "<bos>", "<eos>"]
    tokens += [f"[PAD{k}]" for k in range(len(tokens), vocabulary)]
    types = [3 if token.startswith("<") and len(token) > 1 else 1 for token in tokens]
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(["t h"])
    writer.add_bos_token_id(BOS)
    writer.add_eos_token_id(EOS)


def _permute(weights: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Rows as llama.cpp wants them for its rotation."""
    halves = weights.reshape(heads, 2, weights.shape[0] // heads // 2, weights.shape[1])
    return halves.swapaxes(1, 2).reshape(weights.shape)
