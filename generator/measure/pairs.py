"""The preference pairs that a protocol measures, from a file or from the Hub."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from generator.files.pairs import read_pairs
from generator.measure.failures import MeasureError
from generator.records.preferences import Pair, PreferenceSet

T = TypeVar("T")


@dataclass(frozen=True)
class DrawnPairs:
    """Pairs spread evenly over their source, before any is found too long for a tokenizer."""

    pairs: list[Pair]
    sha256: str
    unusable: int  # drawn rows of a dataset with an empty completion, or with two equal ones


def draw_pairs(spec: PreferenceSet, root: Path) -> DrawnPairs:
    """The same pairs for every model. Raises MeasureError when a byte or a line is wrong."""
    if spec.source.path is not None:
        pairs, problems = read_pairs(root, spec)
        if problems:
            raise MeasureError("corpus", "\n".join(map(str, problems)))
        return DrawnPairs(_spread(pairs, spec), spec.sha256 or "", 0)
    rows = load_rows(spec.source.hub or "", spec.source.split or "", spec.source.revision)
    return draw_rows(rows, spec)


def load_rows(dataset: str, split: str, revision: str | None) -> Sequence[dict[str, Any]]:
    """Rows of a dataset on the Hub, or in a local folder."""
    from datasets import load_dataset

    rows: Sequence[dict[str, Any]] = load_dataset(dataset, split=split, revision=revision)
    return rows


def draw_rows(rows: Sequence[dict[str, Any]], spec: PreferenceSet) -> DrawnPairs:
    """Pairs of a dataset's rows: prompt, chosen and rejected as texts or as lists of messages."""
    drawn = [_as_pair(row) for row in _spread(rows, spec)]
    pairs = [pair for pair in drawn if pair is not None]
    lines = "".join(
        json.dumps(pair.model_dump(), ensure_ascii=False, sort_keys=True) + "\n" for pair in pairs
    )
    digest = hashlib.sha256(lines.encode("utf-8", "surrogatepass")).hexdigest()
    if spec.sha256 not in (None, digest):
        raise MeasureError(
            "corpus",
            f"runs/corpora/{spec.name}.toml: sha256: the drawn pairs have the hash {digest}, the "
            f"file says {spec.sha256}; check source.revision, or write the new hash",
        )
    return DrawnPairs(pairs, digest, len(drawn) - len(pairs))


def _spread(items: Sequence[T], spec: PreferenceSet) -> list[T]:
    wanted = spec.protocol.pairs
    if len(items) < wanted:
        source = spec.source.path or spec.source.hub
        wrong = f"{source} holds {len(items)} pairs, {wanted} are asked for"
        raise MeasureError("corpus", f"{wrong}; lower protocol.pairs")
    return [items[index * len(items) // wanted] for index in range(wanted)]


def _as_pair(row: dict[str, Any]) -> Pair | None:
    """Of a conversation, the last message is the completion and all before it the prompt."""
    chosen, rejected, prompt = row["chosen"], row["rejected"], row.get("prompt")
    if isinstance(chosen, list):
        prompt = "\n".join(message["content"] for message in chosen[:-1])
        chosen, rejected = chosen[-1]["content"], rejected[-1]["content"]
    try:
        return Pair.model_validate({"prompt": prompt, "chosen": chosen, "rejected": rejected})
    except ValidationError:
        return None
