"""Read GGUF files: de-quantise their weights in memory, and leave out none of them.

transformers drops tensors of a GGUF file whose names it does not know, fills those that it misses
with random numbers, and needs a copy of all of them in float32. Here one tensor at a time becomes
float32 and then the number format of the model, and every tensor has a place in it.

gguf's own reader takes half a minute for the header of a large vocabulary, and transformers calls
it for every question. So the configuration is read from a copy of the header without vocabulary.
"""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter, dequantize
from numpy.typing import NDArray
from torch import Tensor
from transformers import (
    TOKENIZER_MAPPING,
    AutoConfig,
    GgufConfig,
    PreTrainedTokenizerFast,
)
from transformers.integrations.gguf.reader import GgufHeader, read_gguf_metadata
from transformers.integrations.gguf.utils import is_gguf_arch_supported
from transformers.modeling_gguf_pytorch_utils import (
    TENSOR_PROCESSORS,
    TensorProcessor,
    get_gguf_hf_weights_map,
)

from compression_leaderboard.measure.checkpoint import (
    AutoModel,
    build_skeleton,
    check_complete,
    refusal,
)
from compression_leaderboard.measure.machine import Report

find_names: Any = get_gguf_hf_weights_map
OFFLINE: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
FACTORS = "rope_freqs.weight"  # by which Llama 3 divides the frequencies of its positions
EMBEDDING = "token_embd.weight"
# Settings in a header that transformers does not read, by their names in a configuration.
LEFT_OUT = {
    "expert_feed_forward_length": "moe_intermediate_size",
    "expert_shared_feed_forward_length": "shared_expert_intermediate_size",
    "attn_logit_softcapping": "attn_logit_softcapping",
    "final_logit_softcapping": "final_logit_softcapping",
}
GEMMA_27B_LAYERS = {"gemma2": 46, "gemma3": 62}
NUMBERS_IN_BYTE = 8  # at most: no format has less than a bit for each
WEIGHTS, HEADER = "model.gguf", "header.gguf"
Quantised = tuple[str, GGMLQuantizationType, NDArray[Any]]  # name, format and content of a tensor


def read_gguf(file: Path, shown: str, dtype: torch.dtype, report: Report) -> tuple[Any, Any]:
    """Return the model and the tokenizer of a GGUF file. Raises MeasureError.

    shown: the file in messages. report: called with bytes of the file that are de-quantised.
    """
    report("reading the header", 0, 1)
    fields, names = read_gguf_metadata(str(file))
    architecture = str(fields["general.architecture"])
    with tempfile.TemporaryDirectory(prefix="leaderboard-gguf-") as place:
        folder = Path(place)  # files beside the weights are none of its business
        (folder / WEIGHTS).symlink_to(file.absolute())
        if is_gguf_arch_supported(architecture):
            return _read_packed(folder, shown, dtype, report)
        _check_header(fields, architecture, shown)
        _write_header(folder / HEADER, fields, names)
        config = AutoConfig.from_pretrained(folder, gguf_file=HEADER, **OFFLINE)
        _complete_config(config, fields, architecture)
        tokenizer = _read_tokenizer(folder, config, report)
    tensors = list(_open_tensors(file, shown))
    # The header of some files gives no size of the vocabulary.
    rows = [data.shape[0] for name, _, data in tensors if name == EMBEDDING]
    config.vocab_size = rows[0] if rows else config.vocab_size
    most = NUMBERS_IN_BYTE * sum(data.nbytes for _, _, data in tensors)
    skeleton = build_skeleton(config, len(tensors), most, shown, "header")
    factors: list[Tensor] = []
    weights = _dequantise(tensors, architecture, skeleton, shown, dtype, factors, report)
    model, info = type(skeleton).from_pretrained(
        None,
        config=config,
        state_dict=weights,
        dtype=dtype,
        output_loading_info=True,
        ignore_mismatched_sizes=True,
    )
    check_complete(info, shown, what="header")
    for values in factors:
        _divide_frequencies(model, values, shown)
    return model, tokenizer


def _read_packed(folder: Path, shown: str, dtype: torch.dtype, report: Report) -> tuple[Any, Any]:
    """Read an architecture whose tensors transformers de-quantises one by one itself."""
    config = AutoConfig.from_pretrained(folder, gguf_file=WEIGHTS, **OFFLINE)
    tokenizer = _read_tokenizer(folder, config, report)
    report("de-quantizing", 0, 1)
    model, info = AutoModel.from_pretrained(
        folder,
        gguf_file=WEIGHTS,
        dtype=dtype,
        quantization_config=GgufConfig(dequantize=True),
        output_loading_info=True,
        ignore_mismatched_sizes=True,
        **OFFLINE,
    )
    check_complete(info, shown, what="header")
    return model, tokenizer


def _read_tokenizer(folder: Path, config: Any, report: Report) -> Any:
    """Read the tokenizer with the class that transformers has for the architecture."""
    report("reading the tokenizer", 0, 1)
    kind: Any = TOKENIZER_MAPPING.get(type(config), None)
    if kind is None or kind.__name__ == "MistralCommonBackend":
        kind = PreTrainedTokenizerFast
    return kind.from_pretrained(folder, gguf_file=WEIGHTS, **OFFLINE)


def _write_header(file: Path, fields: Mapping[str, Any], names: tuple[str, ...]) -> None:
    """Copy a header without its vocabulary; tensors have their names and no content."""
    writer = GGUFWriter(file, fields["general.architecture"])
    for key, value in fields.items():
        if key.startswith("tokenizer.") or key == "general.architecture":
            continue
        if isinstance(value, list):
            writer.add_array(key, value)
        elif isinstance(value, int) and not isinstance(value, bool):
            kind = GGUFValueType.UINT64 if value >= 0 else GGUFValueType.INT64
            writer.add_key_value(key, value, kind)
        else:
            writer.add_key_value(key, value, GGUFValueType.get_type(value))
    for name in names:
        writer.add_tensor(name, np.zeros(1, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _open_tensors(file: Path, shown: str) -> Iterator[Quantised]:
    """Yield every tensor of a file as it is stored, not read from the disk yet."""
    try:
        header = GgufHeader.from_file(str(file))
    except ValueError:  # a format that transformers' reader does not know
        for tensor in GGUFReader(file).tensors:
            yield tensor.name, tensor.tensor_type, tensor.data
        return
    content = np.memmap(file, dtype=np.uint8, mode="r")
    for info in header.tensors:
        begin = header.data_start + info.offset
        stored = content[begin : begin + info.nbytes]
        if len(stored) < info.nbytes:
            raise refusal(shown, f"is cut off in {info.name}", "fetch it again")
        shape = (*info.shape[:-1], -1) if info.shape else (-1,)
        yield info.name, GGMLQuantizationType(info.ggml_type), stored.reshape(shape)


def _check_header(fields: Mapping[str, Any], architecture: str, shown: str) -> None:
    """Refuse what transformers leaves out when it reads a header, and what follows from it."""
    kind = fields.get(f"{architecture}.rope.scaling.type", "none")
    if architecture != "gpt-oss" and kind != "none":
        wrong = f"its positions are scaled ({kind}), which transformers does not read from GGUF"
        raise refusal(shown, wrong, "use the safetensors of the model")
    if architecture == "llama" and fields.get("llama.expert_count", 0) > 0:
        wrong = "is a mixture of experts of Llama's kind (Mixtral)"
        wrong += ", which transformers does not read from GGUF"
        raise refusal(shown, wrong, "use the safetensors of the model")


def _complete_config(config: Any, fields: Mapping[str, Any], architecture: str) -> None:
    """Set what a header gives and transformers leaves at its default.

    Gemma 2 and 3 divide queries by the root of the head's width, but by that of their share of the
    model's width in the size of 27 billion parameters. llama.cpp knows it by the number of layers.
    """
    for key, name in LEFT_OUT.items():
        if (value := fields.get(f"{architecture}.{key}")) is not None and hasattr(config, name):
            setattr(config, name, value)
    if (layers := GEMMA_27B_LAYERS.get(architecture)) is not None:
        share = config.hidden_size // config.num_attention_heads
        is_27b = config.num_hidden_layers == layers
        config.query_pre_attn_scalar = share if is_27b else config.head_dim


def _dequantise(
    stored: list[Quantised],
    architecture: str,
    skeleton: Any,
    shown: str,
    dtype: torch.dtype,
    factors: list[Tensor],
    report: Report,
) -> dict[str, Tensor]:
    """De-quantise every tensor under its name in the model. factors: gets those of positions."""
    kind: Any = TENSOR_PROCESSORS.get(architecture, TensorProcessor)
    processor = kind(skeleton.config.to_dict())
    names = find_names(skeleton, processor)
    tensors: dict[str, Tensor] = {}
    parsed = {"tensors": tensors}  # where transformers puts what it makes of several tensors
    done, total = 0, sum(data.nbytes for _, _, data in stored)
    seen, unknown = set(), []
    for name, quantization, data in stored:
        done += data.nbytes
        values = dequantize(data, quantization)
        if name == FACTORS:
            factors.append(torch.from_numpy(np.copy(values)))
            continue
        known = name if name in names else name.removesuffix(".weight")
        seen.add(known)
        if known not in names:
            unknown.append(name)
            continue
        placed = processor.process(
            weights=values, name=name, tensor_key_mapping=names, parsed_parameters=parsed
        )
        if placed.name is not None:
            tensors[names[placed.name]] = torch.from_numpy(np.copy(placed.weights)).to(dtype)
        else:
            tensors[names[known]] = tensors[names[known]].to(dtype)
        report("de-quantizing", done, total)
    # Of several tensors that make one, transformers takes an absent one for zeros.
    absent = [their for their, ours in names.items() if their not in seen and ours in tensors]
    faults = {"missing_keys": absent, "mismatched_keys": (), "unexpected_keys": unknown}
    check_complete(faults | {"error_msgs": ()}, shown, what="header")
    return tensors


def _divide_frequencies(model: Any, factors: Tensor, shown: str) -> None:
    """Divide the frequencies of rotary positions as llama.cpp does."""
    tables = [m for m in model.modules() if isinstance(getattr(m, "inv_freq", None), Tensor)]
    if not tables or any(table.inv_freq.shape != factors.shape for table in tables):
        wrong = f"{FACTORS} has {len(factors)} factors, which fit no positions of the model"
        raise refusal(shown, wrong, "use the safetensors of the model")
    for table in tables:
        table.inv_freq /= factors
