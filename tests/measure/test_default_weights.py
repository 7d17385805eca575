"""The embedded default model gives the figures of its committed record."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from compression_leaderboard.measure.checkpoint import find_package
from compression_leaderboard.measure.classify import classify_bytes, divide_bits
from compression_leaderboard.measure.documents import read_corpus
from compression_leaderboard.measure.machine import MeasureError
from compression_leaderboard.measure.text import encode_windows, run_forward, score_text
from compression_leaderboard.measure.weights import CACHE, load_model
from compression_leaderboard.plan.jobs import latest_results
from compression_leaderboard.records.byte_classes import BYTE_CLASSES
from compression_leaderboard.repository.results import read_records
from compression_leaderboard.repository.specs import read_specs
from transformers import AutoModelForCausalLM
from transformers.integrations.gguf.reader import read_gguf_metadata

from tests import ROOT
from tests.measure.test_gguf import sentence_pieces
from tests.tiny import natural_start

MODEL = "HuggingFaceTB__SmolLM2-135M-Instruct@Q4_1"


@pytest.mark.slow
def test_documents_scored_again_cost_what_the_record_says(tmp_path):
    """Within 0.5 %, since another processor may compute in another number format."""
    specs, _ = read_specs(ROOT)
    model, corpus = specs.models[MODEL], specs.corpora["sotu-128"]
    latest = latest_results(read_records(ROOT, "results/measured")[0])
    record = latest[(MODEL, model.weights.revision, "corpus", corpus.name)].result
    loaded = load_model(model, model.revisions()[-1], tmp_path)
    known = record.calibration or natural_start(loaded.tokenizer)
    loaded = replace(loaded, calibration=known)
    documents = read_corpus(corpus)[:4]
    found, lossy = score_text(loaded, documents, corpus.protocol, lambda *_: None)
    assert isinstance(lossy, str)  # four documents have fewer positions than the protocol asks for
    for ours, theirs in zip(found.documents, record.lossless.documents, strict=False):
        assert ours.document == theirs.document
        assert ours.bytes == theirs.bytes
        assert ours.bits == pytest.approx(theirs.bits, rel=5e-3)


@pytest.mark.slow
def test_gemma_from_gguf_is_what_transformers_makes_of_it(tmp_path):
    """Every weight, and the pieces of a text as SentencePiece merges them."""
    specs, _ = read_specs(ROOT)
    model = specs.models["google__gemma-3-270m@Q4_K_M"]
    revision = model.revisions()[-1]
    try:
        find_package(model.weights.package)
    except MeasureError:
        pytest.skip("the packages of requirements/gemma.txt are not installed")
    loaded = load_model(model, revision, tmp_path, torch.float32)
    file = tmp_path / CACHE / "weights" / f"{revision.revision}.gguf"
    automatic: Any = AutoModelForCausalLM
    theirs = automatic.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
    for ours, other in zip(loaded.model.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(ours, other)
    assert loaded.model.config.query_pre_attn_scalar == theirs.config.query_pre_attn_scalar
    header, _ = read_gguf_metadata(str(file), ("tokenizer.ggml.tokens",))
    names, scores, kinds = (
        header[f"tokenizer.ggml.{name}"] for name in ("tokens", "scores", "token_type")
    )
    pieces = [name.replace(" ", "▁") for name in names]  # runs of spaces are stored as spaces
    whole = {piece for piece, kind in zip(pieces, kinds, strict=True) if kind == 4}
    text = read_corpus(specs.corpora["sotu"])[0].text[:1500] + "  Zwölf Bären – 🙂\n\n\tx = 1"
    tokens = loaded.tokenizer.encode(text, add_special_tokens=False)
    assert loaded.tokenizer.decode(tokens, clean_up_tokenization_spaces=False) == text
    assert loaded.tokenizer.convert_ids_to_tokens(tokens) == sentence_pieces(
        text, dict(zip(pieces, scores, strict=True)), whole
    )


@pytest.mark.slow
def test_whitespace_has_the_bits_that_the_convention_gives_it(tmp_path):
    """The levels that measure/classify.py states: no other class depends on it as much."""
    specs, _ = read_specs(ROOT)
    model, corpus = specs.models[MODEL], specs.corpora["sotu-128"]
    loaded = load_model(model, model.revisions()[-1], tmp_path)
    loaded = replace(loaded, calibration=natural_start(loaded.tokenizer))
    encoded, windows = encode_windows(loaded, read_corpus(corpus)[:12:4], *corpus.protocol.window)
    passed = run_forward(loaded, encoded, windows)
    shares: dict[str, dict[str, float]] = {}
    for convention in ("even", "first byte", "last byte"):
        bits = np.zeros(len(BYTE_CLASSES))
        for document, nats in zip(encoded, passed.nats, strict=True):
            classes, ends = classify_bytes(document.document.text), document.ends
            if convention == "even":
                bits += divide_bits(classes, ends, nats, 0.0, math.fsum(nats))
            else:
                begins = np.concatenate([[0], ends[:-1]])
                payer = begins if convention == "first byte" else ends - 1
                bits += np.bincount(classes[payer], nats, len(BYTE_CLASSES))
        parts = zip(BYTE_CLASSES, (bits / bits.sum()).tolist(), strict=True)
        shares[convention] = {name: round(share, 2) for name, share in parts}
    whitespace = {convention: share["whitespace"] for convention, share in shares.items()}
    assert 0.15 < whitespace["even"] < 0.21
    assert whitespace["last byte"] < 0.03 < 0.8 < whitespace["first byte"]
    for other in ("digits", "Common"):
        assert len({share[other] for share in shares.values()}) == 1
