"""Draft a model's file from what the Hub says, and write records as TOML."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from compression_leaderboard.gate.pull_request import judge_texts
from compression_leaderboard.gate.summary import RUNNER, WAITS, as_problem
from compression_leaderboard.plan.hub_weights import HubListing, judge_weights
from compression_leaderboard.records.base import Problem, Record
from compression_leaderboard.records.models import Model


def toml_text(record: Record) -> str:
    """What is None or has its default `kind` is left out."""
    content = record.model_dump(exclude_none=True, exclude={"kind"})
    tables = {name: value for name, value in content.items() if isinstance(value, dict)}
    parts = [_lines({name: v for name, v in content.items() if name not in tables})]
    parts += [f"[{name}]\n{_lines(table)}" for name, table in tables.items()]
    return "\n".join(parts)


def _lines(values: dict[str, Any]) -> str:
    return "".join(f"{name} = {toml_value(value)}\n" for name, value in values.items())


def toml_value(value: Any) -> str:
    """JSON writes text, numbers and lists as TOML does; dates stand bare."""
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


HUB_BEGAN = date(
    2022, 3, 2
)  # since then the Hub keeps dates; all older repositories carry this one
# In the order of a model's file; training_tokens may stay out of it for good.
FIELDS = ("name", "family", "kind", "parameters", "training_tokens", "released", "licence")
DATED = "when the repository was made; mend it if the weights were released on another day"


@dataclass(frozen=True)
class Draft:
    """A model's file as it can be begun."""

    file: str
    text: str
    notes: tuple[
        str, ...
    ]  # a line each: what is left out, what may need mending, what it waits for


def file_of(name: str) -> str:
    return f"runs/models/{name}.toml"


def why_not_added(
    name: str,
    listing: HubListing,
    family: str | None,
    others: Mapping[str, Model],
    twins: Collection[str],
) -> list[Problem]:
    """Every reason against a model, whatever machine would measure it.

    twins: ids of models with the same weights by hash.
    """
    file = file_of(name)
    found = [as_problem(file, r.message) for r in judge_weights(listing, None, None)]
    same = {o.id for o in others.values() if _holds(o, listing)} | set(twins)
    for other in sorted(same):
        wrong = f"these are the weights of {other}"
        found.append(Problem(file, "weights.revision", wrong, "they are on the board"))
    return [*found, *judge_texts(file, {"family": family, "licence": listing.licence})]


def _holds(other: Model, listing: HubListing) -> bool:
    return any(checkpoint.revision == listing.revision for checkpoint in other.revisions())


def draft_model(name: str, listing: HubListing, family: str | None, kind: str | None) -> Draft:
    """The file with what is known. family, kind: as the user gives them; the Hub tells neither."""
    created = listing.created
    known: dict[str, Any] = {
        "name": name,
        "family": family or None,
        "kind": kind,
        "parameters": sum(listing.parameters.values()) or None,
        "released": created if created is not None and created > HUB_BEGAN else None,
        "licence": listing.licence if listing.licence != "other" else None,
    }
    lines: list[str] = []
    notes: list[str] = []
    for field in FIELDS:
        if (value := known.get(field)) is None:
            left_out = _left_out(field)
            lines.append(f"# {field}: {left_out}")
            notes.append(f"{field}: {left_out}")
        else:
            lines.append(f"{field} = {toml_value(value)}")
    if known["released"] is not None:
        notes.append(f"released: {created}, {DATED}")
    weights = {"hub": listing.repository, "revision": listing.revision}
    lines += ["", "[weights]", *(f"{k} = {toml_value(v)}" for k, v in weights.items())]
    return Draft(file_of(name), "\n".join(lines) + "\n", (*notes, *_waits(listing)))


def _left_out(field: str) -> str:
    """What is said of a field that the Hub does not tell."""
    info = Model.model_fields[field]
    what = "fill it in: " if info.is_required() else ""
    return f"not known, left out; {what}{info.description}"


def _waits(listing: HubListing) -> list[str]:
    """What keeps it from being measured on the board's runners, though not elsewhere."""
    refusals = judge_weights(listing, None, RUNNER)
    return [f"waits: {refusal.message}" for refusal in refusals if refusal.reason in WAITS]
