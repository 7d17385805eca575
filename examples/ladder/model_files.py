"""The files runs/models/ladder/<name>.toml: which weights the board measures, pinned by hash."""

import json
import math
from pathlib import Path

from compression_leaderboard.measure.checkpoint import hash_folder
from safetensors import safe_open

CORPORA = ["sotu-128", "python-128"]  # scored in windows that fit a context of 128 tokens


def count_parameters(folder: Path) -> int:
    """Number of stored weights; the tied output matrix is stored, and counted, once."""
    with safe_open(folder / "model.safetensors", framework="pt") as weights:
        shapes = [weights.get_slice(key).get_shape() for key in weights.keys()]  # noqa: SIM118
    return sum(math.prod(shape) for shape in shapes)


def render_model_file(name: str, released: str, tokens_seen: dict[Path, int]) -> str:
    """The text of runs/models/ladder/<name>.toml.

    tokens_seen: training tokens processed up to each checkpoint (repeats count), by its folder,
    the final one last.
    """
    last = list(tokens_seen)[-1]
    lines = [
        "# Trained by examples/ladder/train.py. Run `make ladder` to train them again. On another",
        "# kind of processor their last bits differ; use --write-models to pin those instead.",
        f'name = "ladder/{name}"',
        'family = "Ladder"',
        'kind = "base"',
        f"parameters = {count_parameters(last)}",
        f"training_tokens = {tokens_seen[last]}",
        f"released = {released}",
        'licence = "Apache-2.0"',
        'note = "Trained by this project on addresses up to 1989, to show a training run."',
        f"corpora = {json.dumps(CORPORA)}",
        "",
        "[weights]",
        f'path = "{last.as_posix()}"',
        f'revision = "{hash_folder(last)}"',
    ]
    for folder, tokens in tokens_seen.items():
        lines += [
            "",
            "[[checkpoints]]",
            f'path = "{folder.as_posix()}"',
            f'revision = "{hash_folder(folder)}"',
            f"tokens_seen = {tokens}",
        ]
    return "\n".join(lines) + "\n"
