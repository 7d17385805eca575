"""The documents of a task: at a commit of the Hub, or with a hash in a mirror or in a file here."""

from pathlib import Path

from generator.files.mirror import mirror_address
from generator.measure.failures import MeasureError
from generator.measure.hub import check_dataset, download_documents
from generator.measure.weights import hash_files
from generator.records.names import COMMIT, HASH_REVISION
from generator.records.suites import Dataset, Task

REPAIR = "or pin the new revision"


def pinned_commit(task: Task, root: Path) -> str | None:
    """The commit at which a task's dataset is read; None for a file of this repository.

    Raises MeasureError where the documents are not those that the suite pins.
    """
    dataset = task.dataset
    if dataset.mirrored:
        commit, found = hash_mirrored(dataset.path)
        if found != dataset.revision:
            wrong = f"{task.task}: the mirror's {dataset.path} is {found}, the suite pins"
            repair = f"serve the documents of its origin, {REPAIR}"
            raise MeasureError("harness", f"{wrong} {dataset.revision}; {repair}")
        return commit
    if COMMIT.fullmatch(dataset.revision):
        check_dataset(dataset.path, dataset.revision)
        return dataset.revision
    if HASH_REVISION.fullmatch(dataset.revision):
        _check_file(task.task, dataset, root)
    return None


def hash_mirrored(name: str) -> tuple[str, str]:
    """Commit of a mirrored dataset as it is served, and the hash of its documents.

    The README, which says what file is which split, is no document.
    """
    if mirror_address() is None:
        wrong = f"{name}: its documents come from a local mirror"
        raise MeasureError("network", f"{wrong}; set HF_ENDPOINT to its address")
    commit, folder = download_documents(name)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".md")
    return commit, hash_files({path.relative_to(folder).as_posix(): path for path in files})


def _check_file(task: str, dataset: Dataset, root: Path) -> None:
    file = root / dataset.path
    if not file.is_file():
        raise MeasureError("harness", f"{task}: {dataset.path} is missing")
    if (found := hash_files({file.name: file})) != dataset.revision:
        wrong = f"{task}: {dataset.path} is {found}, the suite pins"
        raise MeasureError("harness", f"{wrong} {dataset.revision}; restore the file, {REPAIR}")
