"""The adapter to lm-eval 0.4.13: its dictionaries stop here.

Keys are read with [], so that a changed harness fails here with a clear message. Tasks are built
with the documents that a suite pins. lm-eval runs what its task files name: Python functions,
metrics and loader scripts of the Hub, code that a model writes. What a task may name is listed
here; anything else is refused before it runs.
"""

import contextlib
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import lm_eval
import yaml
from lm_eval import simple_evaluate
from lm_eval.api.group import Group
from lm_eval.evaluator_utils import _process_results
from lm_eval.tasks import TaskManager
from lm_eval.tasks._factory import TaskFactory
from lm_eval.tasks._index import Entry, Kind

from compression_leaderboard.measure.answers import AnsweringModel
from compression_leaderboard.measure.checkpoint import hash_files, is_out_of_memory
from compression_leaderboard.measure.hub import ask, check_dataset, download_documents
from compression_leaderboard.measure.machine import MeasureError, mirror_address, silence_libraries
from compression_leaderboard.measure.weights import Loaded
from compression_leaderboard.records.base import COMMIT, HASH_REVISION
from compression_leaderboard.records.models import Suite, Task
from compression_leaderboard.records.rechecks import RepeatedTask
from compression_leaderboard.records.results import (
    Part,
    Reason,
    Response,
    Result,
    Score,
    Subtask,
    TaskResult,
)

BOOTSTRAPS = 1000  # of standard errors that have no formula
SEED = 1234  # of few-shot samples and of every generator that lm-eval seeds
STOCK = Path(lm_eval.__file__).parent / "tasks"
DATA_OPTIONS = {"data_dir", "data_files", "features", "name", "revision", "split", "streaming"}
# Computed by lm-eval itself; any other metric is fetched from the Hub as a script.
METRICS = {
    *("acc", "acc_bytes", "acc_mutual_info", "acc_norm", "bits_per_byte", "brier_score"),
    *("byte_perplexity", "exact_match", "f1", "likelihood", "mcc", "perplexity"),
    "word_perplexity",
}
LONGEST_TARGET = 200  # characters
PIN = "or pin the new revision"


def run_suite(
    loaded: Loaded, suite: Suite, root: Path, part: Part | None = None
) -> tuple[TaskResult, ...]:
    """Run every task of a suite, and keep per-item log-likelihoods. Raises MeasureError.

    A part has its items and no scores; merge_parts makes scores of all parts.
    """
    manager = read_tasks(suite, root)
    model = AnsweringModel(loaded)
    model.part = part
    return tuple(_run_task(model, manager, task, root) for task in suite.tasks)


def repeat_items(
    loaded: Loaded, suite: Suite, root: Path, sample: Mapping[str, Sequence[int]]
) -> tuple[RepeatedTask, ...]:
    """Ask some items of a suite again: numbers by task or subtask. Raises MeasureError.

    Items whose answers are generated have no log-likelihoods and are not asked.
    """
    manager = read_tasks(suite, root)
    model = AnsweringModel(loaded)
    model.sample = sample
    repeated = []
    for task in suite.tasks:
        with _answering(model, manager, task, root) as (_, responses):
            for name, items in responses.items():
                asked = tuple(r for r in items if r.item in sample.get(name, ()))
                if name in sample:
                    repeated.append(RepeatedTask(task=name, items=len(items), responses=asked))
    absent = sample.keys() - {task.task for task in repeated}  # a forger's may be in no suite
    repeated += [RepeatedTask(task=name, items=0, responses=()) for name in sorted(absent)]
    return tuple(repeated)


def _run_task(model: Any, manager: Any, task: Task, root: Path) -> TaskResult:
    with _answering(model, manager, task, root) as (output, responses):
        if model.part is None:
            return parse_output(output, task, responses)
        kept = {name: _cut_part(name, items, model.part) for name, items in responses.items()}
        return parse_output(output, task, kept, is_scored=False)


@contextlib.contextmanager
def _answering(
    model: Any, manager: Any, task: Task, root: Path
) -> Iterator[tuple[dict[str, Any], dict[str, tuple[Response, ...]]]]:
    """Run a task; yield lm-eval's output, and the items of each leaf by name."""
    with _building(task, manager, root) as built:
        output = simple_evaluate(
            model=model,
            tasks=[built],
            task_manager=manager,
            num_fewshot=task.few_shot,
            limit=task.limit,
            apply_chat_template=task.chat_template,
            log_samples=True,
            bootstrap_iters=BOOTSTRAPS,
            random_seed=SEED,
            numpy_random_seed=SEED,
            torch_random_seed=SEED,
            fewshot_random_seed=SEED,
        )
        for name in output["samples"]:
            if (shots := output["n-shot"][name]) != task.few_shot:
                wrong = f"{name}: lm-eval ran it {shots}-shot, the suite asks for {task.few_shot}"
                repair = f"write few_shot = {shots}: lm-eval does not change it for this task"
                raise MeasureError("harness", f"{wrong}; {repair}")
        samples = output["samples"]
        yield output, {name: _parse_responses(items) for name, items in samples.items()}


@contextlib.contextmanager
def _building(task: Task, manager: Any, root: Path) -> Iterator[Any]:
    """Build a task in the repository, without lm-eval's chatter; name the task in every error."""
    commit = pinned_commit(task, root)
    try:
        with contextlib.chdir(root), contextlib.redirect_stdout(io.StringIO()):
            place = f"{task.task}: {task.dataset.path}"
            yield ask(place, lambda: build_task(task, manager, commit))
    except MeasureError:
        raise
    except Exception as error:
        reason: Reason = "out_of_memory" if is_out_of_memory(error) else "harness"
        raise MeasureError(reason, f"{task.task}: {type(error).__name__}: {error}") from error


def _cut_part(name: str, responses: Sequence[Response], part: Part) -> tuple[Response, ...]:
    """Keep the items of a part of a task that was answered for this part alone."""
    if not all(response.log_likelihoods for response in responses):
        wrong = f"{name}: its answers are generated, so it has no parts"
        raise MeasureError("harness", f"{wrong}; plan longer shards")
    items = part.items_of(len(responses))
    return tuple(response for response in responses if response.item in items)


def parse_output(
    output: dict[str, Any],
    task: Task,
    responses: Mapping[str, tuple[Response, ...]],
    is_scored: bool = True,
) -> TaskResult:
    """Read one task, or one group with its subtasks; lm-eval gives items of leaves only.

    responses: of each leaf by name. is_scored: whether the scores count, which a part's do not.
    """
    scores = _parse_scores(output, task.task)
    if task.metric not in {score.metric for score in scores}:
        listed = ", ".join(score.metric for score in scores) or "another task"
        raise MeasureError("harness", f"{task.task}: no metric {task.metric}; use {listed}")

    def fields(name: str) -> dict[str, Any]:
        return {
            "version": str(output["versions"][name]),
            "scores": _parse_scores(output, name) if is_scored else (),
            "responses": responses.get(name, ()),
        }

    leaves = () if task.task in responses else responses
    subtasks = tuple(Subtask(name=name, **fields(name)) for name in leaves)
    return TaskResult(task=task, subtasks=subtasks, **fields(task.task))


def _parse_scores(output: dict[str, Any], name: str) -> tuple[Score, ...]:
    """Read every metric of a task or group; n of a group is the sum over its subtasks."""
    values = output["results"][name]
    directions = output["higher_is_better"].get(name, {})
    scores = []
    for key, value in values.items():
        metric, comma, kind = key.partition(",")
        if not comma or metric.endswith("_stderr") or not isinstance(value, int | float):
            continue
        stderr = values.get(f"{metric}_stderr,{kind}")
        scores.append(
            Score(
                task=name,
                metric=metric if kind == "none" else key,
                value=float(value),
                stderr=float(stderr) if isinstance(stderr, int | float) else None,
                n=int(values["sample_len"]),
                higher_is_better=bool(directions[metric]),
            )
        )
    return tuple(scores)


def _parse_responses(samples: Sequence[dict[str, Any]]) -> tuple[Response, ...]:
    """Read each item's metrics, and the log-likelihoods that they derive from where there are any.

    Generated answers have none. Where a task filters them in several ways, a metric is named by
    its filter as well, as lm-eval names its score.
    """
    responses: dict[int, Response] = {}
    for sample in sorted(samples, key=lambda s: s["doc_id"]):
        kind, target = sample["filter"], sample["target"]
        names = {name: name if kind == "none" else f"{name},{kind}" for name in sample["metrics"]}
        metrics = {names[name]: float(sample[name]) for name in names}
        before = responses.get(sample["doc_id"])
        responses[sample["doc_id"]] = Response(
            item=int(sample["doc_id"]),
            target=int(target) if str(target).isdigit() else str(target)[:LONGEST_TARGET],
            log_likelihoods=_log_likelihoods(sample["filtered_resps"]),
            metrics=metrics if before is None else before.metrics | metrics,
        )
    return tuple(responses.values())


def _log_likelihoods(answers: Sequence[Any]) -> tuple[float, ...]:
    """Return one number in nats per choice; nothing for generated answers."""
    if not all(isinstance(answer, list | tuple) and len(answer) == 2 for answer in answers):
        return ()
    return tuple(float(f"{float(answer[0]):.7g}") for answer in answers)


def merge_parts(parts: Sequence[Result], suite: Suite, root: Path) -> Result:
    """Merge the records of all parts of a suite, in order. Raises MeasureError.

    The record depends on the parts alone, so that merging them again gives the same one.
    """
    manager = read_tasks(suite, root)
    tasks = tuple(
        _merge_task(task, [part.tasks[k] for part in parts], manager, root)
        for k, task in enumerate(suite.tasks)
    )
    environments = [part.environment for part in parts]
    costs = {
        "wall_seconds": round(math.fsum(e.wall_seconds for e in environments), 3),
        "peak_memory_bytes": max(e.peak_memory_bytes for e in environments),
    }
    first = min(parts, key=lambda part: (part.started, part.run_id))
    changes = {
        "tasks": tasks,
        "environment": environments[0].model_copy(update=costs),
        "part": None,
        "parts": tuple(part.run_id for part in parts),
    }
    fields = {name: getattr(first, name) for name in Result.model_fields}
    return Result.model_validate(fields | changes)


def _merge_task(task: Task, results: Sequence[TaskResult], manager: Any, root: Path) -> TaskResult:
    """Merge one task or group: lm-eval's objects aggregate, our records bring the items."""
    with _building(task, manager, root) as built_task:
        built = manager.load([built_task])
    items = {name: _gather(name, task, results) for name in built["tasks"]}
    accumulated = {
        name: {
            "task": lm_task,
            "raw_metrics": {
                (metric, "none"): [response.metrics[metric] for response in items[name]]
                for metric in items[name][0].metrics
            },
            "logged_samples": [],
        }
        for name, lm_task in built["tasks"].items()
    }
    done = _process_results(accumulated, built["groups"], BOOTSTRAPS)
    output = done._to_eval_results(samples={name: [] for name in items})
    return parse_output(output, task, items)


def _gather(name: str, task: Task, results: Sequence[TaskResult]) -> tuple[Response, ...]:
    """Gather the items of a task or subtask from all parts; each exactly once."""
    responses: list[Response] = []
    for result in results:
        by_name = {subtask.name: subtask.responses for subtask in result.subtasks}
        responses += by_name.get(name, ()) if result.subtasks else result.responses
    if not responses or [response.item for response in responses] != list(range(len(responses))):
        wrong = f"{name}: the parts of {task.task} do not hold every item once, in order"
        raise MeasureError("harness", f"{wrong}; measure them again")
    return tuple(responses)


def pinned_commit(task: Task, root: Path) -> str | None:
    """Return the commit at which a task's dataset is read; None for a file of this repository.

    Raises MeasureError where the documents are not those that the suite pins.
    """
    dataset = task.dataset
    if dataset.mirrored:
        commit, revision = hash_mirrored(dataset.path)
        if revision != dataset.revision:
            wrong = f"{task.task}: the mirror's {dataset.path} is {revision}"
            repair = f"serve the documents of its origin, {PIN}"
            raise MeasureError("harness", f"{wrong}, the suite pins {dataset.revision}; {repair}")
        return commit
    if COMMIT.fullmatch(dataset.revision):
        check_dataset(dataset.path, dataset.revision)
        return dataset.revision
    if HASH_REVISION.fullmatch(dataset.revision):
        file = root / dataset.path
        if not file.is_file():
            raise MeasureError("harness", f"{task.task}: {dataset.path} is missing; restore it")
        if (revision := hash_files({file.name: file})) != dataset.revision:
            wrong = f"{task.task}: {dataset.path} is {revision}, the suite pins {dataset.revision}"
            raise MeasureError("harness", f"{wrong}; restore the file, {PIN}")
    return None


def hash_mirrored(name: str) -> tuple[str, str]:
    """Return the commit of a mirrored dataset as it is served, and the hash of its documents.

    The README, which says what file is which split, is no document.
    """
    if mirror_address() is None:
        wrong = f"{name}: its documents come from a local mirror"
        raise MeasureError("network", f"{wrong}; set HF_ENDPOINT to its address")
    commit, folder = download_documents(name)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".md")
    return commit, hash_files({path.relative_to(folder).as_posix(): path for path in files})


def read_tasks(suite: Suite, root: Path) -> Any:
    """Read the tasks that a suite names: those in its folder first, then lm-eval's stock.

    lm-eval reads all of its 13,000 task files, which takes seconds, unless that is switched off.
    """
    silence_libraries()
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
            repair = "choose a task without code"
            raise MeasureError("harness", f"{task.task}: {wrong}, which is refused; {repair}")
        for wrong in _unpinned(config, task.task):
            raise MeasureError("harness", f"{task.task}: {wrong}, which is refused; rename it")
    built = _PinnedTasks(task, commit).build(known[task.task], registry=known)
    if commit is not None:
        for member in built.get_all_tasks() if isinstance(built, Group) else [built]:
            _check_commit(member, commit)
    return built


def _check_commit(task: Any, commit: str) -> None:
    """Refuse another revision, which `datasets` takes from its cache where the Hub falls silent."""
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
    """Yield what the files of a task, or of a group and all its members, say."""
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
            wrong = f"{entry.name}: its member {name} has no file"
            raise MeasureError("harness", f"{wrong}; name its tasks one by one")
        yield from _configs(known[name], known)


def _unpinned(config: Mapping[str, Any], task: str) -> Iterator[str]:
    """Yield a file that `definition` does not pin: its name does not begin with the task."""
    file = config.get("file")
    if file is None or file.is_relative_to(STOCK):
        return
    if file.stem != task and not file.stem.startswith(f"{task}_"):
        yield f"{file.name} is not named {task}.yaml or {task}_….yaml"


def _code(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield everything in a task's file that would run code which is not lm-eval's."""
    if config.get("unsafe_code"):
        yield "it runs code that the model writes (unsafe_code)"
    if "class" in config or "custom_dataset" in config:
        yield "it is a program instead of a description (class or custom_dataset)"
    options = config.get("dataset_kwargs") or {}
    if options.get("trust_remote_code"):
        yield "its dataset has a loader script (trust_remote_code)"
    for name in sorted(options.keys() - DATA_OPTIONS - {"trust_remote_code"}):
        yield f"dataset_kwargs.{name} is not one of {', '.join(sorted(DATA_OPTIONS))}"
    for entry in [] if "process_results" in config else config.get("metric_list") or []:
        name = str(entry["metric"])  # lm-eval names its own functions by their path
        if entry.get("hf_evaluate") or not ("/" in name or name in METRICS):
            yield f"its metric {name} is a script of the Hub"
    file = config.get("file")
    if file is not None and not file.is_relative_to(STOCK):
        try:  # plain YAML in one file, so that its reader sees all of it
            if "include" in yaml.safe_load(file.read_text("utf-8")):
                yield f"{file.name} includes another file"
        except yaml.constructor.ConstructorError as error:
            yield f"{file.name} names code ({error.problem})"
