"""Models that a user names: an id of runs/, a commit on the Hub, a local folder or a GGUF file.

Once the weights are here, nothing is asked of any network.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from generator.intake.weights import TEXTS
from generator.measure.failures import MeasureError
from generator.measure.hub import download_weights
from generator.measure.weights import (
    Loaded,
    convert_gguf,
    hash_weights,
    load_folder,
    load_model,
    measure_room,
    weight_files,
)
from generator.records.models import Model
from generator.records.names import COMMIT, MODEL_NAME


@dataclass(frozen=True)
class Reference:
    """A model that can be loaded: exactly one of `model`, `hub` and `path`."""

    title: str
    model: Model | None = None
    hub: str | None = None  # org/name@commit
    path: Path | None = None  # a folder of safetensors, or a GGUF file


def resolve_reference(text: str, models: Mapping[str, Model]) -> Reference | str:
    """What a user's word for a model means, or one line with what is wrong. Loads nothing."""
    by_name = {model.title: model for model in models.values()} | dict(models)
    if text in by_name:
        return Reference(by_name[text].title, model=by_name[text])
    if (path := Path(text)).exists():
        return _local(text, path)
    name, _, revision = text.partition("@")
    if MODEL_NAME.fullmatch(name):
        if COMMIT.fullmatch(revision):
            return Reference(text, hub=text)
        shown = f'"{revision}" is not a commit' if revision else "names no commit"
        return f"--model {text}: {shown}; write {name}@ and the 40-hex id on the model's Files page"
    known = ", ".join(sorted(models)) or "none here"
    wrong = f"--model {text}: is no model of runs/, no org/name@commit, no folder and no file"
    return f"{wrong}; the ids of runs/ are {known}"


def _local(text: str, path: Path) -> Reference | str:
    if path.is_file() and path.suffix != ".gguf":
        return f"--model {text}: is not a GGUF file; name a folder with *.safetensors, or a .gguf"
    if path.is_dir():
        try:
            files = weight_files(path, text)
        except MeasureError as error:
            return f"--model {error.message}"
        if not any(file.suffix == ".safetensors" for file in files):
            if len(files) > 1:
                return f"--model {text}: holds {len(files)} GGUF files; name the one to score"
            return Reference(text, path=files[0])
    return Reference(text, path=path)


def load_reference(reference: Reference, root: Path, cache: Path) -> tuple[Loaded, str]:
    """The model in memory, and its identity: weights and tokenizer to the byte. Raises
    MeasureError."""
    if reference.path is not None:
        return _load_local(reference.path, cache)
    if reference.hub is not None:
        return _load_from_hub(reference.hub, cache)
    model = reference.model
    assert model is not None  # one of the three is given
    if model.weights.hub:
        return _load_from_hub(f"{model.weights.hub}@{model.weights.revision}", cache)
    loaded = load_model(model, model.revisions()[-1], root, cache)
    return loaded, f"{model.id}@{model.weights.revision}"


def _load_local(path: Path, cache: Path) -> tuple[Loaded, str]:
    if path.is_file():
        revision = hash_weights([path])
        folder = cache / "weights" / revision
        if not (folder / "model.safetensors").is_file():
            _convert(path, folder)
        return load_folder(folder, path.stat().st_size), revision
    files = [file for file in weight_files(path) if file.suffix == ".safetensors"]
    others = sorted(file for file in path.iterdir() if file.suffix in TEXTS)
    digests = "".join(hashlib.sha256(file.read_bytes()).hexdigest() for file in others)
    small = hashlib.sha256(digests.encode()).hexdigest()[:16]  # tokenizer and configuration
    size = sum(file.stat().st_size for file in files)
    return load_folder(path, size), f"{hash_weights(files)}, tokenizer {small}"


def _convert(path: Path, folder: Path) -> None:
    """De-quantise a GGUF file into the cache, once."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        convert_gguf(path, folder)
    except Exception as error:  # whatever the readers make of a foreign file
        shutil.rmtree(folder.with_suffix(".partial"), ignore_errors=True)
        wrong = f"{path}: cannot be read as a model ({type(error).__name__}: {error})"
        repair = "score another file, or a folder of safetensors"
        raise MeasureError("weights", f"{wrong}; {repair}") from error


def _load_from_hub(name: str, cache: Path) -> tuple[Loaded, str]:
    """By way of the cache; a mark there says that the download was completed."""
    repository, _, revision = name.partition("@")
    mark = cache / "hub" / f"complete-{name.replace('/', '--')}.json"
    if mark.is_file():
        folder = Path(json.loads(mark.read_text("utf-8"))["folder"])
        if not folder.is_dir():
            mark.unlink()
            return _load_from_hub(name, cache)
    else:
        folder = download_weights(repository, revision, None, cache, measure_room(cache))
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.write_text(json.dumps({"folder": str(folder.resolve())}), "utf-8")
    size = sum(file.stat().st_size for file in weight_files(folder))
    return load_folder(folder, size), name
