"""The page Compare: which tables there are; its script does the rest."""

import json
import string
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from compression_leaderboard.board.comparisons import pair_draws
from compression_leaderboard.pages.board_table import BoardTable
from compression_leaderboard.pages.text import escape
from compression_leaderboard.repository.results import StoredResult

DIGITS = np.frombuffer((string.digits + string.ascii_lowercase).encode(), dtype=np.uint8)


def document_files(entries: Iterable[StoredResult]) -> dict[str, bytes]:
    """Bits of every document, one file a model, by number format and text: for paired differences.

    entries: current records of final weights. Texts that are not given back are left out.
    """
    held: dict[str, dict[str, Any]] = {}
    for entry in entries:
        result, lossless = entry.result, entry.result.lossless
        if lossless is None or lossless.failing_bytes:
            continue
        texts = held.setdefault(result.model, {}).setdefault(str(result.environment.dtype), {})
        texts[result.name] = {
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


def draw_files(entries: Iterable[StoredResult]) -> dict[str, bytes]:
    """The draws of documents behind every interval of a paired difference, by number of documents.

    entries: as of `document_files`. A file lists the draws; a draw is a string with a digit for
    each document in order, in base 36: how often it was drawn. With them the page gives any pair
    the interval that the build would give it.
    """
    found = (entry.result.lossless for entry in entries)
    lengths = {len(lossless.documents) for lossless in found if lossless is not None}
    return {
        f"docs/compare/draws/{n}.json": json.dumps(
            [DIGITS[draw].tobytes().decode() for draw in pair_draws(n).astype(int)],
            separators=(",", ":"),
        ).encode()
        for n in sorted(lengths)
        if n > 1
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
