"""Where in the raw bytes of a text each token ends.

Tokens of a byte-level vocabulary are spelled with one letter a byte, so their lengths are known.
Of others the tokenizer says which characters they cover; a token that ends inside a character is
taken to end before it. A tokenizer that says neither (a slow one) has no byte positions.
"""

from itertools import accumulate
from typing import Any

import numpy as np

from generator.measure.labels import IntArray


def find_token_ends(text: str, tokens: IntArray, tokenizer: Any) -> IntArray | None:
    """Number of bytes of the text up to the end of each token, (tokens,); None if not known."""
    ends = _spelled_ends(tokens, tokenizer)
    if ends is None or len(ends) == 0 or ends[-1] != len(text.encode()):
        ends = _covered_ends(text, tokens, tokenizer)
    return ends


def _spelled_ends(tokens: IntArray, tokenizer: Any) -> IntArray | None:
    """Ends by the spelling of byte-level tokens: a letter a byte."""
    spelled = tokenizer.convert_ids_to_tokens(tokens.tolist())
    if any(token is None for token in spelled):
        return None
    return np.cumsum([len(token) for token in spelled], dtype=np.int64)


def _covered_ends(text: str, tokens: IntArray, tokenizer: Any) -> IntArray | None:
    """Ends by the characters that the tokens cover."""
    if not tokenizer.is_fast:
        return None
    found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    if found["input_ids"] != tokens.tolist():
        return None
    stops = [stop for _, stop in found["offset_mapping"]]
    starts = [start for start, _ in found["offset_mapping"]]
    before = list(accumulate((len(char.encode()) for char in text), initial=0))
    ends = np.array([before[stop] for stop in stops], dtype=np.int64)
    for index in range(len(ends) - 1):  # several tokens share a character: the last one ends it
        if starts[index + 1] < stops[index]:
            ends[index] = before[starts[index + 1]]
    if len(ends) == 0 or ends[-1] != len(text.encode()):
        return None
    return np.maximum.accumulate(ends)
