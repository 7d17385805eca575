"""Two models on the same documents: the difference, its interval, and what a page says of it."""

import csv
import io
import re
from dataclasses import replace

import pytest
from compression_leaderboard.board.comparisons import NEIGHBOURS, compare_models, neighbours
from compression_leaderboard.board.derived import current_results
from compression_leaderboard.pages.model_page import render_model

from tests.exported import board_of, page_text, render_site, renderer
from tests.factory import make_model, make_result, make_specs, store


def scored(model, bits, **changes):
    """A record of three documents of 100 bytes that cost these bits."""
    lossless = make_result(model).lossless
    documents = tuple(
        replace(document, bits=float(cost))
        for document, cost in zip(lossless.documents, bits, strict=True)
    )
    rate = {"documents": documents, "bits_per_byte": sum(bits) / 300}
    return make_result(model, lossless=lossless.model_copy(update=rate), **changes)


def other_dtype(result):
    environment = result.environment.model_copy(update={"dtype": "bfloat16"})
    return result.model_copy(update={"environment": environment})


SMALL, MIDDLE, LARGE = (make_model(f"org/{name}") for name in ("small", "middle", "large"))
BITS = {SMALL.id: (100, 120, 140), MIDDLE.id: (90, 110, 130), LARGE.id: (60, 100, 120)}
MODELS = (SMALL, MIDDLE, LARGE)
RESULTS = [scored(model, BITS[model.id]) for model in MODELS]


def model_page(comparisons):
    """The page of a model with these comparisons."""
    return render_model(
        renderer(), SMALL, store(RESULTS[0]), make_specs(*MODELS), comparisons, [], "0" * 40
    )


def compared(models, results):
    specs = make_specs(*models)
    return compare_models(specs, current_results(specs, store(*results)))


def test_the_difference_is_paired_by_document():
    """Ten bits less on each document: the documents differ by far more, the difference does not."""
    found = {(c.model, c.other): c for c in compared(MODELS, RESULTS)}
    assert len(found) == 6
    one = found[SMALL.id, MIDDLE.id]
    assert (one.corpus, one.dtype, one.documents) == ("prose", "float32", 3)
    assert one.difference == pytest.approx(0.1)
    assert one.interval == pytest.approx((0.1, 0.1))
    assert one.share == pytest.approx(0.1 / 1.1)
    back = found[MIDDLE.id, SMALL.id]
    assert back.difference == pytest.approx(-0.1)
    assert back.share == pytest.approx(-0.1 / 1.2)
    # 20, 20 and 40 bits: 80/300 ± t(2) · sqrt(3/2 · 800/3) / 300
    reach = 4.302653 * (3 / 2 * 800 / 3) ** 0.5 / 300
    interval = found[SMALL.id, LARGE.id].interval
    assert interval == pytest.approx((80 / 300 - reach, 80 / 300 + reach), rel=1e-5)


def test_the_best_other_comes_first():
    own = [c.other for c in compared(MODELS, RESULTS) if c.model == SMALL.id]
    assert own == [LARGE.id, MIDDLE.id]


def test_only_models_of_one_leaderboard_are_compared():
    """Another kind, number format, protocol or revision, or a text that is not given back."""
    lossy = RESULTS[1].lossless.model_copy(update={"failing_bytes": 100})
    text = RESULTS[1].text
    stale = text.model_copy(update={"protocol": text.protocol.model_copy(update={"bins": 9})})
    chat = make_model("org/middle", kind="instruct")
    for changed in (
        other_dtype(RESULTS[1]),
        RESULTS[1].model_copy(update={"lossless": lossy}),
        RESULTS[1].model_copy(update={"text": stale}),
        RESULTS[1].model_copy(update={"revision": "sha256-" + "9" * 40}),
    ):
        assert compared((SMALL, MIDDLE), [RESULTS[0], changed]) == []
    assert compared((SMALL, chat), RESULTS[:2]) == []
    assert len(compared((SMALL, MIDDLE), RESULTS[:2])) == 2


def test_texts_of_one_document_or_of_others_have_no_comparison():
    lossless = RESULTS[1].lossless
    renamed = [replace(d, document=f"x{i}") for i, d in enumerate(lossless.documents)]
    others = lossless.model_copy(update={"documents": tuple(renamed)})
    alone = [
        result.model_copy(
            update={
                "lossless": result.lossless.model_copy(
                    update={"documents": result.lossless.documents[:1]}
                )
            }
        )
        for result in RESULTS[:2]
    ]
    other_texts = [RESULTS[0], RESULTS[1].model_copy(update={"lossless": others})]
    assert compared((SMALL, MIDDLE), other_texts) == []
    assert compared((SMALL, MIDDLE), alone) == []


@pytest.fixture(scope="module")
def files():
    specs, stored = make_specs(*MODELS), store(*RESULTS)
    return render_site(board_of(specs, stored))


def table_of(files, model):
    page = page_text(files, f"models/{model.id}")
    table = re.search(r'<table class="board" id="comparisons-prose">.*?</table>', page, re.DOTALL)
    rows = re.findall(r"<tr>(.*?)</tr>", table.group(), re.DOTALL)[1:]
    return [re.sub(r"<[^>]+>", " ", row.replace("<wbr>", "")).split() for row in rows]


def test_the_page_says_it_in_words(files):
    large, middle = (" ".join(row) for row in table_of(files, SMALL))
    assert "org/large 0.27 −0.02 to 0.55 28.6 no difference that the text can show" in large
    assert middle.endswith("needs 9.1 % more bits than org/middle")
    first = " ".join(table_of(files, LARGE)[0])
    assert first.endswith("−15.2 no difference that the text can show")


def test_an_interval_that_holds_zero_shows_no_difference():
    one, other = scored(SMALL, (100, 120, 140)), scored(MIDDLE, (110, 110, 141))
    (first, _) = compared((SMALL, MIDDLE), [one, other])
    assert not first.known
    assert "<td>no difference that the text can show</td>" in model_page([first])


def test_a_model_of_a_long_table_is_compared_with_the_ten_around_it():
    """All pairs of a thousand models would be a million lines; the page Compare has any pair."""
    assert neighbours(0, 30) == list(range(1, 11))
    assert neighbours(15, 30) == [*range(10, 15), *range(16, 21)]
    assert neighbours(29, 30) == list(range(19, 29))
    models = [make_model(f"org/m{k:02}") for k in range(15)]
    found = compared(models, [scored(m, (100 + k, 120, 140)) for k, m in enumerate(models)])
    assert len(found) == 15 * NEIGHBOURS
    held = {(c.model, c.other): c for c in found}
    for (model, other), one in held.items():
        if (back := held.get((other, model))) is not None:
            assert back.difference == pytest.approx(-one.difference)
            assert back.interval == pytest.approx((-one.interval.high, -one.interval.low))
    assert "comparisons-prose" not in model_page([])


def test_the_download_has_every_pair_both_ways(files):
    rows = list(csv.DictReader(io.StringIO(files["docs/data/comparisons.csv"].decode())))
    assert len(rows) == 6
    row = next(r for r in rows if (r["model"], r["other"]) == (SMALL.id, LARGE.id))
    assert row == {
        "model": SMALL.id,
        "other": LARGE.id,
        "corpus": "prose",
        "dtype": "float32",
        "documents": "3",
        "difference": "0.266667",
        "low95": "-0.0201768",
        "high95": "0.55351",
        "data_licence": "CC-BY-4.0",
    }
