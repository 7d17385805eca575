"""Speed and memory of the scorer beside its limit and its peers: `make bench`.

Every contender runs in a process of its own, all on the same model, text and threads, one round
after the other, so that a busy moment of the machine hits all alike. Medians over the rounds; no
single time means anything on another machine, the ratios do. Where something else runs on the
machine, the ratios of processor seconds are the ones to trust: the table has both.
"""

import argparse
import json
import statistics
import subprocess
import sys
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

SPEED = ("limit", "ours", "limit, float32", "ours, float32")
PEERS = ("ours, same work", "soft-entropy", "lm-eval")
POSITIONS = (10_000, 50_000, 200_000)
FORMAT_DOCUMENTS = 2  # bfloat16 is slow where the machine only imitates it

Figures = dict[str, float]


@dataclass(frozen=True)
class Ratio:
    """A figure that has a target. by_processor: the same of processor seconds, for times."""

    name: str
    value: float
    sign: str
    target: float
    by_processor: float | None = None

    @property
    def met(self) -> bool:
        return self.value >= self.target if self.sign == ">=" else self.value <= self.target


def run(*arguments: str) -> Figures:
    """One contender in a fresh process; its figures by name."""
    command = [sys.executable, str(Path(__file__).with_name("contenders.py")), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stderr}")
    found: Figures = json.loads(done.stdout.splitlines()[-1])
    print(f"{' '.join(arguments)}: {found}", file=sys.stderr, flush=True)
    return found


def run_rounds(rounds: int, contenders: list[tuple[str, ...]]) -> list[Figures]:
    """Medians of each contender's figures, the contenders taking turns."""
    runs = [[run(*contender) for contender in contenders] for _ in range(rounds)]
    return [
        {name: statistics.median(one[name] for one in own) for name in own[0]}
        for own in zip(*runs, strict=True)
    ]


def compare_speed(found: dict[str, Figures]) -> list[Ratio]:
    """Ours beside the limit; and, on the work that they do, beside both peers together."""

    def of_pass(kind: str, dtype: str) -> float:
        ours = found[f"ours{dtype}"]
        return found[f"limit{dtype}"][kind] / (ours[f"pass_{kind}"] + ours[f"assign_{kind}"])

    def to_end(kind: str, dtype: str) -> float:
        return found[f"limit{dtype}"][kind] / found[f"ours{dtype}"][kind]

    def beside_peers(kind: str) -> float:
        peers = found["soft-entropy"][kind] + found["lm-eval"][kind]
        return peers / found["ours, same work"][kind]

    ratios = [Ratio("peers / ours", beside_peers("seconds"), ">=", 3.0, beside_peers("cpu"))]
    for dtype in ("", ", float32"):
        passed, whole = (partial(measure, dtype=dtype) for measure in (of_pass, to_end))
        ratios += [
            Ratio(f"limit / pass{dtype}", passed("seconds"), ">=", 0.75, passed("cpu")),
            Ratio(f"limit / end to end{dtype}", whole("seconds"), ">=", 0.5, whole("cpu")),
        ]
    return ratios


def compare_positions(found: dict[str, Figures], scaling: dict[int, Figures]) -> list[Ratio]:
    """Memory, disk and the cost of a position where there are many of them.

    Memory is that of the pass or of the estimates, whichever is more: they follow one another.
    The cost may exceed 1 by what two medians of a time differ by chance.
    """
    few, many = scaling[POSITIONS[0]], scaling[POSITIONS[-1]]
    memory = max(found["ours"]["pass_peak_gb"], many["peak_gb"])

    def cost(kind: str) -> float:
        return many[kind] / few[kind] * POSITIONS[0] / POSITIONS[-1]

    at = f"at {POSITIONS[-1]:,} positions"
    return [
        Ratio(f"memory beyond the weights {at}, GB", memory, "<=", 1.5),
        Ratio(f"temporary disk {at}, GB", many["disk_gb"], "<=", 8.0),
        Ratio(f"cost of one {at} / at {POSITIONS[0]:,}", cost("seconds"), "<=", 1.1, cost("cpu")),
    ]


def compare_formats() -> Ratio:
    """The same documents in both number formats, whichever of them is this machine's default."""
    half, full = (run(name, str(FORMAT_DOCUMENTS)) for name in ("bfloat16", "float32"))
    difference = 100 * abs(half["bits_per_byte"] / full["bits_per_byte"] - 1)
    return Ratio("bits per byte, bfloat16 against float32, %", difference, "<=", 0.1)


def main() -> None:
    """Run all contenders, print the table, write build/bench.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--documents", type=int, default=12)
    arguments = parser.parse_args()
    rounds, documents = arguments.rounds, str(arguments.documents)
    contenders = SPEED + PEERS
    medians = run_rounds(rounds, [(name, documents) for name in contenders])
    found = dict(zip(contenders, medians, strict=True))
    medians = run_rounds(rounds, [("positions", str(n)) for n in POSITIONS])
    scaling = dict(zip(POSITIONS, medians, strict=True))
    ratios = [*compare_speed(found), *compare_positions(found, scaling), compare_formats()]
    for name, figures in [*found.items(), *((f"{n:,} positions", f) for n, f in scaling.items())]:
        print(f"{name:18}", "  ".join(f"{key} {value:.4g}" for key, value in figures.items()))
    for one in ratios:
        processor = "" if one.by_processor is None else f"({one.by_processor:.3f} by processor)"
        print(
            f"{one.name:48} {one.value:8.3f} {processor:22} "
            f"target {one.sign} {one.target:<5} {'met' if one.met else 'MISSED'}"
        )
    out = Path("build/bench.json")
    out.parent.mkdir(exist_ok=True)
    content = {"rounds": rounds, "medians": found, "positions": scaling}
    out.write_text(json.dumps(content | {"ratios": [asdict(one) for one in ratios]}, indent=1))


if __name__ == "__main__":
    main()
