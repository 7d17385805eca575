"""Score the user's own text, with local weights or a vLLM server, without talking to others.

The same invariants as of a corpus: every token is scored once, the first one too, under a full
softmax in float32. Hidden states are not analysed.

What an endpoint cannot promise is checked where it can be: the first token has a context, every
token of the text gets the log-probability of itself, the window fits, and the tokens give the text
back. What weights and number format it computes with is its own word.
"""

import json
import math
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from compression_leaderboard.measure.compressors import CODECS, compressed_size
from compression_leaderboard.measure.corpora import Document
from compression_leaderboard.measure.forward import run_forward
from compression_leaderboard.measure.record import MeasureError
from compression_leaderboard.measure.text import sum_bits
from compression_leaderboard.measure.tokens import cut_windows, encode_documents, start_token
from compression_leaderboard.measure.weights import Loaded
from compression_leaderboard.own_text.documents import PIECE_BYTES
from compression_leaderboard.own_text.journal import Cost, Listed
from compression_leaderboard.records.results import CLASSICAL, Compressor, Lossless

_allowed: list[frozenset[str]] = []  # hosts and their addresses; innermost last
_hooked: list[bool] = []


@contextmanager
def no_network(host: str | None = None) -> Iterator[None]:
    """Every connection and every look-up of a name is refused, whatever library asks for it.

    host: the one that the user named, if any. Sockets that stay inside this machine's kernel (Unix
    sockets) are not touched.
    """
    if not _hooked:
        sys.addaudithook(_refuse)  # can't be taken back, so it looks at _allowed
        _hooked.append(True)
    _allowed.append(_names(host) if host else frozenset())
    try:
        yield
    finally:
        _allowed.pop()


def _names(host: str) -> frozenset[str]:
    try:
        found = socket.getaddrinfo(host, None)
    except OSError:
        return frozenset({host})  # whoever connects to it says what is wrong
    return frozenset({host, *(str(address[4][0]) for address in found)})


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if not _allowed or event not in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        return
    place = arguments[0] if event == "socket.getaddrinfo" else arguments[-1]
    if event != "socket.getaddrinfo":
        if not isinstance(place, tuple):
            return  # a path: a Unix socket
        place = place[0]
    if place not in _allowed[-1]:
        raise PermissionError(f"{event}: refused; your text stays on this machine")


BATCH_BYTES = 1 << 14  # of text in one go, what a kill loses at most; a piece may be larger
BATCH_PIECES = 64

Text = tuple[Listed, str]


def describe_scorer(loaded: Loaded, identity: str, window: int, stride: int) -> str:
    """What the bits of a text depend on; the journal keeps each such scorer apart."""
    kind = str(loaded.model.dtype).removeprefix("torch.")
    start = start_token(loaded.tokenizer)[0]
    pieces = f"pieces of {PIECE_BYTES} bytes"
    return f"{identity}; {kind}; window {window}, stride {stride}, start {start}, {pieces}"


def score_pieces(
    loaded: Loaded, window: int, stride: int, texts: Iterable[Text]
) -> Iterator[list[Cost]]:
    """Costs of pieces in bits, batch by batch. Raises MeasureError as `score_documents` does."""
    for batch in _batches(texts):
        yield _score(loaded, batch, window, stride)


def _score(loaded: Loaded, batch: list[Text], window: int, stride: int) -> list[Cost]:
    documents = [Document(piece.name, text) for piece, text in batch]
    bits = score_documents(loaded, documents, window, stride).documents
    return [
        Cost(piece.text, document.tokens, document.bits, document.lossless)
        for (piece, _), document in zip(batch, bits, strict=True)
    ]


def score_documents(
    loaded: Loaded, documents: Sequence[Document], window: int, stride: int
) -> Lossless:
    """Bits of documents that fit into memory, in one pass; no hidden states are kept.

    Raises MeasureError for a context shorter than the window, text of which the tokenizer makes
    no token, and output that is not finite.
    """
    if loaded.subject.context_tokens < window:
        context = loaded.subject.context_tokens
        wrong = f"the model reads {context} tokens, the window has {window}"
        raise MeasureError("context", f"{wrong}; pass --window {context}, for all models alike")
    encoded = encode_documents(documents, loaded.tokenizer, loaded.subject.vocabulary)
    lengths = [len(document.inputs) for document in encoded]
    nowhere = [np.zeros(length, dtype=bool) for length in lengths]
    windows = cut_windows(lengths, window, stride)
    passed = run_forward(loaded.model, encoded, windows, nowhere, None, lambda tokens: None)
    return sum_bits(encoded, passed, start_token(loaded.tokenizer)[0])


def _batches(texts: Iterable[Text]) -> Iterator[list[Text]]:
    batch: list[Text] = []
    size = 0
    for piece, text in texts:
        if batch and (size + piece.size > BATCH_BYTES or len(batch) == BATCH_PIECES):
            yield batch
            batch, size = [], 0
        batch.append((piece, text))
        size += piece.size
    if batch:
        yield batch


def compressor_names() -> list[str]:
    """Each classical compressor with settings and version, as a scorer of the journal."""
    return [_name(compressor) for compressor in CLASSICAL.compressors]


def _name(compressor: Compressor) -> str:
    settings: Any = ", ".join(f"{key} {value}" for key, value in compressor.settings.items())
    return f"{compressor.name} ({settings}; {CODECS[compressor.name].version})"


def compress_pieces(number: int, texts: Iterable[Text]) -> Iterator[list[Cost]]:
    """Costs of pieces under one compressor of the list, each a stream of its own, as models read
    them."""
    compressor = CLASSICAL.compressors[number]
    for batch in _batches(texts):
        yield [
            Cost(piece.text, 0, 8.0 * compressed_size(text.encode(), compressor), True)
            for piece, text in batch
        ]


SECONDS = 600.0  # to wait for one answer


@dataclass(frozen=True)
class Endpoint:
    """A server that speaks vLLM's protocol, and the name of one of its models."""

    url: str
    model: str

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    def ask(self, path: str, **content: Any) -> Any:
        """Post a question to the server. Raises MeasureError when the answer is none."""
        place = f"{self.url.rstrip('/').removesuffix('/v1')}{path}"
        body = json.dumps({"model": self.model, **content}).encode()
        request = urllib.request.Request(place, body, {"Content-Type": "application/json"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=SECONDS) as answer:
                return json.load(answer)
        except (OSError, ValueError) as error:
            repair = "check --endpoint and --model, and that it is vLLM or speaks its protocol"
            raise MeasureError("network", f"{place} gave no answer ({error}); {repair}") from error


@dataclass(frozen=True)
class Served:
    """What was found out about a served model before any text is sent."""

    endpoint: Endpoint
    start: int  # token that stands before a document
    window: int
    stride: int

    @property
    def identity(self) -> str:
        return (
            f"{self.endpoint.url} {self.endpoint.model}; window {self.window}, stride "
            f"{self.stride}, start {self.start}, pieces of {PIECE_BYTES} bytes"
        )


def meet_endpoint(endpoint: Endpoint, window: int, stride: int, start: int | None) -> Served:
    """Check that the model's window and first token can be had. start: else what it puts before
    an empty text."""
    found = endpoint.ask("/tokenize", prompt="", add_special_tokens=True)
    own, longest = _tokens(found), found.get("max_model_len")
    if not isinstance(longest, int) or longest < window + 2:
        wrong = f"{endpoint.model} reads {longest} tokens; a window of {window} needs {window + 2}"
        raise MeasureError("context", f"{wrong}; pass a shorter --window")
    if start is None and not own:
        wrong = f"{endpoint.model} puts no token before a text, so the first has no probability"
        repair = "pass --start-token with the id of its end-of-text token"
        raise MeasureError("network", f"{wrong}; {repair}")
    return Served(endpoint, own[0] if start is None else start, window, stride)


def score_served(served: Served, texts: Iterable[tuple[Listed, str]]) -> Iterator[list[Cost]]:
    """Costs of pieces in bits, one at a time. Raises MeasureError."""
    for piece, text in texts:
        found = served.endpoint.ask("/tokenize", prompt=text, add_special_tokens=False)
        tokens = _tokens(found)
        if not tokens:
            wrong = f"{piece.name}: the endpoint makes no token of it"
            raise MeasureError("tokenizer", f"{wrong}; leave the document out")
        back = served.endpoint.ask("/detokenize", tokens=tokens).get("prompt")
        nats = _nats(served, piece.name, [served.start, *tokens])
        bits = math.fsum(nats) / math.log(2)
        yield [Cost(piece.text, len(tokens), bits, lossless=back == text)]


def _tokens(answer: Any) -> list[int]:
    tokens = answer.get("tokens") if isinstance(answer, dict) else None
    if not isinstance(tokens, list) or not all(isinstance(token, int) for token in tokens):
        raise MeasureError("network", "/tokenize gave no list of tokens; use vLLM's endpoint")
    return tokens


def _nats(served: Served, name: str, sequence: list[int]) -> list[float]:
    """−ln p of every token but the first, each once; windows as of a model in this process."""
    nats: list[float] = []
    for window in cut_windows([len(sequence) - 1], served.window, served.stride):
        prompt = sequence[window.begin : window.end + 1]
        answer = served.endpoint.ask(
            "/v1/completions", prompt=prompt, max_tokens=1, temperature=0.0, prompt_logprobs=0
        )
        found = _logprobs(answer, prompt, name)
        nats += [-value for value in found[window.new - window.begin :]]
    if len(nats) != len(sequence) - 1:
        raise AssertionError(f"{len(nats)} of {len(sequence) - 1} tokens were scored")
    return nats


def _logprobs(answer: Any, prompt: list[int], name: str) -> list[float]:
    """Log-probability of each token of a prompt after the first. Refuses what covers less."""
    try:
        listed = answer["choices"][0]["prompt_logprobs"]
        found = [
            float(entry[str(token)]["logprob"])
            for token, entry in zip(prompt[1:], listed[1:], strict=True)
        ]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        wrong = f"{name}: the endpoint gives no log-probability of every token of the text"
        repair = "serve it with vLLM, which answers prompt_logprobs"
        raise MeasureError("network", f"{wrong}; {repair}") from error
    if not all(math.isfinite(value) and value <= 0 for value in found):
        wrong = f"{name}: the endpoint's log-probabilities are no logarithms of probabilities"
        raise MeasureError("nan", f"{wrong}; check how the model is served")
    return found
