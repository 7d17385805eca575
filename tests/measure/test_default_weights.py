"""The embedded default model gives the figures of its committed record."""

import pytest
from compression_leaderboard.measure.documents import read_corpus
from compression_leaderboard.measure.text import score_text
from compression_leaderboard.measure.weights import load_model
from compression_leaderboard.plan.jobs import latest_results
from compression_leaderboard.repository.results import read_records
from compression_leaderboard.repository.specs import read_specs

from tests import ROOT

MODEL = "HuggingFaceTB__SmolLM2-135M-Instruct@Q4_1"


@pytest.mark.slow
def test_documents_scored_again_cost_what_the_record_says(tmp_path):
    """Within 0.5 %, since another processor may compute in another number format."""
    specs, _ = read_specs(ROOT)
    model, corpus = specs.models[MODEL], specs.corpora["sotu-128"]
    latest = latest_results(read_records(ROOT, "results/measured")[0])
    record = latest[(MODEL, model.weights.revision, "corpus", corpus.name)].result
    loaded = load_model(model, model.revisions()[-1], tmp_path)
    documents = read_corpus(corpus)[:4]
    found, lossy = score_text(loaded, documents, corpus.protocol, lambda *_: None)
    assert isinstance(lossy, str)  # four documents have fewer positions than the protocol asks for
    for ours, theirs in zip(found.documents, record.lossless.documents, strict=False):
        assert ours.document == theirs.document
        assert ours.bytes == theirs.bytes
        assert ours.bits == pytest.approx(theirs.bits, rel=5e-3)
