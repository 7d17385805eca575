"""Ask the Hugging Face Hub for commits and for the weights of a model."""

from collections.abc import Iterable
from pathlib import Path

from huggingface_hub import HfApi, snapshot_download

# HTTPError: of whatever client the library uses, which has changed before.
from huggingface_hub.errors import HFValidationError, HTTPError  # type: ignore[attr-defined]

from generator.measure.failures import MeasureError
from generator.records.base import UserError

FAULTS = (HTTPError, HFValidationError, OSError)
FILES = ("*.safetensors", "*.json", "*.txt", "*.model")
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".msgpack", ".h5")


def resolve_dataset(name: str) -> str:
    """Commit of a dataset's main branch today. Raises UserError when the Hub does not answer."""
    try:
        commit = HfApi().dataset_info(name).sha
    except FAULTS as error:
        wrong = f"{name}: the Hub gave no commit ({_reason(error)})"
        repair = "check the dataset's name, and that this machine reaches the Hub"
        raise UserError([f"{wrong}; {repair}"]) from error
    if commit is None:
        raise UserError([f"{name}: the Hub gave no commit; check the name of the dataset"])
    return commit


def download_weights(repository: str, revision: str, cache: Path) -> Path:
    """Folder with a model's safetensors, configuration and tokenizer at a commit.

    Nothing else is fetched, pickles and code least of all. Raises MeasureError.
    """
    try:
        folder = snapshot_download(
            repository, revision=revision, allow_patterns=list(FILES), cache_dir=cache / "hub"
        )
        if any(Path(folder).glob("*.safetensors")):
            return Path(folder)
        held = HfApi().list_repo_files(repository, revision=revision)
    except FAULTS as error:
        wrong = f"{repository} at {revision}: the Hub gave no weights ({_reason(error)})"
        repair = "check weights.hub and weights.revision, and that this machine reaches the Hub"
        raise MeasureError("weights", f"{wrong}; {repair}") from error
    refuse_pickles(repository, held)
    wrong = f"{repository} at {revision} holds no weights"
    raise MeasureError("weights", f"{wrong}; expected *.safetensors")


def refuse_pickles(place: str, names: Iterable[str]) -> None:
    """Raise MeasureError for the first file that could run code when it is loaded."""
    for name in sorted(names):
        if name.endswith(PICKLES):
            wrong = f"{place}/{name} is a pickle, which can run code"
            raise MeasureError("unsafe_weights", f"{wrong}; convert the weights to safetensors")


def _reason(error: Exception) -> str:
    return str(error).partition("\n")[0].strip() or type(error).__name__
