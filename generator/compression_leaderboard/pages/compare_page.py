"""The page Compare: which tables there are; its script does the rest."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from compression_leaderboard.intervals import student_quantile
from compression_leaderboard.pages.board_table import BoardTable
from compression_leaderboard.pages.text import escape
from compression_leaderboard.repository.results import StoredResult


def document_files(entries: Iterable[StoredResult]) -> dict[str, bytes]:
    """Bits of every document, one file a model, by number format and text: for paired differences.

    entries: current records of final weights. Texts that are not given back are left out. reach:
    standard errors on either side of a difference that its interval spans.
    """
    held: dict[str, dict[str, Any]] = {}
    for entry in entries:
        result, lossless = entry.result, entry.result.lossless
        if lossless is None or lossless.failing_bytes or len(lossless.documents) < 2:
            continue
        texts = held.setdefault(result.model, {}).setdefault(str(result.environment.dtype), {})
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
        for model, texts in sorted(held.items())
    }


def render_compare(boards: Sequence[BoardTable]) -> str:
    """boards: the one that is shown first stands first."""
    fields = "".join(
        f'<label>Model {k}<input name="m" list="models" autocomplete="off"></label>'
        for k in range(1, 5)
    )
    return (
        f'<form class="picker needs-script" data-compare>{_tables(boards)}{fields}'
        '<datalist id="models"></datalist></form>'
        '<p class="needs-script"><button type="button" class="button" data-copy>Copy link</button>'
        '</p><div data-result aria-live="polite"></div>'
        f"{_without_script(boards)}"
    )


def _tables(boards: Sequence[BoardTable]) -> str:
    options = "".join(
        f'<option value="{escape(board.cohort.name)}">{escape(board.cohort.title)}</option>'
        for board in boards
    )
    return f'<label class="wide">Table<select name="table">{options}</select></label>'


def _without_script(boards: Sequence[BoardTable]) -> str:
    """Where the same figures stand for readers without JavaScript."""
    links = ", ".join(
        f'<a href="../boards/{escape(b.cohort.name)}/">{escape(b.cohort.title)}</a>' for b in boards
    )
    return (
        "<noscript><p>This page needs JavaScript. The same figures stand in the tables "
        f"({links}) and in the <a href='../download/'>downloads</a>; the page of a measured model "
        "compares it with its neighbours.</p></noscript>"
    )
