"""What the figures were measured with, and quiet libraries."""

import importlib.metadata
import logging
import platform
import resource
import sys
import warnings
from collections.abc import Iterable
from typing import Any

import datasets
from transformers.utils import logging as transformers_logging

from generator.records.results import Environment

MODEL_PACKAGES = ("torch", "transformers", "tokenizers", "lm-eval", "datasets", "numpy", "gguf")
PROOF_PACKAGES = ("constriction", "torch", "transformers", "tokenizers", "numpy", "gguf")
COMPRESSOR_PACKAGES = ("zstandard", "brotli", "pyppmd")


def silence_libraries() -> None:
    """Keep the libraries' chatter off the terminal: stderr is for our progress."""
    warnings.filterwarnings("ignore")
    for name in ("transformers", "lm_eval", "lm-eval", "datasets", "huggingface_hub"):
        logging.getLogger(name).setLevel(logging.ERROR)
    chatter: Any = transformers_logging
    chatter.set_verbosity_error()
    chatter.disable_progress_bar()
    datasets.disable_progress_bars()


def describe_environment(
    device: str, dtype: str | None, threads: int, packages: Iterable[str], wall_seconds: float
) -> Environment:
    """The environment of a job that just ended. Peak memory is that of the process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Environment(
        packages={name: version for name in packages if (version := _version(name))},
        python=platform.python_version(),
        machine=platform.machine(),
        processor=_processor(),
        device=device,
        dtype=dtype,
        threads=threads,
        wall_seconds=round(wall_seconds, 3),
        peak_memory_bytes=peak if sys.platform == "darwin" else peak * 1024,
    )


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as stream:
            for line in stream:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"
