"""Arithmetic coding of tokens by the model's own probabilities.

Both directions read one token at a time with a KV cache, so that they compute the same in the
same order: logits of a batch differ from stepwise ones in their last bits, and one such bit makes
a decoder lose its place. Known cost: the coder gives each word of the vocabulary at least 2^-24,
which takes about 0.02 bits a token where the vocabulary has 262,144 words.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import constriction
import numpy as np
import torch
from numpy.typing import NDArray

from generator.measure.failures import MeasureError
from generator.measure.weights import Loaded
from generator.measure.windows import start_token

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
