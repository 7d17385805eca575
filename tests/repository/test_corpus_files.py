"""A corpus whose text is a file of documents in the repository."""

import hashlib
from datetime import date

import pytest
from compression_leaderboard.measure.documents import read_corpus
from compression_leaderboard.measure.machine import MeasureError
from compression_leaderboard.records.corpora import Source, TextDocument
from compression_leaderboard.repository.specs import (
    LARGEST_BYTES,
    read_specs,
    read_texts,
    texts_file,
)
from pydantic import ValidationError

from tests import ROOT

SHOWN = "runs/texts/new.jsonl"


def document(name, text):
    return TextDocument(
        name=name, url="https://a.example/1", date=date(2026, 1, 2), licence="MIT", text=text
    )


def corpus_of(root, texts):
    """A corpus of these texts, in a file below `root`."""
    (root / "runs/texts").mkdir(parents=True)
    content = texts_file([document(f"d{k}", text) for k, text in enumerate(texts)])
    (root / SHOWN).write_bytes(content)
    python = read_specs(ROOT)[0].corpora["python"]
    joined = "".join(texts).encode()
    return python.model_copy(
        update={
            "source": Source(path=SHOWN),
            "protocol": python.protocol.model_copy(update={"documents": len(texts)}),
            "bytes": len(joined),
            "sha256": hashlib.sha256(joined).hexdigest(),
        }
    )


def test_the_documents_of_a_file_are_read_as_they_were_written(tmp_path):
    texts = ["One – with a dash.\n", "Two\u2028of two lines", "three 🙂"]
    corpus = corpus_of(tmp_path, texts)
    assert [d.text for d in read_corpus(corpus, tmp_path)] == texts


def test_a_changed_letter_is_refused(tmp_path):
    corpus = corpus_of(tmp_path, ["one text", "another text"])
    file = tmp_path / SHOWN
    file.write_text(file.read_text().replace("another", "anotheR"))
    with pytest.raises(MeasureError, match=r"restore runs/texts/new\.jsonl"):
        read_corpus(corpus, tmp_path)


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (b"{]\n", "line 1: is not valid JSON: key must be a string at column 2"),
        (texts_file([document("a", "x"), document("a", "y")]), 'line 2, name: "a" occurs twice'),
        (texts_file([document("a", "x")]).replace(b"MIT", b""), "line 1, licence: is empty"),
        (b"x" * (LARGEST_BYTES + 1), f"has {LARGEST_BYTES + 1} bytes, more than {LARGEST_BYTES}"),
    ],
)
def test_what_is_wrong_with_a_file_of_documents_is_told(tmp_path, content, wrong):
    (tmp_path / "x.jsonl").write_bytes(content)
    _, (problem,) = read_texts(tmp_path, "x.jsonl")
    assert str(problem).startswith(f"x.jsonl: {wrong}; ")


@pytest.mark.parametrize(
    "given", [{}, {"package": "a==1"}, {"package": "a==1", "files": "*", "path": "x"}]
)
def test_a_source_is_a_package_or_a_file(given):
    with pytest.raises(ValidationError):
        Source(**given)
