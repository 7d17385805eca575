"""Read result files of EleutherAI's lm-eval, from 0.2 to 0.4.13, and of similar forks.

A task's entry has `acc` and `acc_stderr` up to version 0.3, `acc,none` and `acc_stderr,none` since;
the word after the comma is the filter that read the answer. Labels are in the same object.

What differs between versions:
- up to 0.3: `results` → task → `acc`, `acc_stderr`; one `config.num_fewshot`, in one fork a list
  that does not say which task had which; no date, no version of the harness, no counts of items.
- BigScience's fork: `results` is a list with one entry per task, prompt and metric.
- since 0.4: `acc,none`; `configs`, `versions` and `n-shot` by task; then `groups` (with the same
  numbers as `results`), `n-samples`, `higher_is_better`, `chat_template`, `lm_eval_version`.
Numbers are not rescaled: no file says whether 67.7 is a percentage.

A model is identified by the arguments that lm-eval loaded it with, not by `model_name`: that may be
an adapter's path, a random name if no argument names the model, or whatever follows the first
"path=" in a longer argument.
"""

import ast
import json
import posixpath
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from compression_leaderboard.exchange.strict_json import (
    IntakeError,
    make_record,
    moment,
    number,
    parse_json,
    table,
    text_of,
    whole,
)
from compression_leaderboard.records.base import COMMIT
from compression_leaderboard.records.imported import (
    Harness,
    Imported,
    ImportedModel,
    ImportedScore,
    ImportedTask,
    Skipped,
)
from compression_leaderboard.wording import counted, printable

COUNTS = {"sample_len", "sample_count", "samples"}
# Evalchemy's benchmarks: counts beside the mean accuracy of several runs and its standard error.
EVALCHEMY_TOTALS = ("num_total", "total_finish")
EVALCHEMY_COUNTS = {*EVALCHEMY_TOTALS, "num_repeat", "num_solved", "solved_avg", "total_correct"}
EVALCHEMY_MEAN, EVALCHEMY_ERROR = "_avg", "_std_err"
EVALCHEMY_OF_ALL = {"accuracy", "accuracy_avg"}  # others may be of a part of the items
LABELS = {"alias", "name", " ", ""}
NOT_FINITE = "is not a finite number below 10^15"
PLACEHOLDER = "is lm-eval's placeholder for a task that is not scored (bypass)"
NOT_RUN = "is RULER's placeholder for a length of context that was not run (-1)"
NO_VALUE = "is a standard error without its value"
ZERO_ERROR = "is a standard error of 0: all items scored alike, so the spread is unknown"
NEGATIVE_ERROR = "is a negative standard error"
UNREADABLE_NAME = "has a name that is not one printable line of at most 500 characters"
SAME_METRIC = "is the same metric and filter as another entry"
SUFFIX = "_stderr"
CONTRADICTS = "differs from the same number under results"
GIVE_LM_EVAL = "give a result file of lm-eval"
UNVERSIONED = {"Yaml", "N/A", "None", "null"}
# Fields of a task in BigScience's list that are not metrics.
ABOUT_TASK = {
    *("task_name", "prompt_name", "prompt_id", "task_version", "dataset_path", "dataset_name"),
    *("subset", "fixed_answer_choice_list", "prompt_jinja", "prompt_original_task", "comment"),
}
# Arguments that name the model, the first one first.
NAMES = ("pretrained", "model", "engine", "model_name", "base_name", "path", "load")
# Arguments that change what the named weights answer.
ADAPTERS = (
    *("peft", "delta", "lora_local_path", "lora_path", "adapter", "adapter_path", "steer_path"),
    "csv_path",
)
QUANTIZED = ("load_in_4bit", "load_in_8bit", "gptq", "autogptq", "gptqmodel")  # true or a file name
QUANTIZATIONS = ("quantization", "gguf_file")  # a name
SECRET = re.compile(
    r"(^|_)(api_?key|key|secret|password|passwd|auth|authorization|credentials?|"
    r"(hf|auth|access|api|use_auth|bearer)_token|token|headers?)$"
)
SECRET_VALUE = re.compile(
    r"\b(hf|sk|ghp|gho|xox[bp])[-_][A-Za-z0-9_-]{10,}|\bbearer\s|://[^/\s]*@", re.I
)
# Tokens of a vocabulary, such as think_end_token and prefix_token_id.
VOCABULARY = re.compile(r"(^|_)(bos|eos|pad|unk|start|end|stop|prefix|think|image)_token$")
MARKER = re.compile(r"<[^<>\s]*>|\[[^\[\]\s]*\]|\d{1,7}")  # a word of a vocabulary, or its number
LEFT_OUT = "(left out: it may be a secret)"
LONGEST_VALUE = 1000

Entries = dict[tuple[str, str], tuple[str, Any]]  # metric and filter → key and value


def import_lm_eval(name: str, content: bytes, model: str | None = None) -> Imported:
    """Read a file as a record, or raise IntakeError.

    name: the file's, without folders. model: for files that do not name one.
    """
    document = parse_json(content)
    results = _results(document)
    config = table(document.get("config"))
    args = parse_model_args(config.get("model_args"))
    subject = identify_model(args, config, model)
    notes: list[str] = []
    tasks, skipped = _tasks(results, document, _few_shot(config, notes))
    answers = [a for a in table(document.get("samples")).values() if isinstance(a, list)]
    if answers:
        count = sum(map(len, answers))
        answer = counted(count, "answer to a single item stays", "answers to single items stay")
        notes.append(f"{answer} in the file: only scores are imported")
    template, limit = document.get("chat_template"), number(config.get("limit"))
    fields = {
        "harness": _harness(document),
        "model": subject,
        "date": moment(document.get("date")),
        "limit": limit if limit is not None and limit >= 0 else None,
        "chat_template": isinstance(template, str) if "chat_template" in document else None,
        "chat_template_sha256": text_of(document.get("chat_template_sha")),
        "tasks": tuple(tasks),
        "skipped": (*skipped, *_contradictions(document, results)),
        "notes": tuple(notes),
    }
    return make_record("lm-eval", name, content, fields)


def _results(document: Mapping[str, Any]) -> dict[str, Any] | list[Any]:
    """Return the `results` of the file, in either of their shapes."""
    if "schema_version" in document and "evaluation_results" in document:
        raise IntakeError("is an Every Eval Ever record", "add --every-eval-ever")
    if "config_general" in document:
        raise IntakeError("is a result of lighteval, not of lm-eval", GIVE_LM_EVAL)
    if "results" not in document:
        keys = text_of(", ".join(list(document)[:5])) or "none"
        raise IntakeError(f"has no results (its keys: {keys})", GIVE_LM_EVAL)
    results = document["results"]
    if not isinstance(results, dict | list):
        raise IntakeError("is neither an object nor a list", GIVE_LM_EVAL, "results")
    if not results:
        raise IntakeError("is empty", "give a file of a run that finished", "results")
    return results


def _few_shot(config: Mapping[str, Any], notes: list[str]) -> int | None:
    """Return the one few-shot count of a file up to 0.3."""
    stated = config.get("num_fewshot")
    if not isinstance(stated, list) or not stated:
        return whole(stated)
    counts = {whole(count) for count in stated}
    if len(counts) == 1:
        return counts.pop()
    notes.append("num_fewshot is a list that does not say which task had which: unknown for all")
    return None


def _tasks(
    results: dict[str, Any] | list[Any], document: Mapping[str, Any], few_shot: int | None
) -> tuple[list[ImportedTask], list[Skipped]]:
    tasks: list[ImportedTask] = []
    skipped: list[Skipped] = []
    named: list[tuple[str, Any, dict[str, Any]]]
    if isinstance(results, dict):
        named = [(task, entries, {}) for task, entries in results.items()]
    else:
        named = [_listed(entries) for entries in results]
    for name, entries, about in named:
        if text_of(name) is None or not isinstance(entries, dict):
            place = f"results.{text_of(name) or '?'}"
            skipped.append(Skipped(place=place, reason="is not a task with its metrics"))
            continue
        facts = _facts(name, entries, document, few_shot, about)
        directions, n = _directions(name, document), _items(name, entries, document)
        scores, left_out = split_scores(entries, f"results.{name}", directions, n)
        skipped += left_out
        if scores:
            tasks.append(ImportedTask(task=name.strip(), scores=scores, **facts))
    return tasks, skipped


def _listed(entries: Any) -> tuple[str, Any, dict[str, Any]]:
    """Return a task of BigScience's list: its name, its metrics, and its other fields."""
    if not isinstance(entries, dict) or not isinstance(entries.get("task_name"), str):
        return "", None, {}
    about = {key: value for key, value in entries.items() if key in ABOUT_TASK}
    metrics = {key: value for key, value in entries.items() if key not in ABOUT_TASK}
    return entries["task_name"], metrics, about


def _facts(
    name: str,
    entries: Mapping[str, Any],
    document: Mapping[str, Any],
    few_shot: int | None,
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """Read what the file says about a task besides its scores."""
    config = _of_task(document, "configs", name)
    version = table(document.get("versions")).get(name, about.get("task_version"))
    shots = (table(document.get("n-shot")).get(name), config.get("num_fewshot"))
    alias = text_of(str(entries.get("alias") or "").lstrip(" -"))
    members = table(document.get("group_subtasks")).get(name)
    return {
        "alias": alias if alias != name else None,
        "prompt": text_of(about.get("prompt_name")),
        "version": None if str(version) in UNVERSIONED else text_of(str(version)[:100]),
        "few_shot": next((n for shot in shots if (n := whole(shot)) is not None), few_shot),
        "members": tuple(filter(text_of, members)) if isinstance(members, list) else (),
        "dataset": text_of(config.get("dataset_path", about.get("dataset_path"))),
        "dataset_config": text_of(config.get("dataset_name", about.get("dataset_name"))),
        "dataset_revision": text_of(table(config.get("dataset_kwargs")).get("revision")),
    }


def _of_task(document: Mapping[str, Any], part: str, name: str) -> dict[str, Any]:
    return table(table(document.get(part)).get(name))


def _directions(name: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """Tell whether higher is better, by metric: of the file's table, else of the task's list."""
    listed = _of_task(document, "configs", name).get("metric_list")
    stated = {
        str(metric.get("metric")): metric["higher_is_better"]
        for metric in (listed if isinstance(listed, list) else [])
        if isinstance(metric, dict) and "higher_is_better" in metric
    }
    return stated | _of_task(document, "higher_is_better", name)


def _items(name: str, entries: Mapping[str, Any], document: Mapping[str, Any]) -> int | None:
    """Count the items of a task that were scored."""
    effective = _of_task(document, "n-samples", name).get("effective")
    keys = ("sample_len", "samples", *EVALCHEMY_TOTALS)
    stated = (effective, *(entries.get(key) for key in keys))
    return next((n for value in stated if (n := whole(value))), None)


def split_scores(
    entries: Mapping[str, Any],
    place: str,
    directions: Mapping[str, Any],
    n: int | None,
) -> tuple[tuple[ImportedScore, ...], list[Skipped]]:
    """Split the entries of one task into scores and skipped entries.

    directions: metric → whether higher is better, if the file says. n: items of the task.
    """
    skipped: list[Skipped] = []

    def skip(key: str, reason: str) -> None:
        skipped.append(Skipped(place=f"{place}.{printable(key[:80])}", reason=reason))

    values, errors = _sort_entries(entries, skip)
    counts = table(entries.get("sample_count"))
    of_all = EVALCHEMY_OF_ALL if _is_evalchemy(entries) else {metric for metric, _ in values}
    scores = []
    for name, (key, value) in values.items():
        if (fault := _fault(name[0], value)) is not None:
            skip(key, fault)
            continue
        error_key, error = errors.pop(name, ("", None))
        if (fault := error_fault(error)) is not None:
            skip(error_key, fault)
        direction = directions.get(name[0])
        scores.append(
            ImportedScore(
                metric=name[0],
                filter=name[1],
                value=float(value),
                stderr=None if fault else number(error),
                n=whole(counts.get(key)) or (n if name[0] in of_all else None) or None,
                higher_is_better=direction if isinstance(direction, bool) else None,
            )
        )
    for key, error in errors.values():
        if number(error) is not None or error_fault(error) is not None:
            skip(key, NO_VALUE)
    return tuple(scores), skipped


def _is_evalchemy(entries: Mapping[str, Any]) -> bool:
    return any(key in entries for key in EVALCHEMY_TOTALS)


def _sort_entries(
    entries: Mapping[str, Any], skip: Callable[[str, str], None]
) -> tuple[Entries, Entries]:
    """Separate values from standard errors; labels are neither."""
    values: Entries = {}
    errors: Entries = {}
    counts = COUNTS | EVALCHEMY_COUNTS if _is_evalchemy(entries) else COUNTS
    for key, value in entries.items():
        if key in counts or (key in LABELS and number(value) is None):
            continue
        metric, _, filter_name = (part.strip() for part in key.partition(","))
        if metric.endswith(EVALCHEMY_ERROR):
            plain = metric.removesuffix(EVALCHEMY_ERROR)
            mean = next((m for m in (plain + EVALCHEMY_MEAN, plain) if m in entries), None)
            metric = f"{mean}{SUFFIX}" if mean else metric
        target = errors if metric.endswith(SUFFIX) else values
        name = (metric.removesuffix(SUFFIX), filter_name or "none")
        if not (text_of(name[0]) and text_of(name[1])):
            skip(key, UNREADABLE_NAME)
        elif name in target:
            skip(key, SAME_METRIC)
        else:
            target[name] = (key, value)
    return values, errors


def _fault(metric: str, entry: Any) -> str | None:
    """Say why an entry is not a score, or None."""
    if isinstance(entry, list):
        return f"is a list of {counted(len(entry), 'item')}, not one number"
    if isinstance(entry, dict):
        return "is an object, not one number"
    if isinstance(entry, bool) or not isinstance(entry, int | float):
        return "is not a number"
    if metric == "bypass" and entry == 999:
        return PLACEHOLDER
    if metric.isdecimal() and entry == -1:
        return NOT_RUN
    return None if number(entry) is not None else NOT_FINITE


def error_fault(error: Any) -> str | None:
    """Say why a number is not a standard error, or None. N/A is not a number: nothing is lost."""
    if isinstance(error, bool) or not isinstance(error, int | float):
        return None
    if (finite := number(error)) is None:
        return NOT_FINITE
    if finite == 0:
        return ZERO_ERROR
    return NEGATIVE_ERROR if finite < 0 else None


def _contradictions(
    document: Mapping[str, Any], results: dict[str, Any] | list[Any]
) -> list[Skipped]:
    """Report numbers under `groups` that differ from those under `results`."""
    skipped = []
    for name, entries in table(document.get("groups")).items():
        known = table(results.get(name)) if isinstance(results, dict) else {}
        for key, entry in table(entries).items():
            if key not in LABELS | COUNTS and number(entry) is not None and entry != known.get(key):
                place = text_of(f"groups.{name}.{key}") or "groups"
                skipped.append(Skipped(place=place, reason=CONTRADICTS))
    return skipped


def _harness(document: Mapping[str, Any]) -> Harness:
    version = text_of(document.get("lm_eval_version"))
    known = version if version is not None and version[:1].isdigit() else None
    return Harness(name="lm-eval", version=known, git_hash=text_of(document.get("git_hash")))


def parse_model_args(value: Any) -> dict[str, Any]:
    """Parse lm-eval's model_args: an object, one printed as text, or `key=value,key=value`."""
    if not isinstance(value, str):
        return table(value)
    if value.lstrip().startswith("{"):
        for parse in (json.loads, ast.literal_eval):
            with suppress(ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
                return table(parse(value))
        return {}
    args: dict[str, Any] = {}
    last = ""
    for part in value.split(","):
        key, equals, text = part.partition("=")
        if equals and re.fullmatch(r"\s*[A-Za-z_]\w*\s*", key):
            last = key.strip()
            args[last] = text.strip()
        elif last:  # a value with a comma in it
            args[last] += f",{part}"
    return args


def identify_model(
    args: Mapping[str, Any], config: Mapping[str, Any], name: str | None = None
) -> ImportedModel:
    """Identify the model of a run. Raises IntakeError if neither `args` nor `name` name it.

    config: lm-eval's, with backend, revision and commit. name: from the user, for files without.
    """
    keys = [key for key in NAMES if text_of(args.get(key))]
    stated = text_of(args[keys[0]]) if keys else None
    if (chosen := stated or text_of(name)) is None:
        wrong = "does not say which model it is about"
        raise IntakeError(wrong, "give its name with --model")
    adapters = dict.fromkeys(text for key in ADAPTERS if (text := text_of(args.get(key))))
    revision = text_of(args.get("revision")) or text_of(config.get("model_revision"))
    if revision is None and number(args.get("iteration")) is not None and "load" in args:
        revision = f"iteration {args['iteration']}"  # GPT-NeoX names a checkpoint so
    stated_ids = [c for c in (config.get("model_sha"), revision) if isinstance(c, str)]
    folder = posixpath.normpath(text_of(args.get("subfolder")) or ".")
    if folder.lower() not in (".", "none"):
        chosen = f"{chosen}/{folder}"  # other weights of the same commit
    return ImportedModel(
        name=chosen,
        named_by="file" if stated else "importer",
        adapter=" + ".join(adapters) or None,
        quantization=_quantization(args),
        revision=revision,
        commit=next(filter(COMMIT.fullmatch, stated_ids), None),
        backend=text_of(config.get("model")),
        args={key: shown_value(key, value) for key, value in args.items() if key not in keys[:1]},
    )


def _quantization(args: Mapping[str, Any]) -> str | None:
    """Find the quantization: a name, or the argument that switches it on."""
    for key in QUANTIZATIONS:
        if (name := text_of(args.get(key))) and name.lower() not in ("none", "false"):
            return name
    for key in QUANTIZED:
        if key in args and str(args[key]).lower() not in ("false", "none", "", "0"):
            return key
    return None


def shown_value(key: str, value: Any) -> str:
    """Write an argument as text, without possible secrets and without very long values."""
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    harmless = shown.lower() in ("true", "false", "none", "null", "") or MARKER.fullmatch(shown)
    named = SECRET.search(key.lower()) and not VOCABULARY.search(key.lower())
    if not harmless and (named or SECRET_VALUE.search(shown)):
        return LEFT_OUT
    return shown if len(shown) <= LONGEST_VALUE else f"(left out: {len(shown)} characters)"
