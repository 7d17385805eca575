"""The page of corpora says which models predate which text."""

from datetime import timedelta
from pathlib import Path

from generator.files.specs import Specs, read_specs
from generator.publish.corpora_page import render_corpora
from tests.exported import board_of

ROOT = Path(__file__).parent.parent


def test_only_a_model_released_before_the_first_day_predates_a_text():
    specs = read_specs(ROOT)[0]
    model = next(iter(specs.models.values()))
    corpus = specs.corpora["sotu"]
    for days, shown in ((1, model.title), (0, "none"), (-1, "none")):
        moved = corpus.model_copy(update={"begins": model.released + timedelta(days=days)})
        page = render_corpora(board_of(Specs({model.id: model}, {}, {"sotu": moved}), []))
        assert f"<td>{shown}</td></tr>" in page
        assert corpus.sha256 in page
        assert "No two corpora" in page
