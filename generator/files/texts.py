"""Files of documents in the repository: one JSON object a line, in order of name."""

import json
from pathlib import Path

from pydantic import ValidationError

from generator.records.base import Problem, problems_of
from generator.records.corpora import TextDocument

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
