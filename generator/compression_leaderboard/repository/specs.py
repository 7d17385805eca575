"""Read runs/: models, suites, corpora and profiles, with every problem at once; pin datasets."""

import json
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import tomlkit
from pydantic import ValidationError

from compression_leaderboard.records.base import Problem, Record, problems_of
from compression_leaderboard.records.corpora import Corpus
from compression_leaderboard.records.models import Model
from compression_leaderboard.records.preferences import PreferenceSet
from compression_leaderboard.records.suites import LOCAL_MIRROR, Profile, Sentinel, Suite
from compression_leaderboard.repository.results import write_atomically

LARGEST_SPEC_BYTES = 64 * 1024  # a spec is a page of text; anything larger is a mistake
# In characters. Memory and time of the parser grow with the square of a dotted key's length: one
# of 100,000 parts takes all that a machine has.
LONGEST_LINE = 1200

R = TypeVar("R", bound=Record)


@dataclass(frozen=True, eq=False)
class Specs:
    """Everything under runs/, by id or name; one reading of it is equal to itself alone."""

    models: dict[str, Model] = field(default_factory=dict)
    suites: dict[str, Suite] = field(default_factory=dict)
    corpora: dict[str, Corpus] = field(default_factory=dict)
    profiles: dict[str, Profile] = field(default_factory=dict)
    preferences: dict[str, PreferenceSet] = field(default_factory=dict)  # of runs/corpora as well
    sentinel: Sentinel | None = None


def read_specs(root: Path) -> tuple[Specs, list[Problem]]:
    """Read runs/ below `root`. A file with problems is left out of the specs and reported."""
    problems: list[Problem] = []
    suites = _read_named(root, "suites", Suite, problems)
    corpora, preferences = _read_corpora(root, problems)
    profiles = _read_named(root, "profiles", Profile, problems)
    models = _read_models(root, problems)
    sentinel = _read_single(root, "sentinel", Sentinel, problems)
    specs = Specs(models, suites, corpora, profiles, preferences, sentinel)
    problems += _unknown_names(specs, {problem.file for problem in problems})
    return specs, sorted(problems)


def read_toml(path: Path, shown: str, record: type[R], problems: list[Problem]) -> R | None:
    """One TOML file as a record, or None with its problems appended."""
    content = _read_content(path, shown, problems)
    return None if content is None else _as_record(content, shown, record, problems)


def toml_text(record: Record) -> str:
    """Write a record as TOML, without fields that are None and without `kind`."""
    return tomlkit.dumps(record.model_dump(exclude_none=True, exclude={"kind"}))


def _read_content(path: Path, shown: str, problems: list[Problem]) -> dict[str, Any] | None:
    """A TOML file as JSON has it, or None with its problem appended."""
    if path.is_symlink():
        problems.append(Problem(shown, "", "is a symbolic link", "replace it with the file itself"))
        return None
    try:
        if path.stat().st_size > LARGEST_SPEC_BYTES:
            wrong = f"is larger than {LARGEST_SPEC_BYTES // 1024} KiB"
            problems.append(Problem(shown, "", wrong, "a spec is a short file"))
            return None
        text = path.read_text("utf-8")
        lines = enumerate(text.split("\n"), start=1)
        if long := next(((n, len(line)) for n, line in lines if len(line) > LONGEST_LINE), None):
            wrong = f"has {long[1]} characters, at most {LONGEST_LINE} are read"
            problems.append(Problem(shown, f"line {long[0]}", wrong, "write shorter lines"))
            return None
        content = tomllib.loads(text)
        # By way of JSON, so that a date or a list is read by the same strict rules everywhere.
        plain: dict[str, Any] = json.loads(json.dumps(content, default=str))
        return plain
    except UnicodeDecodeError:
        problems.append(Problem(shown, "", "is not UTF-8 text", "save it as UTF-8"))
    except OSError as error:
        wrong = f"cannot be read: {error.strerror}"
        problems.append(Problem(shown, "", wrong, "put a readable file there"))
    except RecursionError:
        problems.append(Problem(shown, "", "is nested too deeply", "a spec has tables and lists"))
    except ValueError as error:
        problems.append(Problem(shown, "", f"is not valid TOML: {error}", "fix the syntax"))
    return None


def _as_record(
    content: dict[str, Any], shown: str, record: type[R], problems: list[Problem]
) -> R | None:
    try:
        return record.model_validate_json(json.dumps(content))
    except ValidationError as error:
        problems += problems_of(error, shown, record)
    return None


def _read_named(root: Path, kind: str, record: type[R], problems: list[Problem]) -> dict[str, R]:
    found: dict[str, R] = {}
    for path in sorted((root / "runs" / kind).glob("*.toml")):
        shown = f"runs/{kind}/{path.name}"
        spec = read_toml(path, shown, record, problems)
        if spec is not None and _is_named(spec, path, shown, problems):
            found[path.stem] = spec
    return found


def _read_single(root: Path, name: str, record: type[R], problems: list[Problem]) -> R | None:
    """runs/<name>.toml, where there is one that is in order."""
    path = root / "runs" / f"{name}.toml"
    return read_toml(path, f"runs/{name}.toml", record, problems) if path.exists() else None


def _read_corpora(
    root: Path, problems: list[Problem]
) -> tuple[dict[str, Corpus], dict[str, PreferenceSet]]:
    """Texts and preference pairs stand in one folder; `kind` says which a file is."""
    texts: dict[str, Corpus] = {}
    pairs: dict[str, PreferenceSet] = {}
    for path in sorted((root / "runs" / "corpora").glob("*.toml")):
        shown = f"runs/corpora/{path.name}"
        if (content := _read_content(path, shown, problems)) is None:
            continue
        if content.get("kind") == "preference":
            preference = _as_record(content, shown, PreferenceSet, problems)
            if preference and _is_named(preference, path, shown, problems):
                pairs[path.stem] = preference
        else:
            text = _as_record(content, shown, Corpus, problems)
            if text and _is_named(text, path, shown, problems):
                texts[path.stem] = text
    return texts, pairs


def _is_named(spec: Record, path: Path, shown: str, problems: list[Problem]) -> bool:
    name: str = spec.name  # type: ignore[attr-defined]  # every named spec has one
    if name == path.stem:
        return True
    repair = f"rename the file to {name}.toml or the field"
    problems.append(Problem(shown, "name", f'"{name}" is not the file\'s name', repair))
    return False


def _read_models(root: Path, problems: list[Problem]) -> dict[str, Model]:
    found: dict[str, Model] = {}
    taken: dict[str, str] = {}  # lower-case id → file, since ids become names of folders
    for path in sorted((root / "runs" / "models").rglob("*.toml")):
        shown = path.relative_to(root).as_posix()
        if (model := read_toml(path, shown, Model, problems)) is None:
            continue
        if (first := taken.setdefault(model.id.lower(), shown)) != shown:
            wrong = f'duplicate model "{model.id}", already in {first}'
            problems.append(Problem(shown, "name", wrong, "remove one of the two files"))
        elif model.file != shown:
            wrong = f'"{model.id}" does not belong in this file'
            problems.append(Problem(shown, "name", wrong, f"move it to {model.file}"))
        else:
            found[model.id] = model
    return found


def _unknown_names(specs: Specs, faulty: set[str]) -> list[Problem]:
    """Names of suites, corpora and models that occur somewhere but have no file.

    faulty: files that are reported already; what they should define is not called unknown too.
    """
    problems: list[Problem] = []
    defined_by_faulty = {PurePosixPath(file).stem for file in faulty}

    def check(file: str, field_name: str, kind: str, given: Iterable[str], known: set[str]) -> None:
        for name in given:
            if name not in known and name.rpartition("__")[2] not in defined_by_faulty:
                problems.append(
                    Problem(
                        file,
                        field_name,
                        f'unknown {kind} "{name}"',
                        f"choose from {', '.join(sorted(known)) or 'none yet'}",
                    )
                )

    suites, models = set(specs.suites), set(specs.models)
    corpora = {*specs.corpora, *specs.preferences}
    for model in specs.models.values():
        check(model.file, "suites", "suite", model.suites, suites)
        check(model.file, "corpora", "corpus", model.corpora, corpora)
    for profile in specs.profiles.values():
        file = f"runs/profiles/{profile.name}.toml"
        check(file, "models", "model", profile.models, models)
        check(file, "suites", "suite", profile.suites, suites)
        check(file, "corpora", "corpus", profile.corpora, corpora)
    if (sentinel := specs.sentinel) is not None:
        check("runs/sentinel.toml", "model", "model", [sentinel.model], models)
        watched = specs.models.get(sentinel.model)
        texts = set(specs.corpora) & set(watched.corpora if watched else specs.corpora)
        check("runs/sentinel.toml", "corpus", "corpus of the model", [sentinel.corpus], texts)
    return problems


def pin_datasets(
    path: Path, resolve: Callable[[str], str], resolve_mirrored: Callable[[str], str]
) -> list[tuple[str, str]]:
    """Fill every empty dataset revision of a suite or corpus file; return what was pinned.

    resolve: from the name of a dataset to its commit; one look-up for each name.
    resolve_mirrored: to the hash of its documents, where a local mirror is the source.
    """
    document: Any = tomlkit.parse(path.read_text("utf-8"))
    known: dict[str, str] = {}
    for name, dataset in _datasets(document):
        if dataset.get("revision") == "":
            if name not in known:
                mirrored = dataset.get("source") == LOCAL_MIRROR
                known[name] = (resolve_mirrored if mirrored else resolve)(name)
            dataset["revision"] = known[name]
    if known:
        write_atomically(path, tomlkit.dumps(document).encode())
    return sorted(known.items())


def _datasets(document: Any) -> Iterator[tuple[str, Any]]:
    """Name and table of every dataset: those of a suite's tasks, or that of preference pairs."""
    for task in document.get("tasks", []):
        yield str(task["dataset"]["path"]), task["dataset"]
    if "hub" in (source := document.get("source", {})):
        yield str(source["hub"]), source
