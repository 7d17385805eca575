"""What classes of bytes cost: they sum to the text, and so do two models' differences."""

import csv
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from compression_leaderboard.board.bits_by_class import (
    ClassBits,
    ClassDifference,
    class_figures,
    compare_classes,
)
from compression_leaderboard.board.comparisons import compare_by_class, compare_models
from compression_leaderboard.board.derived import compare_bits, current_results
from compression_leaderboard.intervals import part_differences, rate_interval
from compression_leaderboard.records.byte_classes import ByteClass
from compression_leaderboard.records.results import Lossless

from tests.exported import board_of, page_text, render_site
from tests.factory import make_model, make_result, make_specs, store

CLASSES: tuple[ByteClass, ...] = ("letters", "digits", "start")
BYTES = [(80, 20, 0), (90, 0, 0), (50, 10, 0)]


def text_of(bits, sizes=None, classes=CLASSES) -> Lossless:
    """A text of documents with these bits by class. sizes: bytes, by default BYTES."""
    sizes = BYTES if sizes is None else sizes
    template = make_result(make_model()).lossless
    documents = tuple(
        replace(
            template.documents[0],
            document=f"d{k}",
            bytes=int(sum(parts)),
            bits=float(sum(costs)),
            class_bytes=tuple(int(part) for part in parts),
            class_bits=tuple(float(cost) for cost in costs),
        )
        for k, (parts, costs) in enumerate(zip(sizes, bits, strict=True))
    )
    total = sum(document.bits for document in documents)
    whole = sum(document.bytes for document in documents)
    rate = {"documents": documents, "bits_per_byte": total / whole, "classes": classes}
    return template.model_copy(update=rate)


OURS = text_of([(60, 30, 2), (70, 0, 2), (40, 12, 2)])
THEIRS = text_of([(62, 28, 2), (80, 0, 2), (42, 12, 2)])


def compared(one: Lossless, other: Lossless) -> dict[str, ClassDifference]:
    differences = compare_classes(ClassBits.of(one), ClassBits.of(other))
    return {difference.byte_class: difference for difference in differences}


def test_classes_sum_to_the_text_and_the_costly_ones_come_first():
    figures = class_figures(OURS)
    assert [figure.byte_class for figure in figures] == ["letters", "digits", "start"]
    assert sum(figure.bits for figure in figures) == sum(d.bits for d in OURS.documents)
    assert sum(figure.share for figure in figures) == pytest.approx(1)
    assert sum(figure.byte_share for figure in figures) == pytest.approx(1)
    letters, digits, start = figures
    assert (digits.documents, digits.bytes, digits.bits) == (2, 30, 42)
    assert letters.bits_per_byte == pytest.approx(170 / 220)
    assert letters.share == pytest.approx(170 / 218)
    assert (start.bytes, start.bits_per_byte, start.interval) == (0, None, None)


def test_an_interval_resamples_the_documents_that_have_the_class():
    letters, digits, _ = class_figures(OURS)
    assert letters.interval == rate_interval([60, 70, 40], [80, 90, 50])
    assert digits.interval == rate_interval([30, 12], [20, 10])
    alone = class_figures(text_of([(60, 30, 2), (70, 0, 2)], BYTES[:2]))
    assert next(figure for figure in alone if figure.byte_class == "digits").interval is None


def test_differences_by_class_sum_to_the_paired_difference():
    found = compared(OURS, THEIRS)
    total, _ = compare_bits(OURS, THEIRS)
    assert sum(d.difference for d in found.values()) == pytest.approx(total)
    assert list(found) == ["letters", "digits", "start"]  # the largest first
    assert found["letters"].difference == pytest.approx(-14 / 250)
    assert found["letters"].share == pytest.approx(-14 / 184)
    back = compared(THEIRS, OURS)
    for name, difference in found.items():
        assert back[name].difference == pytest.approx(-difference.difference)
        assert back[name].interval == pytest.approx(
            tuple(-end for end in difference.interval[::-1])
        )


def test_the_interval_has_the_freedom_of_the_documents_with_the_class():
    """Digits: gaps 2, 0 and 0 of documents of 100, 90 and 60 bytes; two of them have digits."""
    digits = compared(OURS, THEIRS)["digits"]
    residuals = [2 - 2 / 250 * 100, -2 / 250 * 90, -2 / 250 * 60]
    error = (3 / 2 * sum(residual**2 for residual in residuals)) ** 0.5 / 250
    assert digits.documents == 2
    reach = 12.706205 * error  # Student's t with one degree of freedom
    assert digits.interval == pytest.approx((2 / 250 - reach, 2 / 250 + reach), rel=1e-6)
    assert not digits.known


def test_a_class_of_one_document_has_no_interval():
    sizes = [(80, 20, 0), (90, 0, 0)]
    found = compared(
        text_of([(60, 30, 0), (70, 0, 0)], sizes), text_of([(62, 28, 0), (80, 0, 0)], sizes)
    )
    assert found["digits"].interval is None
    assert not found["digits"].known
    assert "start" not in found  # no document of either has bits of it


def test_a_start_that_only_one_model_pays_is_a_difference():
    bits = [(60, 30), (70, 0), (40, 12)]
    without = text_of(bits, [parts[:2] for parts in BYTES], CLASSES[:2])
    found = compared(OURS, without)
    assert found["start"].difference == pytest.approx(6 / 250)
    assert found["start"].share is None
    assert compared(without, OURS)["start"].share == pytest.approx(-1)


def test_classes_of_other_bytes_or_documents_are_not_compared():
    moved = text_of([(60, 30, 2), (70, 0, 2), (40, 12, 2)], [(81, 19, 0), *BYTES[1:]])
    renamed = OURS.model_copy(
        update={"documents": tuple(replace(d, document=f"x{d.document}") for d in OURS.documents)}
    )
    one = OURS.model_copy(update={"documents": OURS.documents[:1]})
    assert compared(OURS, moved) == compared(OURS, renamed) == compared(one, one) == {}


def test_a_text_with_an_unknown_document_has_no_classes():
    unknown = replace(OURS.documents[1], class_bytes=None, class_bits=None)
    documents = (OURS.documents[0], unknown, OURS.documents[2])
    partly = OURS.model_copy(update={"documents": documents})
    assert ClassBits.of(partly) is ClassBits.of(OURS.model_copy(update={"classes": None})) is None
    assert class_figures(partly) == []


def test_every_comparison_is_divided_into_classes():
    models = tuple(make_model(f"org/{name}") for name in ("small", "large", "old"))
    unknown = [replace(d, class_bytes=None, class_bits=None) for d in OURS.documents]
    old = OURS.model_copy(update={"classes": None, "documents": tuple(unknown)})
    texts = (OURS, THEIRS, old)
    results = [make_result(m, lossless=t) for m, t in zip(models, texts, strict=True)]
    specs = make_specs(*models)
    current = current_results(specs, store(*results))
    found = compare_by_class(specs, current)
    assert {(c.model, c.other) for c in found} == {
        ("org__small", "org__large"),
        ("org__large", "org__small"),
    }
    wholes = {(c.model, c.other): c.difference for c in compare_models(specs, current)}
    assert len(wholes) == 6  # a record without classes is compared as a whole
    for pair in {(c.model, c.other) for c in found}:
        parts = [c.part.difference for c in found if (c.model, c.other) == pair]
        assert sum(parts) == pytest.approx(wholes[pair])


def test_the_page_of_a_model_shows_what_each_class_costs():
    model = make_model()
    files = render_site(board_of(make_specs(model), store(make_result(model, lossless=OURS))))
    page = page_text(files, f"models/{model.id}")
    table = re.search(r'<table class="board" id="byte-classes-prose">.*?</table>', page, re.DOTALL)
    rows = re.findall(r"<tr>(.*?)</tr>", table.group(), re.DOTALL)[1:]
    shown = [re.sub(r"<[^>]+>", " ", row).split() for row in rows]
    assert shown[0][:5] == ["Letters", "A–Z", "78.0", "88.0", "0.773"]
    assert shown[2] == ["Start", "of", "the", "document", "2.8", "0.0", "–", "3"]
    bars = re.findall(r"--share:([\d.]+)%", table.group())
    assert bars == ["78.0", "19.3", "2.8"]
    assert "--share" not in page_text(
        render_site(board_of(make_specs(model), [])), f"models/{model.id}"
    )


def test_the_downloads_have_every_class_and_difference():
    models = tuple(make_model(f"org/{name}") for name in ("one", "two"))
    results = [make_result(m, lossless=t) for m, t in zip(models, (OURS, THEIRS), strict=True)]
    files = render_site(board_of(make_specs(*models), store(*results)))

    def rows_of(name: str) -> list[dict[str, str]]:
        text = files[f"docs/data/{name}.csv"].decode()
        return [r for r in csv.DictReader(io.StringIO(text)) if r["model"] == "org__one"]

    parts = rows_of("byte_classes")
    assert [(row["byte_class"], row["bytes"]) for row in parts] == [
        ("letters", "220"),
        ("digits", "30"),
        ("start", "0"),
    ]
    assert sum(float(row["bits"]) for row in parts) == 218
    assert (parts[2]["bits_per_byte"], parts[2]["low95"]) == ("", "")
    gaps = rows_of("class_comparisons")
    assert [row["byte_class"] for row in gaps] == ["letters", "digits", "start"]
    (whole,) = rows_of("comparisons")
    total = sum(float(row["difference"]) for row in gaps)
    assert total == pytest.approx(float(whole["difference"]))


@pytest.mark.slow
@pytest.mark.parametrize(("presence", "documents"), [(1.0, 30), (0.4, 40), (0.15, 60)])
def test_intervals_of_simulated_differences_hold_the_truth(presence, documents):
    """Documents of unequal size; a class of theirs in all or some, in shares that vary.

    Nominal are 95 of 100; 600 simulations have a standard error of 0.9.
    """
    random = np.random.default_rng(0)
    held = answered = 0
    for _ in range(600):
        sizes = random.lognormal(7, 0.6, documents)
        present = random.random(documents) < presence
        parts = np.where(present, sizes * random.beta(2, 8, documents), 0)
        hardness = random.normal(1, 0.3, documents)  # of the document, for both models
        ours = parts * (hardness + random.normal(0.05, 0.1, documents))
        theirs = parts * (hardness + random.normal(0, 0.1, documents))
        value, reach = part_differences(ours[None], theirs[None], sizes, present[None])
        truth = 0.05 * presence * 0.2  # mean gap of a byte, and share of the bytes
        if present.sum() > 1:
            answered += 1
            held += bool(abs(value[0] - truth) <= reach[0])
    print(f"{held} of {answered} intervals hold the truth")
    assert answered > 590
    assert 0.93 <= held / answered <= 0.98
