"""The page Compare: its form, and the data that its script compares."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from markupsafe import Markup

from compression_leaderboard.intervals import student_quantile
from compression_leaderboard.pages.board_table import BoardTable
from compression_leaderboard.pages.rendering import Renderer
from compression_leaderboard.repository.results import StoredResult


def document_files(entries: Iterable[StoredResult]) -> dict[str, bytes]:
    """Write the bits of every document: one file per model, by number format and text.

    The page computes paired differences from them. Texts that a tokenizer does not restore are
    left out. reach: standard errors on either side of a difference that its interval spans.

    entries: current records of final weights.
    """
    texts_of: dict[str, dict[str, Any]] = {}
    for entry in entries:
        result, lossless = entry.result, entry.result.lossless
        if lossless is None or lossless.failing_bytes or len(lossless.documents) < 2:
            continue
        texts = texts_of.setdefault(result.model, {}).setdefault(str(result.environment.dtype), {})
        texts[f"compression.{result.name}"] = {
            "reach": student_quantile(len(lossless.documents) - 1),
            "documents": [document.document for document in lossless.documents],
            "bytes": [document.bytes for document in lossless.documents],
            "bits": [round(document.bits, 4) for document in lossless.documents],
        }
    return {
        f"docs/compare/{model}.json": json.dumps(
            texts, sort_keys=True, ensure_ascii=False, separators=(",", ":")
        ).encode()
        for model, texts in sorted(texts_of.items())
    }


def render_compare(render: Renderer, boards: Sequence[BoardTable]) -> Markup:
    """Show the form of the page. boards: tables to choose from, the default first."""
    return render("compare.html", cohorts=[board.cohort for board in boards])
