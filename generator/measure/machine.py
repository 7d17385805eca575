"""The machine, as records describe it. Imports nothing heavy: the driver asks as well."""

import importlib.metadata
import os
import platform
import resource
import sys
from collections.abc import Iterable
from pathlib import Path

from generator.plan import Machine
from generator.records.results import Environment

MODEL_PACKAGES = ("torch", "transformers", "tokenizers", "lm-eval", "datasets", "numpy", "gguf")
PROOF_PACKAGES = ("constriction", "torch", "transformers", "tokenizers", "numpy", "gguf")
COMPRESSOR_PACKAGES = ("zstandard", "brotli", "pyppmd")
CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def read_machine(memory_bytes: int | None = None) -> Machine:
    """What a run may use here. memory_bytes: a limit that the user sets."""
    names = {*MODEL_PACKAGES, *PROOF_PACKAGES, *COMPRESSOR_PACKAGES}
    return Machine(
        device="cuda" if Path("/dev/nvidiactl").exists() else "cpu",
        memory_bytes=memory_bytes or machine_memory(),
        packages=package_versions(sorted(names)),
    )


def machine_memory() -> int:
    """Bytes of memory of this machine, or of the container around us if that is less."""
    found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for file in CGROUP_LIMITS:
        try:
            text = Path(file).read_text("ascii").strip()
        except OSError:
            continue
        if text.isdigit():
            found = min(found, int(text))
    return found


def package_versions(names: Iterable[str]) -> dict[str, str]:
    return {name: version for name in names if (version := _version(name))}


def describe_environment(
    device: str, dtype: str | None, threads: int, packages: Iterable[str], wall_seconds: float
) -> Environment:
    """The environment of a job that just ended. Peak memory is that of the process so far."""
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
