"""Prove that bits per byte are real: compress a sample with the model and read it back.

Both directions read one token at a time with a KV cache, so that they compute the same in the
same order: logits of a batch differ from stepwise ones in their last bits, and one such bit makes
a decoder lose its place. Known cost: the coder gives each word of the vocabulary at least 2^-24,
which takes about 0.02 bits a token where the vocabulary has 262,144 words.
"""

import hashlib
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import constriction
import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from compression_leaderboard.measure.corpora import Document, read_corpus
from compression_leaderboard.measure.record import MeasureError, Report, Workplace
from compression_leaderboard.measure.run import record_job
from compression_leaderboard.measure.tokens import Start, encode_documents, start_token
from compression_leaderboard.measure.weights import Loaded, load_model
from compression_leaderboard.plan.jobs import Job
from compression_leaderboard.records.base import Record
from compression_leaderboard.records.corpora import Corpus
from compression_leaderboard.records.models import Checkpoint, Model
from compression_leaderboard.records.results import CorpusText, Proof, Result, Subject


class Header(Record):
    """What a decoder must know beside the coder's words."""

    format: Literal[1]
    model: str
    revision: str
    threads: int = Field(gt=0)  # another number may give other last bits
    block_tokens: int = Field(gt=0)
    tokens: int = Field(gt=0)
    bytes: int = Field(gt=0)
    text_sha256: str
    words_sha256: str


def pack(header: Header, words: bytes) -> bytes:
    return header_line(header) + words


def header_line(header: Header) -> bytes:
    return header.model_dump_json().encode() + b"\n"


def unpack(content: bytes) -> tuple[Header, bytes]:
    """Header and words. Raises MeasureError where they are not what was written."""
    line, _, words = content.partition(b"\n")
    try:
        header = Header.model_validate_json(line)
    except ValidationError:
        wrong = "the compressed file has no valid header"
        raise MeasureError("packed", f"{wrong}; compress the text anew") from None
    if hashlib.sha256(words).hexdigest() != header.words_sha256:
        wrong = "the compressed bytes differ from those that were written"
        raise MeasureError("packed", f"{wrong}; compress the text anew")
    return header, words


PRECISION_BITS = 24  # of constriction's categorical distributions
WORD_BITS = 32  # the coder writes words; its range has two of them

LogProbabilities = NDArray[np.float32]


@dataclass(frozen=True)
class Compressed:
    """The coder's words, and what they should cost."""

    words: bytes
    bits_ideal: float  # −log2 p under the float32 softmax
    bits_quantised: float  # under the coder's weights


class TokenReader:
    """What the model expects next, one token after the other.

    A text longer than a block starts anew: BOS, else EOS, else a uniform guess.
    """

    def __init__(self, loaded: Loaded, block_tokens: int):
        self.model = loaded.model
        self.vocabulary = loaded.subject.vocabulary
        self.start = start_token(loaded.tokenizer)[1]
        self.block_tokens = block_tokens
        self.taken = 0
        self.previous: int | None = None
        self.cache: Any = None

    def expect(self) -> LogProbabilities:
        """Natural logarithms of the next token's probabilities, (V,), a float32 softmax."""
        if self.taken % self.block_tokens == 0:
            self.previous, self.cache = self.start, None
        if self.previous is None:
            return np.full(self.vocabulary, -math.log(self.vocabulary), dtype=np.float32)
        ids = torch.tensor([[self.previous]], device=self.model.device)
        with torch.inference_mode():
            output = self.model(input_ids=ids, past_key_values=self.cache, use_cache=True)
            logits = output.logits[0, -1].float()
        if not torch.isfinite(logits).all():
            wrong = f"token {self.taken}: the model's output is not a finite number"
            raise MeasureError("nan", f"{wrong}; the weights are broken")
        self.cache = output.past_key_values
        expected: LogProbabilities = logits.log_softmax(dim=-1).cpu().numpy()
        return expected

    def take(self, token: int) -> None:
        """The token that came."""
        self.previous = token
        self.taken += 1


def compress_tokens(
    loaded: Loaded, tokens: Sequence[int], block_tokens: int, report: Callable[[int], None]
) -> Compressed:
    """Encode tokens. `report` is called with the number of tokens done."""
    reader = TokenReader(loaded, block_tokens)
    encoder = constriction.stream.queue.RangeEncoder()
    ideal, quantised = [], []
    for done, token in enumerate(tokens, start=1):
        expected = reader.expect()
        before = _range(encoder)
        encoder.encode(token, _categorical(expected))
        quantised.append(_coded_bits(before, _range(encoder)))
        ideal.append(-float(expected[token]) / math.log(2))
        reader.take(token)
        report(done)
    words = encoder.get_compressed().astype("<u4").tobytes()
    return Compressed(words, math.fsum(ideal), math.fsum(quantised))


def decompress_tokens(loaded: Loaded, words: bytes, count: int, block_tokens: int) -> list[int]:
    """The `count` tokens that were encoded, if the model computes the same probabilities."""
    reader = TokenReader(loaded, block_tokens)
    held = np.frombuffer(words, dtype="<u4").astype(np.uint32)
    decoder = constriction.stream.queue.RangeDecoder(held)
    tokens = []
    for _ in range(count):
        token = int(decoder.decode(_categorical(reader.expect())))
        tokens.append(token)
        reader.take(token)
    return tokens


def _categorical(expected: LogProbabilities) -> Any:
    """Weights that sum to 2^24, none of them 0. In float64, since float32 sums of them drift."""
    probabilities = np.exp(expected.astype(np.float64))
    return constriction.stream.model.Categorical(probabilities, lazy=True)


def _range(encoder: Any) -> int:
    """Size of the interval that the coder has narrowed the number down to, of 2^64."""
    return int(encoder.pos()[1][1])


def _coded_bits(before: int, after: int) -> float:
    """−log2 of the token's weight over 2^24, read off how the coder's range shrank.

    A token of weight w leaves (range >> 24) · w of the range, which is shifted up by a word when
    it has become smaller than one.
    """
    step = before >> PRECISION_BITS
    weight = after // step
    if weight > 1 << PRECISION_BITS:
        weight = (after >> WORD_BITS) // step
    return PRECISION_BITS - math.log2(weight)


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
    command = [
        sys.executable,
        "-m",
        "compression_leaderboard.measure.decompress",
        str(source),
        str(target),
    ]
    command += [str(place.root), str(place.cache)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise MeasureError("round_trip", f"decompressing failed: {last}")
    return target.read_bytes(), float(done.stdout)
