"""Decide from a Hub repository's metadata whether its weights can be measured."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

LOADABLE = ("F64", "F32", "F16", "BF16")  # as safetensors names number formats
INDICES = "I64"  # tables of ids, such as the experts of each token, which are not learned
QUANTISED = "GGUF"  # stands for the number formats in a GGUF file
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".msgpack", ".h5")
# Configuration and tokenizer.
TEXTS = (".json", ".txt", ".model", ".jinja", ".tiktoken", ".codes", ".vocab")
# Tensors that are not learned, as older checkpoints have them, by the end of their names.
MASK = re.compile(r"(attn|attention)\.(bias|causal_mask)")
CONSTANT = re.compile(r"(attn|attention)\.masked_bias")
TABLE = re.compile(r"(rotary(_emb)?|maybe_rotary)\.inv_freq|position_ids")
COSINES = re.compile(r"rotary(_emb)?\.(cos|sin)_cached")
# Memory as a multiple of that of the weights, for activations and logits. A margin, not an
# estimate: if it is too small, the job ends as out_of_memory instead of too_large.
SURPLUS = 1.2


def revision_of(digests: Mapping[str, str]) -> str:
    """Return the revision of files that are not on the Hub: sha256- and 40 hex.

    It is the SHA-256 of one file, or that of the `sha256sum` lines of several, in the order given.
    digests: the SHA-256 of each file, by the name to show.
    """
    digest = next(iter(digests.values()))
    if len(digests) > 1:
        lines = "".join(f"{digest}  {name}\n" for name, digest in digests.items())
        digest = hashlib.sha256(lines.encode()).hexdigest()
    return f"sha256-{digest[:40]}"


def is_buffer(name: str, shape: Sequence[int]) -> bool:
    """Tell whether a tensor is a mask or a table of positions, by its name and its shape.

    Masks are 1 × 1 × T × T. A bias of attention that is learned has one dimension.
    """
    end = ".".join(name.split(".")[-2:])
    size = [n for n in shape if n != 1]
    if MASK.fullmatch(end):
        return len(shape) >= 2 and len(size) in (0, 2) and len(set(size)) < 2
    if CONSTANT.fullmatch(end):
        return not size
    if COSINES.fullmatch(end):
        return len(size) <= 2
    return len(size) <= 1 and any(TABLE.fullmatch(part) for part in (end, name.split(".")[-1]))


@dataclass(frozen=True)
class HubListing:
    """What the Hub says about a model at one commit."""

    repository: str
    revision: str
    sizes: Mapping[str, int]  # bytes of each file, by its name
    parameters: Mapping[str, int]  # how many by number format; empty where the Hub does not say
    code: tuple[str, ...]  # configuration files that name code of the repository (auto_map)
    licence: str | None
    gated: bool
    readable: bool  # whether this machine may fetch files; only a gated repository says no
    hashes: Mapping[str, str] = field(default_factory=dict)  # SHA-256 of large files, by name
    created: date | None = None  # of the repository
    file: str | None = None  # the GGUF file that is asked for

    @property
    def weights(self) -> list[str]:
        """The safetensors that transformers reads, else the GGUF files.

        Other safetensors may have the same weights in another layout.
        """
        if self.file is not None:
            return [self.file] if self.file in self.sizes else []
        names = sorted(n for n in self.sizes if n.endswith(".safetensors") and "/" not in n)
        gguf = sorted(name for name in self.sizes if name.endswith(".gguf"))
        return [name for name in names if name.startswith("model")] or names or gguf

    @property
    def weights_bytes(self) -> int:
        return sum(self.sizes[name] for name in self.weights)

    @property
    def content_revision(self) -> str | None:
        """The revision that these weights would have outside the Hub, to recognize copies."""
        if not self.weights or not all(name in self.hashes for name in self.weights):
            return None
        return revision_of({name: self.hashes[name] for name in self.weights})

    @property
    def texts(self) -> list[str]:
        """Configuration and tokenizer, which a GGUF file has inside."""
        if self.weights and self.weights[0].endswith(".gguf"):
            return []
        return sorted(name for name in self.sizes if name.endswith(TEXTS) and "/" not in name)


@dataclass(frozen=True)
class Room:
    """What a machine has to spare, and how large it makes a parameter."""

    disk_bytes: int
    memory_bytes: int
    bytes_per_parameter: int


@dataclass(frozen=True)
class Refusal:
    """One reason why weights are not measured, with what to do."""

    reason: Literal["unsafe_weights", "gated", "too_large", "weights"]
    message: str


def check_weights(listing: HubListing, licence: str | None, room: Room | None) -> list[Refusal]:
    """List every reason against measuring these weights, the gravest first.

    licence: of the model's file; None asks for no licence.
    room: None checks the weights alone, for no machine.
    """
    refusals = [*_unsafe(listing)]
    if listing.gated and not listing.readable:
        refusals.append(Refusal("gated", gated_message(listing.repository)))
    if room is not None:
        refusals += _too_large(listing, room)
    return [*refusals, *_unfit(listing, licence)]


def refuse_pickles(place: str, names: Iterable[str]) -> Iterator[Refusal]:
    """Refuse each file that could run code when it is loaded."""
    for name in sorted(names):
        if name.endswith(PICKLES):
            wrong = f"{place}/{name} is a pickle, which can run code"
            yield Refusal("unsafe_weights", f"{wrong}; convert the weights to safetensors")


def _unsafe(listing: HubListing) -> Iterator[Refusal]:
    if not listing.weights:
        yield from list(refuse_pickles(listing.repository, listing.sizes))[:1]
    for name in listing.code:
        wrong = f"{listing.repository}/{name} names code of the repository (auto_map)"
        repair = "it is never run; measure a revision that transformers loads without it"
        yield Refusal("unsafe_weights", f"{wrong}; {repair}")


def gated_message(repository: str) -> str:
    repair = "accept its terms on its page there and log in with `hf auth login`"
    return f"{repository}: gated on the Hub; {repair}"


def _too_large(listing: HubListing, room: Room) -> Iterator[Refusal]:
    place, size = listing.repository, listing.weights_bytes
    if size > room.disk_bytes:
        wrong = f"{place}: {_gb(size)} of weights, {_gb(room.disk_bytes)} of disk are free"
        yield Refusal("too_large", f"{wrong}; free some, or measure on a larger machine")
    parameters = sum(listing.parameters.values())
    needed = int(parameters * room.bytes_per_parameter * SURPLUS) or size
    if needed > room.memory_bytes:
        wrong = f"{place}: about {_gb(needed)} of memory needed, {_gb(room.memory_bytes)} are free"
        yield Refusal("too_large", f"{wrong}; measure on a larger machine")


def _unfit(listing: HubListing, licence: str | None) -> Iterator[Refusal]:
    place = f"{listing.repository} at {listing.revision}"
    if listing.file is not None and not listing.weights:
        yield Refusal("weights", f"{place} has no {listing.file}; correct weights.file")
    elif not listing.weights and not any(name.endswith(PICKLES) for name in listing.sizes):
        yield Refusal("weights", f"{place} has no weights; expected *.safetensors")
    gguf = [name for name in listing.weights if name.endswith(".gguf")]
    if len(gguf) > 1:
        wrong = f"{place} has {len(gguf)} GGUF files"
        yield Refusal("weights", f"{wrong}; name one of them in weights.file, such as {gguf[0]}")
    if "adapter_config.json" in listing.sizes:
        wrong = f"{place}: adapter_config.json adds an adapter to the weights"
        yield Refusal("weights", f"{wrong}; name a repository into whose weights it is merged")
    if formats := sorted(listing.parameters.keys() - {*LOADABLE, QUANTISED}):
        wrong = f"{place} has {', '.join(formats)}, not only {', '.join(LOADABLE)}"
        yield Refusal("weights", f"{wrong}; name the repository of the weights before quantization")
    if licence is None or listing.licence in (None, "other"):
        return
    if _plain(listing.licence) != _plain(licence):
        theirs = f'the Hub gives the licence "{listing.licence}"'
        yield Refusal("weights", f'{place}: {theirs}, the model file "{licence}"; fix licence')


def _plain(licence: str | None) -> str:
    """Return a licence's name without case, spaces and signs: Apache 2.0 is apache-2.0."""
    return re.sub(r"licen[cs]e|[^a-z0-9]", "", (licence or "").lower())


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
