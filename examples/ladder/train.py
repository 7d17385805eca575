"""Train the Ladder: three small Llama-style models with checkpoints, a family for the board.

Every model sees the same windows in the same order, so that the models differ in size (and in the
peak learning rate that suits the size) alone.

Known gaps: no optimiser state is saved, so a model that was cut short starts again from its first
step. The same command gives the same bits on like processors only: another kind adds in another
order, and its weights are other revisions (write them with --write-models).
"""

import argparse
import math
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import torch
from addresses import (
    VOCABULARY,
    WINDOW_TOKENS,
    Texts,
    draw_windows,
    encode,
    join_documents,
    train_tokenizer,
)
from compression_leaderboard.measure.weights import suitable_dtype
from model_files import render_model_file
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils import logging

RELEASED = "2026-11-25"  # the day this recipe was fixed

BATCH_WINDOWS = 8
TOKENS_PER_STEP = BATCH_WINDOWS * WINDOW_TOKENS
CHECKPOINT_STEPS = (1, 4, 16, 64, 128, 256, 512, 1024, 2048)
STEPS = CHECKPOINT_STEPS[-1]
WARMUP_STEPS = 128
SEED = 20261124
UNSCORED = -100


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


def learning_rate_factor(step: int) -> float:
    """Learning rate of a step (counted from 0) over its peak: linear warm-up, cosine to 0."""
    if step < WARMUP_STEPS:
        return (step + 1) / WARMUP_STEPS
    return 0.5 + 0.5 * math.cos(math.pi * (step - WARMUP_STEPS) / (STEPS - WARMUP_STEPS))


@torch.no_grad()
def bits_per_byte(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, texts: tuple[str, ...]
) -> float:
    """Bits per UTF-8 byte of `texts` (lower is better): sum of -log2 p over tokens / bytes.

    Every token is scored once, a text's first one after BOS. The windows do not overlap, so that
    the figure is a little above that of a sliding window: a quick look, no official figure.
    """
    nats = 0.0
    for text in texts:
        ids = encode(tokenizer, text)
        padding = -len(ids) % WINDOW_TOKENS  # on the right, where a causal model does not see it
        before = [tokenizer.bos_token_id, *ids[:-1]] + [tokenizer.eos_token_id] * padding
        inputs = torch.tensor(before).view(-1, WINDOW_TOKENS)
        targets = torch.tensor(ids + [UNSCORED] * padding).view(-1, WINDOW_TOKENS)
        for i in range(0, len(inputs), BATCH_WINDOWS):
            x, y = inputs[i : i + BATCH_WINDOWS], targets[i : i + BATCH_WINDOWS].flatten()
            logits = model(input_ids=x, use_cache=False).logits  # (B, T, VOCABULARY)
            summed = cross_entropy(logits.flatten(0, 1), y, ignore_index=UNSCORED, reduction="sum")
            nats += summed.item()
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
    )
    model = LlamaForCausalLM(config)
    # On a CPU the plain attention trains faster than the fused one at this window.
    model.set_attn_implementation("eager")
    return model


def train_steps(
    model: LlamaForCausalLM, stream: torch.Tensor, peak_learning_rate: float
) -> Iterator[tuple[int, float]]:
    """Train on windows of `stream`; yields, after each step, its number (from 1) and mean nats.

    Matrix products run in bfloat16 where the processor computes in it (elsewhere that is slower
    than float32, many times over); weights and optimiser state stay in float32.
    """
    is_mixed = suitable_dtype() == torch.bfloat16
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    gains = [p for p in model.parameters() if p.ndim < 2]
    optimiser = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": gains, "weight_decay": 0.0}],
        lr=peak_learning_rate,
        betas=(0.9, 0.95),
        fused=True,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, learning_rate_factor)
    starts = draw_windows(len(stream), STEPS * BATCH_WINDOWS, SEED).view(STEPS, BATCH_WINDOWS)
    within = torch.arange(WINDOW_TOKENS + 1)
    for step in range(1, STEPS + 1):
        windows = stream[starts[step - 1, :, None] + within]  # (B, T + 1)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=is_mixed):
            logits = model(input_ids=windows[:, :-1], use_cache=False).logits  # (B, T, VOCABULARY)
        loss = cross_entropy(logits.flatten(0, 1).float(), windows[:, 1:].flatten())
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        yield step, loss.item()


def checkpoint_folder(out: Path, size: Size, step: int) -> Path:
    """Where the weights after `step` steps are; the folder appears only when it is whole."""
    return out / size.name / f"step-{step:06d}"


def is_complete(out: Path, size: Size) -> bool:
    """Whether every checkpoint of this model is there, so that nothing is left to train."""
    return all(checkpoint_folder(out, size, step).is_dir() for step in CHECKPOINT_STEPS)


def write_checkpoint(
    folder: Path, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast
) -> None:
    """Save weights (float32), configuration and tokenizer under `folder`, whole or not at all."""
    partial = folder.with_name(folder.name + ".partial")
    model.save_pretrained(partial)
    tokenizer.save_pretrained(partial)
    partial.rename(folder)


def report(line: str) -> None:
    """Progress, on stderr."""
    print(line, file=sys.stderr, flush=True)


def train_model(
    size: Size,
    tokenizer: PreTrainedTokenizerFast,
    stream: torch.Tensor,
    check_texts: tuple[str, ...],
    out: Path,
) -> None:
    """Train one model from its first step and write its checkpoints, one line on stderr each."""
    shutil.rmtree(out / size.name, ignore_errors=True)
    model = build_model(size, tokenizer)
    started, losses = time.monotonic(), list[float]()
    for step, loss in train_steps(model, stream, size.peak_learning_rate):
        losses.append(loss)
        if step in CHECKPOINT_STEPS:
            write_checkpoint(checkpoint_folder(out, size, step), model, tokenizer)
            held_out = bits_per_byte(model, tokenizer, check_texts)
            report(
                f"{size.name} step {step} tokens {step * TOKENS_PER_STEP} "
                f"train loss {fmean(losses[-50:]):.3f} nats/token "
                f"held-out {held_out:.4f} bits/byte {time.monotonic() - started:.0f} s"
            )


def train_missing(sizes: list[Size], out: Path) -> None:
    """Train the tokenizer, then every model of `sizes`."""
    texts = Texts.read()
    tokenizer = train_tokenizer(texts.tokenizer)
    stream = join_documents(tokenizer, texts.training)
    for size in sizes:
        train_model(size, tokenizer, stream, texts.check, out)


def write_model_files(sizes: list[Size], out: Path) -> None:
    """Write runs/models/ladder/<name>.toml for complete models."""
    folder = Path("runs/models/ladder")
    folder.mkdir(parents=True, exist_ok=True)
    for size in sizes:
        tokens_seen = {
            checkpoint_folder(out, size, step): step * TOKENS_PER_STEP for step in CHECKPOINT_STEPS
        }
        text = render_model_file(size.name, RELEASED, tokens_seen)
        (folder / f"{size.name}.toml").write_text(text)


def main() -> None:
    """Train what is missing; with --write-models also write the model files."""
    names = [size.name for size in SIZES]
    parser = argparse.ArgumentParser(description="Train the Ladder models; run it at the root.")
    parser.add_argument("--models", nargs="+", choices=names, default=names)
    parser.add_argument("--out", type=Path, default=Path("build/ladder"))
    parser.add_argument("--write-models", action="store_true", help="write runs/models/ladder")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # another number of threads would add in another order
    torch.use_deterministic_algorithms(True)
    # Filling fresh memory costs a third of a step, and no operation here reads it unwritten.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    sizes = [size for size in SIZES if size.name in arguments.models]
    missing = [size for size in sizes if not is_complete(arguments.out, size)]
    for size in sizes:
        if size not in missing:
            report(f"{size.name}: complete, nothing to train")
    if missing:
        train_missing(missing, arguments.out)
    if arguments.write_models:
        write_model_files(sizes, arguments.out)


if __name__ == "__main__":
    main()
