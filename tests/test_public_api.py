"""The public Python API, as somebody who installed the wheel uses it."""

import http.server
import json
import math
import re
import threading
from urllib.parse import quote, unquote

import compression_leaderboard
import pytest
from compression_leaderboard import Prediction, load_board, predict, score_text
from compression_leaderboard.board.board import cohorts_from_json
from compression_leaderboard.exports.release import export_files
from compression_leaderboard.fits.study import derive_board
from compression_leaderboard.intervals import Interval
from compression_leaderboard.measure import calibration
from compression_leaderboard.repository.contents import read_contents
from compression_leaderboard.repository.git import Commit
from compression_leaderboard.repository.provenance import read_provenance

from tests import ROOT
from tests.in_browser import serve
from tests.miniature import write_miniature
from tests.tiny import save_tiny, tiny_model


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The address of a site that shows this repository's board."""
    folder = tmp_path_factory.mktemp("site")
    contents = read_contents(ROOT)[0].attributed(read_provenance(ROOT))
    board = derive_board(contents, Commit("abc", "2026-11-30T00:00:00+00:00"))
    for path, content in export_files(board).items():
        if path.startswith("api/"):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
    with serve(folder) as address:
        yield address


@pytest.fixture(scope="module")
def board():
    return load_board(ROOT)


def test_a_site_gives_the_board_of_its_folder(miniature_root, miniature_files, tmp_path):
    path = "api/v1/board.json"
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_bytes(miniature_files[path])
    with serve(tmp_path) as address:
        other = load_board(address)
    assert other.to_pandas().equals(load_board(miniature_root).to_pandas())


@pytest.mark.slow
def test_a_site_gives_the_board_of_its_checkout(site, board):
    other = load_board(site)
    assert other.commit == "abc"
    assert [c.name for c in other.cohorts] == [c.name for c in board.cohorts]
    for one, same in zip(board.cohorts, other.cohorts, strict=True):
        assert same.rows == one.rows
        assert (same.compression, same.scores) == (one.compression, one.scores)
    assert other.to_pandas().equals(board.to_pandas())


def test_a_frame_has_a_row_for_every_figure(board):
    frame = board.to_pandas()
    assert len(frame) == len(list(board.figures()))
    assert set(frame["provenance"]) == {"measured", "published"}
    gemma = frame.query("model == 'google__gemma-3-270m@Q4_K_M' and quantity == 'compression'")
    assert (gemma["low"] < gemma["value"]).all()
    assert (gemma["value"] < gemma["high"]).all()


def test_a_folder_that_is_no_board_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no board; give a checkout"):
        load_board(tmp_path)


def test_a_broken_record_is_named(tmp_path):
    write_miniature(tmp_path)
    broken = next(tmp_path.glob("results/measured/*/*/*/*.json"))
    broken.write_text("{}")
    with pytest.raises(ValueError, match=broken.name):
        load_board(tmp_path)


@pytest.mark.slow
def test_predictions_come_with_intervals_from_checkout_and_site(site, board):
    cohort = board.cohort("huang-2024")
    figures = {column.name: cohort.values(column.key).mean() for column in cohort.compression}
    here, there = (predict(one, "huang-2024", figures) for one in (board, load_board(site)))
    assert here == there
    low, high = here.interval(0.95)
    assert low < here.value < high
    assert here.interval(0.8).low >= low
    assert predict(board, "huang-2024", figures, cohort.scores[0].name).benchmark != "score"


@pytest.mark.parametrize(
    ("cohort", "figures", "benchmark", "error", "words"),
    [
        ("nothing", {}, None, KeyError, "no cohort"),
        ("huang-2024", {"bpc": 0.3}, None, KeyError, "choose from"),
        ("huang-2024", {}, "none", KeyError, "no benchmark"),
        ("huang-2024", {"parameters": -1.0}, None, ValueError, "above 0"),
        ("huang-2024", {"bpc_cc": "0.6"}, None, ValueError, "bpc_cc is '0.6'; figures must be"),
        ("huang-2024", {"bpc_cc": None}, None, ValueError, "bpc_cc is None; figures must be"),
        ("huang-2024", {1: 0.6, "x": 0.6}, None, KeyError, "no figure 1, x; choose from bpc_cc"),
        ("huang-2024", {"parameters": 7e9}, None, ValueError, "too few figures"),
    ],
)
def test_questions_without_an_answer_say_why(board, cohort, figures, benchmark, error, words):
    with pytest.raises(error, match=words):
        predict(board, cohort, figures, benchmark)


def test_text_is_scored_token_by_token(tmp_path):
    save_tiny(tmp_path)
    texts = ["a few words of text\n", "and a second one, a little longer than the first\n"]
    score = score_text(tmp_path, texts, window=16, dtype="float32")
    assert score.dtype == "float32"
    assert (score.window_tokens, score.stride_tokens) == (16, 8)
    assert [d.bytes for d in score.documents] == [len(text.encode()) for text in texts]
    for document in score.documents:
        assert len(document.class_bytes) == len(score.classes) > 1
        assert math.fsum(document.class_bits) == document.bits
    bits, size = sum(d.bits for d in score.documents), sum(d.bytes for d in score.documents)
    assert score.bits_per_byte == pytest.approx(bits / size)
    alone = score_text(str(tmp_path), texts[1], window=16, dtype="float32")
    assert alone.documents[0].bits == pytest.approx(score.documents[1].bits, abs=1e-2)
    assert alone.interval is None


def test_the_calibration_of_the_same_weights_is_used_again(tmp_path, monkeypatch):
    save_tiny(tmp_path / "model")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first = score_text(tmp_path / "model", "a few words", window=16, dtype="float32")

    def refuse(*arguments):
        raise AssertionError("calibrated again")

    monkeypatch.setattr(calibration, "choose_start", refuse)
    assert score_text(tmp_path / "model", "a few words", window=16, dtype="float32") == first
    for window, dtype in ((17, "float32"), (16, "bfloat16")):
        with pytest.raises(AssertionError, match="calibrated again"):
            score_text(tmp_path / "model", "a few words", window, dtype)
    save_tiny(tmp_path / "model", model=tiny_model(seed=1))
    with pytest.raises(AssertionError, match="calibrated again"):
        score_text(tmp_path / "model", "a few words", window=16, dtype="float32")


@pytest.mark.parametrize(
    ("model", "texts", "options", "words"),
    [
        ("nowhere", "text", {}, "no folder and no file"),
        ("model", [], {}, "a text is empty"),
        ("model", ["text", ""], {}, "a text is empty"),
        ("model", "text", {"dtype": "float33"}, "is no dtype of torch"),
        ("model", "text", {"dtype": "int64"}, "is no dtype of torch; use bfloat16, float16"),
        ("model", "text", {"dtype": 5}, "is no dtype of torch"),
        ("model", "text", {"window": 0}, "a window of 0 tokens; write a whole number above 0"),
        ("model", "text", {"window": -1}, "a window of -1 tokens"),
        ("model", "text", {"window": "16"}, "a window of '16' tokens"),
        ("model", "text", {"window": 10**6}, "the model reads"),
    ],
)
def test_what_cannot_be_scored_is_named(tmp_path, model, texts, options, words):
    save_tiny(tmp_path / "model")
    place = tmp_path / model if model == "model" else model
    with pytest.raises(ValueError, match=words):
        score_text(place, texts, **options)


@pytest.mark.parametrize("texts", [b"bytes", [b"bytes"], ["text", None], [1]])
def test_texts_are_no_bytes(tmp_path, texts):
    save_tiny(tmp_path)
    with pytest.raises(TypeError, match="texts must be str"):
        score_text(tmp_path, texts)


def test_a_folder_that_no_library_reads_is_named(tmp_path):
    (tmp_path / "config.json").write_text("{")
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="is not a JSON object; restore the file"):
        score_text(tmp_path, "text")


class Broken(http.server.BaseHTTPRequestHandler):
    """A server that breaks off, or answers with what is no board."""

    def log_message(self, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path.startswith("/silent"):
            return
        answer = unquote(self.path.removeprefix("/").partition("/api/")[0]).encode()
        self.send_response(404 if answer == b"404" else 200)
        self.send_header("Content-Length", str(len(answer) + 9 * (answer == b"short")))
        self.end_headers()
        self.wfile.write(answer)


@pytest.fixture
def broken():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Broken) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("answer", ["404", "short", "silent"])
def test_a_site_that_cannot_be_read_is_named(broken, answer):
    address = f"{broken}/{answer}"
    with pytest.raises(OSError, match=f"(?i)^{address}/api/v1/board.json: cannot be read"):
        load_board(address.replace("http", "HTTP") if answer == "404" else address)


FIGURE = {"key": ["score", "a", "b"], "value": 0.5, "low": 0.4, "high": 0.6, "level": 0.9}
FIGURE |= {"unit": "fraction", "provenance": "measured", "source": "a", "stderr": None, "n": 1}


@pytest.mark.parametrize(
    "answer",
    [
        "", "[]", "null", "{}", "[" * 3000, '{"cohorts": null, "commit": "a", "commit_date": "b"}',
        json.dumps({"cohorts": [{"rows": [{"figures": [FIGURE]}]}], "commit": "a"}),
    ],
)  # fmt: skip
def test_a_site_without_a_board_is_named(broken, answer):
    with pytest.raises(ValueError, match=r"board\.json: not a board of this version"):
        load_board(f"{broken}/{quote(answer, safe='')}")


def test_an_interval_of_another_level_is_no_figure_of_ours():
    with pytest.raises(ValueError, match=r"an interval at 0\.9, not at 0\.95"):
        cohorts_from_json([{"rows": [{"figures": [FIGURE]}]}])


def test_predictions_have_intervals_of_two_levels_only(board):
    cohort = board.cohort("huang-2024")
    key = cohort.mean_score
    intervals = Interval(0.4, 0.6), Interval(0.3, 0.7)
    prediction = Prediction("a", key, 0.5, intervals, "line", "average", False)
    assert prediction.interval(0.8) == (0.4, 0.6)
    assert prediction.interval() == prediction.interval(0.95) == (0.3, 0.7)
    with pytest.raises(ValueError, match=r"no interval at 0.9; choose from 0.8, 0.95"):
        prediction.interval(0.9)


def test_the_examples_of_the_documentation_run(tmp_path, monkeypatch, capsys):
    page = (ROOT / "site" / "docs" / "python.md").read_text("utf-8")
    examples = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    save_tiny(tmp_path)
    monkeypatch.chdir(ROOT)
    names = {"model": tmp_path}
    for example in examples:
        exec(example, names)
    assert len(examples) == 4
    assert set(compression_leaderboard.__all__) - {"Board", "Prediction", "TextScore"} <= set(names)
    assert "SmolLM2" in capsys.readouterr().out


def test_the_names_of_the_api_are_exported():
    assert all(getattr(compression_leaderboard, name) for name in compression_leaderboard.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        compression_leaderboard.nothing  # noqa: B018
