"""Score pieces of the user's own text: their bits under a model, a batch in memory at a time.

The same invariants as of a corpus: every token is scored once, the first one too, under a full
softmax in float32. Hidden states are not analysed.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from generator.files.journal import Cost, Listed
from generator.files.own_text import PIECE_BYTES
from generator.measure.classical import CODECS, compressed_size
from generator.measure.corpora import Document
from generator.measure.failures import MeasureError
from generator.measure.forward import run_forward
from generator.measure.text import sum_bits
from generator.measure.weights import Loaded
from generator.measure.windows import cut_windows, encode_documents, start_token
from generator.records.classical import CLASSICAL, Compressor

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
    """Costs of pieces in bits, batch by batch.

    Raises MeasureError for a context shorter than the window, text of which the tokenizer makes
    no token, and output that is not finite.
    """
    if loaded.subject.context_tokens < window:
        held = loaded.subject.context_tokens
        wrong = f"the model reads {held} tokens, the window has {window}"
        raise MeasureError("context", f"{wrong}; pass --window {held}, for all models alike")
    for batch in _batches(texts):
        yield _score(loaded, batch, window, stride)


def _score(loaded: Loaded, batch: list[Text], window: int, stride: int) -> list[Cost]:
    documents = [Document(piece.name, text) for piece, text in batch]
    encoded = encode_documents(documents, loaded.tokenizer, loaded.subject.vocabulary)
    lengths = [len(document.inputs) for document in encoded]
    nowhere = [np.zeros(length, dtype=bool) for length in lengths]
    windows = cut_windows(lengths, window, stride)
    passed = run_forward(loaded.model, encoded, windows, nowhere, None, lambda tokens: None)
    bits = sum_bits(encoded, passed, start_token(loaded.tokenizer)[0]).documents
    return [
        Cost(piece.text, document.tokens, document.bits, document.lossless)
        for (piece, _), document in zip(batch, bits, strict=True)
    ]


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
