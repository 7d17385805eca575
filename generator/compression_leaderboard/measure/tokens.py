"""Tokens of documents: windows that score every token once, and where each token ends in the bytes.

Tokens of a byte-level vocabulary are spelled with one letter a byte, so their lengths are known.
Of others the tokenizer says which characters they cover; a token that ends inside a character is
taken to end before it. A tokenizer that says neither (a slow one) has no byte positions.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from compression_leaderboard.measure.corpora import Document
from compression_leaderboard.measure.record import MeasureError

IntArray = NDArray[np.int64]
Start = Literal["bos", "eos", "uniform"]
Item = TypeVar("Item")


def _byte_letters() -> dict[str, int]:
    """The letter that stands for each byte in byte-level vocabularies (that of GPT-2).

    Printable characters of Latin-1 stand for themselves, the other bytes for those from 256 on.
    """
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + k): b for k, b in enumerate(others)}


BYTE_OF_LETTER = _byte_letters()


def find_token_ends(text: str, tokens: IntArray, tokenizer: Any) -> IntArray | None:
    """Number of bytes of the text up to the end of each token, (tokens,); None if not known."""
    ends = _spelled_ends(text, tokens, tokenizer)
    return _covered_ends(text, tokens, tokenizer) if ends is None else ends


def _spelled_ends(text: str, tokens: IntArray, tokenizer: Any) -> IntArray | None:
    """Ends by the spelling of byte-level tokens; None unless they spell this very text.

    That their lengths add up would not do: a letter of two bytes makes up for a space put in front.
    """
    added = tokenizer.get_added_vocab()  # spelled as they are, not letter by letter
    spelled = []
    for token in tokenizer.convert_ids_to_tokens(tokens.tolist()):
        if token in added:
            spelled.append(token.encode())
        elif token is None or not set(token) <= BYTE_OF_LETTER.keys():
            return None
        else:
            spelled.append(bytes(BYTE_OF_LETTER[letter] for letter in token))
    if b"".join(spelled) != text.encode():
        return None
    return np.cumsum([len(content) for content in spelled], dtype=np.int64)


def _covered_ends(text: str, tokens: IntArray, tokenizer: Any) -> IntArray | None:
    """Ends by the characters that the tokens cover."""
    if not tokenizer.is_fast:
        return None
    found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    if found["input_ids"] != tokens.tolist():
        return None
    stops = [stop for _, stop in found["offset_mapping"]]
    starts = [start for start, _ in found["offset_mapping"]]
    before = list(accumulate((len(char.encode()) for char in text), initial=0))
    ends = np.array([before[stop] for stop in stops], dtype=np.int64)
    for index in range(len(ends) - 1):  # several tokens share a character: the last one ends it
        if starts[index + 1] < stops[index]:
            ends[index] = before[starts[index + 1]]
    if len(ends) == 0 or ends[-1] != len(text.encode()):
        return None
    return np.maximum.accumulate(ends)


@dataclass(frozen=True)
class Encoded:
    """A document as the model reads it: inputs[i] predicts targets[i]."""

    document: Document
    tokens: IntArray
    inputs: IntArray
    targets: IntArray
    free_nats: float  # cost of a first token without context: ln V under the uniform start
    lossless: bool
    ends: IntArray | None  # bytes of the text up to the end of each token; None: not known

    @property
    def offset(self) -> int:
        """Index in `inputs` of the document's first token."""
        return len(self.inputs) - len(self.tokens) + 1


@dataclass(frozen=True)
class Window:
    """inputs[begin:end] of one document; those from `new` on have not been seen before."""

    document: int
    begin: int
    end: int
    new: int


def start_token(tokenizer: Any) -> tuple[Start, int | None]:
    """The context of a document's first token: BOS, else EOS, else nothing (uniform)."""
    if tokenizer.bos_token_id is not None:
        return "bos", tokenizer.bos_token_id
    if tokenizer.eos_token_id is not None:
        return "eos", tokenizer.eos_token_id
    return "uniform", None


def encode_documents(
    documents: Sequence[Document], tokenizer: Any, vocabulary: int
) -> list[Encoded]:
    """Tokenize every document whole, without special tokens of the tokenizer's own."""
    kind, start = start_token(tokenizer)
    encoded = []
    for document in documents:
        _check_text(document)
        tokens = np.array(tokenizer.encode(document.text, add_special_tokens=False), dtype=np.int64)
        if len(tokens) == 0:
            wrong = f"{document.name}: the tokenizer makes no token of it"
            raise MeasureError("tokenizer", f"{wrong}; leave it out of the corpus")
        if tokens.max() >= vocabulary:
            wrong = f"{document.name}: token {tokens.max()} is outside the softmax of {vocabulary}"
            raise MeasureError("tokenizer", f"{wrong}; the tokenizer is not this model's")
        back = tokenizer.decode(tokens.tolist(), clean_up_tokenization_spaces=False)
        sequence = tokens if start is None else np.concatenate([[start], tokens])
        encoded.append(
            Encoded(
                document=document,
                tokens=tokens,
                inputs=sequence[:-1],
                targets=sequence[1:],
                free_nats=math.log(vocabulary) if kind == "uniform" else 0.0,
                lossless=back == document.text,
                ends=find_token_ends(document.text, tokens, tokenizer),
            )
        )
    return encoded


def _check_text(document: Document) -> None:
    """Refuse what has no bytes."""
    if not document.text:
        raise MeasureError("corpus", f"{document.name} is empty; leave it out of the corpus")
    try:
        document.text.encode()
    except UnicodeEncodeError as error:
        wrong = f"{document.name}: character {error.start} is a lone surrogate"
        repair = "which no UTF-8 text holds; fix the document"
        raise MeasureError("corpus", f"{wrong}, {repair}") from error


def cut_batches(
    items: Iterable[Item], size_of: Callable[[Item], int], limit: int, most: int | None = None
) -> Iterator[list[Item]]:
    """Cut items, in order, into batches of at most `limit` in size and `most` in number.

    An item that is larger than the limit is a batch by itself.
    """
    batch: list[Item] = []
    size = 0
    for item in items:
        if batch and (size + size_of(item) > limit or len(batch) == most):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += size_of(item)
    if batch:
        yield batch


def cut_windows(lengths: Sequence[int], window: int, stride: int) -> list[Window]:
    """Windows of at most `window` inputs advancing by `stride`; no tail is dropped."""
    windows = []
    for document, length in enumerate(lengths):
        begin = new = 0
        while new < length:
            end = min(begin + window, length)
            windows.append(Window(document, begin, end, new))
            begin, new = begin + stride, end
    return windows
