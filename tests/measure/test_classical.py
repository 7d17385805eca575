"""Classical compressors: real sizes of real formats, planned and shown like any other record."""

import bz2
import csv
import gzip
import io
import json
import lzma
import re

import brotli
import pytest
import zstandard
from compression_leaderboard.board.cohorts import compressor_rates, make_cohorts
from compression_leaderboard.fits.study import weigh_evidence
from compression_leaderboard.measure import compressors as classical
from compression_leaderboard.measure.compressors import Codec, compress_corpus, compressed_size
from compression_leaderboard.measure.documents import Document
from compression_leaderboard.measure.machine import MeasureError
from compression_leaderboard.plan.jobs import plan_jobs
from compression_leaderboard.records.results import CLASSICAL, Compressors
from compression_leaderboard.repository.results import read_records, write_record

from tests.exported import board_of, page_text, render_site
from tests.factory import (
    CORPUS,
    PROTOCOL,
    make_classical,
    make_model,
    make_result,
    make_specs,
    store,
)

TEXT = "A text repeats itself: a text repeats itself, and again a text repeats itself. 🙂\0\r\n" * 9
COMPRESSOR = {compressor.name: compressor for compressor in CLASSICAL.compressors}


def ignore(stage: str, done: int, total: int) -> None:
    pass


@pytest.mark.parametrize(
    ("name", "back"),
    [
        ("gzip", gzip.decompress),
        ("bzip2", bz2.decompress),
        ("xz", lzma.decompress),
        ("zstd", zstandard.decompress),
        ("brotli", brotli.decompress),
    ],
)
def test_a_size_is_that_of_the_real_format(name, back):
    """The formats' own readers take what was counted, without being told a setting."""
    content = TEXT.encode()
    settings = COMPRESSOR[name].settings
    packed = classical.CODECS[name].compress(content, settings)
    assert back(packed) == content
    assert compressed_size(content, COMPRESSOR[name]) == len(packed) < len(content) / 3
    assert classical.CODECS[name].compress(content, settings) == packed


def test_gzip_holds_no_time():
    packed = classical.CODECS["gzip"].compress(b"x", COMPRESSOR["gzip"].settings)
    assert packed[4:8] == bytes(4)


def test_every_compressor_is_run_on_the_whole_and_on_each_document():
    documents = [Document("a", TEXT), Document("b", TEXT[:100])]
    sizes = compress_corpus(documents, ignore)
    assert [(d.document, d.bytes) for d in sizes.documents] == [
        ("a", len(TEXT.encode())),
        ("b", len(TEXT[:100].encode())),
    ]
    assert [text.name for text in sizes.compressed] == list(COMPRESSOR)
    whole = (TEXT + TEXT[:100]).encode()
    for text in sizes.compressed:
        compressor = COMPRESSOR[text.name]
        assert text.settings == compressor.settings
        assert text.whole_bytes == compressed_size(whole, compressor)
        assert text.document_bytes == tuple(
            compressed_size(d.text.encode(), compressor) for d in documents
        )
        assert text.whole_bytes < sum(text.document_bytes)  # the second document is known by then


def test_a_compressor_that_loses_a_byte_has_no_size(monkeypatch):
    broken = Codec("0.1", lambda c, s: c[1:], lambda c, s, n: c)
    monkeypatch.setitem(classical.CODECS, "gzip", broken)
    with pytest.raises(MeasureError) as failure:
        compressed_size(b"abc", COMPRESSOR["gzip"])
    assert str(failure.value) == (
        "gzip (0.1) does not give 3 bytes back; install another version of it"
    )


def test_other_settings_are_another_revision():
    first, *others = CLASSICAL.compressors
    weaker = first.model_copy(update={"settings": {"level": 6}})
    changed = Compressors(compressors=(weaker, *others))
    assert re.fullmatch(r"sha256-[0-9a-f]{40}", CLASSICAL.revision)
    assert changed.revision != CLASSICAL.revision


def classical_jobs(*results, corpus=CORPUS):
    specs = make_specs()
    specs.corpora["prose"] = corpus
    return [(job.name, job.why) for job in plan_jobs(specs, store(*results))]


def test_every_corpus_is_due_once():
    assert classical_jobs() == [("prose", "missing")]
    assert classical_jobs(make_classical()) == []
    assert classical_jobs(make_classical(revision="sha256-" + "0" * 40)) == [("prose", "missing")]


@pytest.mark.parametrize(
    ("change", "due"),
    [
        ({"window_tokens": 64, "stride_tokens": 32, "positions": 9}, []),
        ({"document_bytes": 99}, [("prose", "stale: the protocol changed")]),
        ({"documents": 2}, [("prose", "stale: the protocol changed")]),
    ],
)
def test_compressors_know_documents_and_no_windows(change, due):
    corpus = CORPUS.model_copy(update={"protocol": PROTOCOL.model_copy(update=change)})
    assert classical_jobs(make_classical(), corpus=corpus) == due


def test_another_text_is_measured_again():
    corpus = CORPUS.model_copy(update={"sha256": "d" * 64})
    assert classical_jobs(make_classical(), corpus=corpus) == [
        ("prose", "stale: the corpus text changed")
    ]


def test_a_record_comes_back_as_it_was_and_says_what_is_missing(tmp_path):
    file = write_record(tmp_path / "results/measured", tmp_path, make_classical())
    assert file.startswith(f"results/measured/classical/{CLASSICAL.revision}/corpus-prose/")
    assert [e.result for e in read_records(tmp_path, "results/measured")[0]] == [make_classical()]
    content = json.loads((tmp_path / file).read_text())
    content["classical"]["compressed"][0]["document_bytes"].pop()
    (tmp_path / file).write_text(json.dumps(content))
    assert [str(p) for p in read_records(tmp_path, "results/measured")[1]] == [
        f"{file}: classical.compressed.1.document_bytes: 2 sizes for 3 documents; measure again"
    ]
    del content["classical"]
    (tmp_path / file).write_text(json.dumps(content))
    assert [str(p) for p in read_records(tmp_path, "results/measured")[1]] == [
        f"{file}: classical: missing; measure again: a corpus record needs it"
    ]


def test_a_record_from_before_the_compressors_keeps_its_name(tmp_path):
    """A part that came later is not in the file of a record that has none, nor in its hash."""
    file = write_record(tmp_path / "results/measured", tmp_path, make_result(make_model()))
    assert "classical" not in json.loads((tmp_path / file).read_text())


def test_rates_follow_from_the_sizes():
    rate = compressor_rates(store(make_classical()))[0]
    assert rate.whole == pytest.approx(8 * 150 / 300)
    assert rate.alone == pytest.approx(8 * 230 / 300)
    assert rate.interval.low <= rate.alone <= rate.interval.high
    old = make_classical(revision="sha256-" + "0" * 40)
    assert compressor_rates(store(old)) == []


def test_compressors_stand_beside_the_models_and_in_no_fit():
    model = make_model()
    specs, results = make_specs(model), [make_result(model), make_result(model, "suite")]
    without = make_cohorts(specs, store(*results), [])[0]
    cohort = make_cohorts(specs, store(*results, make_classical()), [])[0]
    assert [row.name for row in cohort.compressors] == list(COMPRESSOR)
    assert [row.average for row in cohort.compressors][:2] == [
        pytest.approx(4.0),
        pytest.approx(8 * 160 / 300),
    ]
    assert cohort.rows == without.rows
    assert weigh_evidence(cohort) == weigh_evidence(without)


def test_no_average_where_a_text_is_missing():
    second = CORPUS.model_copy(update={"name": "second"})
    model = make_model(corpora=("prose", "second"))
    specs = make_specs(model)
    specs.corpora["second"] = second
    results = [make_result(model), make_result(model, name="second"), make_classical()]
    cohort = make_cohorts(specs, store(*results), [])[0]
    assert {row.average for row in cohort.compressors} == {None}
    assert {tuple(row.rates) for row in cohort.compressors} == {("prose",)}


@pytest.fixture(scope="module")
def pages():
    model = make_model()
    specs, stored = make_specs(model), store(make_result(model), make_classical())
    return render_site(board_of(specs, stored))


def test_their_rows_are_marked_sorted_along_and_lead_to_the_record(pages):
    home = page_text(pages, "index")
    rows = re.findall(r'<tr class="(\w+)"><th scope="row">(.*?)</tr>', home)
    assert [kind for kind, _ in rows] == ["measured", *["classical"] * 6]  # 1.1 before 4.0
    (gzip_row,) = (row for kind, row in rows if kind == "classical" and ">gzip " in row)
    record = f"records/{make_classical().file}"
    assert f'<a href="{record}">gzip (level 9' in gzip_row
    assert "<span>4.000</span><small>alone 6.133 (6.000–6.400)</small>" in gzip_row


def test_their_download_holds_both_figures(pages):
    content = pages["docs/data/compressors.csv"].decode()
    rows = list(csv.DictReader(io.StringIO(content), strict=True))
    assert [row["compressor"] for row in rows] == list(COMPRESSOR)
    assert (rows[0]["bits_per_byte"], rows[0]["document_bits_per_byte"]) == ("4", "6.13333")
    assert rows[3]["settings"] == "level 22, window log 27, long distance matching 1"
