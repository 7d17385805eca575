"""Score the user's own text, with local weights, a vLLM server or the classical compressors.

The same invariants as of a corpus: every token is scored once, the first one too, under a full
softmax in float32. Hidden states are not analysed. No network is reached but the server that the
user names.

What an endpoint cannot promise is checked where it can be: the first token has a context, every
token of the text gets the log-probability of itself, the window fits, and the tokens give the text
back. What weights and number format it computes with is its own claim.
"""

import json
import math
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from compression_leaderboard.measure.calibration import SOFTWARE
from compression_leaderboard.measure.compressors import CODECS, compressed_size
from compression_leaderboard.measure.documents import (
    Document,
    cut_batches,
    cut_windows,
)
from compression_leaderboard.measure.machine import MeasureError, package_versions
from compression_leaderboard.measure.text import score_documents
from compression_leaderboard.measure.weights import Loaded
from compression_leaderboard.own_text.class_costs import Classes
from compression_leaderboard.own_text.documents import PIECE_BYTES
from compression_leaderboard.own_text.journal import Cost, Listed
from compression_leaderboard.records.results import Compressor, DocumentBits, Lossless

BATCH_BYTES = 1 << 14  # of text in one go, what a kill loses at most; a piece may be larger
BATCH_PIECES = 64
ANSWER_SECONDS = 600.0  # to wait for one answer of an endpoint
PIECES = f"pieces of {PIECE_BYTES} bytes"

Text = tuple[Listed, str]

_allowed: list[frozenset[str]] = []  # hosts and their addresses; innermost last


@contextmanager
def no_network(host: str | None = None) -> Iterator[None]:
    """Refuse every connection and every look-up of a name, whatever library asks for it.

    host: the one that the user named, if any. Sockets that stay inside this machine's kernel (Unix
    sockets) are not touched.
    """
    _hook()
    _allowed.append(_names(host) if host else frozenset())
    try:
        yield
    finally:
        _allowed.pop()


@cache  # once per process: the hook can't be taken back, so it looks at _allowed
def _hook() -> None:
    sys.addaudithook(_refuse)


def _names(host: str) -> frozenset[str]:
    try:
        addresses = socket.getaddrinfo(host, None)
    except OSError:
        return frozenset({host})  # whoever connects to it says what is wrong
    return frozenset({host, *(str(address[4][0]) for address in addresses)})


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


def describe_scorer(loaded: Loaded, identity: str, window: int, stride: int) -> str:
    """Describe what the bits of a text depend on; the journal keeps such scorers apart."""
    start = f"start {loaded.start.mode} of {len(loaded.start.modes)}"
    return f"{identity}; {loaded.dtype}; window {window}, stride {stride}, {start}, {PIECES}"


def score_pieces(
    loaded: Loaded, window: int, stride: int, batch_bytes: int, texts: Iterable[Text]
) -> Iterator[list[Cost]]:
    """Yield costs of pieces in bits, by batch. Raises MeasureError as `score_documents` does."""
    for batch in cut_texts(texts, batch_bytes):
        documents = [Document(piece.name, text) for piece, text in batch]
        lossless = score_documents(loaded, documents, window, stride)
        yield [
            Cost(piece.text, d.tokens, d.bits, d.lossless, _classes(lossless, d))
            for (piece, _), d in zip(batch, lossless.documents, strict=True)
        ]


def _classes(text: Lossless, document: DocumentBits) -> Classes | None:
    """Return bytes and bits of the classes that a document has."""
    sizes, bits = document.class_bytes, document.class_bits
    if text.classes is None or sizes is None or bits is None:
        return None
    parts = zip(text.classes, sizes, bits, strict=True)
    return {name: (size, cost) for name, size, cost in parts if size or cost}


def cut_texts(texts: Iterable[Text], batch_bytes: int = BATCH_BYTES) -> Iterator[list[Text]]:
    """Cut pieces into batches that are scored in one go."""
    return cut_batches(texts, lambda text: text[0].size, batch_bytes, BATCH_PIECES)


def describe_compressor(compressor: Compressor) -> str:
    """Describe a compressor with settings and version, as a scorer of the journal."""
    settings: Any = ", ".join(f"{key} {value}" for key, value in compressor.settings.items())
    return f"{compressor.name} ({settings}; {CODECS[compressor.name].version})"


def compress_pieces(compressor: Compressor, texts: Iterable[Text]) -> Iterator[list[Cost]]:
    """Yield costs of pieces under a compressor, each a stream by itself, as models read them."""
    for batch in cut_texts(texts):
        yield [
            Cost(piece.text, 0, 8.0 * compressed_size(text.encode(), compressor), True)
            for piece, text in batch
        ]


def describe_software() -> str:
    """List the packages that compute a model's bits, with versions."""
    versions = package_versions(SOFTWARE)
    return ", ".join(f"{name} {version}" for name, version in versions.items())


@dataclass(frozen=True)
class Endpoint:
    """A model on a server that speaks vLLM's protocol, and how it is asked."""

    url: str
    model: str
    start: int  # token that stands before a document
    window: int
    stride: int

    @property
    def identity(self) -> str:
        window = f"window {self.window}, stride {self.stride}"
        return f"{self.url} {self.model}; {window}, start {self.start}, {PIECES}"

    def ask(self, path: str, **content: Any) -> Any:
        return _ask(self.url, self.model, path, **content)


def _ask(url: str, model: str, path: str, **content: Any) -> Any:
    """Post a question to the server. Raises MeasureError when it does not answer in JSON."""
    place = f"{url.rstrip('/').removesuffix('/v1')}{path}"
    body = json.dumps({"model": model, **content}).encode()
    request = urllib.request.Request(place, body, {"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=ANSWER_SECONDS) as answer:
            return json.load(answer)
    except (OSError, ValueError) as error:
        repair = "check --endpoint and --model, and that it is vLLM or speaks its protocol"
        raise MeasureError("network", f"{place} gave no answer ({error}); {repair}") from error


def meet_endpoint(url: str, model: str, window: int, stride: int, start: int | None) -> Endpoint:
    """Check before any text is sent that the model's window and first token can be had.

    start: by default the token that the server puts before an empty text.
    """
    answer = _ask(url, model, "/tokenize", prompt="", add_special_tokens=True)
    before, longest = _tokens(answer), answer.get("max_model_len")
    if not isinstance(longest, int) or longest < window + 2:
        wrong = f"{model} reads {longest} tokens; a window of {window} needs {window + 2}"
        raise MeasureError("context", f"{wrong}; pass a shorter --window")
    if start is None and not before:
        wrong = f"{model} puts no token before a text, so the first has no probability"
        repair = "pass --start-token with the id of its end-of-text token"
        raise MeasureError("network", f"{wrong}; {repair}")
    return Endpoint(url, model, before[0] if start is None else start, window, stride)


def score_served(endpoint: Endpoint, texts: Iterable[Text]) -> Iterator[list[Cost]]:
    """Yield costs of pieces in bits, one at a time. Raises MeasureError."""
    for piece, text in texts:
        tokens = _tokens(endpoint.ask("/tokenize", prompt=text, add_special_tokens=False))
        if not tokens:
            wrong = f"{piece.name}: the endpoint makes no token of it"
            raise MeasureError("tokenizer", f"{wrong}; leave the document out")
        back = endpoint.ask("/detokenize", tokens=tokens).get("prompt")
        nats = _nats(endpoint, piece.name, [endpoint.start, *tokens])
        bits = math.fsum(nats) / math.log(2)
        yield [Cost(piece.text, len(tokens), bits, lossless=back == text)]


def _tokens(answer: Any) -> list[int]:
    tokens = answer.get("tokens") if isinstance(answer, dict) else None
    if not isinstance(tokens, list) or not all(isinstance(token, int) for token in tokens):
        raise MeasureError("network", "/tokenize gave no list of tokens; use vLLM's endpoint")
    return tokens


def _nats(endpoint: Endpoint, name: str, sequence: list[int]) -> list[float]:
    """Return −ln p of every token but the first, in windows as of a model in this process."""
    nats: list[float] = []
    for window in cut_windows([len(sequence) - 1], endpoint.window, endpoint.stride):
        prompt = sequence[window.begin : window.end + 1]
        answer = endpoint.ask(
            "/v1/completions", prompt=prompt, max_tokens=1, temperature=0.0, prompt_logprobs=0
        )
        logprobs = _logprobs(answer, prompt, name)
        nats += [-value for value in logprobs[window.new - window.begin :]]
    return nats


def _logprobs(answer: Any, prompt: list[int], name: str) -> list[float]:
    """Return the log-probability of each token after the first. Refuse an answer with fewer."""
    try:
        listed = answer["choices"][0]["prompt_logprobs"]
        logprobs = [
            float(entry[str(token)]["logprob"])
            for token, entry in zip(prompt[1:], listed[1:], strict=True)
        ]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        wrong = f"{name}: the endpoint gives no log-probability of every token of the text"
        repair = "serve it with vLLM, which answers prompt_logprobs"
        raise MeasureError("network", f"{wrong}; {repair}") from error
    if not all(math.isfinite(value) and value <= 0 for value in logprobs):
        wrong = f"{name}: the endpoint's log-probabilities are no logarithms of probabilities"
        raise MeasureError("nan", f"{wrong}; check how the model is served")
    return logprobs
