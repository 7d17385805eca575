"""Identifiers: model ids, revisions, and the checks that keep them safe as names of files."""

import re
from pathlib import PurePosixPath
from typing import TypeVar

from compression_leaderboard.records.base import refuse

COMMIT = re.compile(r"[0-9a-f]{40}")
HASH_REVISION = re.compile(r"sha256-[0-9a-f]{40}")
MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
SLUG = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
QUANTIZATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
PACKAGE_PIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.!+_-]*")

Item = TypeVar("Item", str, int)


def model_id(name: str, quantization: str | None) -> str:
    """The id of a model: `org__model`, with `@quantization` where the weights are not the original.

    De-quantised weights are another model than the original, so the id keeps them apart.
    """
    plain = name.replace("/", "__")
    return f"{plain}@{quantization}" if quantization else plain


def check_model_name(name: str) -> str:
    if not MODEL_NAME.fullmatch(name):
        raise refuse(f'"{name}" is not of the form org/model', "use letters, digits, . _ - only")
    return name


def check_slug(name: str) -> str:
    if not SLUG.fullmatch(name):
        raise refuse(f'"{name}" is not a valid name', "use lower-case letters, digits, . _ - only")
    return name


def check_quantization(name: str) -> str:
    if not QUANTIZATION.fullmatch(name):
        raise refuse(f'"{name}" is not a valid quantization', "use letters, digits, . _ - only")
    return name


def check_inside(path: str) -> str:
    """A path that stays inside the folder it is relative to."""
    parts = PurePosixPath(path).parts
    if not path:
        raise refuse("is empty", "give a relative path")
    if path.startswith(("/", "~")) or ".." in parts or "\\" in path or ":" in path:
        raise refuse(f'"{path}" climbs out of the folder', "give a relative path without ..")
    return path


def check_package_pin(package: str) -> str:
    if not PACKAGE_PIN.fullmatch(package):
        raise refuse(f'"{package}" is not pinned', "write package==version")
    return package


def check_revision(revision: str) -> str:
    """A commit of the Hub or the hash of the weights; anything else can change under our feet."""
    if not COMMIT.fullmatch(revision) and not HASH_REVISION.fullmatch(revision):
        raise refuse(
            f'"{revision}" is not a commit',
            "pin the 40-hex id shown on the model's Files page (weights that are not on the Hub: "
            "sha256- and the first 40 hex of their SHA-256)",
        )
    return revision


def check_dataset_revision(revision: str) -> str:
    return check_revision(revision) if revision else revision


def check_distinct(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """A list in which nothing occurs twice."""
    doubled = sorted({item for item in items if items.count(item) > 1}, key=str)
    if doubled:
        shown = ", ".join(f'"{item}"' if isinstance(item, str) else str(item) for item in doubled)
        raise refuse(f"{shown} occurs twice", "remove one")
    return items


def check_byte_orders(orders: tuple[int, ...]) -> tuple[int, ...]:
    """Lengths of byte labels: ascending, none above 8."""
    if list(orders) != sorted(set(orders)) or not all(1 <= order <= 8 for order in orders):
        raise refuse(f"{list(orders)} is not ascending within 1 to 8", "write such as [1, 2, 4, 8]")
    return orders


def check_sha256(digest: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise refuse(f'"{digest}" is not a SHA-256', "write its 64 hex digits")
    return digest
