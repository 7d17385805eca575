"""Read the repository's documents and preference pairs: one JSON object per line."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from compression_leaderboard.records.base import Problem, problems_of
from compression_leaderboard.records.corpora import TextDocument
from compression_leaderboard.records.preferences import Pair, PreferenceSet

LARGEST_BYTES = 2_000_000  # of a file of documents, so that the repository stays quick to clone


def read_texts(root: Path, shown: str) -> tuple[list[TextDocument], list[Problem]]:
    """Read all documents of the file at `shown` below `root`, and its problems."""
    problems: list[Problem] = []
    if (content := _read(root, shown, problems)) is None:
        return [], problems
    if len(content) > LARGEST_BYTES:
        wrong = f"has {len(content)} bytes, more than {LARGEST_BYTES}"
        return [], [Problem(shown, "", wrong, "propose fewer or shorter documents")]
    documents: dict[str, TextDocument] = {}
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):
        place = f"line {number}"
        try:
            document = TextDocument.model_validate_json(line)
        except ValidationError as error:
            problems += _in_line(place, problems_of(error, shown, TextDocument))
            continue
        if document.name in documents:
            wrong = f'"{document.name}" occurs twice'
            problems.append(Problem(shown, f"{place}, name", wrong, "remove one"))
        documents[document.name] = document
    return list(documents.values()), problems


def texts_file(documents: list[TextDocument]) -> bytes:
    """Format documents as the content of such a file."""
    ordered = sorted(documents, key=lambda document: document.name)
    rows = (json.dumps(d.model_dump(mode="json"), ensure_ascii=False) for d in ordered)
    return "".join(f"{row}\n" for row in rows).encode()


def _read(root: Path, shown: str, problems: list[Problem]) -> bytes | None:
    try:
        return (root / shown).read_bytes()
    except OSError as error:
        wrong = f"cannot be read: {error.strerror}"
        problems.append(Problem(shown, "", wrong, "restore the file, or fix source.path"))
    return None


def _in_line(place: str, problems: list[Problem]) -> list[Problem]:
    """Put the line's number before the fields of its problems."""
    return [replace(p, field=f"{place}, {p.field}" if p.field else place) for p in problems]


def read_pairs(root: Path, spec: PreferenceSet) -> tuple[list[Pair], list[Problem]]:
    """Read all pairs of `source.path`, and the problems of the file, its lines and its hash."""
    shown = spec.source.path or ""
    problems: list[Problem] = []
    if (content := _read(root, shown, problems)) is None:
        return [], problems
    pairs = _parse(content, shown, problems)
    if (digest := hashlib.sha256(content).hexdigest()) != spec.sha256:
        wrong = f"{shown} has the hash {digest}"
        repair = "restore the file, or write the new hash"
        problems.append(Problem(f"runs/corpora/{spec.name}.toml", "sha256", wrong, repair))
    return pairs, problems


def _parse(content: bytes, shown: str, problems: list[Problem]) -> list[Pair]:
    """Parse a pair per line; fields beside prompt, chosen and rejected are for readers."""
    pairs: list[Pair] = []
    first: dict[tuple[str, frozenset[str]], int] = {}
    for number, line in enumerate(content.splitlines(), start=1):
        place = f"line {number}"
        if (pair := _parse_line(line, place, shown, problems)) is None:
            continue
        completions = pair.prompt, frozenset({pair.chosen, pair.rejected})
        if (earlier := first.setdefault(completions, number)) != number:
            wrong = f"holds the pair of line {earlier} again"
            problems.append(Problem(shown, place, wrong, "remove one"))
        pairs.append(pair)
    return pairs


def _parse_line(line: bytes, place: str, shown: str, problems: list[Problem]) -> Pair | None:
    try:
        row = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        problems.append(Problem(shown, place, "is not UTF-8 text", "save it as UTF-8"))
        return None
    except (json.JSONDecodeError, RecursionError) as error:
        wrong = f"is not valid JSON: {getattr(error, 'msg', 'nested too deeply')}"
        problems.append(Problem(shown, place, wrong, "write one JSON object per line"))
        return None
    if not isinstance(row, dict):
        problems.append(Problem(shown, place, "is not a JSON object", "give it the three fields"))
        return None
    try:
        return Pair.model_validate({k: row[k] for k in Pair.model_fields if k in row})
    except ValidationError as error:
        problems += _in_line(place, problems_of(error, shown, Pair))
    return None
