"""Claims on jobs, so that two runs on one results folder never do the same one.

A claim is a lock on an empty file under build/claims: it ends with the process that holds it,
however that ends, so a killed run leaves nothing that has to be cleaned up.
"""

import fcntl
import hashlib
import os
from pathlib import Path


class Claims:
    """The claims of this process on the jobs of one results folder."""

    def __init__(self, root: Path, folder: Path):
        name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]
        self._folder = root / "build" / "claims" / name
        self._held: dict[str, int] = {}

    def take(self, job: str) -> bool:
        """Claim a job; False when another process has it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / hashlib.sha256(job.encode()).hexdigest()[:24]
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        self._held[job] = handle
        return True

    def release(self, job: str) -> None:
        os.close(self._held.pop(job))
