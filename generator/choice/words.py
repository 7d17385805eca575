"""Numbers and sentences of the choice; choose.js writes the same letters."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

from generator.choice.costs import Costs
from generator.choice.options import Option
from generator.choice.wishes import Wishes
from generator.records.assumptions import Assumptions


def fixed(value: float, digits: int) -> str:
    """So many decimals, halves away from zero: what toFixed does in a browser."""
    return str(Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def amount(value: float) -> str:
    """A size, time or price with about three digits."""
    if value >= 100:
        return fixed(value, 0)
    if value >= 10:
        return fixed(value, 1)
    return fixed(value, 2) if value >= 0.1 else fixed(value, 4)


def misfit_sentence(
    option: Option,
    costs: Costs,
    is_unknown: bool,
    wishes: Wishes,
    weights: Mapping[str, float],
    labels: Mapping[str, str],
    held: Assumptions,
) -> str:
    """Why a model is no candidate; "" if it is one."""
    if is_unknown:
        missing = [labels[name] for name in weights if name not in option.figures]
        return f"No figure of {', '.join(missing)}."
    if wishes.licence and wishes.licence.lower() not in option.licence.lower():
        return f"Its licence is {option.licence or 'not known'}."
    if wishes.largest_parameters:
        if option.parameters is None:
            return "Its size is not known."
        if option.parameters > wishes.largest_parameters:
            size, limit = option.parameters / 1e9, wishes.largest_parameters / 1e9
            return f"Has {amount(size)} billion parameters, you allow {amount(limit)}."
    if wishes.memory_bytes:
        if costs.memory_bytes is None:
            return "Its size is not known, so its memory is not."
        if costs.memory_bytes > wishes.memory_bytes:
            needed, limit = costs.memory_bytes / 1e9, wishes.memory_bytes / 1e9
            return f"Needs {amount(needed)} GB, you have {amount(limit)}."
    if wishes.money:
        if option.parameters is None:
            return "Its size is not known, so its price is not."
        if costs.money is None:
            return "Its price is not known: too far from the sizes that were measured."
        if costs.money > wishes.money:
            shown = f"{held.currency}{amount(costs.money)}"
            return f"Costs {shown} a month, you allow {held.currency}{amount(wishes.money)}."
    return ""
