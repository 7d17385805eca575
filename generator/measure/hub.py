"""Ask the Hugging Face Hub for commits, documents and the weights of a model."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

from huggingface_hub import (
    HfApi,
    constants,
    hf_hub_download,
    snapshot_download,
    try_to_load_from_cache,
)
from huggingface_hub.errors import NotASafetensorsRepoError, SafetensorsParsingError

from generator.intake.weights import HubListing, Room, judge_weights
from generator.measure.asking import ask
from generator.measure.failures import MeasureError
from generator.records.base import UserError

CONFIGURATIONS = ("config.json", "tokenizer_config.json")  # may name code of the repository
LOADER = "it has a loader script, which is never run"


def resolve_dataset(name: str) -> str:
    """Commit of a dataset's main branch today. Raises UserError when the Hub does not answer."""
    try:
        commit = ask(name, lambda: HfApi().dataset_info(name).sha)
    except MeasureError as error:
        raise UserError([error.message]) from error
    if commit is None:
        raise UserError([f"{name}: the Hub gave no commit; check the name of the dataset"])
    return commit


def check_dataset(name: str, commit: str) -> None:
    """Whether a dataset is there at a commit and without a script. Raises MeasureError.

    `datasets` itself would answer from another revision in its cache where the Hub does not.
    """
    place = f"{name} at {commit}"
    info = ask(place, lambda: HfApi().dataset_info(name, revision=commit))
    if info.gated:
        ask(name, lambda: HfApi().auth_check(name, repo_type="dataset"))
    script = name.rpartition("/")[2] + ".py"
    if script in {sibling.rfilename for sibling in info.siblings or []}:
        repair = "choose a revision with plain files, such as its parquet branch"
        raise MeasureError("harness", f"{place}: {script}: {LOADER}; {repair}")


def download_documents(name: str) -> tuple[str, Path]:
    """Commit and folder of a dataset as a local mirror serves it today. Raises MeasureError."""
    commit = ask(name, lambda: HfApi().dataset_info(name).sha)
    place = f"{name} at {commit}"
    folder = ask(place, lambda: snapshot_download(name, repo_type="dataset", revision=commit))
    return str(commit), Path(folder)


def download_weights(
    repository: str, revision: str, licence: str | None, cache: Path, room: Room
) -> Path:
    """Folder with a model's safetensors, configuration and tokenizer at a commit.

    Nothing else is fetched, pickles and code least of all, and nothing at all of weights that
    cannot be measured here. A connection that breaks is taken up where it broke.
    Raises MeasureError, with a line for each reason against the weights.
    """
    place, cache = f"{repository} at {revision}", cache / "hub"
    wanted: list[str] | None = None  # without a connection: whatever was fetched earlier
    if not constants.is_offline_mode():
        listing = list_weights(repository, revision, cache)
        held = sum(size for name, size in listing.sizes.items() if _held(listing, name, cache))
        room = replace(room, disk_bytes=room.disk_bytes + held)
        if refusals := judge_weights(listing, licence, room):
            lines = "\n".join(refusal.message for refusal in refusals)
            raise MeasureError(refusals[0].reason, lines)
        wanted = [*listing.weights, *listing.texts]

    def fetch() -> Path:
        folder = Path(
            snapshot_download(repository, revision=revision, allow_patterns=wanted, cache_dir=cache)
        )
        # Where the Hub falls silent, the library is content with the files that it has.
        if missing := [name for name in wanted or [] if not (folder / name).is_file()]:
            raise ConnectionError(f"{missing[0]} is missing")
        return folder

    return ask(place, fetch)


def _held(listing: HubListing, name: str, cache: Path) -> bool:
    revision = listing.revision
    found = try_to_load_from_cache(listing.repository, name, cache_dir=cache, revision=revision)
    return isinstance(found, str)


def list_weights(repository: str, revision: str, cache: Path) -> HubListing:
    """What the Hub tells of a model at a commit; of its weights only the headers are read.

    Raises MeasureError.
    """
    place, api = f"{repository} at {revision}", HfApi()
    info = ask(place, lambda: api.model_info(repository, revision=revision, files_metadata=True))
    sizes = {sibling.rfilename: sibling.size or 0 for sibling in info.siblings or []}
    licence = info.card_data.get("license") if info.card_data is not None else None
    code: list[str] = []
    parameters: dict[str, int] = {}
    readable = True
    try:
        configurations = [name for name in CONFIGURATIONS if name in sizes]
        for name in configurations:
            if ask(place, partial(_names_code, repository, revision, name, cache)):
                code.append(name)
        parameters = ask(place, lambda: _count_parameters(repository, revision))
    except MeasureError as error:
        if error.reason != "gated":
            raise
        readable = False
    return HubListing(
        repository=repository,
        revision=revision,
        sizes=sizes,
        parameters=parameters,
        code=tuple(code),
        licence=licence if isinstance(licence, str) else None,
        gated=bool(info.gated) or not readable,
        readable=readable,
        hashes={s.rfilename: s.lfs.sha256 for s in info.siblings or [] if s.lfs is not None},
        created=info.created_at.date() if info.created_at is not None else None,
    )


def resolve_commit(repository: str, revision: str | None) -> str:
    """Commit of a model's branch or tag today; None is its main branch. Raises MeasureError."""
    place = f"{repository} at {revision}" if revision else repository
    return str(ask(place, lambda: HfApi().model_info(repository, revision=revision).sha))


def _names_code(repository: str, revision: str, name: str, cache: Path) -> bool:
    """Whether a configuration names classes in Python files of the repository."""
    path = Path(hf_hub_download(repository, name, revision=revision, cache_dir=cache))
    return "auto_map" in json.loads(path.read_text("utf-8"))


def _count_parameters(repository: str, revision: str) -> dict[str, int]:
    """Parameters by number format, from the headers; empty where there are no safetensors."""
    try:
        metadata = HfApi().get_safetensors_metadata(repository, revision=revision)
    except (NotASafetensorsRepoError, SafetensorsParsingError):
        return {}
    return {str(name): count for name, count in metadata.parameter_count.items()}
