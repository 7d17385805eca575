"""The page of corpora says which models predate which text, and what links two texts."""

import re
from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace
from typing import cast

import pytest
from compression_leaderboard.board.derived import current_results
from compression_leaderboard.fits.study import StudiedBoard
from compression_leaderboard.pages.reference import render_corpora
from compression_leaderboard.records.models import Model
from compression_leaderboard.records.results import CorpusText, Result
from compression_leaderboard.repository.specs import Specs

from tests.exported import board_of, renderer
from tests.factory import CORPUS, make_model, make_result, store

NEWER = CORPUS.model_copy(
    update={
        "name": "prose-2026",
        "title": "Prose of 2026",
        "begins": date(2026, 1, 1),
        "ends": date(2026, 3, 31),
        "sha256": "d" * 64,
    }
)
OLD = {"a": 1.0, "b": 1.2, "c": 1.5, "d": 2.0}
NEW = {"a": 1.1, "b": 1.5, "c": 1.4, "d": 2.5}


def test_only_a_model_released_before_the_first_day_predates_a_text(repository):
    specs = repository.specs
    model = next(iter(specs.models.values()))
    corpus = specs.corpora["sotu"]
    for days, shown in ((1, model.title), (0, "none"), (-1, "none")):
        moved = corpus.model_copy(update={"begins": model.released + timedelta(days=days)})
        page = render_corpora(
            renderer(), board_of(Specs({model.id: model}, {}, {"sotu": moved}), [])
        )
        assert f"<td>{shown}</td></tr>" in page
        assert corpus.sha256 in page
        assert "No two corpora" in page


def named(name: str) -> Model:
    revision = f"sha256-{'abcdef'.index(name[0]):040x}"
    weights = make_model().weights.model_copy(update={"revision": revision})
    return make_model(f"org/{name}", corpora=("prose", "prose-2026"), weights=weights)


def scored(name: str, corpus, bits_per_byte: float, dtype: str = "float32") -> Result:
    """A record whose three documents of 100 bytes cost what is said, unevenly."""
    result = make_result(named(name), name=corpus.name, text=CorpusText.of(corpus))
    shares = (0.5, 0.3, 0.2)
    documents = tuple(
        replace(document, bits=300 * bits_per_byte * share)
        for document, share in zip(result.lossless.documents, shares, strict=True)
    )
    lossless = {"bits_per_byte": bits_per_byte, "documents": documents}
    return result.model_copy(
        update={
            "lossless": result.lossless.model_copy(update=lossless),
            "environment": result.environment.model_copy(update={"dtype": dtype}),
        }
    )


def link_rows(page: str) -> list[list[str]]:
    """Cells of the table of links, without markup."""
    table = page.partition('id="corpus-links"')[2]
    body = table.partition("<tbody>")[2].partition("</tbody>")[0]
    rows = [
        re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row) for row in body.split("</tr>") if "<td" in row
    ]
    return [[re.sub("<[^>]+>", "", cell) for cell in row] for row in rows]


def test_an_overlap_run_of_an_old_and_a_new_text_is_a_row_with_the_right_values():
    """Four models on both texts, in float32, two of them in another order; the rest is left out:
    a model on the old text only, one in another number format on each text, a record of a text
    that changed since.

    Differences 0.1, 0.3, -0.1, 0.5: mean 0.2, standard deviation 0.258199, t(3) = 3.182446, so
    half the interval is 0.410852. Ranks 1 2 3 4 and 1 3 2 4: 1 - 6 · 2 / (4 · 15) = 0.8.
    """
    stored = [scored(name, CORPUS, value) for name, value in OLD.items()]
    stored += [scored(name, NEWER, value) for name, value in NEW.items()]
    stored += [scored("e", CORPUS, 9.0), scored("f", CORPUS, 5.0), scored("f", NEWER, 1.0, "half")]
    older = NEWER.model_copy(update={"sha256": "e" * 64})
    stored.append(scored("e", older, 0.1))
    models = {model.id: model for model in map(named, "abcdef")}
    specs = Specs(models, {}, {"prose": CORPUS, "prose-2026": NEWER})
    page = render_corpora(renderer(), board_of(specs, store(*stored)))
    assert link_rows(page) == [
        ["Prose", "Prose of 2026", "float32", "4", "0.20 (−0.21 to 0.61)", "0.80"]
    ]
    assert "1 link between texts" in page
    assert "A link compares the models measured on both texts: their mean difference" in page


def test_windows_that_differ_are_not_linked():
    wider = NEWER.protocol.model_copy(update={"window_tokens": 32})
    other = NEWER.model_copy(update={"protocol": wider})
    stored = [scored(name, CORPUS, value) for name, value in OLD.items()]
    stored += [scored(name, other, value) for name, value in NEW.items()]
    models = {model.id: model for model in map(named, OLD)}
    specs = Specs(models, {}, {"prose": CORPUS, "prose-2026": other})
    page = render_corpora(renderer(), board_of(specs, store(*stored)))
    assert "No two corpora of equal windows share a model yet." in page


def test_the_links_of_this_boards_own_records_have_their_rows(repository):
    """Taken anew from the records: for each pair of texts the mean over models of the newest."""
    corpora = repository.specs.corpora
    newest: dict[tuple[str, str, str], Result] = {}
    for entry in sorted(repository.stored, key=lambda e: e.result.started):
        result, model = entry.result, repository.specs.models.get(entry.result.model)
        if not (result.counts and result.lossless and model):
            continue
        final = result.revision == model.weights.revision
        if final and result.text == CorpusText.of(corpora[result.name]):
            newest[result.model, result.name, result.environment.dtype] = result
    current = current_results(repository.specs, repository.stored)
    shown = SimpleNamespace(specs=repository.specs, current=current)  # what the page reads
    rows = link_rows(render_corpora(renderer(), cast(StudiedBoard, shown)))
    assert rows
    for row in rows:
        older, newer = (next(c for c in corpora.values() if c.title == t) for t in row[:2])
        moved = [
            newest[model, newer.name, row[2]].lossless.bits_per_byte - old.lossless.bits_per_byte
            for (model, name, dtype), old in newest.items()
            if name == older.name and dtype == row[2] and (model, newer.name, dtype) in newest
        ]
        assert len(moved) == int(row[3])
        difference = float(row[4].partition(" ")[0].replace("−", "-"))
        assert difference == pytest.approx(sum(moved) / len(moved), abs=0.06)
        assert older.ends <= newer.ends
