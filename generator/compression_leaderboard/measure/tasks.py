"""Build lm-eval's tasks with the documents that a suite pins, and refuse tasks that run code.

lm-eval runs what its task files name: Python functions, metrics and loader scripts of the Hub, code
that a model writes. What a task may name is listed here; anything else is refused before it runs.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import lm_eval
import yaml
from lm_eval.api.group import Group
from lm_eval.tasks import TaskManager
from lm_eval.tasks._factory import TaskFactory
from lm_eval.tasks._index import Entry, Kind

from compression_leaderboard.measure.hub import check_dataset, download_documents
from compression_leaderboard.measure.record import MeasureError, mirror_address
from compression_leaderboard.measure.weights import hash_files
from compression_leaderboard.records.base import COMMIT, HASH_REVISION
from compression_leaderboard.records.models import Dataset, Suite, Task

STOCK = Path(lm_eval.__file__).parent / "tasks"
DATA_OPTIONS = {"data_dir", "data_files", "features", "name", "revision", "split", "streaming"}
METRICS = {  # computed by lm-eval itself; any other name is fetched from the Hub as a script
    "acc",
    "acc_bytes",
    "acc_mutual_info",
    "acc_norm",
    "bits_per_byte",
    "brier_score",
    "byte_perplexity",
    "exact_match",
    "f1",
    "likelihood",
    "mcc",
    "perplexity",
    "word_perplexity",
}
PIN = "or pin the new revision"


def pinned_commit(task: Task, root: Path) -> str | None:
    """The commit at which a task's dataset is read; None for a file of this repository.

    Raises MeasureError where the documents are not those that the suite pins.
    """
    dataset = task.dataset
    if dataset.mirrored:
        commit, revision = hash_mirrored(dataset.path)
        if revision != dataset.revision:
            wrong = f"{task.task}: the mirror's {dataset.path} is {revision}, the suite pins"
            repair = f"serve the documents of its origin, {PIN}"
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
    if (revision := hash_files({file.name: file})) != dataset.revision:
        wrong = f"{task}: {dataset.path} is {revision}, the suite pins"
        raise MeasureError("harness", f"{wrong} {dataset.revision}; restore the file, {PIN}")


def read_tasks(suite: Suite, root: Path) -> Any:
    """Read the tasks that a suite names: those of its own folder first, then lm-eval's stock.

    lm-eval reads all of its 13,000 task files, which takes seconds, unless that is switched off.
    """
    folder = str(root / suite.tasks_folder) if suite.tasks_folder else None
    manager = TaskManager(include_path=folder, include_defaults=folder is None)
    if folder and any(task.task not in manager.task_index for task in suite.tasks):
        manager = TaskManager(include_path=folder)
    return manager


def build_task(task: Task, manager: Any, commit: str | None) -> Any:
    """Build the task or group with its dataset at the commit; None leaves the dataset as it is.

    lm-eval itself would read the main branch of today. Raises MeasureError.
    """
    known = manager.task_index
    if task.task not in known:
        raise MeasureError("harness", f"{task.task}: lm-eval has no such task; see `lm-eval ls`")
    for config in _configs(known[task.task], known):
        for wrong in _code(config):
            repair = "choose a task without code of its own"
            raise MeasureError("harness", f"{task.task}: {wrong}, which is refused; {repair}")
    built = _PinnedTasks(task, commit).build(known[task.task], registry=known)
    if commit is not None:
        for member in built.get_all_tasks() if isinstance(built, Group) else [built]:
            _check_commit(member, commit)
    return built


def _check_commit(task: Any, commit: str) -> None:
    """Where the Hub falls silent, `datasets` takes any revision that it has in its cache."""
    splits = task.dataset.values()
    files = [file["filename"] for split in splits for file in split.cache_files]
    if not all(commit in Path(file).parts for file in files):
        wrong = f"{task.DATASET_PATH} at {commit}: the Hub fell silent, the cache has another one"
        raise MeasureError("network", f"{wrong}; measure again later")


class _PinnedTasks(TaskFactory):  # type: ignore[misc]  # lm-eval has no types
    """lm-eval's factory, which also reads each member's dataset at the commit."""

    def __init__(self, task: Task, commit: str | None):
        super().__init__()
        self._task, self._commit = task, commit

    def _load_full_config(self, entry: Entry, overrides: Any = None) -> dict[str, Any]:
        config: dict[str, Any] = super()._load_full_config(entry, overrides)
        if self._commit is None or entry.kind is Kind.GROUP:
            return config
        if (read := config["dataset_path"]) != (pinned := self._task.dataset.path):
            wrong = f"{self._task.task}: {entry.name} reads {read}, the suite pins {pinned}"
            raise MeasureError("harness", f"{wrong}; fix dataset.path")
        options = config.get("dataset_kwargs") or {}
        return config | {"dataset_kwargs": options | {"revision": self._commit}}


def _configs(entry: Entry, known: Mapping[str, Entry]) -> Iterator[dict[str, Any]]:
    """What the files of a task, or of a group and all its members, say; no function resolved."""
    if entry.kind is Kind.TAG:
        raise MeasureError("harness", f"{entry.name}: a tag of lm-eval; name its tasks one by one")
    config: dict[str, Any] = entry.cfg or {}
    yield config | {"file": entry.yaml_path}
    members = config["task"] if entry.kind is Kind.GROUP else []
    for member in members if isinstance(members, list) else [members]:
        changes = {"task": member} if isinstance(member, str) else member
        yield changes
        name = str(changes.get("group") or changes.get("task"))
        if name not in known:
            wrong = f"{entry.name}: its member {name} has no file of its own"
            raise MeasureError("harness", f"{wrong}; name its tasks one by one")
        yield from _configs(known[name], known)


def _code(config: Mapping[str, Any]) -> Iterator[str]:
    """Everything in a task's file that would run code which is not lm-eval's own."""
    if config.get("unsafe_code"):
        yield "it runs code that the model writes (unsafe_code)"
    if "class" in config or "custom_dataset" in config:
        yield "it is a program instead of a description (class or custom_dataset)"
    options = config.get("dataset_kwargs") or {}
    if options.get("trust_remote_code"):
        yield "its dataset has a loader script (trust_remote_code)"
    for name in sorted(options.keys() - DATA_OPTIONS - {"trust_remote_code"}):
        yield f"dataset_kwargs.{name} is not one of {', '.join(sorted(DATA_OPTIONS))}"
    if "process_results" not in config:
        yield from _scripts(config.get("metric_list") or [])
    file = config.get("file")
    if file is not None and not file.is_relative_to(STOCK):
        yield from _own_code(file)


def _scripts(metrics: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for entry in metrics:
        name = str(entry["metric"])
        function = "/" in name  # lm-eval gives a function of its own by its path
        if entry.get("hf_evaluate") or not (function or name in METRICS):
            yield f"its metric {name} is a script of the Hub"


def _own_code(file: Path) -> Iterator[str]:
    """A task of the project's own is plain YAML in one file, so that its reader sees all of it."""
    try:
        config = yaml.safe_load(file.read_text("utf-8"))
    except yaml.constructor.ConstructorError as error:
        yield f"{file.name} names code ({error.problem})"
    else:
        if "include" in config:
            yield f"{file.name} includes another file"
