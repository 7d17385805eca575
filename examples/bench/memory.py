"""Memory of models, each in a fresh process, beside the estimate of the page Choose.

Usage: python examples/bench/memory.py [ID OF runs/models …]. The first row is a model of a few
thousand parameters: what it takes is the runtime alone, RUNTIME_BYTES. Peak: resident
memory at its highest, while the weights' file is mapped as well; held: with the model and a full
cache in memory, what serving it needs.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from compression_leaderboard.choose import CACHE_NUMBER_BYTES, PRECISIONS, cache_bytes_per_token
from compression_leaderboard.repository.specs import read_specs

ROOT = Path(__file__).parent.parent.parent
CONTEXT = 1024
INSIDE = """
import json, resource, sys
from pathlib import Path
import torch
from compression_leaderboard.repository.specs import read_specs
from compression_leaderboard.measure.weights import load_reference, resolve_reference
root = Path(sys.argv[1])
reference = resolve_reference(sys.argv[2], read_specs(root)[0].models)
loaded = load_reference(reference, root)
tokens = loaded.window(int(sys.argv[3]))
with torch.inference_mode():
    ids = torch.arange(tokens).unsqueeze(0) % loaded.subject.vocabulary
    output = loaded.model(ids, use_cache=True, logits_to_keep=1)
status = Path("/proc/self/status").read_text().split()
print(json.dumps({
    "held": int(status[status.index("VmRSS:") + 1]) * 1024,
    "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    "dtype": loaded.dtype,
    "tokens": tokens,
    **loaded.subject.model_dump(),
}))
"""


def measure(model: str) -> dict[str, Any]:
    """Memory of one model in a process of its own."""
    command = [sys.executable, "-c", INSIDE, str(ROOT), model, str(CONTEXT)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    measured: dict[str, Any] = json.loads(shown.stdout.splitlines()[-1])
    return measured


def make_nothing(folder: Path) -> str:
    """A model that takes no memory to speak of."""
    from tests.tiny import save_tiny, tiny_model

    save_tiny(folder, model=tiny_model(context=CONTEXT))
    return str(folder)


def estimate(measured: dict[str, Any], runtime_bytes: float) -> float:
    """The estimate of the page Choose, with the cache in the number format of the weights."""
    dtype, parameters = measured["dtype"], measured["parameters"]
    number_bytes = 4.0 if dtype == "float32" else 2.0
    shape = (measured["layers"], measured["width"])
    cache = measured["tokens"] * cache_bytes_per_token(parameters, shape)
    cache *= number_bytes / CACHE_NUMBER_BYTES
    total: float = parameters * PRECISIONS[dtype] + cache + runtime_bytes
    return total


def main() -> None:
    models = sys.argv[1:] or sorted(
        model.id for model in read_specs(ROOT)[0].models.values() if model.weights.package
    )
    with tempfile.TemporaryDirectory() as folder:
        runtime = measure(make_nothing(Path(folder)))["held"]
    print(f"the program alone: {runtime / 1e6:.0f} MB held")
    for model in models:
        found = measure(model)
        expected = estimate(found, runtime)
        print(
            f"{model}: {found['held'] / 1e6:.0f} MB held, {expected / 1e6:.0f} MB estimated "
            f"({100 * (expected / found['held'] - 1):+.1f} %), peak {found['peak'] / 1e6:.0f} MB, "
            f"{found['dtype']}, {found['tokens']} tokens"
        )


if __name__ == "__main__":
    main()
