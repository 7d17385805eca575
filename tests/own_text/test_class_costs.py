"""Classes of bytes of the user's own text: as on the board, though documents stream through."""

from importlib.resources import files

import numpy as np
import pytest
from compression_leaderboard.board.bits_by_class import ClassBits, class_figures, compare_classes
from compression_leaderboard.own_text.class_costs import Classes, add_classes
from compression_leaderboard.own_text.comparison import Summary, summarise
from compression_leaderboard.own_text.journal import Cost, DocumentCost, Journal, Listed
from compression_leaderboard.pages.own_text_report import (
    Report,
    class_sentence,
    gap_sentence,
    render_report,
)
from compression_leaderboard.pages.rendering import Renderer

from tests.board.test_bits_by_class import CLASSES, text_of

RANDOM = np.random.default_rng(0)
DRAWN = RANDOM.integers(20, 900, (12, 2)).tolist()
SIZES = [(a, b * (k % 3 == 0), 0) for k, (a, b) in enumerate(DRAWN)]  # few documents have digits
OURS = [(a * 0.9, b * 2.0, 2.0) for a, b, _ in SIZES]
THEIRS = [
    (x * (1.1 + 0.02 * RANDOM.normal()), y * (1 + RANDOM.normal()), 3.0) for x, y, _ in OURS
]  # fmt: skip


def classes_of(sizes, bits) -> Classes:
    parts = zip(CLASSES, sizes, bits, strict=True)
    return {name: (size, cost) for name, size, cost in parts if size or cost}


def summary_of(*models) -> Summary:
    """A summary of these bits by class and document, one list per model."""
    costs = [
        DocumentCost(
            f"d{k}",
            sum(SIZES[k]),
            tuple(sum(bits[k]) for bits in models),
            (True,) * len(models),
            tuple(classes_of(SIZES[k], bits[k]) for bits in models),
        )
        for k in range(len(SIZES))
    ]
    names = ["ours", "theirs", "third"][: len(models)]
    return summarise(costs, len(costs), (len(costs), 0), names, [])


@pytest.mark.parametrize("order", [(OURS, THEIRS), (THEIRS, OURS)])
def test_differences_equal_those_of_the_board(order):
    """Whichever model is named first: the better one comes first."""
    (pair,) = summary_of(*order).pairs
    expected = compare_classes(
        ClassBits.of(text_of(OURS, SIZES)), ClassBits.of(text_of(THEIRS, SIZES))
    )
    assert [gap.byte_class for gap in pair.classes] == [d.byte_class for d in expected]
    assert sum(gap.difference for gap in pair.classes) == pytest.approx(pair.difference)
    for gap, difference in zip(pair.classes, expected, strict=True):
        assert (gap.documents, gap.is_known) == (difference.documents, difference.known)
        assert gap.difference == pytest.approx(difference.difference)
        assert gap.interval == pytest.approx(difference.interval, rel=1e-6, abs=1e-12)
        assert gap.share == pytest.approx(difference.share)


def test_rates_equal_those_of_the_board_and_their_intervals_nearly():
    """One linearises the ratio, the other resamples the documents that have the class."""
    rates = summary_of(THEIRS).classes["ours"]
    for rate, figure in zip(rates, class_figures(text_of(THEIRS, SIZES)), strict=True):
        assert (rate.byte_class, rate.documents) == (figure.byte_class, figure.documents)
        assert rate.bytes == figure.bytes
        assert rate.bits == pytest.approx(figure.bits)
        assert rate.share == pytest.approx(figure.share)
        assert rate.bits_per_byte == pytest.approx(figure.bits_per_byte)
    letters = next(rate for rate in rates if rate.byte_class == "letters")
    (resampled,) = (f for f in class_figures(text_of(THEIRS, SIZES)) if f.byte_class == "letters")
    assert letters.interval == pytest.approx(resampled.interval, rel=0.02)


def test_pieces_add_up_and_an_unknown_one_makes_the_document_unknown():
    assert add_classes([{"letters": (2, 3.0)}, {"letters": (1, 1.0), "digits": (4, 5.0)}]) == {
        "letters": (3, 4.0),
        "digits": (4, 5.0),
    }
    assert add_classes([{"letters": (2, 3.0)}, None]) is None


def test_a_model_with_an_unknown_document_has_no_classes():
    seconds: list[Classes | None] = [{"letters": (10, 9.0)}, None]
    costs = [
        DocumentCost(f"d{k}", 10, (8.0, 9.0), (True, True), ({"letters": (10, 8.0)}, second))
        for k, second in enumerate(seconds)
    ]
    summary = summarise(costs, 2, (2, 20), ["known", "unknown"], [])
    assert [len(rates) for rates in summary.classes.values()] == [1, 0]
    assert summary.pairs[0].classes == ()


def test_the_journal_gives_classes_back_and_seals_them(tmp_path):
    journal = Journal(tmp_path / "journal.sqlite")
    scorer = journal.scorer("a model")
    texts = [bytes([k]) * 16 for k in range(2)]
    journal.list_pieces([Listed(0, k, 0, k, 0, "d", 3, text) for k, text in enumerate(texts)])
    classes: Classes = {"letters": (2, 1 / 3), "digits": (1, 2.5)}
    journal.write(scorer, [Cost(texts[0], 1, 3.0, True, classes), Cost(texts[1], 1, 2.0, True)])
    assert next(journal.costs([scorer], None)).classes == (None,)
    journal.write(scorer, [Cost(texts[1], 1, 2.0, True, {"letters": (3, 2.0)})])
    assert next(journal.costs([scorer], None)).classes == (
        {"letters": (5, 1 / 3 + 2.0), "digits": (1, 2.5)},
    )
    with journal.base:
        journal.base.execute("UPDATE costs SET classes = replace(classes, '2.5', '2.6')")
    journal.close()
    again = Journal(journal.path)
    assert again.damaged == 1
    again.close()


def test_sentences_name_the_classes_that_differ_and_their_direction():
    (pair,) = summary_of(OURS, [(a * 1.2, b, 1.0) for a, b, _ in OURS]).pairs
    assert gap_sentence(pair) == (
        "By class, ours needs fewer bits for Letters A–Z (16.7 %) and more bits for Start of the "
        "document (100.0 %) than theirs; the other classes show no difference."
    )
    (tie,) = summary_of(OURS, OURS).pairs
    nothing = "Your text shows no class of bytes in which ours and theirs differ."
    assert gap_sentence(tie) == nothing
    start = summary_of(OURS).classes["ours"][-1]
    assert class_sentence(start).startswith("Start of the document: 0.")
    assert class_sentence(start).endswith("% of the bits")


def test_the_report_has_a_table_for_each_model_and_each_pair():
    template = files("compression_leaderboard.pages").joinpath("report.html")
    render = Renderer({template.name: template.read_text("utf-8")}, "2026-01-02")
    summary = summary_of(OURS, THEIRS)
    page = render_report(render, Report(summary, "2026-01-02", 64, 32, "machine", "")).decode()
    for id in ("classes-1", "classes-2", "class-pairs-1"):
        table = page.partition(f'id="{id}"')[2].partition("</table>")[0]
        assert table.count("<tr>") == 1 + len(CLASSES)
        assert "Digits 0–9" in table
    assert 'style="--share:' in page
