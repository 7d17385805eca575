"""Speed and memory of the scorer beside its limit and its peers: `make bench`.

Every contender runs in a process of its own, all on the same model, text and threads, one round
after the other, so that a busy moment of the machine hits all alike. Medians over the rounds; no
single time means anything on another machine, the ratios do.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

TARGETS = {
    "pass / limit": (">=", 0.75),
    "end to end / limit": (">=", 0.5),
    "peers / ours": (">=", 3.0),
    "memory beyond weights at 200,000 positions, GB": ("<=", 1.5),
    "cost of a position at 200,000 / at 10,000": ("<=", 1.0),
    "bits per byte, bfloat16 against float32, %": ("<=", 0.1),
}
CONTENDERS = ("limit", "ours", "ours-one-seed", "soft-entropy", "lm-eval")


def run(*arguments: str) -> dict[str, float]:
    """One contender in a fresh process; its figures by name."""
    command = [sys.executable, str(Path(__file__).with_name("contenders.py")), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(f"{' '.join(arguments)}: {found}", file=sys.stderr, flush=True)
    return found


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def main() -> None:
    """Run all contenders, print the table, write build/bench.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--documents", type=int, default=12)
    arguments = parser.parse_args()
    documents = str(arguments.documents)
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
    for _ in range(arguments.rounds):
        for name in CONTENDERS:
            rounds[name].append(run(name, documents))
    found = {name: medians(runs) for name, runs in rounds.items()}
    found["float32"] = run("float32", documents)
    scaling = {n: run("positions", str(n)) for n in (10_000, 50_000, 200_000)}
    limit, ours = found["limit"], found["ours"]
    per_position = {n: one["seconds"] / n for n, one in scaling.items()}
    peers = found["soft-entropy"]["seconds"] + found["lm-eval"]["seconds"]
    ratios = {
        "pass / limit": limit["seconds"] / (ours["pass_seconds"] + ours["assign_seconds"]),
        "end to end / limit": limit["seconds"] / ours["seconds"],
        "peers / ours": peers / found["ours-one-seed"]["seconds"],
        "memory beyond weights at 200,000 positions, GB": scaling[200_000]["peak_gb"],
        "cost of a position at 200,000 / at 10,000": per_position[200_000] / per_position[10_000],
        "bits per byte, bfloat16 against float32, %": 100
        * abs(ours["bits_per_byte"] / found["float32"]["bits_per_byte"] - 1),
    }
    for name, figures in found.items():
        print(f"{name:16}", "  ".join(f"{key} {value:.4g}" for key, value in figures.items()))
    for n, figures in scaling.items():
        print(f"{n:7} positions", "  ".join(f"{k} {v:.4g}" for k, v in figures.items()))
    for name, value in ratios.items():
        sign, bound = TARGETS[name]
        met = value >= bound if sign == ">=" else value <= bound
        print(f"{name:50} {value:8.3f}  target {sign} {bound}  {'met' if met else 'MISSED'}")
    out = Path("build/bench.json")
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps({"medians": found, "positions": scaling, "ratios": ratios}, indent=1))


if __name__ == "__main__":
    main()
