"""Prove that a model's bits per byte are real: compress a sample, read it back, count the bytes."""

import hashlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from generator.measure.coder import PRECISION_BITS, Compressed, compress_tokens
from generator.measure.corpora import Document, read_corpus
from generator.measure.failures import MeasureError
from generator.measure.packed import Header, header_line, pack
from generator.measure.record import Report, Workplace
from generator.measure.run import record_job
from generator.measure.weights import load_model
from generator.measure.windows import Start, encode_documents, start_token
from generator.plan import Job
from generator.records.corpora import Corpus
from generator.records.models import Checkpoint, Model
from generator.records.proof import Proof
from generator.records.results import CorpusText, Result, Subject

# A coder ends with up to two words that no token fills, and rounds its range down at every token.
SLACK_SHARE, SLACK_BITS = 1e-3, 64


@dataclass(frozen=True)
class Trial:
    """A model and a text to prove it with."""

    model: Model
    checkpoint: Checkpoint
    text: str
    window_tokens: int  # longest context, of the corpus protocol


@dataclass(frozen=True)
class Packed:
    """What was written to the file, by which model and in how many seconds."""

    subject: Subject
    header: Header
    compressed: Compressed
    start: Start
    seconds: float


def prove_model(
    model: Model, corpus: Corpus, sample_bytes: int, place: Workplace, report: Report
) -> Result:
    """The record of a proof with the first bytes of a corpus; a failure is a record too."""
    job = Job(model, model.revisions()[-1], "proof", corpus.name, "asked for")

    def work() -> dict[str, object]:
        text = cut_sample(read_corpus(corpus, place.root), sample_bytes)
        trial = Trial(model, job.checkpoint, text, corpus.protocol.window_tokens)
        subject, proof = prove_text(trial, place, report)
        return {"subject": subject, "text": CorpusText.of(corpus), "proof": proof}

    return record_job(job, work)


def cut_sample(documents: Sequence[Document], sample_bytes: int) -> str:
    """The first bytes of the documents, joined in order, cut between characters."""
    content = "".join(document.text for document in documents).encode()
    return content[:sample_bytes].decode("utf-8", errors="ignore")


def prove_text(trial: Trial, place: Workplace, report: Report) -> tuple[Subject, Proof]:
    """Compress a text to a file, read it back in a fresh process, compare byte for byte.

    Raises MeasureError for a tokenizer that does not give the text back, for a file that is
    larger than its cost, and for a text that comes back otherwise.
    """
    with tempfile.TemporaryDirectory(prefix="leaderboard-") as folder:
        file = Path(folder) / "sample.packed"
        packed = _compress(trial, file, place, report)
        report("decompressing", 0, 1)
        back, seconds = _decompress(file, Path(folder) / "sample.txt", place)
    if back != trial.text.encode():
        raise MeasureError("round_trip", "the decompressed bytes differ from the sample")
    header, compressed = packed.header, packed.compressed
    return packed.subject, Proof(
        sample_bytes=header.bytes,
        sample_sha256=header.text_sha256,
        tokens=header.tokens,
        start_token=packed.start,
        block_tokens=header.block_tokens,
        compressed_bytes=len(compressed.words),
        header_bytes=len(header_line(header)),
        bits_ideal=compressed.bits_ideal,
        bits_quantised=compressed.bits_quantised,
        precision_bits=PRECISION_BITS,
        encode_seconds=packed.seconds,
        decode_seconds=seconds,
        equal=True,
    )


def _compress(trial: Trial, file: Path, place: Workplace, report: Report) -> Packed:
    """Write the compressed file. The model is let go of before the fresh process loads its own."""
    loaded = load_model(trial.model, trial.checkpoint, place.root, place.cache, torch.float32)
    (encoded,) = encode_documents(
        [Document("the sample", trial.text)], loaded.tokenizer, loaded.subject.vocabulary
    )
    if not encoded.lossless:
        wrong = "the tokenizer does not give the sample back, so no coder can"
        raise MeasureError("tokenizer", f"{wrong}; its bits per byte are not ranked either")
    tokens = encoded.tokens.tolist()
    block_tokens = min(trial.window_tokens, loaded.subject.context_tokens)
    started = time.monotonic()
    compressed = compress_tokens(
        loaded, tokens, block_tokens, lambda done: report("compressing", done, len(tokens))
    )
    seconds = time.monotonic() - started
    check_size(len(compressed.words), compressed.bits_quantised)
    content = trial.text.encode()
    header = Header(
        format=1,
        model=trial.model.id,
        revision=trial.checkpoint.revision,
        threads=torch.get_num_threads(),
        block_tokens=block_tokens,
        tokens=len(tokens),
        bytes=len(content),
        text_sha256=hashlib.sha256(content).hexdigest(),
        words_sha256=hashlib.sha256(compressed.words).hexdigest(),
    )
    file.write_bytes(pack(header, compressed.words))
    return Packed(loaded.subject, header, compressed, start_token(loaded.tokenizer)[0], seconds)


def check_size(compressed_bytes: int, bits_quantised: float) -> None:
    """Refuse a file that is larger than the distributions that the coder used allow."""
    allowed = (1 + SLACK_SHARE) * bits_quantised + SLACK_BITS
    if 8 * compressed_bytes > allowed:
        wrong = f"the file has {8 * compressed_bytes} bits, its cost allows {allowed:.0f}"
        raise MeasureError("size", f"{wrong}; this is a fault of the coder: report it")


def _decompress(source: Path, target: Path, place: Workplace) -> tuple[bytes, float]:
    """The text of a compressed file and the seconds it took, in a process of its own."""
    command = [sys.executable, "-m", "generator.measure.decompress", str(source), str(target)]
    command += [str(place.root), str(place.cache)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise MeasureError("round_trip", f"decompressing failed: {last}")
    return target.read_bytes(), float(done.stdout)
