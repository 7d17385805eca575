"""Expressions of GitHub Actions, as far as our workflows use them."""

import json
import re
from typing import Any

PLACE = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
WORD = re.compile(r"'[^']*'|\|\||&&|!=|==|!|[A-Za-z_][\w.]*\(?|\)|,|\(")
FUNCTIONS = {
    "always": lambda: True,
    "fromJSON": json.loads,
    "toJSON": lambda value: json.dumps(value, indent=2),  # over many lines, as GitHub does
}
SIGNS = {"||": " or ", "&&": " and ", "!": " not "}


def evaluate(expression: str, context: dict[str, Any]) -> Any:
    """The value of what stands between `${{` and `}}`; an unknown word is an error."""
    unread = WORD.sub("", expression).strip()
    if unread:
        raise ValueError(f"cannot read {unread!r} in {expression!r}")
    python = "".join(_word(word) for word in WORD.findall(expression))
    return eval(python, {"__builtins__": {}, "get": lambda p: _get(p, context)} | FUNCTIONS)


def _word(word: str) -> str:
    if word in SIGNS:
        return SIGNS[word]
    is_path = word[0].isalpha() and not word.endswith("(")
    return f"get({word!r})" if is_path else word


def _get(path: str, context: dict[str, Any]) -> Any:
    """A value by its dotted path; empty where it is not there, as on GitHub."""
    value: Any = context
    for name in path.split("."):
        value = value.get(name, "") if isinstance(value, dict) else ""
    return value


def fill(value: Any, context: dict[str, Any]) -> Any:
    """A text with every `${{ }}` replaced; a text that is one expression keeps its type."""
    if not isinstance(value, str):
        return value
    whole = PLACE.fullmatch(value.strip())
    if whole and value.count("${{") == 1:
        return evaluate(whole[1], context)
    return PLACE.sub(lambda found: str(evaluate(found[1], context)), value)


def holds(condition: str | None, went_well: bool, context: dict[str, Any]) -> bool:
    """Whether a job or step with this `if` runs; without `always()` only after success."""
    condition = (condition or "").strip()
    if not went_well and "always()" not in condition:
        return False
    inner = PLACE.fullmatch(condition)
    return bool(evaluate(inner[1] if inner else condition, context)) if condition else True
