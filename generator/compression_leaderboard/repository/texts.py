"""Read the repository's documents and preference pairs: one JSON object per line."""

import hashlib
import json
from pathlib import Path

from pydantic import ValidationError

from compression_leaderboard.records.base import Problem, problems_of
from compression_leaderboard.records.corpora import TextDocument
from compression_leaderboard.records.preferences import Pair, PreferenceSet

LARGEST_BYTES = 2_000_000  # of a file of documents, so that the repository stays quick to clone


def read_texts(root: Path, shown: str) -> tuple[list[TextDocument], list[Problem]]:
    """All documents of the file at `shown` below `root`, and what is wrong with it."""
    try:
        content = (root / shown).read_bytes()
    except OSError as error:
        wrong = f"cannot be read: {error.strerror}"
        return [], [Problem(shown, "", wrong, "restore the file, or mend source.path")]
    if len(content) > LARGEST_BYTES:
        wrong = f"has {len(content)} bytes, more than {LARGEST_BYTES}"
        return [], [Problem(shown, "", wrong, "propose fewer or shorter documents")]
    documents: dict[str, TextDocument] = {}
    problems: list[Problem] = []
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):
        place = f"line {number}"
        try:
            document = TextDocument.model_validate_json(line)
        except ValidationError as error:
            for one in problems_of(error, shown, TextDocument):
                field = ", ".join(part for part in (place, one.field) if part)
                problems.append(Problem(shown, field, one.wrong, one.repair))
            continue
        if document.name in documents:
            wrong = f'"{document.name}" occurs twice'
            problems.append(Problem(shown, f"{place}, name", wrong, "remove one"))
        documents[document.name] = document
    return list(documents.values()), problems


def texts_file(documents: list[TextDocument]) -> bytes:
    """The content of such a file."""
    ordered = sorted(documents, key=lambda one: one.name)
    rows = (json.dumps(one.model_dump(mode="json"), ensure_ascii=False) for one in ordered)
    return "".join(f"{row}\n" for row in rows).encode()


def read_pairs(root: Path, spec: PreferenceSet) -> tuple[list[Pair], list[Problem]]:
    """All pairs of `source.path`, and what is wrong with the file, its lines or its hash."""
    shown = spec.source.path or ""
    try:
        content = (root / shown).read_bytes()
    except OSError as error:
        wrong = f"cannot be read: {error.strerror}"
        return [], [Problem(shown, "", wrong, "restore the file, or mend source.path")]
    pairs, problems = _parse(content, shown)
    if (digest := hashlib.sha256(content).hexdigest()) != spec.sha256:
        wrong = f"{shown} has the hash {digest}"
        repair = "restore the file, or write the new hash"
        problems.append(Problem(f"runs/corpora/{spec.name}.toml", "sha256", wrong, repair))
    return pairs, problems


def _parse(content: bytes, shown: str) -> tuple[list[Pair], list[Problem]]:
    """Every line is one pair; fields beside prompt, chosen and rejected are for readers."""
    pairs: list[Pair] = []
    problems: list[Problem] = []
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
    return pairs, problems


def _parse_line(line: bytes, place: str, shown: str, problems: list[Problem]) -> Pair | None:
    try:
        row = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        problems.append(Problem(shown, place, "is not UTF-8 text", "save it as UTF-8"))
        return None
    except (json.JSONDecodeError, RecursionError) as error:
        wrong = f"is not valid JSON: {getattr(error, 'msg', 'nested too deeply')}"
        problems.append(Problem(shown, place, wrong, "write one JSON object a line"))
        return None
    if not isinstance(row, dict):
        problems.append(Problem(shown, place, "is not a JSON object", "give it the three fields"))
        return None
    try:
        return Pair.model_validate({k: row[k] for k in Pair.model_fields if k in row})
    except ValidationError as error:
        for problem in problems_of(error, shown, Pair):
            field = ", ".join(part for part in (place, problem.field) if part)
            problems.append(Problem(shown, field, problem.wrong, problem.repair))
    return None
