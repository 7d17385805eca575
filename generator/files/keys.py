"""The private key of a worker: a file that only its owner can read, and that is never replaced."""

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from generator.records.base import Problem, UserError

LARGEST_KEY_BYTES = 4096


def write_key(path: Path) -> str:
    """Make a key, write it to a new file with mode 0600, and return its public part in hex.

    Raises UserError where the file exists or cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        repair = "a key is never replaced: name another file"
        raise UserError([Problem(str(path), "", "is there already", repair)]) from None
    except OSError as error:
        wrong = f"cannot be written: {error.strerror}"
        raise UserError([Problem(str(path), "", wrong, "name another file")]) from error
    with os.fdopen(handle, "wb") as stream:
        stream.write(pem)
    return public_part(key)


def read_key(path: Path) -> Ed25519PrivateKey:
    """The key of a file. Raises UserError where it is none, or where others can read it."""
    repair = "give the file that `leaderboard worker-key` made"
    try:
        mode = path.stat().st_mode
        with path.open("rb") as stream:
            content = stream.read(LARGEST_KEY_BYTES)
        key = load_pem_private_key(content, password=None)
    except OSError as error:
        wrong = f"cannot be read: {error.strerror}"
        raise UserError([Problem(str(path), "", wrong, repair)]) from error
    except (ValueError, TypeError) as error:
        raise UserError([Problem(str(path), "", "is not a private key", repair)]) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UserError([Problem(str(path), "", "is not a key of Ed25519", repair)])
    if mode & 0o077:
        wrong = "can be read by others"
        raise UserError([Problem(str(path), "", wrong, f"run `chmod 600 {path}`")])
    return key


def public_part(key: Ed25519PrivateKey) -> str:
    """The public key in hex, as it stands in runs/workers."""
    return key.public_key().public_bytes_raw().hex()
