"""Measure weights on a calibration text before they score anything: start, causality, format.

The text is three documents of this project (prose, a manual, code) in calibration_text. It is in
no corpus. 4,000 tokens of it are scored, evenly from the three, so that each is longer than a
window of 1,024 tokens. With a window of more than 1,333 no document has a second one, and a start
token in every window costs the same as one in the first; the first is then chosen.

Weights are loaded in float32 for this, through the same loader that takes them for scores, and
afterwards again in the number format that scores use. Converting them in memory would also round
what transformers keeps in float32, such as rotary tables. A model too large for memory in float32
runs from the disk, slowly, as the loader does with any model that is too large.

What was measured is kept in build/cache/calibration, for the same weights, window and software.
`score_text` of the Python API keeps it in the user's folder for caches.
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError

from compression_leaderboard.measure.documents import (
    Document,
    Encoded,
    IntArray,
    Window,
    cut_documents,
    put_start,
    tokenize,
)
from compression_leaderboard.measure.machine import MeasureError, Report, package_versions
from compression_leaderboard.measure.text import check_window, run_forward
from compression_leaderboard.measure.weights import (
    CACHE,
    Loaded,
    load_model,
    no_report,
    suitable_device,
    suitable_dtype,
)
from compression_leaderboard.records.base import hash_content
from compression_leaderboard.records.calibration import (
    CALIBRATION_SHA256,
    CALIBRATION_TOKENS,
    CAUSAL_TOKENS,
    FUTURE_NATS,
    Calibration,
    ModeBits,
    NumberFormat,
    Start,
    StartMode,
)
from compression_leaderboard.records.models import Checkpoint, Model
from compression_leaderboard.records.results import FORMAT
from compression_leaderboard.repository.files import write_atomically

FOLDER = CACHE / "calibration"  # below the repository
SOFTWARE = ("torch", "transformers", "tokenizers")
STRETCH_TOKENS = 50  # whose bits in two formats are one observation
CONTINUATIONS = 2  # random ends behind each place

Load = Callable[[torch.dtype], Loaded]


@dataclass(frozen=True)
class Sample:
    """The tokens of the calibration text that are scored."""

    documents: list[Document]
    tokens: list[IntArray]

    @property
    def size(self) -> int:
        return sum(map(len, self.tokens))


@dataclass(frozen=True)
class Windows:
    """The longest context in tokens that a job asks for."""

    tokens: int = 1024
    may_be_shorter: bool = False  # else a model that reads fewer tokens is refused

    def length(self, loaded: Loaded) -> int:
        """Return the window that a model gets. Raises MeasureError."""
        if not self.may_be_shorter:
            check_window(loaded, self.tokens)
        return loaded.window(self.tokens)


WIDEST = Windows(may_be_shorter=True)  # where nothing asks for another


def calibrate(
    load: Load,
    identity: str,
    cache: Path,
    report: Report,
    windows: Windows,
    dtype: torch.dtype | None = None,
    start: Start | None = None,
) -> Loaded:
    """Load a model with its calibration, in the number format that it scores in.

    identity: of the weights. cache: folder of what was measured before. dtype: scores in this
    format without a check; by default in what the machine computes fastest if that is as good as
    float32. start: of a run's last checkpoint, for an earlier one. Raises MeasureError.
    """
    fast, loaded, in_memory = dtype or suitable_dtype(), None, ""
    file = cache / f"{_key(identity, windows, fast, dtype is None, start)}.json"
    if (known := _read(file)) is None:
        loaded, in_memory = load(torch.float32), "float32"
        known, exact = _calibrate_start(loaded, windows.length(loaded), identity, start, report)
        if dtype is None and fast != torch.float32:
            loaded = None  # makes room
            loaded, in_memory = load(fast), _name(fast)
            compared = _check_format(loaded, in_memory, known, exact, report)
            known = known.model_copy(update={"number_format": compared})
        with suppress(OSError):  # the next run measures again
            write_atomically(file, known.model_dump_json(exclude_none=True).encode())
    scoring = known.dtype if dtype is None else _name(dtype)
    if loaded is None or in_memory != scoring:
        loaded = None
        loaded = load(getattr(torch, scoring))
    return replace(loaded, calibration=known)


def calibrate_checkpoint(
    model: Model,
    checkpoint: Checkpoint,
    root: Path,
    report: Report,
    windows: Windows,
    dtype: torch.dtype | None = None,
) -> Loaded:
    """Load one revision of a model with its calibration, as `calibrate` does.

    All checkpoints of a run share the start mode that its last one chooses, so that it does not
    change within the run.
    """

    def run(revision: Checkpoint, start: Start | None) -> Loaded:
        def load(number_format: torch.dtype) -> Loaded:
            return load_model(model, revision, root, number_format, report)

        place = (revision.revision, root / FOLDER)
        return calibrate(load, *place, report, windows, dtype, start)

    last, start = model.revisions()[-1], None
    if checkpoint.revision != last.revision:
        start = run(last, None).start
    return run(checkpoint, start)


def _key(
    identity: str, windows: Windows, fast: torch.dtype, is_checked: bool, start: Start | None
) -> str:
    """Hash everything that a calibration depends on."""
    chosen = start.model_dump(mode="json") if start else None
    machine = [_name(fast), is_checked, suitable_device(), package_versions(SOFTWARE)]
    asked = [windows.tokens, windows.may_be_shorter]
    return hash_content([FORMAT, identity, asked, CALIBRATION_SHA256, chosen, machine])[:40]


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _read(file: Path) -> Calibration | None:
    """Read what was measured before; None for nothing, or a damaged file."""
    try:
        return Calibration.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None


def _calibrate_start(
    loaded: Loaded, window: int, identity: str, start: Start | None, report: Report
) -> tuple[Calibration, list[NDArray[np.float64]]]:
    """Check causality and choose the start mode in float32.

    Returns the nats of every document under the chosen mode as well.
    """
    report("checking causality", 0, 1)
    sample = take_sample(loaded)
    future = check_causal(loaded, sample, window)
    if start is None:
        candidates = list_candidates(loaded, window, identity)
        start, exact = choose_start(loaded, sample, window, candidates, report)
    else:
        exact = score_sample(loaded, sample, window, start)
    calibration = Calibration(
        sha256=CALIBRATION_SHA256,
        window_tokens=window,
        tokens=sample.size,
        start=start,
        future_nats=future,
    )
    return calibration, exact


def read_texts() -> list[Document]:
    """Read the documents of the calibration text, in order of name."""
    folder = files("compression_leaderboard.measure").joinpath("calibration_text")
    texts = sorted(folder.iterdir(), key=lambda file: file.name)
    documents = [Document(file.name, file.read_bytes().decode()) for file in texts]
    content = "".join(document.text for document in documents).encode()
    if hashlib.sha256(content).hexdigest() != CALIBRATION_SHA256:
        wrong = "the calibration text is not the one that this version ships with"
        raise MeasureError("corpus", f"{wrong}; install the package again")
    return documents


def take_sample(loaded: Loaded) -> Sample:
    """Take the first tokens of each document, as evenly as their lengths allow."""
    documents = read_texts()
    tokens = [tokenize(document.text, document.name, loaded) for document in documents]
    left = CALIBRATION_TOKENS
    by_length = sorted(range(len(tokens)), key=lambda k: len(tokens[k]))
    for place, k in enumerate(by_length):
        tokens[k] = tokens[k][: left // (len(tokens) - place)]
        left -= len(tokens[k])
    return Sample(documents, tokens)


# Start mode ---------------------------------------------------------------------------------------


def list_candidates(loaded: Loaded, window: int, identity: str) -> list[Start]:
    """List every start mode that the tokenizer and the window allow, with no bits yet.

    A token that the embedding does not have is no token. In a window of one token there is no room
    for another one.
    """
    tokenizer = loaded.tokenizer
    rows = loaded.model.get_input_embeddings().weight.shape[0]
    tokens: dict[StartMode, int | None] = {"none": None}
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
    if bos is not None and 0 <= bos < rows:
        tokens["bos"] = bos
        if window > 1:
            tokens["bos-every-window"] = bos
    if eos is not None and eos != bos and 0 <= eos < rows:
        tokens["eos"] = eos
        if window > 1:
            tokens["eos-every-window"] = eos
    default = find_default(tokenizer, tokens)
    modes = tuple(ModeBits(mode=mode, bits=0.0) for mode in tokens)
    return [
        Start(
            mode=mode,
            token=None if token is None else str(tokenizer.convert_ids_to_tokens(token)),
            token_id=token,
            default=default,
            modes=modes,
            revision=identity,
        )
        for mode, token in tokens.items()
    ]


def find_default(tokenizer: Any, tokens: dict[StartMode, int | None]) -> StartMode:
    """Return the mode of what the tokenizer itself puts before a text.

    Where it puts something else than BOS or EOS, that is no mode, and the default is none.
    """
    plain = tokenizer.encode("a", add_special_tokens=False)
    whole = tokenizer.encode("a", add_special_tokens=True)
    places = (k for k in range(len(whole)) if whole[k : k + len(plain)] == plain)
    before = whole[: next(places, 0)]
    candidates: tuple[StartMode, ...] = ("bos", "eos")
    known = (mode for mode in candidates if mode in tokens and before == [tokens[mode]])
    return next(known, "none")


def choose_start(
    loaded: Loaded,
    sample: Sample,
    window: int,
    candidates: Sequence[Start],
    report: Report = no_report,
) -> tuple[Start, list[NDArray[np.float64]]]:
    """Choose the start mode, and return the nats of every document under it.

    The fewest bits win; within 0.2 % of them, the tokenizer's own default.
    """
    scored = []
    for done, candidate in enumerate(candidates):
        before, total = done * sample.size, len(candidates) * sample.size
        advance = partial(_advance, report, before, total)
        scored.append(score_sample(loaded, sample, window, candidate, advance))
    bits = [math.fsum(map(math.fsum, nats)) / math.log(2) for nats in scored]
    modes = tuple(
        ModeBits(mode=candidate.mode, bits=value)
        for candidate, value in zip(candidates, bits, strict=True)
    )
    measured = [candidate.model_copy(update={"modes": modes}) for candidate in candidates]
    best = measured[0].fewest_bits
    return next(
        (start, nats) for start, nats in zip(measured, scored, strict=True) if start.mode == best
    )


def _advance(report: Report, before: int, total: int, done: int, _: int) -> None:
    report("calibration tokens", before + done, total)


def score_sample(
    loaded: Loaded,
    sample: Sample,
    window: int,
    start: Start,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> list[NDArray[np.float64]]:
    """Return the nats of every token of the calibration text under a start mode, by document."""
    vocabulary = loaded.subject.vocabulary
    encoded = [
        put_start(start, document, tokens, vocabulary)
        for document, tokens in zip(sample.documents, sample.tokens, strict=True)
    ]
    windows = cut_documents(encoded, window, max(1, window // 2))
    passed = run_forward(loaded, encoded, windows, report=report)
    return [
        nats if start.token_id is not None else np.concatenate([[document.free_nats], nats])
        for document, nats in zip(encoded, passed.nats, strict=True)
    ]


# Causality ----------------------------------------------------------------------------------------


def check_causal(loaded: Loaded, sample: Sample, window: int) -> float:
    """Return the largest change of a cost, in nats, when only later tokens change.

    One text, and copies of it with a random end behind several places. What the model expects at
    an input must not depend on later inputs, so costs are asked of the same targets in all copies:
    a model that sees one token ahead betrays itself at the last input before the place. Raises
    MeasureError("not_causal") for a change beyond the noise of float32.
    """
    pool = np.concatenate(sample.tokens)
    text = pool[: min(window, CAUSAL_TOKENS) + 1]
    length = len(text) - 1
    generator = np.random.default_rng(0)
    places = sorted({max(1, length // 7), length // 2 + 1, length - 1} & {*range(1, length)})
    inputs = [text[:-1]]
    for place in places:
        for _ in range(CONTINUATIONS):
            end = generator.choice(pool, length - place)
            inputs.append(np.concatenate([text[:place], end]))
    copies = [
        Encoded(Document("calibration", ""), text, read, text[1:], 0.0, lossless=True, ends=None)
        for read in inputs
    ]
    windows = [Window(k, 0, length, 0) for k in range(len(copies))]
    first, *others = run_forward(loaded, copies, windows).nats
    before = [place for place in places for _ in range(CONTINUATIONS)]
    changes = [
        float(np.abs(first[:place] - nats[:place]).max())
        for place, nats in zip(before, others, strict=True)
    ]
    largest = max(changes, default=0.0)
    if largest > FUTURE_NATS:
        wrong = f"later tokens change the costs of earlier ones by up to {largest:.2g} nats"
        repair = "score a causal model: these numbers are no code length"
        raise MeasureError("not_causal", f"{wrong}; {repair}")
    return largest


# Number format ------------------------------------------------------------------------------------


def _check_format(
    loaded: Loaded,
    dtype: str,
    known: Calibration,
    exact: Sequence[NDArray[np.float64]],
    report: Report,
) -> NumberFormat | None:
    """Compare a fast format with float32; None for a model that cannot compute in it."""
    report("number format", 0, 1)
    advance = partial(report, "number format")
    sample = take_sample(loaded)
    try:
        rounded = score_sample(loaded, sample, known.window_tokens, known.start, advance)
    except MeasureError as error:
        if error.reason not in ("architecture", "nan"):  # float16 may overflow
            raise
        return None
    return compare_formats(exact, rounded, dtype)


def compare_formats(
    exact: Sequence[NDArray[np.float64]], rounded: Sequence[NDArray[np.float64]], dtype: str
) -> NumberFormat:
    """Compare the nats of the same tokens in float32 and in another format.

    Standard error of the relative difference of the sums: that of a ratio (Cochran 1977), from
    stretches of 50 tokens in both formats. Windows would be too few: there are six of 1,024 tokens.
    """
    pairs = []
    for before, after in zip(exact, rounded, strict=True):
        edges = np.arange(0, len(before), STRETCH_TOKENS)
        pairs.append(np.stack([np.add.reduceat(before, edges), np.add.reduceat(after, edges)]))
    sums = np.concatenate(pairs, axis=1)  # (2, stretches)
    total, other = sums.sum(axis=1)
    residuals = sums[1] - other / total * sums[0]
    n = sums.shape[1]
    error = math.sqrt(n / (n - 1) * float((residuals**2).sum())) / total
    return NumberFormat(
        dtype=dtype,
        bits=float(other) / math.log(2),
        float32_bits=float(total) / math.log(2),
        standard_error=error,
    )
