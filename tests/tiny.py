"""Tiny random models and tokenizers, made in a second: faults and invariants need no weights."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from generator.measure.weights import Loaded
from generator.records.results import Subject


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
    from tokenizers import normalizers

    wrapped = byte_tokenizer()
    wrapped.backend_tokenizer.normalizer = normalizers.Lowercase()
    return wrapped


def tiny_model(vocabulary: int = 264, context: int = 64, seed: int = 0) -> Any:
    """A random Llama of two layers; six rows of its softmax are padding."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=context,
        initializer_range=0.3,
        bos_token_id=256,
        eos_token_id=257,
    )
    return LlamaForCausalLM(config).float().eval()


def load_tiny(tokenizer: Any = None, model: Any = None, context: int = 64) -> Loaded:
    model = model or tiny_model(context=context)
    subject = Subject(
        architecture="LlamaForCausalLM",
        parameters=model.num_parameters(),
        weights_bytes=1,
        context_tokens=context,
        vocabulary=model.get_output_embeddings().weight.shape[0],
        layers=model.config.num_hidden_layers,
        width=model.config.hidden_size,
    )
    return Loaded(model, tokenizer or byte_tokenizer(), subject)


def save_tiny(folder: Path, tokenizer: Any = None, model: Any = None) -> None:
    """The tiny model as a folder of safetensors, as a user would have one."""
    (model or tiny_model()).save_pretrained(folder)
    (tokenizer or byte_tokenizer()).save_pretrained(folder)
