"""What a user wants, checked: an impossible wish is answered with a sentence that helps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from generator.choice.costs import BILLINGS, PRECISIONS
from generator.choice.options import Menu


@dataclass(frozen=True)
class Wishes:
    """What matters. 0 or "": does not matter."""

    menu: str  # the cohort
    weights: Mapping[str, float] = field(default_factory=dict)  # by benchmark or text
    licence: str = ""  # a part of its name, in any case
    largest_parameters: float = 0
    memory_bytes: float = 0
    money: float = 0  # a month
    precision: str = "bfloat16"
    billing: str = "machine"


def faults_of(wishes: Wishes, menus: Sequence[Menu]) -> list[str]:
    """Every sentence on what cannot be answered; none for a wish that can."""
    menu = next((one for one in menus if one.name == wishes.menu), None)
    if menu is None:
        known = ", ".join(one.name for one in menus)
        return [f'There is no cohort "{wishes.menu}"; choose from {known}.']
    faults = _faults_of_weights(wishes, menu)
    faults += _unknown("precision", wishes.precision, list(PRECISIONS))
    faults += _unknown("billing", wishes.billing, list(BILLINGS))
    limits = {
        "largest size": wishes.largest_parameters,
        "memory": wishes.memory_bytes,
        "money": wishes.money,
    }
    faults += [
        f"A {what} below 0 fits nothing; leave it empty." for what, n in limits.items() if n < 0
    ]
    return faults


def _faults_of_weights(wishes: Wishes, menu: Menu) -> list[str]:
    known = {criterion.name: criterion for criterion in menu.criteria}
    names = ", ".join(known)
    faults = [
        f'There is no benchmark or text "{name}" in this cohort; choose from {names}.'
        for name in wishes.weights
        if name not in known
    ]
    if any(weight < 0 for weight in wishes.weights.values()):
        faults.append("A weight below 0 would reward failure; use 0 for what does not matter.")
    weighed = [
        known[name] for name, weight in wishes.weights.items() if name in known and weight > 0
    ]
    if not weighed and not faults:
        faults.append("All weights are 0: give at least one benchmark or text a weight above 0.")
    if len({(criterion.unit, criterion.higher_is_better) for criterion in weighed}) > 1:
        faults.append(
            "Benchmarks and texts are in different units, which no weights make up for: "
            "weigh benchmarks or texts, not both."
        )
    return faults


def _unknown(what: str, name: str, known: Sequence[str]) -> list[str]:
    if name in known:
        return []
    return [f'There is no {what} "{name}"; choose from {", ".join(known)}.']
