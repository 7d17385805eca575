"""What is measured of weights before they score a text: start mode, causality, number format.

All three are measured on a calibration text that ships with the package and is in no corpus.
"""

import math
from typing import Literal, Self

from pydantic import Field, model_validator

from compression_leaderboard.records.base import (
    Amount,
    Count,
    Line,
    Positive,
    Record,
    Sha256,
    refuse,
)

# Of the files in measure/calibration_text, joined in order of their names.
CALIBRATION_SHA256 = "ec822d9d8a66a4bbe953bf8da730eed76b4babf7c79c094108c408c16ecd2efb"
CALIBRATION_TOKENS = 4000  # scored under every start mode and in both number formats
CALIBRATION_DOCUMENTS = 3  # that they come from, evenly
CAUSAL_TOKENS = 512  # of the text whose end is replaced, at most
CAUSAL_COPIES = 7  # of it: as it is, and with two random ends behind each of three places
DEFAULT_MARGIN = 0.002  # the tokenizer's own default wins within this share of the fewest bits
FORMAT_MARGIN = 0.001  # a fast format may move bits by this share, with its uncertainty
FUTURE_NATS = 1e-4  # that float32 may move a cost by; of models of today it moves none
FORMAT_ERRORS = 2  # standard errors that count as the uncertainty

# What stands before a window: nothing, BOS or EOS; in the first window of a document only, or in
# every window.
StartMode = Literal["none", "bos", "bos-every-window", "eos", "eos-every-window"]


class ModeBits(Record):
    """Bits of the calibration text under one start mode, in float32, without the code's header."""

    mode: StartMode
    bits: Amount


class Start(Record):
    """The start mode of weights at one window length: fewest bits on the calibration text.

    Within 0.2 % of the fewest, the tokenizer's own default wins. A decoder must be told the mode,
    so log2(number of modes) bits are added to every document.
    """

    mode: StartMode
    token: Line | None = None  # as the tokenizer spells it; None under the mode "none"
    token_id: Count | None = None
    default: StartMode  # what the tokenizer itself puts before a text
    modes: tuple[ModeBits, ...] = Field(min_length=1)  # all that the tokenizer allows
    revision: Line  # of the weights that chose it: the last checkpoint of a training run

    @model_validator(mode="after")
    def _is_one_of_its_modes(self) -> Self:
        names = [entry.mode for entry in self.modes]
        if len(set(names)) != len(names):
            raise refuse("has a mode twice", "measure again", "modes")
        for name in ("mode", "default"):
            if getattr(self, name) not in names:
                raise refuse(f"{getattr(self, name)} is none of its modes", "measure again", name)
        if (self.mode == "none") != (self.token_id is None):
            raise refuse(f"does not go with the mode {self.mode}", "measure again", "token_id")
        return self

    @property
    def is_in_every_window(self) -> bool:
        return self.mode.endswith("-every-window")

    @property
    def header_bits(self) -> float:
        """Bits by which a decoder learns the mode, once per document."""
        return math.log2(len(self.modes))

    def bits_under(self, mode: StartMode) -> float:
        """Return the bits of the calibration text under one of the modes."""
        return next(entry.bits for entry in self.modes if entry.mode == mode)

    @property
    def fewest_bits(self) -> StartMode:
        """The mode that the rule chooses from the bits."""
        best = min(self.modes, key=lambda entry: entry.bits)
        allowed = best.bits * (1 + DEFAULT_MARGIN)
        return self.default if self.bits_under(self.default) <= allowed else best.mode


class NumberFormat(Record):
    """The calibration text in the format that the machine computes fastest, and in float32."""

    dtype: Line  # the fast format
    bits: Amount
    float32_bits: Amount
    standard_error: Amount  # of `difference`

    @property
    def difference(self) -> float:
        """Share by which the fast format has more bits than float32."""
        return self.bits / self.float32_bits - 1 if self.float32_bits else 0.0

    @property
    def is_close(self) -> bool:
        """Whether texts are scored in the fast format."""
        return abs(self.difference) + FORMAT_ERRORS * self.standard_error <= FORMAT_MARGIN


class Calibration(Record):
    """What was measured on the calibration text before the first text was scored."""

    sha256: Sha256  # of the calibration text
    window_tokens: Positive  # windows advance by half of it
    tokens: Positive  # of the calibration text that were scored
    start: Start
    future_nats: Amount  # largest change of a cost when only later tokens change
    # None where float32 is the fastest, or the only one that the model computes in.
    number_format: NumberFormat | None = None

    @property
    def dtype(self) -> str:
        """The number format that texts are scored in."""
        fast = self.number_format
        return fast.dtype if fast is not None and fast.is_close else "float32"
