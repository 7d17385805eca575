"""Bundles of records that a trusted worker signed with Ed25519, as bytes.

The first line is `leaderboard-bundle 1 <worker> <signature, 128 hex>`; all after it is the
payload, JSON. The signature covers the first line without the signature, and the payload. It is
verified before a byte of the payload is parsed, so that a stranger's bytes never reach a parser.
"""

import re
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import ValidationError

from generator.records.base import problems_of
from generator.records.bundles import Bundle
from generator.records.workers import Worker

VERSION = 1
LARGEST_BUNDLE_BYTES = 64 * 2**20  # more than a hundred of the largest records here
MARK = b"leaderboard-bundle "
FIRST_LINE = re.compile(rb"leaderboard-bundle 1 ([a-z0-9][a-z0-9._-]{0,63}) ([0-9a-f]{128})\n")
LONGEST_FIRST_LINE = 256  # bytes


class BundleError(Exception):
    """Why a bundle is not taken: one line that says what is wrong and what to do."""


def sign_bundle(bundle: Bundle, worker: str, key: Ed25519PrivateKey) -> bytes:
    """The bytes of a bundle. Raises BundleError when they are more than anyone would read."""
    payload = bundle.model_dump_json(exclude_none=True).encode()
    signature = key.sign(_covered(worker, payload)).hex()
    content = f"leaderboard-bundle {VERSION} {worker} {signature}\n".encode() + payload
    if len(content) > LARGEST_BUNDLE_BYTES:
        wrong = f"would have {len(content)} bytes, at most {LARGEST_BUNDLE_BYTES} are read"
        raise BundleError(f"{wrong}; measure the jobs in several folders, a bundle each")
    return content


def open_bundle(content: bytes, workers: Mapping[str, Worker]) -> tuple[str, Bundle]:
    """The worker that signed a bundle, and what it holds. Raises BundleError.

    workers: those of runs/workers by name.
    """
    if len(content) > LARGEST_BUNDLE_BYTES:
        wrong = f"has more than {LARGEST_BUNDLE_BYTES} bytes"
        raise BundleError(f"{wrong}; ask the worker for several smaller ones")
    name, signature, payload = _split(content)
    if name not in workers:
        known = ", ".join(sorted(workers)) or "none yet"
        wrong = f'is signed by "{name}", whose key is not in runs/workers (known: {known})'
        raise BundleError(f"{wrong}; merge the worker's key first")
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(workers[name].public_key))
    try:
        public.verify(signature, _covered(name, payload))
    except InvalidSignature:
        wrong = f'the signature is not that of "{name}" over these bytes'
        raise BundleError(f"{wrong}; ask the worker for the file again") from None
    try:
        return name, Bundle.model_validate_json(payload)
    except ValidationError as error:
        wrongs = " | ".join(map(str, problems_of(error, "payload", Bundle)[:3]))
        raise BundleError(f"is signed, but holds no records: {wrongs}") from None


def _split(content: bytes) -> tuple[str, bytes, bytes]:
    """Name of the worker, signature and payload, none of which is trusted yet."""
    line = content[:LONGEST_FIRST_LINE].partition(b"\n")[0] + b"\n"
    if found := FIRST_LINE.fullmatch(line):
        return found[1].decode(), bytes.fromhex(found[2].decode()), content[len(line) :]
    version = line.removeprefix(MARK).partition(b" ")[0]
    if line.startswith(MARK) and version.isdigit() and version != str(VERSION).encode():
        wrong = f"is of version {version.decode()[:9]}, and only version {VERSION} is read"
        raise BundleError(f"{wrong}; sign it with this version of leaderboard")
    raise BundleError("is not a bundle; give a file that `leaderboard bundle` wrote")


def _covered(worker: str, payload: bytes) -> bytes:
    """What a signature covers."""
    return f"leaderboard-bundle {VERSION} {worker}\n".encode() + payload
