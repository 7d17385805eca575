"""Published cohorts: the columns and rows of a source, and the address of each model's page."""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from compression_leaderboard.board.figures import Column, Figure, Key, Row, score_figure
from compression_leaderboard.records.published import PublishedSource
from compression_leaderboard.repository.contents import PublishedTable

INDEXES = ("index", "README")  # mkdocs makes the page of a folder from files called so
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,120}")


def published_columns(source: PublishedSource) -> tuple[tuple[Column, ...], tuple[Column, ...]]:
    """Return the columns of compression and of scores."""
    counted = source.counted
    compression = tuple(
        Column(Key("compression", c.column, source.name), c.label, c.unit, c.higher_is_better)
        for c in source.compression
    )
    scores = tuple(
        Column(
            Key("score", s.column, source.name),
            s.label,
            "fraction",
            True,
            s.chance,
            s.ceiling,
            s.negative_control,
            s.column in counted,
        )
        for s in source.scores
    )
    return compression, scores


def published_rows(table: PublishedTable) -> list[Row]:
    """One row per model: an empty cell gives no figure.

    Ranks are those of the figures, since no error is known: equal ones share the best.
    """
    source = table.source
    documents = Counter(document.text for document in table.documents)
    rows = [_row(source, cells, documents) for cells in table.rows]
    mean = Key("mean_compression", "", source.name)
    sign = -1 if source.compression[0].higher_is_better else 1
    known = sorted(sign * value for row in rows if (value := row.value(mean)) is not None)
    first = {value: known.index(value) + 1 for value in set(known)}
    return [
        row if (value := row.value(mean)) is None else replace(row, rank=(first[sign * value],) * 2)
        for row in rows
    ]


def _row(source: PublishedSource, cells: dict[str, str], documents: Counter[str]) -> Row:
    def number(column: str | None) -> float | None:
        return float(cells[column]) if column and cells[column] else None

    parameters, tokens = number(source.parameters), number(source.training_tokens)
    flop = number(source.training_compute)
    if source.training_compute is None and parameters is not None and tokens is not None:
        flop = 6 * (parameters * tokens)
    key = cells[source.key]
    return Row(
        model=key,
        name=key,
        label=key,
        family=cells[source.group],
        page=page_of(source.name, key),
        date=source.collected.isoformat(),
        parameters=parameters,
        training_tokens=tokens,
        training_flop=flop,
        figures={figure.key: figure for figure in _figures(source, cells, documents)},
    )


def _figures(
    source: PublishedSource, cells: dict[str, str], documents: Counter[str]
) -> list[Figure]:
    name, unit = source.name, source.compression[0].unit
    mean = Key("mean_compression", "", name)
    texts = [
        Figure(
            Key("compression", column, name),
            float(cells[column]),
            c.unit,
            "published",
            name,
            n=documents[column] or None,
        )
        for c in source.compression
        if cells[column := c.column]
    ]
    scores = [
        _score(
            Key("score", s.column, name),
            float(cells[s.column]),
            s.items,
            cells[s.stderr] if s.stderr else "",
        )
        for s in source.scores
        if cells[s.column]
    ]
    figures = [*texts, *scores]
    if source.average is not None:
        if cells[source.average]:
            figures.append(Figure(mean, float(cells[source.average]), unit, "published", name))
    elif len(texts) == len(source.compression):
        figures.append(Figure(mean, _mean(texts), unit, "published", name, n=len(texts)))
    counted = source.counted
    in_mean = [figure for figure in scores if figure.key.name in counted]
    if len(in_mean) == len(counted):
        errors = [f.stderr for f in in_mean if f.stderr is not None]
        stderr = None
        if len(errors) == len(counted):
            stderr = sum(error**2 for error in errors) ** 0.5 / len(counted)
        key = Key("mean_score", "", name)
        figures.append(score_figure(key, _mean(in_mean), stderr, "published", name))
    return figures


def _mean(figures: Sequence[Figure]) -> float:
    return sum(figure.value for figure in figures) / len(figures)


def _score(key: Key, value: float, items: int | None, given: str) -> Figure:
    """Make a score with the given error, or else its binomial one; unknown where the number of
    items is, and where none or all are right: the formula says 0, which no finite test shows."""
    stderr = float(given) if given else None
    if stderr is None and items is not None and value not in (0, 1):
        stderr = math.sqrt(value * (1 - value) / items)
    return score_figure(key, value, stderr, "published", key.protocol, items)


def page_of(source: str, key: str) -> str:
    """Address of a published model's page, made of safe characters whatever is in the key.

    A key that had to be changed gets a hash of the original, so that two keys never meet.
    """
    plain = key.replace("/", "__")
    if not PLAIN.fullmatch(plain) or "__" in key or plain in INDEXES:
        digest = hashlib.sha256(key.encode()).hexdigest()[:8]
        plain = f"{re.sub(r'[^A-Za-z0-9]+', '-', plain).strip('-')[:80]}-{digest}".lstrip("-")
    return f"published/{source}/{plain}/"
