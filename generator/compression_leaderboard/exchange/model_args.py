"""Identify the model of a result file by the arguments that lm-eval loaded it with.

lm-eval's `model_name` is not used: it may be an adapter's path, a random name if no argument names
the model, or whatever follows the first "path=" in a longer argument.
"""

import ast
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from compression_leaderboard.exchange.strict_json import IntakeError, number, table, text_of
from compression_leaderboard.records.base import COMMIT
from compression_leaderboard.records.imported import ImportedModel

# Arguments that name the model, the first one first.
NAMES = ("pretrained", "model", "engine", "model_name", "base_name", "path", "load")
# Arguments that change what the named weights answer.
ADAPTERS = (
    *("peft", "delta", "lora_local_path", "lora_path", "adapter", "adapter_path", "steer_path"),
    "csv_path",
)
QUANTIZED = ("load_in_4bit", "load_in_8bit", "gptq", "autogptq", "gptqmodel")  # true or a file name
QUANTIZATIONS = ("quantization", "gguf_file")  # a name
SECRET = re.compile(
    r"(^|_)(api_?key|key|secret|password|passwd|auth|authorization|credentials?|"
    r"(hf|auth|access|api|use_auth|bearer)_token|token|headers?)$"
)
SECRET_VALUE = re.compile(
    r"\b(hf|sk|ghp|gho|xox[bp])[-_][A-Za-z0-9_-]{10,}|\bbearer\s|://[^/\s]*@", re.I
)
LEFT_OUT = "(left out: it may be a secret)"
LONGEST_VALUE = 1000


def parse_model_args(value: Any) -> dict[str, Any]:
    """Parse lm-eval's model_args: an object, one printed as text, or `key=value,key=value`."""
    if not isinstance(value, str):
        return table(value)
    if value.lstrip().startswith("{"):
        for parse in (json.loads, ast.literal_eval):
            with suppress(ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
                return table(parse(value))
        return {}
    args: dict[str, Any] = {}
    last = ""
    for part in value.split(","):
        key, equals, text = part.partition("=")
        if equals and re.fullmatch(r"\s*[A-Za-z_]\w*\s*", key):
            last = key.strip()
            args[last] = text.strip()
        elif last:  # a value with a comma in it
            args[last] += f",{part}"
    return args


def identify_model(
    args: Mapping[str, Any], config: Mapping[str, Any], name: str | None = None
) -> ImportedModel | None:
    """Identify the model of a run; None if neither the arguments nor `name` name it.

    config: lm-eval's, with backend, revision and commit. name: from the user, for files without.
    """
    keys = [key for key in NAMES if text_of(args.get(key))]
    stated = text_of(args[keys[0]]) if keys else None
    if (chosen := stated or text_of(name)) is None:
        return None
    adapters = dict.fromkeys(text for key in ADAPTERS if (text := text_of(args.get(key))))
    revision = text_of(args.get("revision")) or text_of(config.get("model_revision"))
    if revision is None and number(args.get("iteration")) is not None and "load" in args:
        revision = f"iteration {args['iteration']}"  # GPT-NeoX names a checkpoint so
    stated_ids = [c for c in (config.get("model_sha"), revision) if isinstance(c, str)]
    return ImportedModel(
        name=chosen,
        named_by="file" if stated else "importer",
        adapter=" + ".join(adapters) or None,
        quantization=_quantization(args),
        revision=revision,
        commit=next(filter(COMMIT.fullmatch, stated_ids), None),
        backend=text_of(config.get("model")),
        args={key: shown_value(key, value) for key, value in args.items() if key not in keys[:1]},
    )


def _quantization(args: Mapping[str, Any]) -> str | None:
    """Find the quantization: a name, or the argument that switches it on."""
    for key in QUANTIZATIONS:
        if (name := text_of(args.get(key))) and name.lower() not in ("none", "false"):
            return name
    for key in QUANTIZED:
        if key in args and str(args[key]).lower() not in ("false", "none", "", "0"):
            return key
    return None


def shown_value(key: str, value: Any) -> str:
    """Write an argument as text, without possible secrets and without very long values."""
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    harmless = shown.lower() in ("true", "false", "none", "null", "")
    if not harmless and (SECRET.search(key.lower()) or SECRET_VALUE.search(shown)):
        return LEFT_OUT
    return shown if len(shown) <= LONGEST_VALUE else f"(left out: {len(shown)} characters)"


def unnamed() -> IntakeError:
    return IntakeError("does not say which model it is about", "give its name with --model")
