"""Select documents of a new corpus that are long enough, in its language and unlike any other.

Near duplicates are found exactly, by an index of all shingles; no estimate such as MinHash is
needed for the few thousand documents of a corpus.
"""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from compression_leaderboard.records.corpora import TextDocument

SHINGLE_WORDS = 5
NEAR = 0.5  # share of the smaller document's shingles that another one has
Shingle = tuple[str, ...]  # words
ENGLISH_WORDS = "the of and in to a is was for on as with by that it from at are an be"
ENGLISH_SHARE = 0.15  # of words; a rule of thumb, not a detector of languages


@dataclass
class Sieve:
    """The documents kept so far, and how many were left out, by reason."""

    language: str
    shortest_bytes: int
    dropped: Counter[str] = field(default_factory=Counter)
    _sizes: list[int] = field(default_factory=list)
    _documents_with: dict[Shingle, list[int]] = field(default_factory=dict)

    def know(self, text: str) -> None:
        """Register a text that no kept document may resemble, such as one of an earlier corpus."""
        self._add(_shingles(text))

    def keep(self, documents: Iterable[TextDocument]) -> Iterator[TextDocument]:
        """Yield the documents that pass, as they come."""
        for document in documents:
            shingles = _shingles(document.text)
            if why := self._why_unfit(document.text, shingles):
                self.dropped[why] += 1
            else:
                self._add(shingles)
                yield document

    def _add(self, shingles: set[Shingle]) -> None:
        for shingle in shingles:
            self._documents_with.setdefault(shingle, []).append(len(self._sizes))
        self._sizes.append(len(shingles))

    def _why_unfit(self, text: str, shingles: set[Shingle]) -> str | None:
        if len(text.encode()) < self.shortest_bytes:
            return "too short"
        if "\ufffd" in text or "\0" in text:
            return "not text"
        if not is_in(self.language, text):
            return "other language"
        shared = Counter(k for s in shingles for k in self._documents_with.get(s, ()))
        if any(n >= NEAR * min(len(shingles), self._sizes[k]) for k, n in shared.items()):
            return "duplicate"
        return None


def _shingles(text: str) -> set[Shingle]:
    """Cut a text into all runs of five words, in lower case; a shorter text into one run."""
    words = text.lower().split()
    last = max(1, len(words) - SHINGLE_WORDS + 1)
    return {tuple(words[k : k + SHINGLE_WORDS]) for k in range(last)}


def is_in(language: str, text: str) -> bool:
    """Recognize English by its most frequent words, Python by its grammar."""
    if language == "python":
        try:
            ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
        return True
    words, frequent = text.lower().split(), set(ENGLISH_WORDS.split())
    return sum(word in frequent for word in words) >= ENGLISH_SHARE * max(1, len(words))
