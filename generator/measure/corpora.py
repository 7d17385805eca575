"""Read the text of a corpus: exactly the bytes that its file describes."""

import hashlib
from codecs import getincrementaldecoder
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from generator.measure.failures import MeasureError
from generator.measure.weights import find_package
from generator.records.corpora import Corpus


@dataclass(frozen=True)
class Document:
    """One text; its name is stable, so that two models can be compared on it."""

    name: str
    text: str


def read_corpus(corpus: Corpus) -> list[Document]:
    """The documents of a corpus, verified. Raises MeasureError when a byte differs."""
    documents = select_documents(corpus)
    content = b"".join(document.text.encode() for document in documents)
    digest = hashlib.sha256(content).hexdigest()
    if digest != corpus.sha256 or len(content) != corpus.bytes:
        raise MeasureError(
            "corpus",
            f"runs/corpora/{corpus.name}.toml: sha256: the text has {len(content)} bytes and "
            f"hash {digest}, the file says {corpus.bytes} and {corpus.sha256}; "
            f"install {corpus.source.package} again, or make a new corpus of the new text",
        )
    return documents


def select_documents(corpus: Corpus) -> list[Document]:
    """Spread the documents evenly over the source's files, in order of their names."""
    distribution = find_package(corpus.source.package)
    first = corpus.source.first or ""
    names = sorted(
        str(file)
        for file in distribution.files or ()
        if fnmatchcase(str(file), corpus.source.files) and PurePosixPath(str(file)).name >= first
    )
    texts = {}
    for name in names:
        content = Path(str(distribution.locate_file(name))).read_bytes()
        if len(content) >= corpus.source.at_least_bytes:
            try:
                texts[name] = first_bytes(content, corpus.protocol.document_bytes)
            except UnicodeDecodeError as error:
                wrong = f"{corpus.source.package}: {name}: byte {error.start} is not UTF-8"
                raise MeasureError("corpus", f"{wrong}; leave the file out") from error
    wanted = corpus.protocol.documents
    if len(texts) < wanted:
        wrong = f"{corpus.source.package} holds {len(texts)} documents, {wanted} are asked for"
        raise MeasureError("corpus", f"{wrong}; lower protocol.documents")
    kept = list(texts)
    chosen = [kept[index * len(kept) // wanted] for index in range(wanted)]
    return [Document(name, texts[name]) for name in chosen]


def first_bytes(content: bytes, limit: int) -> str:
    """The text of the first `limit` bytes, cut at the last line end, else between characters.

    Raises UnicodeDecodeError for bytes that are not UTF-8.
    """
    if len(content) <= limit:
        return content.decode("utf-8")
    cut = content[:limit]
    if (end := cut.rfind(b"\n")) > 0:
        cut = cut[: end + 1]
    return getincrementaldecoder("utf-8")().decode(cut)  # keeps back what a cut letter has left
