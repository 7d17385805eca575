"""Read the text of a corpus: exactly the bytes that its file describes."""

import hashlib
from codecs import getincrementaldecoder
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from compression_leaderboard.measure.record import MeasureError
from compression_leaderboard.measure.weights import find_package
from compression_leaderboard.records.corpora import Corpus, Source
from compression_leaderboard.repository.specs import read_texts


@dataclass(frozen=True)
class Document:
    """One text; its name is stable, so that two models can be compared on it."""

    name: str
    text: str


def read_corpus(corpus: Corpus, root: Path = Path()) -> list[Document]:
    """The documents of a corpus, verified. Raises MeasureError when a byte differs.

    root: the repository, below which a source's `path` stands.
    """
    documents = select_documents(corpus, root)
    content = b"".join(document.text.encode() for document in documents)
    digest = hashlib.sha256(content).hexdigest()
    if digest != corpus.sha256 or len(content) != corpus.bytes:
        raise MeasureError(
            "corpus",
            f"runs/corpora/{corpus.name}.toml: sha256: the text has {len(content)} bytes and "
            f"hash {digest}, the file says {corpus.bytes} and {corpus.sha256}; "
            f"{_repair(corpus.source)}, or make a new corpus of the new text",
        )
    return documents


def select_documents(corpus: Corpus, root: Path = Path()) -> list[Document]:
    """Spread the documents evenly over the source's files, in order of their names."""
    source = corpus.source
    contents = _file_contents(source, root) if source.path else _package_contents(source)
    texts = {}
    for name, content in contents:
        if len(content) >= source.at_least_bytes:
            try:
                texts[name] = first_bytes(content, corpus.protocol.document_bytes)
            except UnicodeDecodeError as error:
                wrong = f"{source.place}: {name}: byte {error.start} is not UTF-8"
                raise MeasureError("corpus", f"{wrong}; leave the file out") from error
    wanted = corpus.protocol.documents
    if len(texts) < wanted:
        wrong = f"{source.place} holds {len(texts)} documents, {wanted} are asked for"
        raise MeasureError("corpus", f"{wrong}; lower protocol.documents")
    kept = list(texts)
    chosen = [kept[index * len(kept) // wanted] for index in range(wanted)]
    return [Document(name, texts[name]) for name in chosen]


def _package_contents(source: Source) -> Iterator[tuple[str, bytes]]:
    distribution = find_package(source.package or "")
    pattern, first = source.files or "", source.first or ""
    for name in sorted(str(file) for file in distribution.files or ()):
        if fnmatchcase(name, pattern) and PurePosixPath(name).name >= first:
            yield name, Path(str(distribution.locate_file(name))).read_bytes()


def _file_contents(source: Source, root: Path) -> Iterator[tuple[str, bytes]]:
    documents, problems = read_texts(root, source.path or "")
    if problems:
        raise MeasureError("corpus", str(problems[0]))
    for document in sorted(documents, key=lambda one: one.name):
        if document.name >= (source.first or ""):
            yield document.name, document.text.encode()


def _repair(source: Source) -> str:
    return f"install {source.package} again" if source.package else f"restore {source.path}"


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
