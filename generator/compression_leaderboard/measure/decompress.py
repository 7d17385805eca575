"""Decompress a file in a process of its own: it knows the file, the model's weights, no text.
python -m compression_leaderboard.measure.decompress <compressed> <text> <root> <cache>
prints the seconds that decoding took.
"""

import hashlib
import sys
import time
from pathlib import Path

import torch

from compression_leaderboard.measure.proof import Header, decompress_tokens, unpack
from compression_leaderboard.measure.record import MeasureError
from compression_leaderboard.measure.weights import Loaded, load_model
from compression_leaderboard.repository.specs import read_specs


def decompress_file(source: Path, target: Path, root: Path, cache: Path) -> float:
    """Write the text of a compressed file; return seconds. Raises MeasureError if it differs."""
    header, words = unpack(source.read_bytes())
    loaded = _load(header, root, cache)
    torch.set_num_threads(header.threads)
    started = time.monotonic()
    tokens = decompress_tokens(loaded, words, header.tokens, header.block_tokens)
    seconds = time.monotonic() - started
    text = loaded.tokenizer.decode(tokens, clean_up_tokenization_spaces=False)
    content = text.encode("utf-8", errors="replace")
    if len(content) != header.bytes or hashlib.sha256(content).hexdigest() != header.text_sha256:
        wrong = "the decompressed text is not the one that was compressed"
        repair = "the model computed other probabilities; use the same machine and packages"
        raise MeasureError("round_trip", f"{wrong}; {repair}")
    target.write_bytes(content)
    return seconds


def _load(header: Header, root: Path, cache: Path) -> Loaded:
    model = read_specs(root)[0].models.get(header.model)
    if model is not None:
        for checkpoint in model.revisions():
            if checkpoint.revision == header.revision:
                return load_model(model, checkpoint, root, cache, torch.float32)
    wrong = f"compressed by {header.model} at {header.revision}, which runs/models does not hold"
    raise MeasureError("packed", f"{wrong}; add its file")


if __name__ == "__main__":
    try:
        print(decompress_file(*map(Path, sys.argv[1:])))
    except MeasureError as error:
        sys.exit(error.message)
