"""Where in the raw bytes of a text each token ends.

Tokens of a byte-level vocabulary are spelled with one letter a byte, so their lengths are known.
Of others the tokenizer says which characters they cover; a token that ends inside a character is
taken to end before it. A tokenizer that says neither (a slow one) has no byte positions.
"""

from itertools import accumulate
from typing import Any

import numpy as np

from generator.measure.labels import IntArray


def _byte_letters() -> dict[str, int]:
    """The letter that stands for each byte in byte-level vocabularies (that of GPT-2).

    Printable characters of Latin-1 stand for themselves, the other bytes for those from 256 on.
    """
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + k): b for k, b in enumerate(others)}


BYTE_OF_LETTER = _byte_letters()


def find_token_ends(text: str, tokens: IntArray, tokenizer: Any) -> IntArray | None:
    """Number of bytes of the text up to the end of each token, (tokens,); None if not known."""
    ends = _spelled_ends(text, tokens, tokenizer)
    return _covered_ends(text, tokens, tokenizer) if ends is None else ends


def _spelled_ends(text: str, tokens: IntArray, tokenizer: Any) -> IntArray | None:
    """Ends by the spelling of byte-level tokens; None unless they spell this very text.

    That their lengths add up would not do: a letter of two bytes makes up for a space put in front.
    """
    added = tokenizer.get_added_vocab()  # spelled as they are, not letter by letter
    spelled = []
    for token in tokenizer.convert_ids_to_tokens(tokens.tolist()):
        if token in added:
            spelled.append(token.encode())
        elif token is None or not set(token) <= BYTE_OF_LETTER.keys():
            return None
        else:
            spelled.append(bytes(BYTE_OF_LETTER[letter] for letter in token))
    if b"".join(spelled) != text.encode():
        return None
    return np.cumsum([len(content) for content in spelled], dtype=np.int64)


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
