"""Find the exact weights of a model, check their hash, load them complete or not at all.

Only safetensors and GGUF are read; no code of a model's repository is ever run. GGUF weights are
de-quantised in memory. Once weights are in the cache, no network is asked for them.
"""

import math
import shutil
import tempfile
import weakref
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch
from accelerate import dispatch_model, infer_auto_device_map
from transformers import AutoConfig, AutoTokenizer

from compression_leaderboard.measure.checkpoint import (
    AutoModel,
    Folder,
    build_skeleton,
    check_complete,
    check_indices,
    check_revision,
    explain,
    find_weights,
    hash_folder,
    hash_weights,
    name_buffers,
    read_folder,
    refusal,
    weights_of,
)
from compression_leaderboard.measure.gguf import OFFLINE, read_gguf
from compression_leaderboard.measure.hub import download_weights
from compression_leaderboard.measure.machine import (
    MeasureError,
    Report,
    machine_memory,
    silence_libraries,
)
from compression_leaderboard.plan.hub_weights import SURPLUS, Room
from compression_leaderboard.records.base import COMMIT, MODEL_NAME
from compression_leaderboard.records.calibration import Calibration, Start
from compression_leaderboard.records.models import Checkpoint, Model
from compression_leaderboard.records.results import Subject

CACHE = Path("build/cache")  # below the repository
# Names under which configurations give the longest context, the first that is given counts.
CONTEXTS = (
    *("max_position_embeddings", "n_positions", "max_seq_len", "max_seq_length", "seq_length"),
    *("max_sequence_length", "context_length", "n_ctx"),
)
UNLIMITED = 10**9  # tokens; tokenizers write a huge number where they know no limit


def no_report(stage: str, done: int, total: int) -> None:
    """Ignore the progress of loading."""


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
        """The number format of most weights, such as float32. Models keep a few in float32."""
        sizes: Counter[str] = Counter()
        for weights in self.model.parameters():
            sizes[str(weights.dtype).removeprefix("torch.")] += weights.numel()
        return sizes.most_common(1)[0][0]

    def window(self, tokens: int) -> int:
        """Return so many tokens, or as many as the model reads if these are fewer."""
        context = self.subject.context_tokens
        return tokens if context is None else min(tokens, context)

    @property
    def start(self) -> Start:
        """What stands before a window."""
        assert self.calibration is not None  # calibrate comes before a text is scored
        return self.calibration.start

    @property
    def device(self) -> torch.device:
        """Where inputs belong: that of the embedding, also where its weights are elsewhere."""
        return device_of(self.model)


def device_of(model: Any) -> torch.device:
    """Return the device that reads a model's inputs. accelerate may keep weights on a disk."""
    embedding = model.get_input_embeddings()
    hook = getattr(embedding, "_hf_hook", None)
    placed = getattr(hook, "execution_device", None)
    return torch.device(model.device if placed is None else placed)


def load_model(
    model: Model,
    checkpoint: Checkpoint,
    root: Path,
    dtype: torch.dtype | None = None,
    report: Report = no_report,
) -> Loaded:
    """Load one revision. Raises MeasureError.

    root: the repository. dtype: by default what suits the machine.
    """
    weights, revision = model.weights, checkpoint.revision
    report("checking the weights", 0, 1)
    if weights.hub:
        (file,) = weights.file or (None,)
        place = _fetch(weights.hub, revision, model.licence, root, file)
        return load_folder(place, dtype, f"{weights.hub}@{revision}", report)
    if weights.package:
        joined = root / CACHE / "weights" / f"{revision}.gguf"
        return load_gguf(find_weights(model, revision, joined), dtype, weights.package, report)
    shown = checkpoint.path or ""
    folder = root / shown
    check_revision(hash_folder(folder, shown), revision, shown)
    return load_folder(folder, dtype, shown, report)


def load_folder(
    folder: Path,
    dtype: torch.dtype | None = None,
    shown: str | None = None,
    report: Report = no_report,
    memory: Mapping[int | str, int] | None = None,
) -> Loaded:
    """Load a folder of safetensors, or a GGUF file, alone in a folder or not. Raises MeasureError.

    shown: the folder's name in messages, which records keep; by default its path.
    memory: bytes by device that the weights may use; what exceeds them is kept on disk.
    """
    shown = shown or str(folder)
    first = folder if folder.is_file() else weights_of(folder, shown)[0]
    if first.suffix == ".gguf":
        return load_gguf(first, dtype, shown, report, memory)
    silence_libraries()
    files = read_folder(folder, shown)
    try:
        return _load_safetensors(files, dtype or suitable_dtype(), report, memory)
    except Exception as error:
        if (fault := explain(error, shown, folder)) is None:
            raise
        raise fault from error


def _load_safetensors(
    files: Folder, dtype: torch.dtype, report: Report, memory: Mapping[int | str, int] | None
) -> Loaded:
    numbers = sum(math.prod(tensor.shape) for tensor in files.tensors.values())
    config = AutoConfig.from_pretrained(files.path, **OFFLINE)
    build_skeleton(config, len(files.tensors), numbers, files.shown)
    report("loading the tokenizer", 0, 1)
    tokenizer = _read_tokenizer(files)
    report("loading the weights", 0, 1)
    place, offloaded = place_model(numbers * dtype.itemsize, memory)
    model, info = AutoModel.from_pretrained(
        files.path,
        dtype=dtype,
        use_safetensors=True,
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # check_complete names them
        **place,
        **OFFLINE,
    )
    if offloaded is not None:
        weakref.finalize(model, shutil.rmtree, offloaded, ignore_errors=True)
    check_complete(info, files.shown, files.buffers)
    check_indices(files, (n for n, p in model.named_parameters() if p.is_floating_point()))
    if not place:
        model.to(suitable_device())
    used = tuple(model.state_dict())
    unused = [b for b in files.buffers if not any(key.endswith(b) for key in used)]
    size = sum(file.stat().st_size for file in files.weights)
    return describe(model.eval(), tokenizer, size, name_buffers(unused))


def _read_tokenizer(files: Folder) -> Any:
    """Read the tokenizer; refuse one that is made of nothing, as transformers makes for a few."""
    repair = "add tokenizer.json and tokenizer_config.json of the model"
    try:
        tokenizer = AutoTokenizer.from_pretrained(files.path, **OFFLINE)
    except Exception as error:
        # Without tokenizer.json the message is about packages that would not help.
        if not (files.path / "tokenizer.json").is_file():
            raise refusal(files.shown, "has no tokenizer that can be read", repair) from error
        what = "has a tokenizer that cannot be read"
        raise explain(error, files.shown, files.path, what) or error from error
    if len(tokenizer) <= len(tokenizer.get_added_vocab()):
        raise refusal(files.shown, "has no tokenizer, or one without a vocabulary", repair)
    return tokenizer


def load_gguf(
    file: Path,
    dtype: torch.dtype | None,
    shown: str,
    report: Report = no_report,
    memory: Mapping[int | str, int] | None = None,
) -> Loaded:
    """Load a GGUF file, de-quantised in memory. Raises MeasureError.

    memory: bytes by device that the weights may use; what exceeds them is kept on disk.
    """
    silence_libraries()
    try:
        model, tokenizer = read_gguf(file, shown, dtype or suitable_dtype(), report)
        place, offloaded = place_model(model.num_parameters() * model.dtype.itemsize, memory)
        if offloaded is None:
            model.to(suitable_device())
        else:
            weakref.finalize(model, shutil.rmtree, offloaded, ignore_errors=True)
            limits, whole = place.get("max_memory"), model._no_split_modules
            devices = infer_auto_device_map(model, limits, no_split_module_classes=whole)
            model = dispatch_model(model, devices, offload_dir=offloaded)
        return describe(model.eval(), tokenizer, file.stat().st_size)
    except Exception as error:
        if (fault := explain(error, shown, file)) is None:
            raise
        raise fault from error


def describe(model: Any, tokenizer: Any, size: int, unused: tuple[str, ...] = ()) -> Loaded:
    """Read facts off a model in memory. size: of its files, in bytes."""
    config = model.config.get_text_config()
    head = model.get_output_embeddings()
    context, source = find_context(config, tokenizer)
    if not hasattr(config, "num_hidden_layers"):
        wrong = f"{type(model).__name__} is not one stack of layers"
        raise MeasureError("architecture", f"{wrong}; choose a model that predicts tokens from one")
    subject = Subject(
        architecture=type(model).__name__,
        parameters=model.num_parameters(),
        weights_bytes=size,
        context_tokens=context,
        context_source=source,
        ignored_buffers=unused,
        vocabulary=config.vocab_size if head is None else head.weight.shape[0],
        layers=config.num_hidden_layers,
        width=config.hidden_size,
    )
    return Loaded(model, tokenizer, subject)


def find_context(config: Any, tokenizer: Any) -> tuple[int | None, str]:
    """Find the longest context in tokens, and what says so; None: the model has no limit.

    A window of attention is no limit: such a model reads on, and forgets.
    """
    for name in CONTEXTS:
        value = getattr(config, name, None)
        if isinstance(value, int) and not isinstance(value, bool):
            if value > 0:
                return value, f"{name} of the configuration"
            if value == -1:  # XLNet
                return None, f"{name} of the configuration is -1: no limit"
    limit = getattr(tokenizer, "model_max_length", None)
    if isinstance(limit, int | float) and 0 < limit < UNLIMITED:
        return int(limit), "model_max_length of the tokenizer"
    return None, "neither configuration nor tokenizer gives a limit"


def place_model(
    needed: int, memory: Mapping[int | str, int] | None = None
) -> tuple[dict[str, Any], str | None]:
    """Return how transformers is to place weights, and the folder of those kept on disk.

    Weights that fit one device are loaded as a whole ({}). Larger ones are spread over all GPUs,
    then memory, then disk. needed: bytes of the weights. memory: bytes by device that they may use.
    """
    if memory is None and needed * SURPLUS <= _free_memory():
        return {}, None
    folder = tempfile.mkdtemp(prefix="leaderboard-offload-")
    options: dict[str, Any] = {"device_map": "auto", "offload_folder": folder}
    if memory is not None:
        options["max_memory"] = dict(memory)
    return options, folder


def _free_memory() -> int:
    """Measure the memory of the first GPU, if there is one, else of the machine."""
    if suitable_device() == "cuda":
        return int(torch.cuda.mem_get_info()[0])
    return min(int(psutil.virtual_memory().available), machine_memory())


def suitable_device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def suitable_dtype() -> torch.dtype:
    """Return bfloat16 where the machine computes in it, else float32."""
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if fast else torch.float32


def _fetch(
    repository: str, revision: str, licence: str | None, root: Path, file: str | None = None
) -> Path:
    """Return the folder of weights on the Hub, or the GGUF file that is named.

    A link in the cache says that it is complete.
    """
    name = f"{repository.replace('/', '--')}@{revision}"
    name += f"@{file.replace('/', '--')}" if file else ""
    complete = root / CACHE / "hub" / f"complete-{name}"
    if not complete.exists():
        cache = root / CACHE
        folder = download_weights(repository, revision, licence, cache, measure_room(cache), file)
        complete.unlink(missing_ok=True)
        complete.symlink_to((folder / (file or "")).absolute())
    return complete.readlink()


def measure_room(cache: Path) -> Room:
    """Measure what this machine has to spare for a model: with GPUs, their memory and its own."""
    cache.mkdir(parents=True, exist_ok=True)
    memory = min(int(psutil.virtual_memory().available), machine_memory())
    for number in range(torch.cuda.device_count()):
        memory += int(torch.cuda.mem_get_info(number)[0])
    return Room(
        disk_bytes=shutil.disk_usage(cache).free,
        memory_bytes=memory,
        bytes_per_parameter=suitable_dtype().itemsize,
    )


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
            weights_of(path, text)
        except MeasureError as error:
            return f"--model {error.message}"
    return Reference(text, path=path)


def identify_reference(reference: Reference) -> str:
    """Return the identity of a model: weights, configuration and tokenizer to the byte.

    Raises MeasureError.
    """
    if (path := reference.path) is not None:
        return hash_weights([path]) if path.is_file() else hash_folder(path)
    if reference.hub is not None:
        return reference.hub
    model = reference.model
    assert model is not None  # one of the three is given
    return f"{model.weights.hub or model.id}@{model.weights.revision}"


def load_reference(
    reference: Reference,
    root: Path,
    dtype: torch.dtype | None = None,
    report: Report = no_report,
) -> Loaded:
    """Load a model. root: the repository. Raises MeasureError."""
    if (path := reference.path) is not None:
        return load_folder(path, dtype, str(path), report)
    if reference.hub is not None:
        repository, _, revision = reference.hub.partition("@")
        folder = _fetch(repository, revision, None, root)
        return load_folder(folder, dtype, reference.hub, report)
    model = reference.model
    assert model is not None  # one of the three is given
    return load_model(model, model.revisions()[-1], root, dtype, report)
