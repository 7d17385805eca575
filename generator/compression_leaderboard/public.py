"""The public Python API: load a board, score text, predict a score.

    from compression_leaderboard import load_board, predict, score_text

Names that `compression_leaderboard` exports stay; what is imported from its modules may change.
"""

import json
import os
import tempfile
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from numbers import Real
from pathlib import Path

from compression_leaderboard.board.board import Board, cohorts_from_json, make_board
from compression_leaderboard.board.figures import benchmark_id
from compression_leaderboard.fits.evaluation import Prediction
from compression_leaderboard.fits.predict import ASKED, figure_keys, predict_model, with_figures
from compression_leaderboard.intervals import Interval, rate_interval
from compression_leaderboard.records.byte_classes import ByteClass
from compression_leaderboard.records.calibration import Start
from compression_leaderboard.records.results import DocumentBits
from compression_leaderboard.repository.contents import read_contents
from compression_leaderboard.repository.git import current_commit
from compression_leaderboard.repository.provenance import read_provenance

BOARD_FILE = "api/v1/board.json"
TIMEOUT_SECONDS = 60
DTYPES = ("bfloat16", "float16", "float32", "float64")


@dataclass(frozen=True)
class TextScore:
    """Bits per byte of texts under one model (lower is better), and what they sum over."""

    bits_per_byte: float
    interval: Interval | None  # 95 %, documents resampled; None for fewer than two
    documents: Sequence[DocumentBits]  # in the order of the texts
    failing_bytes: int  # in texts that the tokenizer does not give back: not comparable if above 0
    model: str  # identity of weights and tokenizer
    dtype: str
    window_tokens: int
    stride_tokens: int
    classes: Sequence[ByteClass]  # of the documents' class_bytes and class_bits; empty: unknown
    start: Start  # what stands before a window, with the bits of the calibration text under each


def load_board(place: str | Path) -> Board:
    """Load a board from a checkout, the folder of a release, or the address of a site.

    Raises OSError when the place cannot be reached and ValueError when it is no board.
    """
    if str(place).lower().startswith(("http://", "https://")):
        return _load_site(str(place))
    root = Path(place)
    if not (root / "results").is_dir():
        raise ValueError(f"{root}: no board; give a checkout, a release's folder or a site")
    contents, problems = read_contents(root)
    if problems:
        raise ValueError("\n".join(str(problem) for problem in problems))
    contents = contents.attributed(read_provenance(root))
    return make_board(contents, current_commit(root))


def _load_site(address: str) -> Board:
    file = f"{address.rstrip('/')}/{BOARD_FILE}"
    try:
        with urllib.request.urlopen(file, timeout=TIMEOUT_SECONDS) as answer:
            content = answer.read()
    except (OSError, HTTPException) as error:
        raise OSError(f"{file}: cannot be read ({error})") from error
    try:
        values = json.loads(content)
        cohorts = cohorts_from_json(values["cohorts"])
        return Board(cohorts=cohorts, commit=values["commit"], commit_date=values["commit_date"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{file}: not a board of this version ({error})") from error


def score_text(
    model: str | Path,
    texts: str | Iterable[str],
    window: int | None = None,
    dtype: str | None = None,
) -> TextScore:
    """Score texts with a model: every token once, in windows that advance by half their length.

    model: a folder with safetensors, a GGUF file, or org/name@commit on the Hugging Face Hub.
    window: the longest context in tokens; by default 1,024, or what the model reads if fewer.
    dtype: such as "float32"; by default what this machine computes fastest, if it changes bits by
    less than 0.1 %.

    What stands before a window is chosen on a calibration text first, which takes as long as 20,000
    tokens of text. That is kept in ~/.cache/compression-leaderboard, or in that folder of
    XDG_CACHE_HOME, for the same weights, window and software.

    Needs the extra `[measure]`. Raises ValueError for a model that cannot be named or loaded, and
    for texts without a byte.
    """
    import torch

    from compression_leaderboard.measure.calibration import WIDEST, Windows, calibrate
    from compression_leaderboard.measure.documents import Document
    from compression_leaderboard.measure.machine import MeasureError
    from compression_leaderboard.measure.text import score_documents
    from compression_leaderboard.measure.weights import (
        identify_reference,
        load_reference,
        no_report,
        resolve_reference,
    )

    documents = [texts] if isinstance(texts, str) else list(texts)
    if not all(isinstance(document, str) for document in documents):
        raise TypeError("score_text: texts must be str; decode bytes first")
    if not documents or not all(documents):
        raise ValueError("score_text: a text is empty; leave it out")
    if window is not None and not (isinstance(window, int) and window > 0):
        raise ValueError(f"score_text: a window of {window!r} tokens; write a whole number above 0")
    reference = resolve_reference(str(model), {})
    if isinstance(reference, str):
        raise ValueError(reference.removeprefix("--model "))
    if dtype is not None and dtype not in DTYPES:
        raise ValueError(f'score_text: "{dtype}" is no dtype of torch; use {", ".join(DTYPES)}')
    try:
        with tempfile.TemporaryDirectory(prefix="leaderboard-") as cache:
            number_format = None if dtype is None else getattr(torch, dtype)
            root = Path(cache)
            identity, load = identify_reference(reference), partial(load_reference, reference, root)
            windows = WIDEST if window is None else Windows(window)
            known = _user_cache() / "calibration"
            loaded = calibrate(load, identity, known, no_report, windows, number_format)
        length = windows.length(loaded)
        stride = max(1, length // 2)
        named = [Document(f"text {k}", text) for k, text in enumerate(documents, start=1)]
        lossless = score_documents(loaded, named, length, stride)
    except MeasureError as error:
        wrong = error.message.removeprefix(f"{model}: ")  # loading names it already
        raise ValueError(f"{model}: {wrong}") from error
    sizes = [document.bytes for document in lossless.documents]
    return TextScore(
        bits_per_byte=lossless.bits_per_byte,
        interval=rate_interval([d.bits for d in lossless.documents], sizes),
        documents=lossless.documents,
        failing_bytes=lossless.failing_bytes,
        model=identity,
        dtype=loaded.dtype,
        window_tokens=length,
        stride_tokens=stride,
        classes=lossless.classes or (),
        start=loaded.start,
    )


def _user_cache() -> Path:
    """Return the folder for what a later call need not compute again; it may be deleted."""
    place = os.environ.get("XDG_CACHE_HOME", "")
    folder = Path(place) if Path(place).is_absolute() else Path.home() / ".cache"
    return folder / "compression-leaderboard"


def predict(
    board: Board, cohort: str, figures: Mapping[str, float], benchmark: str | None = None
) -> Prediction:
    """Predict a score, a fraction, from figures of compression and size.

    figures: the cohort's texts by name, and `parameters` and `training_flop` where they are known.
    benchmark: a score's name; by default the mean over the cohort's benchmarks.

    Raises KeyError for an unknown cohort, text or benchmark, and ValueError when the cohort has
    not enough evidence or the figures do not suffice.
    """
    chosen = board.cohort(cohort)
    keys = figure_keys(chosen)
    if unknown := sorted(str(name) for name in set(figures) - set(keys)):
        raise KeyError(f"no figure {', '.join(unknown)}; choose from {', '.join(keys)}")
    for name, value in figures.items():
        if not (isinstance(value, Real) and 0 < value < float("inf")):
            raise ValueError(f"predict: {name} is {value!r}; figures must be numbers above 0")
    names = {column.name: column.key for column in chosen.scores}
    if benchmark is not None and benchmark not in names:
        raise KeyError(f'no benchmark "{benchmark}"; choose from {", ".join(names)}')
    key = chosen.mean_score if benchmark is None else names[benchmark]
    question = with_figures(chosen, {keys[name]: value for name, value in figures.items()})
    answers, shortages = predict_model(question, ASKED, benchmark_id(key))
    if not answers:
        reason = shortages.get(benchmark_id(key), "the cohort has one benchmark: name it")
        raise ValueError(f"{cohort}: {reason}")
    return answers[0].prediction
