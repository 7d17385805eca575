"""Figures of a record that several pages ask for are computed once."""

import weakref
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])


def per_record(function: F) -> F:
    """Remember the answers for each record by its identity, as long as the record lives.

    Records are immutable, and hashing all their layers would cost more than the answer. The record
    comes first; further arguments must be hashable.
    """
    held: dict[int, dict[object, Any]] = {}

    @wraps(function)
    def remembered(record: object, *args: Any, **kwargs: Any) -> Any:
        key = id(record)
        if key not in held:
            held[key] = {}
            weakref.finalize(record, held.pop, key, None)
        answers = held[key]
        arguments = (args, tuple(sorted(kwargs.items())))
        if arguments not in answers:
            answers[arguments] = function(record, *args, **kwargs)
        return answers[arguments]

    return cast(F, remembered)
