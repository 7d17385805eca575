"""Ask the Hugging Face Hub for commits, documents and weights, with patience and typed refusals.

huggingface_hub itself retries some requests and not others, and reports a lost connection as a
missing file; `datasets` hides both behind other errors. So the cause is looked up here.
"""

import errno
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from huggingface_hub import (
    HfApi,
    constants,
    hf_hub_download,
    snapshot_download,
    try_to_load_from_cache,
)
from huggingface_hub.errors import (  # type: ignore[attr-defined]
    DisabledRepoError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,  # of whatever client the library uses, which has changed before
    NotASafetensorsRepoError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    SafetensorsParsingError,
)

from compression_leaderboard.measure.machine import MeasureError
from compression_leaderboard.plan.hub_weights import (
    INDICES,
    QUANTISED,
    HubListing,
    Room,
    check_weights,
    gated_message,
    is_buffer,
)

WAITS = (1.0, 2.0, 4.0, 8.0)  # seconds before each further attempt
LONGEST_WAIT = 300.0  # seconds; a Hub that asks for more is left alone
BUSY = (408, 429, 500, 502, 503, 504)
CUT_OFF = "Consistency check failed"  # how huggingface_hub begins to tell of a body cut short
CONFIGURATIONS = ("config.json", "tokenizer_config.json")  # may name code of the repository

Answer = TypeVar("Answer")


def ask(place: str, question: Callable[[], Answer]) -> Answer:
    """Ask the Hub; a busy Hub or a lost connection is tried again, as late as the Hub wants.

    place: what is asked for, as messages show it. Raises MeasureError for a fault of the Hub's.
    """
    waits = iter(WAITS)
    while True:
        try:
            return question()
        except Exception as error:
            fault = error if isinstance(error, MeasureError) else diagnose(place, error)
            if fault is None:
                raise
            wait, asked = next(waits, None), _seconds_asked(error)
            if fault.reason != "network" or wait is None or asked > LONGEST_WAIT:
                raise fault from error
        time.sleep(max(wait, asked))


def diagnose(place: str, error: Exception) -> MeasureError | None:
    """Explain why the Hub did not give what was asked for; None for any other error."""
    causes = list(_causes(error))
    told = [_answer(place, cause) for cause in causes]
    told += [_silence(place, cause) for cause in causes]
    return next((fault for fault in told if fault is not None), None)


def _answer(place: str, cause: BaseException) -> MeasureError | None:
    """Explain what the Hub answered, or this machine in its place."""
    match cause:
        case GatedRepoError():
            return MeasureError("gated", gated_message(place))
        case RepositoryNotFoundError():
            repair = "check its name, or log in if it is private"
            return MeasureError("weights", f"{place}: the Hub shows no such repository; {repair}")
        case RevisionNotFoundError():
            repair = "pin a commit that its Files page shows"
            return MeasureError("weights", f"{place}: the Hub has no such revision; {repair}")
        case DisabledRepoError():
            return MeasureError("weights", f"{place}: disabled on the Hub; choose another one")
        case HFValidationError():
            wrong = f"not a repository's name ({str(cause).splitlines()[0]})"
            return MeasureError("weights", f"{place}: {wrong}; write org/name")
        case HfHubHTTPError() if (status := cause.response.status_code) in BUSY:
            wrong = f"the Hub is busy (HTTP {status}, asked {len(WAITS) + 1} times)"
            return MeasureError("network", f"{place}: {wrong}; measure again later")
        case HfHubHTTPError() if not isinstance(cause, EntryNotFoundError):
            wrong = f"the Hub refused (HTTP {cause.response.status_code})"
            return MeasureError("weights", f"{place}: {wrong}; check its page on the Hub")
        case OfflineModeIsEnabled():
            repair = "unset HF_HUB_OFFLINE, or fetch it first"
            return MeasureError("weights", f"{place}: not in the cache; {repair}")
        case OSError(errno=errno.ENOSPC):
            repair = "free some of it, and measure again"
            return MeasureError("disk", f"{place}: the disk is full; {repair}")
    return None


def _silence(place: str, cause: BaseException) -> MeasureError | None:
    """Explain a connection that is missing, or broke."""
    match cause:
        case HTTPError() | ConnectionError() | TimeoutError():
            lost = type(cause).__name__
        case OSError() if str(cause).startswith(CUT_OFF):
            lost = "cut off"
        case _:
            return None
    repair = "measure again when there is one: whole files are kept"
    return MeasureError("network", f"{place}: no connection to the Hub ({lost}); {repair}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error and what it came from, which the libraries wrap in their own errors."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _seconds_asked(error: BaseException) -> float:
    """Return what a Retry-After asks for; 0 without one, or where it is a date."""
    responses: list[Any] = [getattr(cause, "response", None) for cause in _causes(error)]
    asked = [r.headers.get("Retry-After", "") for r in responses if r is not None]
    return max((float(seconds) for seconds in asked if seconds.isdigit()), default=0.0)


def resolve_dataset(name: str) -> str:
    """Return the commit of a dataset's main branch today. Raises MeasureError."""
    return str(ask(name, lambda: HfApi().dataset_info(name).sha))


def check_dataset(name: str, commit: str) -> None:
    """Refuse a dataset that is not on the Hub at a commit, or has a script. Raises MeasureError.

    `datasets` itself would answer from another revision in its cache where the Hub does not.
    """
    place = f"{name} at {commit}"
    info = ask(place, lambda: HfApi().dataset_info(name, revision=commit))
    if info.gated:
        ask(name, lambda: HfApi().auth_check(name, repo_type="dataset"))
    script = name.rpartition("/")[2] + ".py"
    if script in {sibling.rfilename for sibling in info.siblings or []}:
        repair = "choose a revision with plain files, such as its parquet branch"
        wrong = f"{place}: {script} is a loader script, which is never run"
        raise MeasureError("harness", f"{wrong}; {repair}")


def download_documents(name: str) -> tuple[str, Path]:
    """Return commit and folder of a dataset as a local mirror serves it. Raises MeasureError."""
    commit = resolve_dataset(name)
    place = f"{name} at {commit}"
    folder = ask(place, lambda: snapshot_download(name, repo_type="dataset", revision=commit))
    return commit, Path(folder)


def download_weights(
    repository: str,
    revision: str,
    licence: str | None,
    cache: Path,
    room: Room,
    file: str | None = None,
) -> Path:
    """Download a model's safetensors, configuration and tokenizer at a commit into one folder.

    Of a repository without safetensors it is the GGUF file, or the one that `file` names.

    Nothing else is fetched, pickles and code least of all, and nothing at all of weights that
    cannot be measured here. A download that broke is resumed where it broke.
    Raises MeasureError, with a line for each reason against the weights.
    """
    place, cache = f"{repository} at {revision}", cache / "hub"
    wanted: list[str] | None = None  # without a connection: whatever was fetched earlier
    if not constants.is_offline_mode():
        listing = replace(list_weights(repository, revision, cache), file=file)
        cached = sum(
            size for name, size in listing.sizes.items() if _is_cached(listing, name, cache)
        )
        room = replace(room, disk_bytes=room.disk_bytes + cached)
        if refusals := check_weights(listing, licence, room):
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


def _is_cached(listing: HubListing, name: str, cache: Path) -> bool:
    revision = listing.revision
    path = try_to_load_from_cache(listing.repository, name, cache_dir=cache, revision=revision)
    return isinstance(path, str)


def list_weights(repository: str, revision: str, cache: Path) -> HubListing:
    """List what the Hub tells of a model at a commit, and the headers of its weights.

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
        for name in sizes.keys() & set(CONFIGURATIONS):
            if ask(place, partial(_names_code, repository, revision, name, cache)):
                code.append(name)
        parameters = ask(place, lambda: _count_parameters(repository, revision))
    except MeasureError as error:
        if error.reason != "gated":
            raise
        readable = False
    if not parameters and (total := (getattr(info, "gguf", None) or {}).get("total")):
        parameters = {QUANTISED: int(total)}
    return HubListing(
        repository=repository,
        revision=revision,
        sizes=sizes,
        parameters=parameters,
        code=tuple(sorted(code)),
        licence=licence if isinstance(licence, str) else None,
        gated=bool(info.gated) or not readable,
        readable=readable,
        hashes={s.rfilename: s.lfs.sha256 for s in info.siblings or [] if s.lfs is not None},
        created=info.created_at.date() if info.created_at is not None else None,
    )


def resolve_commit(repository: str, revision: str | None) -> str:
    """Return the commit of a model's branch or tag; None: its main branch. Raises MeasureError."""
    place = f"{repository} at {revision}" if revision else repository
    return str(ask(place, lambda: HfApi().model_info(repository, revision=revision).sha))


def _names_code(repository: str, revision: str, name: str, cache: Path) -> bool:
    """Tell whether a configuration names classes in Python files of the repository."""
    path = Path(hf_hub_download(repository, name, revision=revision, cache_dir=cache))
    try:
        configuration = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        configuration = None
    if not isinstance(configuration, dict):
        wrong = f"{repository}: {name} is not a JSON object"
        raise MeasureError("weights", f"{wrong}; fix it there, and pin the new commit")
    return "auto_map" in configuration


def _count_parameters(repository: str, revision: str) -> dict[str, int]:
    """Count parameters by number format, from the headers; empty where these do not say.

    Masks, tables of positions and tables of ids are no parameters.
    """
    try:
        metadata = HfApi().get_safetensors_metadata(repository, revision=revision)
        counts: Counter[str] = Counter()
        for file in metadata.files_metadata.values():
            for name, tensor in file.tensors.items():
                if tensor.dtype != INDICES and not is_buffer(name, tensor.shape):
                    counts[str(tensor.dtype)] += int(tensor.parameter_count)
        return dict(counts)
    except (NotASafetensorsRepoError, SafetensorsParsingError):
        return {}
    except (AttributeError, TypeError, RecursionError):  # a header that is JSON of another shape
        return {}
