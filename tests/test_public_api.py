"""The public Python API, as somebody who installed the wheel uses it."""

import re

import compression_leaderboard
import pytest
from compression_leaderboard import load_board, predict, score_text
from compression_leaderboard.exports.release import export_files
from compression_leaderboard.fits.study import derive_board
from compression_leaderboard.repository.contents import read_contents
from compression_leaderboard.repository.git import Commit

from tests import ROOT
from tests.in_browser import serve
from tests.miniature import write_miniature
from tests.tiny import save_tiny


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The address of a site that shows this repository's board."""
    folder = tmp_path_factory.mktemp("site")
    board = derive_board(read_contents(ROOT)[0], Commit("abc", "2026-11-30T00:00:00+00:00"))
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
    bits, size = sum(d.bits for d in score.documents), sum(d.bytes for d in score.documents)
    assert score.bits_per_byte == pytest.approx(bits / size)
    alone = score_text(str(tmp_path), texts[1], window=16, dtype="float32")
    assert alone.documents[0].bits == pytest.approx(score.documents[1].bits, abs=1e-2)
    assert alone.interval is None


@pytest.mark.parametrize(
    ("model", "texts", "options", "words"),
    [
        ("nowhere", "text", {}, "no folder and no file"),
        ("model", [], {}, "a text is empty"),
        ("model", ["text", ""], {}, "a text is empty"),
        ("model", "text", {"dtype": "float33"}, "no dtype of torch"),
        ("model", "text", {"window": 10**6}, "the model reads"),
    ],
)
def test_what_cannot_be_scored_is_named(tmp_path, model, texts, options, words):
    save_tiny(tmp_path / "model")
    place = tmp_path / model if model == "model" else model
    with pytest.raises(ValueError, match=words):
        score_text(place, texts, **options)


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
