"""Read runs/ with every problem at once: specs, documents and preference pairs; pin datasets."""

import hashlib
import json
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import tomlkit

from compression_leaderboard.records.base import Problem, Record
from compression_leaderboard.records.corpora import Corpus, Pair, PreferenceSet, TextDocument
from compression_leaderboard.records.models import (
    LOCAL_MIRROR,
    Maintainers,
    Model,
    Profile,
    Sentinel,
    Suite,
)
from compression_leaderboard.records.results import Kind
from compression_leaderboard.repository.files import Reader, write_atomically

LARGEST_SPEC_BYTES = 64 * 1024  # a spec is a page of text; anything larger is a mistake
# In characters. Memory and time of the parser grow with the square of a dotted key's length: one
# of 100,000 parts takes all that a machine has.
LONGEST_LINE = 1200
LARGEST_BYTES = 2_000_000  # of a file of documents, so that the repository stays quick to clone
MAINTAINERS = "runs/maintainers.toml"
RESTORE = "restore the file, or fix source.path"
# What git, an editor or an archive may do to a file whose hash is pinned.
WINDOWS_LINES = "has Windows line endings (CR LF)", "restore it from git, which keeps it as it was"

R = TypeVar("R", bound=Record)


@dataclass(frozen=True, eq=False)
class Specs:
    """Everything under runs/, by id or name. Compared by identity."""

    models: dict[str, Model] = field(default_factory=dict)
    suites: dict[str, Suite] = field(default_factory=dict)
    corpora: dict[str, Corpus] = field(default_factory=dict)
    profiles: dict[str, Profile] = field(default_factory=dict)
    preferences: dict[str, PreferenceSet] = field(default_factory=dict)  # also of runs/corpora
    sentinel: Sentinel | None = None
    # Nobody, where the file is missing or has a problem.
    maintainers: Maintainers = field(default_factory=Maintainers)

    def find(self, kind: Kind, name: str) -> Suite | Corpus | PreferenceSet | None:
        """Find what a job of this kind and name measures."""
        if kind == "suite":
            return self.suites.get(name)
        return self.preferences.get(name) or self.corpora.get(name)


def read_specs(root: Path) -> tuple[Specs, list[Problem]]:
    """Read runs/ below `root`. A file with problems is left out of the specs and reported."""
    reader = Reader(root)
    suites = _read_named(reader, "suites", lambda _: Suite)
    corpora: dict[str, Corpus | PreferenceSet] = _read_named(
        reader, "corpora", lambda c: PreferenceSet if c.get("kind") == "preference" else Corpus
    )
    profiles = _read_named(reader, "profiles", lambda _: Profile)
    sentinels = [read_spec(reader, file, Sentinel) for file in reader.find("runs/sentinel.toml")]
    specs = Specs(
        _read_models(reader),
        suites,
        {name: spec for name, spec in corpora.items() if isinstance(spec, Corpus)},
        profiles,
        {name: spec for name, spec in corpora.items() if isinstance(spec, PreferenceSet)},
        sentinels[0] if sentinels else None,
        read_maintainers(reader),
    )
    _report_unknown_names(reader, specs)
    _report_changed_tasks(reader, suites)
    return specs, sorted(reader.problems)


def read_maintainers(reader: Reader) -> Maintainers:
    """Read runs/maintainers.toml; nobody, where it is missing or has a problem."""
    files = [read_spec(reader, file, Maintainers) for file in reader.find(MAINTAINERS)]
    return next((maintainers for maintainers in files if maintainers is not None), Maintainers())


def read_spec(reader: Reader, file: str, kind: type[R]) -> R | None:
    """Read a TOML file as a record, or report its problems."""
    content = _read_toml(reader, file)
    return None if content is None else reader.validate(json.dumps(content), file, kind)


def toml_text(record: Record) -> str:
    """Write a record as TOML, without fields that are None and without `kind`."""
    return tomlkit.dumps(record.model_dump(exclude_none=True, exclude={"kind"}))


def _read_toml(reader: Reader, file: str) -> dict[str, Any] | None:
    """Read a TOML file as JSON has it, so that the same strict rules hold for every file."""
    if (reader.root / file).is_symlink():
        reader.report(file, "", "is a symbolic link", "replace it with the file itself")
        return None
    if (content := reader.read(file, "put a readable file there")) is None:
        return None
    if len(content) > LARGEST_SPEC_BYTES:
        wrong = f"is larger than {LARGEST_SPEC_BYTES // 1024} KiB"
        reader.report(file, "", wrong, "a spec is a short file")
        return None
    try:
        text = content.decode("utf-8")
        for number, line in enumerate(text.split("\n"), start=1):
            if len(line) > LONGEST_LINE:
                wrong = f"has {len(line)} characters, at most {LONGEST_LINE} are read"
                reader.report(file, f"line {number}", wrong, "write shorter lines")
                return None
        plain: dict[str, Any] = json.loads(json.dumps(tomllib.loads(text), default=str))
        return plain
    except UnicodeDecodeError:
        reader.report(file, "", "is not UTF-8 text", "save it as UTF-8")
    except RecursionError:
        reader.report(file, "", "is nested too deeply", "a spec has tables and lists")
    except ValueError as error:
        reader.report(file, "", f"is not valid TOML: {error}", "fix the syntax")
    return None


def _read_named(
    reader: Reader, folder: str, kind_of: Callable[[dict[str, Any]], type[R]]
) -> dict[str, R]:
    """Read each file of a folder of runs/ that has the name of its spec."""
    specs: dict[str, R] = {}
    for file in reader.find(f"runs/{folder}/*.toml"):
        if (content := _read_toml(reader, file)) is None:
            continue
        spec = reader.validate(json.dumps(content), file, kind_of(content))
        if spec is None:
            continue
        name: str = spec.name  # type: ignore[attr-defined]  # every named spec has one
        if name == PurePosixPath(file).stem:
            specs[name] = spec
        else:
            repair = f"rename the file to {name}.toml or the field"
            reader.report(file, "name", f'"{name}" is not the file\'s name', repair)
    return specs


def _read_models(reader: Reader) -> dict[str, Model]:
    models: dict[str, Model] = {}
    taken: dict[str, str] = {}  # lower-case id → file, since ids become names of folders
    for file in reader.find("runs/models/**/*.toml"):
        if (model := read_spec(reader, file, Model)) is None:
            continue
        if (first := taken.setdefault(model.id.lower(), file)) != file:
            wrong = f'duplicate model "{model.id}", already in {first}'
            reader.report(file, "name", wrong, "remove one of the two files")
        elif model.file != file:
            wrong = f'"{model.id}" does not belong in this file'
            reader.report(file, "name", wrong, f"move it to {model.file}")
        else:
            models[model.id] = model
    return models


def _report_unknown_names(reader: Reader, specs: Specs) -> None:
    """Report names of suites, corpora and models that are used but have no file.

    What a faulty file should define is not called unknown too.
    """
    faulty = {PurePosixPath(problem.file).stem for problem in reader.problems}
    suites, models = set(specs.suites), set(specs.models)
    corpora = {*specs.corpora, *specs.preferences}
    uses: list[tuple[str, str, str, Iterable[str], set[str]]] = []
    for model in specs.models.values():
        uses.append((model.file, "suites", "suite", model.suites, suites))
        uses.append((model.file, "corpora", "corpus", model.corpora, corpora))
    for profile in specs.profiles.values():
        file = f"runs/profiles/{profile.name}.toml"
        uses.append((file, "models", "model", profile.models, models))
        uses.append((file, "suites", "suite", profile.suites, suites))
        uses.append((file, "corpora", "corpus", profile.corpora, corpora))
    if (sentinel := specs.sentinel) is not None:
        watched = specs.models.get(sentinel.model)
        texts = set(specs.corpora) & set(watched.corpora if watched else specs.corpora)
        uses.append(("runs/sentinel.toml", "model", "model", [sentinel.model], models))
        uses.append(
            ("runs/sentinel.toml", "corpus", "corpus of the model", [sentinel.corpus], texts)
        )
    for file, field_name, kind, names, known in uses:
        for name in names:
            if name not in known and name.rpartition("__")[2] not in faulty:
                repair = f"choose from {', '.join(sorted(known)) or 'none yet'}"
                reader.report(file, field_name, f'unknown {kind} "{name}"', repair)


def _report_changed_tasks(reader: Reader, suites: Mapping[str, Suite]) -> None:
    """Report tasks whose own files are not those that their suite pins. No file is parsed."""
    for suite in suites.values():
        for number, task in enumerate(suite.tasks, start=1):
            folder = suite.tasks_folder
            files = _task_files(reader.root / folder, task.task) if folder else []
            try:
                digest = _hash_files(files)
                windows = [file for file in files if b"\r\n" in file.read_bytes()]
            except OSError as error:
                file = Path(str(error.filename)).relative_to(reader.root).as_posix()
                reader.report(file, "", f"cannot be read: {error.strerror}", "restore it from git")
                continue
            if digest == task.definition or (digest and task.definition == ""):
                continue
            if windows:
                reader.report(windows[0].relative_to(reader.root).as_posix(), "", *WINDOWS_LINES)
                continue
            field_name = f"tasks.{number}.definition"
            if digest is None:
                wrong, repair = "is given for a task of lm-eval", "remove it"
            elif task.definition is None:
                wrong, repair = "missing", f'add definition = "{digest}"'
            else:
                wrong = f"the files of {task.task} have the hash {digest}"
                repair = "restore them, or write the new hash: then earlier records are stale"
            reader.report(f"runs/suites/{suite.name}.toml", field_name, wrong, repair)


def hash_task(folder: Path, task: str) -> str | None:
    """Hash a task's own files, <task>.yaml and <task>_….yaml; None if it has none."""
    return _hash_files(_task_files(folder, task))


def _task_files(folder: Path, task: str) -> list[Path]:
    """List <task>.yaml and <task>_….yaml, and links of such a name that lead nowhere."""
    files = folder.iterdir() if folder.is_dir() else ()
    named = (f for f in files if f.stem == task or f.stem.startswith(f"{task}_"))
    return sorted(file for file in named if file.suffix == ".yaml")


def _hash_files(files: Sequence[Path]) -> str | None:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest() if files else None


def pin_spec(
    root: Path, path: Path, resolve: Callable[[str], str], resolve_mirrored: Callable[[str], str]
) -> list[tuple[str, str]]:
    """Fill every empty dataset revision and definition of a suite or corpus file.

    Return what was pinned.

    resolve: from the name of a dataset to its commit, called once per name.
    resolve_mirrored: to the hash of its documents, if the source is a local mirror.
    """
    document: Any = tomlkit.parse(path.read_text("utf-8"))
    known: dict[str, str] = {}
    for name, dataset in _datasets(document):
        if dataset.get("revision") == "":
            if name not in known:
                mirrored = dataset.get("source") == LOCAL_MIRROR
                known[name] = (resolve_mirrored if mirrored else resolve)(name)
            dataset["revision"] = known[name]
    for task in document.get("tasks", []):
        if task.get("definition") == "":
            digest = hash_task(root / document["tasks_folder"], task["task"])
            task["definition"] = known[task["task"]] = str(digest)
    if known:
        write_atomically(path, tomlkit.dumps(document).encode())
    return sorted(known.items())


def _datasets(document: Any) -> Iterator[tuple[str, Any]]:
    """Yield the name and table of every dataset of a suite's tasks or of preference pairs."""
    for task in document.get("tasks", []):
        yield str(task["dataset"]["path"]), task["dataset"]
    if "hub" in (source := document.get("source", {})):
        yield str(source["hub"]), source


def read_texts(root: Path, file: str) -> tuple[list[TextDocument], list[Problem]]:
    """Read all documents of a file of JSON lines, and its problems."""
    reader = Reader(root)
    content = reader.read(file, RESTORE) or b""
    if len(content) > LARGEST_BYTES:
        wrong = f"has {len(content)} bytes, more than {LARGEST_BYTES}"
        return [], [Problem(file, "", wrong, "propose fewer or shorter documents")]
    documents: dict[str, TextDocument] = {}
    for number, document in _read_lines(reader, content, file, TextDocument):
        if document.name in documents:
            wrong = f'"{document.name}" occurs twice'
            reader.report(file, f"line {number}, name", wrong, "remove one")
        documents[document.name] = document
    return list(documents.values()), reader.problems


def texts_file(documents: list[TextDocument]) -> bytes:
    """Format documents as the content of such a file."""
    ordered = sorted(documents, key=lambda document: document.name)
    rows = (json.dumps(d.model_dump(mode="json"), ensure_ascii=False) for d in ordered)
    return "".join(f"{row}\n" for row in rows).encode()


def read_pairs(root: Path, spec: PreferenceSet) -> tuple[list[Pair], list[Problem]]:
    """Read all pairs of `source.path`, and the problems of the file, its lines and its hash."""
    file = spec.source.path or ""
    reader = Reader(root)
    if (content := reader.read(file, RESTORE)) is None:
        return [], reader.problems
    pairs: list[Pair] = []
    first: dict[tuple[str, frozenset[str]], int] = {}
    for number, pair in _read_lines(reader, content, file, Pair):
        completions = pair.prompt, frozenset({pair.chosen, pair.rejected})
        if (earlier := first.setdefault(completions, number)) != number:
            wrong = f"repeats the pair of line {earlier}"
            reader.report(file, f"line {number}", wrong, "remove one")
        pairs.append(pair)
    digest = hashlib.sha256(content).hexdigest()
    if digest != spec.sha256 and b"\r\n" in content:
        reader.report(file, "", *WINDOWS_LINES)
    elif digest != spec.sha256:
        wrong = f"{file} has the hash {digest}"
        repair = "restore the file, or write the new hash"
        reader.report(f"runs/corpora/{spec.name}.toml", "sha256", wrong, repair)
    return pairs, reader.problems


def _read_lines(
    reader: Reader, content: bytes, file: str, kind: type[R]
) -> Iterator[tuple[int, R]]:
    """Validate each line of a file as JSON; yield the number and the record of those in order."""
    for number, line in enumerate(content.splitlines(), start=1):
        if (record := reader.validate(line, file, kind, number)) is not None:
            yield number, record
