"""The Atom feed of new models and changed figures, and badges for shields.io.

Dates are those of the records: nothing depends on when the site is built, and an entry keeps its
id and text for good.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5
from xml.etree import ElementTree as ET

from compression_leaderboard import TITLE
from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.exchange.strict_json import as_json
from compression_leaderboard.exports.changes import Subject, move, readings_of
from compression_leaderboard.exports.descriptions import AUTHOR
from compression_leaderboard.fits.study import StudiedBoard
from compression_leaderboard.records.results import Result
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.wording import counted, printable

COLOR = "#3f51b5"
Badge = tuple[str, str, str, str]  # model, name of the file, label, message


def export_badges(board: StudiedBoard) -> dict[str, bytes]:
    """Make badges by path: each measured model's bits per byte, rank range and predicted score."""
    files: dict[str, bytes] = {}
    for cohort in board.cohorts:
        if cohort.provenance == "measured":
            for model, name, label, message in (*_measured(cohort), *_predicted(board, cohort)):
                badge = {"schemaVersion": 1, "label": label, "message": message, "color": COLOR}
                # A model in several number formats or cohorts: the first one of the board counts.
                files.setdefault(f"badges/{model}/{name}.json", as_json(badge))
    return files


def _measured(cohort: Cohort) -> Iterator[Badge]:
    for row in cohort.rows:
        for column in cohort.compression:
            if (value := row.value(column.key)) is not None:
                name = f"bits-per-byte-{column.name}"
                yield row.model, name, column.label, f"{value:.3f} bits/byte"
        if row.rank is not None:
            best, worst = row.rank
            rank = f"{best}" if best == worst else f"{best}–{worst}"
            yield row.model, "rank", "compression rank", f"{rank} of {len(cohort.rows)}"


def _predicted(board: StudiedBoard, cohort: Cohort) -> Iterator[Badge]:
    study = board.evidence[cohort.name].study.of(cohort.mean_score)
    for prediction in study.predictions if study is not None else ():
        low, high = (100 * end for end in prediction.interval())
        score = f"{100 * prediction.value:.1f} % ({low:.0f}–{high:.0f})"
        yield prediction.model, "predicted-score", "predicted score", score


ATOM = "http://www.w3.org/2005/Atom"
NEWEST = 200  # entries in the feed


@dataclass(frozen=True)
class Entry:
    """One line of news."""

    name: str  # what its id is made of
    category: str  # new-model, changed-score or changed-method
    title: str
    text: str
    address: str  # below the site's root
    updated: str  # ISO 8601 with time zone


def export_feed(board: StudiedBoard) -> dict[str, bytes]:
    """Make the feed of the newest entries, by path."""
    entries = sorted(_entries(board), key=lambda entry: (entry.updated, entry.name), reverse=True)
    return {"feed.xml": _atom(entries[:NEWEST], board)}


def _entries(board: StudiedBoard) -> Iterator[Entry]:
    for cohort in board.cohorts:
        if cohort.provenance == "published":
            yield from _published(cohort)
    known = [e for e in board.stored if e.counts and e.result.model in board.specs.models]
    models: set[str] = set()
    latest: dict[tuple[str, str, str, str], StoredResult] = {}
    for entry in sorted(known, key=lambda entry: (entry.result.started, entry.file)):
        result = entry.result
        if result.model not in models:
            models.add(result.model)
            yield _new_model(board, entry)
        if before := latest.get(result.key):
            yield from _changed(before, entry)
        latest[result.key] = entry


def _published(cohort: Cohort) -> Iterator[Entry]:
    """Make an entry for a source, which says when it was collected."""
    if cohort.rows:
        models = counted(len(cohort.rows), "model")
        text = f"{models} with figures that others published. {cohort.title}."
        stamp = f"{cohort.rows[0].date}T00:00:00+00:00"
        page = f"boards/{cohort.name}/"
        yield Entry(f"source/{cohort.name}", "new-model", cohort.title, text, page, stamp)


def _new_model(board: StudiedBoard, entry: StoredResult) -> Entry:
    spec, result = board.specs.models[entry.result.model], entry.result
    figures = [f"{key.name} {r.value:.4g} {r.unit}" for key, r in readings_of(result)]
    text = f"{spec.title}, family {spec.family}, is measured here. First figures: "
    return Entry(
        f"model/{result.model}",
        "new-model",
        f"New model: {spec.title}",
        text + (", ".join(figures) or "none that is ranked") + ".",
        f"models/{result.model}/",
        result.started.isoformat(),
    )


def _changed(before: StoredResult, after: StoredResult) -> Iterator[Entry]:
    """Say what a later record of the same job changed: the method, or figures under one method."""
    old, new = before.result, after.result
    where = f"{new.model}, {new.kind} {new.name}"
    if fault := _method(old, new):
        kind, text = "method", f"{where}: {fault}. Figures of before and after are not compared."
    else:
        kind, text = "score", "; ".join(_moves(old, new))
    if text:
        name, title = f"{kind}/{after.record}", f"Changed {kind}: {where}"
        page, stamp = f"models/{new.model}/", new.started.isoformat()
        yield Entry(name, f"changed-{kind}", title, text, page, stamp)


def _method(old: Result, new: Result) -> str | None:
    """Say what differs between two records of one job in how they were measured."""
    if [task.task for task in old.tasks] != [task.task for task in new.tasks]:
        return "the suite's tasks changed"
    if old.text != new.text:
        return "the text or its protocol changed"
    if old.preference and new.preference and old.preference.protocol != new.preference.protocol:
        return "the protocol of the pairs changed"
    return None


def _moves(old: Result, new: Result) -> Iterator[str]:
    readings = dict(readings_of(old))
    for key, reading in readings_of(new):
        if key in readings and reading.value != readings[key].value:
            subject = Subject("measured", new.model, new.revision, str(new.environment.dtype), key)
            moved = move(subject, readings[key], reading)
            noise = "beyond noise" if moved.beyond_noise else "within noise"
            noise = "noise unknown" if moved.noise is None else noise
            change = f"from {moved.before:.6g} to {moved.after:.6g} {moved.unit}"
            yield f"{moved.figure} {change} ({noise})"


def _atom(entries: Sequence[Entry], board: StudiedBoard) -> bytes:
    ET.register_namespace("", ATOM)
    feed = ET.Element(f"{{{ATOM}}}feed")
    _add(feed, "id", _urn("feed"))
    _add(feed, "title", TITLE)
    _add(feed, "subtitle", "New models, changed scores and changed methods")
    _add(feed, "updated", _stamp(entries[0].updated if entries else board.commit_date))
    _add(_add(feed, "author"), "name", AUTHOR)
    _add(feed, "link", rel="self", type="application/atom+xml", href="feed.xml")
    _add(feed, "link", rel="alternate", type="text/html", href="./")
    _add(feed, "rights", "CC BY 4.0; published figures keep the licence of their source")
    for entry in entries:
        item = _add(feed, "entry")
        _add(item, "id", _urn(entry.name))
        _add(item, "title", entry.title)
        _add(item, "updated", _stamp(entry.updated))
        _add(item, "link", rel="alternate", type="text/html", href=entry.address)
        _add(item, "category", term=entry.category)
        _add(item, "content", entry.text, type="text")
    ET.indent(feed, " ")
    body: bytes = ET.tostring(feed, encoding="utf-8", xml_declaration=True)
    return body + b"\n"


def _add(parent: ET.Element, name: str, text: str | None = None, **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, f"{{{ATOM}}}{name}", attributes)
    if text is not None:
        element.text = printable(text, " ")
    return element


def _urn(name: str) -> str:
    """Make an id that depends on nothing but the name."""
    return uuid5(NAMESPACE_URL, f"llm-compression-leaderboard/{name}").urn


def _stamp(moment: str) -> str:
    """Write a time as RFC 3339 with seconds and a zone, which Atom requires."""
    return datetime.fromisoformat(moment).isoformat(timespec="seconds")
