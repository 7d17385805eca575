"""The machine that measures, and the error that says why a job failed. Imports nothing heavy."""

import contextlib
import errno
import importlib.metadata
import logging
import os
import platform
import resource
import sys
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from compression_leaderboard.plan.jobs import Machine
from compression_leaderboard.records.base import UserError
from compression_leaderboard.records.results import Environment, Reason

HUB = "https://huggingface.co"
MODEL_PACKAGES = (
    *("torch", "transformers", "tokenizers", "lm-eval", "datasets", "numpy", "gguf"),
    "regex",  # whose version of Unicode names the scripts
)
PROOF_PACKAGES = ("constriction", "torch", "transformers", "tokenizers", "numpy", "gguf")
COMPRESSOR_PACKAGES = ("zstandard", "brotli", "pyppmd")
CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")

Report = Callable[[str, int, int], None]  # stage, done, total


def mirror_address() -> str | None:
    """Return what HF_ENDPOINT names instead of the Hub; None where the Hub itself is asked."""
    address = os.environ.get("HF_ENDPOINT", "").rstrip("/")
    return address if address not in ("", HUB) else None


class MeasureError(UserError):
    """A job failed for a reason that its error record names; see Reason in records/results.py."""

    def __init__(self, reason: Reason, message: str):
        super().__init__([message])
        self.reason: Reason = reason
        self.message = message

    def __reduce__(self) -> tuple[Any, ...]:  # it comes from other processes
        return MeasureError, (self.reason, self.message)


def is_disk_full(error: BaseException) -> bool:
    """Tell whether a file could not be written for lack of room."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def silence_libraries() -> None:
    """Keep the libraries' chatter off the terminal: stderr is for our progress."""
    import datasets
    from transformers.utils import logging as transformers_logging

    warnings.filterwarnings("ignore")
    for name in ("transformers", "lm_eval", "lm-eval", "datasets", "huggingface_hub"):
        logging.getLogger(name).setLevel(logging.ERROR)
    chatter: Any = transformers_logging
    chatter.set_verbosity_error()
    chatter.disable_progress_bar()
    datasets.disable_progress_bars()


def read_machine(memory_bytes: int | None = None) -> Machine:
    """Describe what a run may use here. memory_bytes: a limit that the user sets."""
    names = {*MODEL_PACKAGES, *PROOF_PACKAGES, *COMPRESSOR_PACKAGES}
    return Machine(
        device="cuda" if Path("/dev/nvidiactl").exists() else "cpu",
        memory_bytes=memory_bytes or machine_memory(),
        packages=package_versions(sorted(names)),
    )


def machine_memory() -> int:
    """Return the bytes of memory of this machine, or of the container around us if that is less."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for file in CGROUP_LIMITS:
        try:
            text = Path(file).read_text("ascii").strip()
        except OSError:
            continue
        if text.isdigit():
            memory = min(memory, int(text))
    return memory


def package_versions(names: Iterable[str]) -> dict[str, str]:
    """Return the versions of the packages that are installed."""
    versions = {}
    for name in names:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


def describe_environment(
    device: str, dtype: str | None, threads: int, packages: Iterable[str], wall_seconds: float
) -> Environment:
    """Describe the environment of a job that just ended, with the process's peak memory so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Environment(
        packages=package_versions(packages),
        python=platform.python_version(),
        machine=platform.machine(),
        processor=_processor(),
        device=device,
        dtype=dtype,
        threads=threads,
        wall_seconds=round(wall_seconds, 3),
        peak_memory_bytes=peak if sys.platform == "darwin" else peak * 1024,
        memory_bytes=machine_memory(),
    )


def _processor() -> str:
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as stream:
        for line in stream:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"
