"""A sample is measured like the whole: the same bits of its documents, the same items."""

from pathlib import Path

import pytest
from compression_leaderboard.measure.documents import read_corpus
from compression_leaderboard.measure.harness import repeat_items, run_suite
from compression_leaderboard.measure.local_engine import repeat_documents
from compression_leaderboard.measure.text import score_documents
from compression_leaderboard.records.models import Dataset, Task
from compression_leaderboard.records.rechecks import Sample
from compression_leaderboard.repository.specs import read_specs

from tests.measure.test_harness import suite_of, write_tasks
from tests.tiny import load_tiny

pytestmark = pytest.mark.slow
COMMIT = "a" * 40


def test_documents_of_a_sample_cost_what_they_cost_in_the_whole(board: Path):
    corpus, loaded = read_specs(board)[0].corpora["speeches"], load_tiny()
    whole = score_documents(loaded, read_corpus(corpus, board), *corpus.protocol.window).documents
    names = tuple(sorted(document.document for document in whole[1:3]))
    again = repeat_documents(loaded, corpus, board, Sample("0" * 12, COMMIT, names))
    expected = {document.document: document for document in whole}
    assert [document.document for document in again] == list(names)
    for document in again:
        known = expected[document.document]
        assert (document.bytes, document.lossless) == (known.bytes, known.lossless)
        assert document.bits == pytest.approx(known.bits, rel=1e-6)


@pytest.mark.parametrize("others", [(), (1,)])
def test_a_document_that_the_text_does_not_have_is_named_as_such(board: Path, others):
    corpus = read_specs(board)[0].corpora["speeches"]
    known = tuple(read_corpus(corpus, board)[k].name for k in others)
    sample = Sample("0" * 12, COMMIT, (*known, "zzz"))
    again = repeat_documents(load_tiny(), corpus, board, sample)
    assert (again[-1].document, again[-1].bits) == ("zzz", None)
    assert len(again) == 1 + len(others)


def test_items_of_a_sample_are_those_of_the_whole_and_no_others_are_asked(tmp_path: Path):
    write_tasks(tmp_path)
    fields = {"label": "Grammar", "category": "grammar", "chance": 0.5}
    task = Task(task="grammar", **fields, dataset=Dataset(path="org/grammar", revision=""))
    suite = suite_of(task)
    loaded = load_tiny()
    (whole,) = run_suite(loaded, suite, tmp_path)
    leaves = {subtask.name: subtask.responses for subtask in whole.subtasks}
    sample = {"grammar_is": (1, 4, 9), "grammar_are": (0,), "grammar_was": (0, 1)}
    again = {leaf.task: leaf for leaf in repeat_items(loaded, suite, tmp_path, sample)}
    assert {name: repeated.items for name, repeated in again.items()} == {
        "grammar_is": 5,
        "grammar_are": 3,
        "grammar_was": 0,
    }
    assert [r.item for r in again["grammar_is"].responses] == [1, 4]
    for name, repeated in again.items():
        for response in repeated.responses:
            known = leaves[name][response.item]
            assert response.log_likelihoods == pytest.approx(known.log_likelihoods, rel=1e-5)
            assert (response.target, response.metrics) == (known.target, known.metrics)
