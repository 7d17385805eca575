"""Compress a corpus with the classical compressors: all of it as one stream, and each document.

Sizes are those of the format that the compressor's own program writes: gzip (no file name, no
time), bzip2, xz with CRC64, a zstd frame with its content size and without a checksum, a brotli
stream. PPMd var.H has no file format: its bare stream is counted, and the decoder gets order,
memory and length.
"""

import bz2
import gzip
import lzma
import platform
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import brotli
import pyppmd
import zstandard

from compression_leaderboard.measure.documents import Document
from compression_leaderboard.measure.machine import MeasureError, Report
from compression_leaderboard.records.results import (
    CLASSICAL,
    ClassicalSizes,
    CompressedText,
    Compressor,
    DocumentSize,
)

Settings = Mapping[str, int]
MIB = 1 << 20
XZ_SMALLEST, XZ_LARGEST = 1 << 12, 1 << 26  # dictionaries: the format's least, and preset 9's


@dataclass(frozen=True)
class Codec:
    """Both directions of a compressor; decompressing gets the length of the original."""

    version: str
    compress: Callable[[bytes, Settings], bytes]
    decompress: Callable[[bytes, Settings, int], bytes]


def _xz(content: bytes, settings: Settings) -> bytes:
    """Compress with a dictionary no larger than the content: the same size in less time."""
    preset = settings["preset"] | (lzma.PRESET_EXTREME if settings["extreme"] else 0)
    dictionary = min(max(XZ_SMALLEST, 1 << len(content).bit_length()), XZ_LARGEST)
    chain = [{"id": lzma.FILTER_LZMA2, "preset": preset, "dict_size": dictionary}]
    return lzma.compress(content, format=lzma.FORMAT_XZ, filters=chain)


def _zstd(content: bytes, settings: Settings) -> bytes:
    parameters = zstandard.ZstdCompressionParameters.from_level(
        settings["level"],
        window_log=settings["window_log"],
        enable_ldm=bool(settings["long_distance_matching"]),
    )
    return zstandard.ZstdCompressor(compression_params=parameters).compress(content)


def _ppmd(content: bytes, settings: Settings) -> bytes:
    encoder = pyppmd.Ppmd7Encoder(settings["order"], settings["memory_mib"] * MIB)
    packed: bytes = encoder.encode(content) + encoder.flush()
    return packed


PYTHON = f"Python {platform.python_version()}"
ZSTD = ".".join(map(str, zstandard.ZSTD_VERSION))
CODECS = {
    "gzip": Codec(
        f"{PYTHON}, zlib {zlib.ZLIB_RUNTIME_VERSION}",
        lambda c, s: gzip.compress(c, s["level"], mtime=0),
        lambda c, s, n: gzip.decompress(c),
    ),
    "bzip2": Codec(
        PYTHON, lambda c, s: bz2.compress(c, s["level"]), lambda c, s, n: bz2.decompress(c)
    ),
    "xz": Codec(PYTHON, _xz, lambda c, s, n: lzma.decompress(c)),
    "zstd": Codec(
        f"zstandard {zstandard.__version__}, zstd {ZSTD}",
        _zstd,
        lambda c, s, n: zstandard.ZstdDecompressor().decompress(c),
    ),
    "brotli": Codec(
        f"brotli {brotli.__version__}",
        lambda c, s: brotli.compress(c, quality=s["quality"], lgwin=s["window_log"]),
        lambda c, s, n: brotli.decompress(c),
    ),
    "PPMd var.H": Codec(
        f"pyppmd {pyppmd.__version__}",
        _ppmd,
        lambda c, s, n: pyppmd.Ppmd7Decoder(s["order"], s["memory_mib"] * MIB).decode(c, n),
    ),
}


def compress_corpus(documents: Sequence[Document], report: Report) -> ClassicalSizes:
    """Compress with every compressor. `report(stage, done, total)` shows progress.

    Raises MeasureError("round_trip") when a compressor does not give the bytes back.
    """
    contents = [document.text.encode() for document in documents]
    compressed = []
    for done, compressor in enumerate(CLASSICAL.compressors):
        report("compressors", done, len(CLASSICAL.compressors))
        compressed.append(
            CompressedText(
                name=compressor.name,
                settings=compressor.settings,
                version=CODECS[compressor.name].version,
                whole_bytes=compressed_size(b"".join(contents), compressor),
                document_bytes=tuple(compressed_size(c, compressor) for c in contents),
            )
        )
    sizes = [
        DocumentSize(document=document.name, bytes=len(content))
        for document, content in zip(documents, contents, strict=True)
    ]
    return ClassicalSizes(documents=tuple(sizes), compressed=tuple(compressed))


def compressed_size(content: bytes, compressor: Compressor) -> int:
    """Return the compressed size of `content`, once it has been read back."""
    codec = CODECS[compressor.name]
    packed = codec.compress(content, compressor.settings)
    if codec.decompress(packed, compressor.settings, len(content)) != content:
        wrong = f"{compressor.name} ({codec.version}) does not give {len(content)} bytes back"
        raise MeasureError("round_trip", f"{wrong}; install another version of it")
    return len(packed)
