"""Tokens of documents, and the windows in which every token is scored exactly once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from generator.measure.corpora import Document
from generator.measure.failures import MeasureError
from generator.measure.labels import IntArray
from generator.measure.token_bytes import find_token_ends


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


Start = Literal["bos", "eos", "uniform"]


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
        repair = "which no UTF-8 text holds; mend the document"
        raise MeasureError("corpus", f"{wrong}, {repair}") from error


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
