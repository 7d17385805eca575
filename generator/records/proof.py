"""The proof that a model's bits are real: a text compressed to a file and read back."""

from typing import Literal

from pydantic import Field

from generator.records.base import Record


class Proof(Record):
    """A sample of a corpus that an arithmetic coder, driven by the model, gave back unchanged.

    Forward passes in float32, one token at a time, with as many threads as the environment says.
    """

    sample_bytes: int = Field(gt=0)  # of raw UTF-8 text
    sample_sha256: str
    tokens: int = Field(gt=0)
    start_token: Literal["bos", "eos", "uniform"]
    block_tokens: int = Field(gt=0)  # each block of so many tokens begins without context
    compressed_bytes: int = Field(gt=0)  # the coder's words, without the header
    header_bytes: int = Field(gt=0)  # what the decoder is told: model, lengths, hashes
    bits_ideal: float  # −log2 p of every token under the softmax
    bits_quantised: float  # the same under the coder's whole-numbered weights
    precision_bits: int = Field(gt=0)  # the weights of a distribution sum to 2 to this power
    encode_seconds: float
    decode_seconds: float  # in the fresh process, without loading the model
    equal: Literal[True]  # byte for byte; a sample that differed is an error record
