"""Own text: which documents are found, what is wrong with them, the journal, and the statistics."""

import gzip
import json
import os
import sqlite3
import tomllib
from importlib.resources import files

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from compression_leaderboard.intervals import rate_interval
from compression_leaderboard.own_text import documents as own_text
from compression_leaderboard.own_text.comparison import (
    Sample,
    power_quantile,
    settling_documents,
    summarise,
)
from compression_leaderboard.own_text.documents import (
    Piece,
    find_files,
    read_again,
    read_pieces,
)
from compression_leaderboard.own_text.journal import (
    Cost,
    DocumentCost,
    Journal,
    Listed,
    hash_text,
    list_documents,
    read_missing,
)
from compression_leaderboard.own_text.sample import list_sample
from compression_leaderboard.pages.own_text_report import (
    Report,
    pair_sentence,
    render_report,
    sample_sentence,
)
from compression_leaderboard.pages.rendering import Renderer, with_interval
from compression_leaderboard.records.base import Problem, UserError
from hypothesis import given
from hypothesis import strategies as st

from tests import ROOT

TEXTS = ["The first – with a dash.\n", "Second\nof two lines", "third 🙂"]


def write_texts(folder):
    """The same three documents in every format that has rows."""
    (folder / "a.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in TEXTS))
    rows = "".join('{},"{}"\n'.format(k, t.replace('"', '""')) for k, t in enumerate(TEXTS))
    (folder / "b.csv").write_text("id,text\n" + rows, newline="")
    pq.write_table(pa.table({"text": TEXTS}), folder / "c.parquet", row_group_size=2)


def size_of(piece):
    return len(piece.text.encode())


def pieces_of(path, column="text"):
    (file,) = find_files([path]).files
    return file, list(read_pieces(file, column))


@pytest.mark.parametrize("name", ["a.jsonl", "b.csv", "c.parquet"])
def test_rows_are_documents_and_can_be_read_again(tmp_path, name):
    write_texts(tmp_path)
    file, pieces = pieces_of(tmp_path / name)
    assert [piece.text for piece in pieces] == TEXTS
    assert all(piece.number == 0 for piece in pieces)
    again = [read_again(file, p.at, p.number, size_of(p), "text") for p in reversed(pieces)]
    assert again == TEXTS[::-1]


def test_a_line_of_json_may_be_the_text_itself(tmp_path):
    (tmp_path / "a.jsonl").write_text('"one"\n\n"two"\n')
    assert [p.text for p in pieces_of(tmp_path / "a.jsonl")[1]] == ["one", "two"]


@given(st.text(alphabet="ab\n é🙂", max_size=60), st.integers(8, 16))
def test_pieces_of_a_long_document_are_its_text(tmp_path_factory, text, size):
    folder = tmp_path_factory.mktemp("long")
    (folder / "long.txt").write_text(text, "utf-8", newline="")
    (folder / "long.jsonl").write_text(json.dumps({"text": text}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(own_text, "PIECE_BYTES", size)
        for name in ("long.txt", "long.jsonl"):
            file, pieces = pieces_of(folder / name)
            pieces = [piece for piece in pieces if isinstance(piece, Piece)]
            assert "".join(piece.text for piece in pieces) == text
            assert all(len(piece.text.encode()) <= size for piece in pieces)
            assert sum(piece.number == 0 for piece in pieces) == bool(text)
            for piece in pieces:
                place = (file, piece.at, piece.number, size_of(piece), "text")
                assert read_again(*place) == piece.text


def test_a_folder_gives_text_and_source_and_says_what_it_passed_over(tmp_path):
    for name in ("b.py", "a.md", "sub/c.rs", "photo.png", ".git/x.py", "node_modules/y.js"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    found = find_files([tmp_path])
    shown = [os.path.relpath(file, tmp_path) for file in found.files]
    assert shown == ["a.md", "b.py", "sub/c.rs"]
    assert found.passed_over == {".png": 1}
    assert found.problems == []


def test_every_path_that_cannot_be_is_a_problem_at_once(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "a.txt").write_text("x")
    given = [tmp_path / name for name in ("gone.txt", "empty", "list.json", "a.txt", "a.txt")]
    wrong = [problem.wrong for problem in find_files(given).problems]
    assert wrong == [
        "does not exist",
        "has no file of text or source code",
        "is JSON, which does not tell documents apart",
        "is named 2 times",
    ]


FAULTS = [
    (
        "a.txt",
        b"one\ncaf\xe9",
        "byte 7 (line 2) is not UTF-8 (0xe9); it may be Latin-1 or Windows-1252; "
        "convert it with `iconv -f WINDOWS-1252 -t UTF-8`, or pass --leave-out",
    ),
    ("a.jsonl", b'{"text": 1}', 'line 1: "text" is not text; name another --field'),
    ("a.jsonl", b'{"body": "x", "id": 1}', 'line 1: has no "text"; choose --field from body, id'),
    ("a.jsonl", b'"x"\n{"text": ', "line 2: is not valid JSON; fix it"),
    ("a.jsonl", b"[1]", "line 1: is no JSON object; write"),
    ("a.jsonl", b'{"text": "\\ud800"}', "line 1: character 0 of the text is a lone surrogate"),
    ("a.csv", b"id,body\n1,x\n2,y\n", 'line 1: has no "text"; choose --field from body, id'),
    ("a.csv", b"id,text\n1,x,y\n", "line 2: has 3 cells, the header 2; fix it"),
    ("a.csv", b'id,text\n1,"x"y"\n', "line 2: is not valid CSV"),
    ("a.csv", b"id,text\n1,\xff\n", "line 2: byte 10 is not UTF-8 (0xff); it may be Latin-1"),
    ("a.csv", b"text,text\nx,y\n", 'line 1: has 2 columns "text"; rename all but one of them'),
    ("a.csv", b"text\nx\ry\n", "line 2: mixes carriage returns with other ends of lines"),
    ("a.csv", "text\nä\n".encode("utf-16"), "looks like UTF-16, not UTF-8 text; convert it with"),
    ("a.jsonl", b'"caf\xe9"', "line 1: byte 4 is not UTF-8 (0xe9)"),
    ("a.parquet", b"PAR1", "is not valid Parquet"),
]


@pytest.mark.parametrize(("name", "content", "message"), FAULTS)
def test_what_is_wrong_with_a_document_is_one_line_with_its_repair(
    tmp_path, name, content, message
):
    (tmp_path / name).write_bytes(content)
    problems = [str(p) for p in pieces_of(tmp_path / name)[1] if isinstance(p, Problem)]
    assert len(problems) == 1
    assert f"{tmp_path / name}: {message}" in problems[0]
    assert "\n" not in problems[0]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("sep=;\r\ntext;id\r\nfirst, here;1\r\n", 3),
        ('\ufeffsep=;\r\n"text";"id"\r\n"first, here";1\r\n', 3),
        ('"sep=\t"\ntext\tid\nfirst, here\t1\n', 3),
        ("\n\ntext|id\nfirst, here|1\n", 4),
        ("  \r\ntext;id\r\nfirst, here;1\r\n", 3),
    ],
)
def test_the_header_is_found_below_what_spreadsheets_write(tmp_path, content, line):
    """Excel names the delimiter in a line of its own; others begin with empty lines."""
    (tmp_path / "a.csv").write_text(content, "utf-8", newline="")
    (piece,) = read_pieces(tmp_path / "a.csv", "text")
    assert isinstance(piece, Piece)
    assert (piece.text, piece.name) == ("first, here", f"{tmp_path / 'a.csv'}: line {line}")
    assert read_again(tmp_path / "a.csv", piece.at, 0, size_of(piece), "text") == "first, here"


def test_a_link_to_a_file_in_the_same_folder_is_that_file(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "b.txt").symlink_to("a.txt")
    (tmp_path / "c.txt").symlink_to("nothing.txt")
    found = find_files([tmp_path])
    assert [problem.wrong for problem in found.problems] == ["is named 2 times"]
    assert found.passed_over == {"no plain file": 1}


def test_a_parquet_file_without_the_column_says_which_it_has(tmp_path):
    pq.write_table(pa.table({"body": ["x"]}), tmp_path / "a.parquet")
    (problem,) = pieces_of(tmp_path / "a.parquet")[1]
    assert str(problem).endswith('has no column "text"; choose --field from body')


@pytest.fixture
def journal(tmp_path):
    opened = Journal(tmp_path / "journal.sqlite")
    yield opened
    opened.close()


def list_folder(journal, folder, seed=None, budget=1e6):
    files = find_files([folder]).files
    if seed is None:
        return files, list_documents(journal, files, "text", len_of)
    return files, list_sample(journal, files, "text", seed, budget, len_of)


def write_folder(tmp_path, n=5):
    folder = tmp_path / "texts"
    folder.mkdir()
    for k in range(n):
        (folder / f"{k}.txt").write_text(f"text {k}")
    return folder


def read_all(journal, scorer, files, before=None, seconds=None, piece_bytes=None):
    place = (journal, scorer, files, "text", before, seconds, len_of, piece_bytes)
    return [piece for piece, _ in read_missing(*place)]


def len_of(size):
    assert size > 0


def cost(piece, bits=8.0):
    return Cost(piece.text, 1, bits, True)


def test_what_is_scored_is_not_scored_again(tmp_path, journal):
    files, faults = list_folder(journal, write_folder(tmp_path))
    assert (faults.faulty, journal.extent()) == (0, (5, 30))
    scorer = journal.scorer("a model")
    pieces = read_all(journal, scorer, files)
    journal.write(scorer, [cost(piece) for piece in pieces[:2]])
    journal.close()
    again = Journal(journal.path)
    list_folder(again, tmp_path / "texts")
    assert again.damaged == 0
    assert [p.name for p in read_all(again, again.scorer("a model"), files)] == [
        piece.name for piece in pieces[2:]
    ]
    assert len(read_all(again, again.scorer("another"), files)) == 5
    assert again.first_missing(again.scorer("a model")) == 2
    again.close()


def test_damaged_entries_are_found_and_scored_again(tmp_path, journal):
    files, _ = list_folder(journal, write_folder(tmp_path))
    scorer = journal.scorer("a model")
    journal.write(scorer, [cost(piece) for piece in read_all(journal, scorer, files)])
    journal.close()
    with sqlite3.connect(journal.path) as base:
        base.execute("UPDATE costs SET bits = bits + 1 WHERE text = ?", (hash_text("text 3"),))
        base.execute("UPDATE costs SET tokens = 'x' WHERE text = ?", (hash_text("text 1"),))
    again = Journal(journal.path)
    assert again.damaged == 2
    list_folder(again, tmp_path / "texts")
    names = [os.path.basename(p.name) for p in read_all(again, scorer, files)]
    assert names == ["1.txt", "3.txt"]
    again.close()


def test_a_file_that_is_no_journal_is_refused_with_the_repair(tmp_path):
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"something else entirely" * 100)
    with pytest.raises(UserError, match=r"is no journal of scores .*; delete it and run again"):
        Journal(path)


def test_a_document_whose_later_piece_is_faulty_is_in_no_list(tmp_path, journal, monkeypatch):
    monkeypatch.setattr(own_text, "PIECE_BYTES", 8)
    folder = write_folder(tmp_path, 2)
    (folder / "0.txt").write_bytes(b"1234567\n\xff")
    files, faults = list_folder(journal, folder)
    assert faults.faulty == 1
    assert [os.path.basename(p.name) for p in read_all(journal, 1, files)] == ["1.txt"]


def test_a_file_that_changes_under_the_run_is_noticed(tmp_path, journal):
    folder = write_folder(tmp_path)
    files, _ = list_folder(journal, folder)
    (folder / "2.txt").write_text("other")
    with pytest.raises(UserError, match=r"2\.txt: has changed since the run began"):
        read_all(journal, 1, files)


def test_a_sample_is_another_with_another_seed_and_stops_in_time(tmp_path):
    folder = write_folder(tmp_path, 40)
    orders: list[list[str]] = []
    for seed in (0, 0, 1):
        journal = Journal(tmp_path / f"{len(orders)}.sqlite")
        files, _ = list_folder(journal, folder, seed)
        orders.append([piece.name for piece in read_all(journal, 1, files)])
        assert len(read_all(journal, 1, files, seconds=-1.0)) == 1  # the first one in any case
        journal.close()
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == sorted(orders[2]) == sorted(map(str, files))
    assert orders[0] != sorted(orders[0])


def write_long(folder):
    """One file of each kind, longer than a block, each line different."""
    folder.mkdir()
    lines = [f"{k:07} – " + "some words " * (k % 9) for k in range(12_000)]
    (folder / "a.txt").write_text("\n".join(lines), "utf-8")
    (folder / "b.txt").write_text("é" * 50_001, "utf-8")
    rows = (json.dumps({"text": line}) + "\n" for line in lines)
    (folder / "c.jsonl").write_text("".join(rows) + json.dumps("long " * 9000), "utf-8")
    (folder / "d.csv").write_text("text\n" + "".join(f'"{line}"\n' for line in lines), "utf-8")
    return lines


def test_a_sample_that_takes_all_takes_every_byte_once(tmp_path, journal, monkeypatch):
    monkeypatch.setattr(own_text, "LINES_BLOCK_BYTES", 1 << 16)
    lines = write_long(tmp_path / "long")
    files, reading = list_folder(journal, tmp_path / "long", 0)
    assert (reading.faulty, reading.unread) == (0, [])
    place = (journal, 1, files, "text", None, None, len_of, own_text.SAMPLE_BYTES)
    texts: dict[str, dict[tuple[int, int], str]] = {file.name: {} for file in files}
    for piece, text in read_missing(*place):
        assert len(text.encode()) == piece.size <= 1.25 * own_text.SAMPLE_BYTES
        texts[files[piece.file].name][piece.at, piece.number] = text
    whole = {name: [texts[name][place] for place in sorted(texts[name])] for name in texts}
    assert "".join(whole["a.txt"]) == "\n".join(lines)
    assert "".join(whole["b.txt"]) == "é" * 50_001
    assert whole["c.jsonl"][:12_000] == whole["d.csv"] == lines
    assert "".join(whole["c.jsonl"][12_000:]) == "long " * 9000


def test_a_sample_without_time_is_random_and_says_what_it_did_not_read(tmp_path, journal):
    write_long(tmp_path / "long")
    files, reading = list_folder(journal, tmp_path / "long", 3, budget=1e-3)
    assert len(reading.unread) == 2
    assert "1 of " in reading.unread[0]
    assert reading.unread[1] == f"{files[3]}: only its first 1 row could be drawn"
    assert journal.extent(by_piece=True)[0] <= 2 + 12_000  # a block of JSON lines is read whole


def test_a_long_file_is_sampled_evenly(tmp_path):
    """Every part of it comes first equally often."""
    (tmp_path / "a.txt").write_text("".join(f"{k:09}\n" for k in range(40_960)))
    starts = []
    for seed in range(200):
        journal = Journal(tmp_path / "j.sqlite")
        files, _ = list_folder(journal, tmp_path / "a.txt", seed, budget=0.003)
        starts.append(read_all(journal, 1, files)[0].at / 409_600)
        journal.close()
    assert np.mean(starts) == pytest.approx(0.5, abs=4 / np.sqrt(12 * 200))
    assert np.std(starts) == pytest.approx(12**-0.5, abs=0.06)


def test_a_sample_keeps_nothing_of_a_faulty_file(tmp_path, journal):
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"line of text\n" * 2000 + b"\xff")
    (folder / "b.txt").write_text("text")
    _, reading = list_folder(journal, folder, 0)
    assert reading.faulty == 1
    assert "byte 26000 (line 2001) is not UTF-8" in str(reading.shown[0])
    assert journal.extent() == (1, 4)


def test_documents_without_text_are_counted_and_listed(tmp_path, journal):
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_text("")
    (folder / "b.jsonl").write_text('{"text": ""}\n{"text": "x"}\n{}\n')
    (folder / "c.csv").write_text('text\n""\nx\n\n')
    (folder / "d.csv").write_text("text\n")
    pq.write_table(pa.table({"text": ["", "x"]}), folder / "e.parquet")
    _, reading = list_folder(journal, folder)
    assert (reading.empty, reading.faulty) == (6, 1)
    listed = [(os.path.relpath(name, folder), reason) for name, reason in journal.costless(0)]
    assert listed == [
        ("a.txt", "empty"),
        ("b.jsonl: line 1", "empty"),
        ("b.jsonl: line 3", 'has no "text"'),
        ("c.csv: line 2", "empty"),
        ("c.csv: line 4", "empty"),
        ("d.csv", "empty"),
        ("e.parquet: row 0", "empty"),
        ("b.jsonl: line 2", "not reached"),
        ("c.csv: line 3", "not reached"),
        ("e.parquet: row 1", "not reached"),
    ]


WIDE = [
    "Plain words, and more of them.\n" * 9,
    "Слова и ещё слова.\n" * 9,
    "漢字文章　日本語。\n" * 20,
]


@pytest.mark.parametrize("text", WIDE)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_recognized_with_and_without_its_mark(tmp_path, text, encoding):
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    (problem,) = pieces_of(tmp_path / "a.txt")[1]
    name = encoding.upper().replace("16-", "16")
    wanted = f"looks like {name}, not UTF-8 text; convert it with `iconv -f {name} -t UTF-8`"
    assert wanted in str(problem)


@pytest.mark.parametrize("encoding", ["utf-32", "utf-32-le", "utf-32-be"])
def test_utf_32_is_recognized_with_and_without_its_mark(tmp_path, encoding):
    (tmp_path / "a.txt").write_bytes(WIDE[1].encode(encoding))
    (problem,) = pieces_of(tmp_path / "a.txt")[1]
    assert f"looks like {encoding.upper().replace('32-', '32')}, not" in str(problem)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1251", "koi8-r", "gbk", "shift-jis"])
def test_text_in_8_bits_is_not_taken_for_utf_16(tmp_path, encoding):
    text = {"latin-1": "Grüße, garçon. " * 40, "gbk": WIDE[2], "shift-jis": WIDE[2]}
    (tmp_path / "a.txt").write_bytes(text.get(encoding, WIDE[1] * 9).encode(encoding, "ignore"))
    (problem,) = pieces_of(tmp_path / "a.txt")[1]
    assert "(line 1) is not UTF-8" in str(problem)


@pytest.mark.parametrize(
    ("content", "name", "repair"),
    [
        (gzip.compress(b"x", mtime=0), "gzip", "unpack it with `gunzip`"),
        (b"\x28\xb5\x2f\xfd123", "zstd", "unpack it with `unzstd`"),
        (b"PK\x03\x04mimetype", "zip", "unpack it with `unzip`"),
        (b"PK\x03\x04....word/document.xml", "Word (docx)", "`pandoc -t plain`"),
        (b"PAR1....", "Parquet", "name it .parquet"),
        (b"%PDF-1.7", "PDF", "extract its text with `pdftotext`"),
    ],
)
def test_packed_files_are_named_with_what_to_do(tmp_path, content, name, repair):
    for file in ("a.txt", "a.jsonl", "a.csv"):
        (tmp_path / file).write_bytes(content)
        (problem,) = pieces_of(tmp_path / file)[1]
        assert f"looks like {name}, not UTF-8 text" in problem.wrong
        assert repair in problem.repair


TABLES = {
    "mark and quotes": b'\xef\xbb\xbf"text","id"\n"one, two",1\n"three",2\n',
    "spaces": b'"id" , "text" \n1, "one, two"\n2, "three"\n',
    "semicolons": b'id;text\n1;one, two\n2;"three"\n',
    "tabs": b"id\ttext\n1\tone, two\n2\tthree\n",
    "carriage returns": b'id,text\r1,"one, two"\r2,three\r',
    "other columns twice": b'id,text,id\n1,"one, two",1\n2,three,2\n',
}


@pytest.mark.parametrize("content", TABLES.values(), ids=TABLES.keys())
def test_tables_as_programs_write_them_are_read(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(content)
    file, pieces = pieces_of(tmp_path / "a.csv")
    assert [piece.text for piece in pieces] == ["one, two", "three"]
    again = [read_again(file, p.at, p.number, size_of(p), "text") for p in pieces[::-1]]
    assert again == ["three", "one, two"]


@pytest.mark.parametrize("end", ["\n", "\r"])
def test_long_fields_and_zero_bytes_of_a_table_are_text(tmp_path, end):
    texts = ["x" * 200_000, "a\0b", "last"]
    rows = "".join(f"{k}\t{text}{end}" for k, text in enumerate(texts))
    (tmp_path / "a.tsv").write_text(f"id\ttext{end}{rows}", newline="")
    assert [piece.text for piece in pieces_of(tmp_path / "a.tsv")[1]] == texts


def test_costs_are_of_documents_that_every_scorer_has_whole(tmp_path, journal, monkeypatch):
    monkeypatch.setattr(own_text, "PIECE_BYTES", 4)
    files, _ = list_folder(journal, write_folder(tmp_path, 3))
    one, other = journal.scorer("one"), journal.scorer("other")
    pieces = read_all(journal, one, files)
    assert len(pieces) == 6
    journal.write(one, [cost(piece) for piece in pieces])
    journal.write(other, [cost(piece, 2.0) for piece in pieces[:3]])
    found = list(journal.costs([one, other], journal.first_missing(other)))
    assert [(d.bytes, d.bits) for d in found] == [(6, (16.0, 4.0))]


def documents(seed, n, shift=0.0):
    """Documents of two models and a compressor: the second needs `shift` fewer bits a byte."""
    r = np.random.default_rng(seed)
    sizes = r.integers(50, 2000, n)
    hard = r.normal(2, 0.4, n)
    noise = r.normal(0, 0.05, (2, n))
    return [
        DocumentCost(
            name=f"d{k}",
            bytes=int(size),
            bits=(
                float(size * (hard[k] + noise[0, k])),
                float(size * (hard[k] - shift + noise[1, k])),
                float(size * 3),
            ),
            lossless=(True, True, True),
            classes=(None, None, None),
        )
        for k, size in enumerate(sizes)
    ]


def sum_up(costs, of=None):
    return summarise(costs, len(costs), of or (len(costs), 0), ["A", "B"], ["gzip"])


def test_rates_are_bits_by_bytes_with_the_documents_bootstrap():
    costs = documents(0, 200, 0.1)
    summary = sum_up(costs)
    size = sum(c.bytes for c in costs)
    assert summary.bytes == size
    assert [r.name for r in summary.rates] == ["A", "B", "gzip"]
    for k, rate in enumerate(summary.rates):
        assert rate.bits_per_byte == pytest.approx(sum(c.bits[k] for c in costs) / size)
    whole = rate_interval([c.bits[0] for c in costs], [c.bytes for c in costs], seed=3)
    streamed = summary.rates[0].interval
    width = whole.high - whole.low
    assert streamed.low == pytest.approx(whole.low, abs=0.1 * width)
    assert streamed.high == pytest.approx(whole.high, abs=0.1 * width)
    assert summary.rates[2].interval.high == pytest.approx(3)


def test_a_pair_shares_its_draws_and_is_told_in_words():
    summary = sum_up(documents(0, 200, 0.1))
    (pair,) = summary.pairs
    assert (pair.better, pair.other, pair.is_known) == ("B", "A", True)
    assert pair.interval.high - pair.interval.low < 0.05  # far narrower than either model's own
    assert pair_sentence(pair, summary).startswith("B needs ")
    assert pair_sentence(pair, summary).endswith(" fewer bits than A on your text, 200 documents.")


def test_a_pair_has_the_intervals_of_a_second_bootstrap():
    """Of the difference and of the share, the better model first: B less A, and B over A."""
    costs = documents(0, 200, 0.1)
    (pair,) = sum_up(costs).pairs
    a, b, sizes = (np.array(x) for x in zip(*((*c.bits[:2], c.bytes) for c in costs), strict=True))
    drawn = np.random.default_rng(5).integers(0, 200, (20_000, 200))
    gaps = (b - a)[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    shares = b[drawn].sum(axis=1) / a[drawn].sum(axis=1) - 1
    for interval, draws in ((pair.interval, gaps), (pair.share_interval, shares)):
        low, high = np.quantile(draws, [0.025, 0.975])
        assert interval == pytest.approx((low, high), abs=0.08 * (high - low))


@pytest.mark.slow
def test_the_interval_of_a_pair_holds_the_true_difference_as_often_as_it_says():
    held = 0
    for seed in range(100):
        (pair,) = sum_up(documents(seed, 60, 0.02)).pairs
        sign = 1 if pair.better == "B" else -1
        low, high = sorted((sign * pair.interval.low, sign * pair.interval.high))
        held += low <= -0.02 <= high
    assert 88 <= held <= 99


def test_a_tie_says_how_much_more_text_would_settle_it():
    summary = sum_up(documents(1, 60, 0.01))
    (pair,) = summary.pairs
    assert not pair.is_known
    assert pair.settling_documents > 60
    sentence = pair_sentence(pair, summary)
    assert "cannot be told apart on your text, 60 documents" in sentence
    assert "more documents like these" in sentence


def test_as_much_text_as_it_says_does_settle_a_tie_four_times_in_five():
    error, difference = 1.0, 0.7
    wanted = settling_documents(difference, error, 100)
    assert wanted == int(np.ceil(100 * (power_quantile() * error / difference) ** 2))
    r = np.random.default_rng(0)
    left = error * np.sqrt(100 / wanted)  # the standard error with that many
    drawn = r.normal(difference, left, 20000)
    assert np.mean(np.abs(drawn) > 1.96 * left) == pytest.approx(0.8, abs=0.02)
    assert settling_documents(0.0, error, 100) is None
    assert settling_documents(1e-4, error, 100) is None


def test_a_sample_widens_its_interval():
    costs = documents(0, 400, 0.1)
    whole, part = sum_up(costs), sum_up(costs[:100], (400, 400_000))
    widths = [s.rates[0].interval.high - s.rates[0].interval.low for s in (whole, part)]
    assert widths[1] / widths[0] == pytest.approx(2, rel=0.25)


def test_a_sample_says_how_it_was_chosen():
    costs = documents(0, 20, 0.1)
    extent = (400, 400_000)
    sample = Sample(7, 20, 400, 1, 10**9, ("a.csv: only its first 3 rows could be drawn",))
    named = (["A", "B"], ["gzip"])
    summary = summarise(costs, 20, extent, *named, sample=sample, unit="piece")
    size = sum(cost.bytes for cost in costs)
    assert sample_sentence(summary) == (
        "A random sample with seed 7 of 1 file of 1,000,000,000 bytes: 20 pieces (400 drawn) with "
        f"{size:,} bytes, each scored as a separate text; intervals are for other pieces of this "
        "one document; a.csv: only its first 3 rows could be drawn."
    )
    assert "on your text, 20 pieces" in pair_sentence(summary.pairs[0], summary)


def test_a_model_that_loses_text_is_compared_with_none():
    costs = [DocumentCost("d", 10, (20.0, 10.0, 30.0), (True, False, True), (None,) * 3)] * 2
    summary = sum_up(costs)
    assert summary.pairs == ()
    assert [rate.failing_bytes for rate in summary.rates] == [0, 20, 0]


def test_one_document_has_a_figure_and_no_interval():
    summary = sum_up(documents(0, 1, 0.1))
    assert [rate.interval for rate in summary.rates] == [None] * 3
    assert "one document gives no interval" in pair_sentence(summary.pairs[0], summary)
    assert with_interval(summary.rates[2].bits_per_byte, summary.rates[2].interval) == "3.0000"


def test_the_worst_and_the_best_documents_are_the_extremes():
    costs = documents(0, 50)
    summary = sum_up(costs)
    by_rate = sorted(costs, key=lambda c: c.bits[0] / c.bytes)
    assert [e.name for e in summary.worst["A"]] == [c.name for c in by_rate[::-1][:10]]
    assert [e.name for e in summary.best["A"]] == [c.name for c in by_rate[:10]]


def test_a_listed_piece_keeps_a_hash_and_no_text(tmp_path, journal):
    files, _ = list_folder(journal, write_folder(tmp_path, 1))
    (piece,) = read_all(journal, 1, files)
    assert isinstance(piece, Listed)
    assert not any(value == "text 0" for value in vars(piece).values())
    assert isinstance(next(iter(read_pieces(files[0], "text"))), Piece)


def test_the_report_is_one_file_that_asks_no_network_and_escapes_names():
    """Its template is in the package, so that it is the same outside of a repository."""
    template = files("compression_leaderboard.pages").joinpath("report.html")
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    data = declared["tool"]["setuptools"]["package-data"]
    assert "pages/*.html" in data["compression_leaderboard"]
    costs = [
        DocumentCost(f"<d{k}>", 100, (50.0 + k, 90.0 - k), (True, True), (None, None))
        for k in range(3)
    ]
    summary = summarise(costs, 3, (3, 300), ["<one>", "two"], [])
    report = Report(summary, "2026-01-02", 64, 32, "machine", "", endpoint="http://<host>")
    render = Renderer({template.name: template.read_text("utf-8")}, report.date)
    page = render_report(render, report).decode()
    assert "<one>" not in page
    assert "&lt;one&gt;" in page
    assert "&lt;d0&gt;" in page
    assert "sent to http://&lt;host&gt; and nowhere else" in page
    assert page.count("as of 2026-01-02") == page.count("<caption>") == 2 + 2 * 2
    assert not any(mark in page for mark in ("<script", "<link", "src=", "@import", "url("))
    assert page.startswith("<!doctype html>")
