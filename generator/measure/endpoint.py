"""Score text with a model that a server answers for: vLLM's `prompt_logprobs`, lossless side alone.

What an endpoint cannot promise is checked where it can be: the first token has a context, every
token of the text gets the log-probability of itself, the window fits, and the tokens give the text
back. What weights and number format it computes with is its own word.
"""

import json
import math
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from generator.files.journal import Cost, Listed
from generator.files.own_text import PIECE_BYTES
from generator.measure.failures import MeasureError
from generator.measure.windows import cut_windows

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
