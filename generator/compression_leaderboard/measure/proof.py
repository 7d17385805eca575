"""Prove that bits per byte are real: compress a sample with the model and read it back.

Both directions read one token at a time with a KV cache, so that they compute the same in the
same order: logits of a batch differ from stepwise ones in their last bits, and one such bit makes
a decoder lose its place. Known cost: the coder gives each word of the vocabulary at least 2^-24,
which takes about 0.02 bits a token where the vocabulary has 262,144 words.
"""

import hashlib
import math
import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import constriction
import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from compression_leaderboard.measure.calibration import Windows, calibrate_checkpoint
from compression_leaderboard.measure.documents import Document, encode_documents, read_corpus
from compression_leaderboard.measure.local_engine import record_job
from compression_leaderboard.measure.machine import MeasureError, Report
from compression_leaderboard.measure.weights import Loaded, load_model
from compression_leaderboard.plan.jobs import Job
from compression_leaderboard.records.base import Count, Record
from compression_leaderboard.records.corpora import Corpus
from compression_leaderboard.records.models import Checkpoint, Model
from compression_leaderboard.records.results import CorpusText, Proof, Result
from compression_leaderboard.repository.specs import read_specs

PRECISION_BITS = 24  # of constriction's categorical distributions
WORD_BITS = 32  # the coder writes words; its range has two of them
# A coder ends with up to two words that no token fills, and rounds its range down at every token.
SLACK_SHARE, SLACK_BITS = 1e-3, 64

LogProbabilities = NDArray[np.float32]


class Header(Record):
    """What a decoder must know beside the coder's words."""

    format: Literal[2]
    model: str
    revision: str
    threads: int = Field(gt=0)  # another number may give other last bits
    block_tokens: int = Field(gt=0)
    start: Count | None  # token before each block; None: nothing, and its first token is a guess
    tokens: int = Field(gt=0)
    bytes: int = Field(gt=0)
    text_sha256: str
    words_sha256: str


def header_line(header: Header) -> bytes:
    """Return the first line of a compressed text; the words follow."""
    return header.model_dump_json().encode() + b"\n"


def unpack(content: bytes) -> tuple[Header, bytes]:
    """Split a compressed text into header and words. Raises MeasureError if either is damaged."""
    line, _, words = content.partition(b"\n")
    try:
        header = Header.model_validate_json(line)
    except ValidationError:
        wrong = "the compressed text has no valid header"
        raise MeasureError("packed", f"{wrong}; compress the text anew") from None
    if hashlib.sha256(words).hexdigest() != header.words_sha256:
        wrong = "the compressed bytes differ from those that were written"
        raise MeasureError("packed", f"{wrong}; compress the text anew")
    return header, words


@dataclass(frozen=True)
class Compressed:
    """The coder's words, and what they should cost."""

    words: bytes
    bits_ideal: float  # −log2 p under the float32 softmax
    bits_quantised: float  # under the coder's weights


class TokenReader:
    """Asks the model what it expects next, one token after the other.

    A text longer than a block starts anew. start: the token before each block; without one, the
    first token is a uniform guess.
    """

    def __init__(self, loaded: Loaded, block_tokens: int, start: int | None):
        self.model, self.device = loaded.model, loaded.device
        self.vocabulary = loaded.subject.vocabulary
        self.start = start
        self.block_tokens = block_tokens
        self.taken = 0
        self.previous: int | None = None
        self.cache: Any = None

    def expect(self) -> LogProbabilities:
        """Return ln p of the next token, (V,), from a float32 softmax."""
        if self.taken % self.block_tokens == 0:
            self.previous, self.cache = self.start, None
        if self.previous is None:
            return np.full(self.vocabulary, -math.log(self.vocabulary), dtype=np.float32)
        ids = torch.tensor([[self.previous]], device=self.device)
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
        """Go on behind the token that came."""
        self.previous = token
        self.taken += 1


def compress_tokens(
    loaded: Loaded, tokens: Sequence[int], block_tokens: int, report: Callable[[int], None]
) -> Compressed:
    """Encode tokens. `report` is called with the number of tokens done."""
    reader = TokenReader(loaded, block_tokens, loaded.start.token_id)
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


def decompress_tokens(
    loaded: Loaded, words: bytes, count: int, block_tokens: int, start: int | None
) -> list[int]:
    """Return the `count` tokens that were encoded, if the model computes the same probabilities."""
    reader = TokenReader(loaded, block_tokens, start)
    compressed = np.frombuffer(words, dtype="<u4").astype(np.uint32)
    decoder = constriction.stream.queue.RangeDecoder(compressed)
    tokens = []
    for _ in range(count):
        token = int(decoder.decode(_categorical(reader.expect())))
        tokens.append(token)
        reader.take(token)
    return tokens


def _categorical(expected: LogProbabilities) -> Any:
    """Return weights that sum to 2^24, none of them 0, from float64, since float32 sums drift."""
    probabilities = np.exp(expected.astype(np.float64))
    return constriction.stream.model.Categorical(probabilities, lazy=True)


def _range(encoder: Any) -> int:
    """Return the size of the interval that is left of the coder's 2^64 numbers."""
    return int(encoder.pos()[1][1])


def _coded_bits(before: int, after: int) -> float:
    """Return −log2 of the token's weight over 2^24, read off how the coder's range shrank.

    A token of weight w leaves (range >> 24) · w of the range, which is shifted up by a word when
    it has become smaller than one.
    """
    step = before >> PRECISION_BITS
    weight = after // step
    if weight > 1 << PRECISION_BITS:
        weight = (after >> WORD_BITS) // step
    return PRECISION_BITS - math.log2(weight)


def prove_model(
    model: Model, corpus: Corpus, sample_bytes: int, root: Path, report: Report
) -> Result:
    """Prove a model on the first bytes of a corpus; a failure is a record too."""
    job = Job(model, model.revisions()[-1], "proof", corpus.name, "asked for")

    def prove() -> dict[str, Any]:
        text = cut_sample(read_corpus(corpus, root), sample_bytes)
        window = corpus.protocol.window_tokens
        parts = prove_text(model, job.checkpoint, text, window, root, report)
        return parts | {"text": CorpusText.of(corpus)}

    result = record_job(job, prove)
    assert isinstance(result, Result)  # no sample is asked for
    return result


def cut_sample(documents: Sequence[Document], sample_bytes: int) -> str:
    """Return the first bytes of the documents, joined in order, cut between characters."""
    content = "".join(document.text for document in documents).encode()
    return content[:sample_bytes].decode("utf-8", errors="ignore")


def prove_text(
    model: Model, checkpoint: Checkpoint, text: str, window: int, root: Path, report: Report
) -> dict[str, Any]:
    """Compress a text, read it back in a fresh process, and compare byte for byte.

    window: the longest context. Returns subject, calibration and proof of the record. Raises
    MeasureError for a tokenizer that does not give the text back, for more bytes than their cost
    allows, and for a text that comes back otherwise.
    """
    content = text.encode()
    windows = Windows(window, may_be_shorter=True)
    loaded = calibrate_checkpoint(model, checkpoint, root, report, windows, torch.float32)
    subject, calibration = loaded.subject, loaded.calibration
    (encoded,) = encode_documents([Document("the sample", text)], loaded)
    if not encoded.lossless:
        wrong = "the tokenizer does not give the sample back, so no coder can"
        raise MeasureError("tokenizer", f"{wrong}; its bits per byte are not ranked either")
    tokens, block_tokens = encoded.tokens.tolist(), loaded.window(window)
    start = loaded.start.token_id
    began = time.monotonic()
    compressed = compress_tokens(
        loaded, tokens, block_tokens, lambda done: report("compressing", done, len(tokens))
    )
    encode_seconds = time.monotonic() - began
    del loaded  # before the fresh process loads its own
    check_size(len(compressed.words), compressed.bits_quantised)
    header = Header(
        format=2,
        model=model.id,
        revision=checkpoint.revision,
        threads=torch.get_num_threads(),
        block_tokens=block_tokens,
        start=start,
        tokens=len(tokens),
        bytes=len(content),
        text_sha256=hashlib.sha256(content).hexdigest(),
        words_sha256=hashlib.sha256(compressed.words).hexdigest(),
    )
    report("decompressing", 0, 1)
    back, decode_seconds = _decompress_afresh(header_line(header) + compressed.words, root)
    if back != content:
        wrong = "the decompressed bytes differ from the sample"
        raise MeasureError("round_trip", f"{wrong}; this is a fault of the coder: report it")
    proof = Proof(
        sample_bytes=header.bytes,
        sample_sha256=header.text_sha256,
        tokens=header.tokens,
        block_tokens=block_tokens,
        compressed_bytes=len(compressed.words),
        header_bytes=len(header_line(header)),
        bits_ideal=compressed.bits_ideal,
        bits_quantised=compressed.bits_quantised,
        precision_bits=PRECISION_BITS,
        encode_seconds=encode_seconds,
        decode_seconds=decode_seconds,
        equal=True,
    )
    return {"subject": subject, "calibration": calibration, "proof": proof}


def check_size(compressed_bytes: int, bits_quantised: float) -> None:
    """Refuse a file that is larger than the distributions that the coder used allow."""
    allowed = (1 + SLACK_SHARE) * bits_quantised + SLACK_BITS
    if 8 * compressed_bytes > allowed:
        wrong = f"the file has {8 * compressed_bytes} bits, its cost allows {allowed:.0f}"
        raise MeasureError("size", f"{wrong}; this is a fault of the coder: report it")


def _decompress_afresh(packed: bytes, root: Path) -> tuple[bytes, float]:
    """Decompress in a fresh process, which knows the model's weights and no text."""
    fresh = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(1, mp_context=fresh) as pool:
            return pool.submit(decompress, packed, root).result()
    except (MeasureError, BrokenProcessPool) as error:
        raise MeasureError("round_trip", f"decompressing failed: {error}") from error


def decompress(packed: bytes, root: Path) -> tuple[bytes, float]:
    """Return the text of a header and words, and the seconds that decoding took.

    Raises MeasureError if it differs from what was compressed.
    """
    header, words = unpack(packed)
    loaded = _load_again(header, root)
    torch.set_num_threads(header.threads)
    started = time.monotonic()
    tokens = decompress_tokens(loaded, words, header.tokens, header.block_tokens, header.start)
    seconds = time.monotonic() - started
    text = loaded.tokenizer.decode(tokens, clean_up_tokenization_spaces=False)
    content = text.encode("utf-8", errors="replace")
    if len(content) != header.bytes or hashlib.sha256(content).hexdigest() != header.text_sha256:
        wrong = "the decompressed text is not the one that was compressed"
        repair = "the model computed other probabilities; use the same machine and packages"
        raise MeasureError("round_trip", f"{wrong}; {repair}")
    return content, seconds


def _load_again(header: Header, root: Path) -> Loaded:
    """Load the model that a header names."""
    model = read_specs(root)[0].models.get(header.model)
    for checkpoint in model.revisions() if model else []:
        if model and checkpoint.revision == header.revision:
            return load_model(model, checkpoint, root, torch.float32)
    wrong = f"compressed by {header.model} at {header.revision}, which is not in runs/models"
    raise MeasureError("packed", f"{wrong}; add its file")
