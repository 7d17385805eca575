"""The page of corpora: every text, what predates it, and what ties it to the others."""

from collections.abc import Sequence

from generator.export.board import Board
from generator.publish.text import UNKNOWN, counted, day, escape, number, table, with_interval
from generator.records.corpora import Corpus
from generator.tables.links import Link, link_corpora


def render_corpora(board: Board) -> str:
    """The texts, the newest first, then the links between them."""
    corpora = sorted(board.specs.corpora.values(), key=lambda one: one.name)
    corpora.sort(key=lambda one: one.ends, reverse=True)
    header = [("Corpus", False), ("Domain", False), ("First day", False), ("Last day", False)]
    header += [("Licence", False), ("Documents", True), ("Bytes", True), ("SHA-256", False)]
    header += [("Models that predate it", False)]
    caption = (
        f"{counted(len(corpora), 'text')}, the newest first. A model released before a text's "
        "first day cannot have seen any of it"
    )
    texts = table("corpora", caption, header, [_row(one, board) for one in corpora])
    return texts + _links(board, link_corpora(board.specs, board.stored))


def _row(corpus: Corpus, board: Board) -> list[str]:
    models = board.specs.models.values()
    older = sorted(model.title for model in models if corpus.begins > model.released)
    return [
        escape(corpus.title),
        escape(corpus.domain),
        day(corpus.begins),
        day(corpus.ends),
        escape(corpus.licence),
        escape(corpus.protocol.documents),
        escape(corpus.bytes),
        f"<code>{escape(corpus.sha256)}</code>",
        escape(", ".join(older)) or "none",
    ]


def _links(board: Board, links: Sequence[Link]) -> str:
    if not links:
        return "<p>No two corpora of equal windows share a model yet.</p>"
    header = [("Older", False), ("Newer", False), ("Number format", False), ("Models", True)]
    header += [("Newer less older, bits per byte", True), ("Rank correlation", True)]
    rows = [
        [
            escape(board.specs.corpora[link.older].title),
            escape(board.specs.corpora[link.newer].title),
            escape(link.dtype or UNKNOWN),
            str(len(link.models)),
            with_interval(link.difference, link.interval),
            number(link.rank_correlation, 2),
        ]
        for link in links
    ]
    caption = (
        f"{counted(len(links), 'link')} between texts. Mean difference over the models measured on "
        "both, with its 95 % interval, and Spearman's rank correlation from three models on"
    )
    return table("corpus-links", caption, header, rows)
