"""Tiny random models and tokenizers, made in a second: faults and invariants need no weights."""

from pathlib import Path
from typing import Any, get_args

import torch
from compression_leaderboard.measure.weights import Loaded
from compression_leaderboard.records.calibration import (
    CALIBRATION_SHA256,
    Calibration,
    ModeBits,
    Start,
    StartMode,
)
from compression_leaderboard.records.results import Subject
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)


def byte_tokenizer(bos: bool = True, eos: bool = True) -> PreTrainedTokenizerFast:
    """One token a byte: lossless for every text."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: index for index, letter in enumerate(letters)}
    vocabulary |= {"<bos>": 256, "<eos>": 257}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = {"bos_token": "<bos>"} if bos else {}
    special |= {"eos_token": "<eos>"} if eos else {}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, clean_up_tokenization_spaces=False, **special
    )


def lossy_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer that lower-cases, so that it does not give the text back."""
    wrapped = byte_tokenizer()
    wrapped.backend_tokenizer.normalizer = normalizers.Lowercase()
    return wrapped


def merged_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level with merges, as of GPT-2: a token may hold several bytes, or part of a letter."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=290,
        special_tokens=["<eos>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["the text of the tests is the best – 🙂🙃 äöü " * 4], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, clean_up_tokenization_spaces=False, eos_token="<eos>"
    )


def fallback_tokenizer() -> PreTrainedTokenizerFast:
    """A letter a token, bytes for letters it lacks, and a space before the text, as of Llama 2."""
    pieces = ["<unk>", "<s>", *(f"<0x{b:02X}>" for b in range(256)), *"Zwölfat s.Thxe", "▁", "–"]
    model = models.BPE(
        vocab={piece: i for i, piece in enumerate(dict.fromkeys(pieces))},
        merges=[],
        byte_fallback=True,
        unk_token="<unk>",
    )
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, clean_up_tokenization_spaces=False, bos_token="<s>"
    )


def tiny_model(vocabulary: int = 264, context: int = 64, seed: int = 0, width: int = 32) -> Any:
    """A random Llama of two layers; six rows of its softmax are padding."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=context,
        initializer_range=0.3,
        bos_token_id=256,
        eos_token_id=257,
    )
    return LlamaForCausalLM(config).float().eval()


GEMMA: dict[str, Any] = {
    "vocab_size": 264,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "max_position_embeddings": 64,
    "sliding_window": 5,
    "layer_types": ["sliding_attention", "full_attention"],
    "initializer_range": 0.3,
}


def tiny_gemma3() -> Any:
    """A random Gemma 3: one layer attends to the last five tokens, the other to all."""
    torch.manual_seed(0)
    return Gemma3ForCausalLM(Gemma3TextConfig(**GEMMA)).float().eval()


def tiny_gemma2() -> Any:
    """A random Gemma 2: it also bends its logits to stay between −3 and 3."""
    torch.manual_seed(0)
    return Gemma2ForCausalLM(Gemma2Config(**GEMMA, final_logit_softcapping=3.0)).float().eval()


def calibrated(mode: StartMode, token: int | None, modes: int = 1) -> Calibration:
    """A calibration that chose the mode out of so many; of one, whose header has no bits."""
    others = [name for name in get_args(StartMode) if name != mode][: modes - 1]
    return Calibration(
        sha256=CALIBRATION_SHA256,
        window_tokens=16,
        tokens=4000,
        start=Start(
            mode=mode,
            token=None if token is None else "<start>",
            token_id=token,
            default=mode,
            modes=tuple(ModeBits(mode=name, bits=1000.0) for name in (mode, *others)),
            revision="sha256-" + "a" * 40,
        ),
        future_nats=0.0,
    )


def natural_start(tokenizer: Any) -> Calibration:
    """BOS in the first window, else EOS, else nothing; no other mode."""
    if tokenizer.bos_token_id is not None:
        return calibrated("bos", tokenizer.bos_token_id)
    if tokenizer.eos_token_id is not None:
        return calibrated("eos", tokenizer.eos_token_id)
    return calibrated("none", None)


def load_tiny(
    tokenizer: Any = None,
    model: Any = None,
    context: int = 64,
    calibration: Calibration | None = None,
) -> Loaded:
    model = model or tiny_model(context=context)
    tokenizer = tokenizer or byte_tokenizer()
    subject = Subject(
        architecture="LlamaForCausalLM",
        parameters=model.num_parameters(),
        weights_bytes=1,
        context_tokens=context,
        vocabulary=model.get_output_embeddings().weight.shape[0],
        layers=model.config.num_hidden_layers,
        width=model.config.hidden_size,
    )
    return Loaded(model, tokenizer, subject, calibration=calibration or natural_start(tokenizer))


def save_tiny(folder: Path, tokenizer: Any = None, model: Any = None) -> None:
    """The tiny model as a folder of safetensors, as a user would have one."""
    (model or tiny_model()).save_pretrained(folder)
    (tokenizer or byte_tokenizer()).save_pretrained(folder)
