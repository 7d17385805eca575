"""A mirror of the documents of `core-subset`, served on loopback in the Hub's place.

The documents are not in this repository: runs/suites/core-subset.toml says where each file comes
from and what it hashes to. With them in one folder, laid out as `DOCUMENTS` says, this runs a
command with such a mirror behind it:

    python -m tests.mirror FOLDER leaderboard measure --suite core-subset
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.hub import Hub

EVALUATED = ("train", "validation", "test")
# By dataset and configuration: the file, and the splits that a stock task asks for. lm-eval reads
# the split of few-shot examples even for a run without any, so each split has these documents;
# a task of a local mirror may therefore have no examples (records/models.py).
DOCUMENTS: dict[str, dict[str, tuple[str, tuple[str, ...]]]] = {
    "allenai/ai2_arc": {
        "ARC-Easy": ("arc-easy/test.jsonl", EVALUATED),
        "ARC-Challenge": ("arc-challenge/test.jsonl", EVALUATED),
    },
    "allenai/openbookqa": {"main": ("openbookqa_main/test.jsonl", EVALUATED)},
    "allenai/sciq": {"default": ("sciq/validation.jsonl", EVALUATED[:2])},
    "allenai/winogrande": {
        "winogrande_xl": ("winogrande_winogrande_xl/validation.jsonl", EVALUATED[:2])
    },
    "aps/super_glue": {
        "boolq": ("boolq/validation_superglue_schema.jsonl", EVALUATED[:2]),
        "copa": ("copa/validation.jsonl", EVALUATED[:2]),
    },
    "baber/piqa": {"default": ("piqa_plain_text/validation.jsonl", EVALUATED[:2])},
    "mirror/hellaswag_1k": {"default": ("hellaswag_1k/validation_processed.jsonl", EVALUATED[:2])},
}
GROUP = "nyu-mll/blimp"  # one file a configuration, with one split


def serve_mirror(hub: Hub, documents: Path, folder: Path) -> None:
    """Lay the documents out below `folder` as the repositories of a Hub, and serve them."""
    blimp = {
        file.stem: (f"blimp/{file.name}", ("train",))
        for file in sorted((documents / "blimp").glob("*.jsonl"))
    }
    for name, configurations in (DOCUMENTS | {GROUP: blimp}).items():
        place = folder / name
        place.mkdir(parents=True)
        for configuration, (file, _) in configurations.items():
            (place / f"{configuration}.jsonl").write_bytes((documents / file).read_bytes())
        splits = {name: splits for name, (_, splits) in configurations.items()}
        (place / "README.md").write_text(_front_matter(splits))
        hub.add("datasets", name, place)


def _front_matter(configurations: dict[str, tuple[str, ...]]) -> str:
    """Which file is which split, in the words that `datasets` reads from a dataset's README."""
    lines = ["---", "configs:"]
    for name, splits in configurations.items():
        lines += [f"- config_name: {name}", "  data_files:"]
        for split in splits:
            lines += [f"  - split: {split}", f"    path: {name}.jsonl"]
    return "\n".join([*lines, "---", ""])


def main(documents: str, *command: str) -> int:
    """Run the command with the mirror in the Hub's place and a cache of its own."""
    hub = Hub()
    with tempfile.TemporaryDirectory(prefix="mirror-") as folder:
        serve_mirror(hub, Path(documents), Path(folder) / "served")
        places = {"HF_ENDPOINT": hub.address, "HF_HOME": f"{folder}/cache"}
        offline = {"HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1"}
        return subprocess.run(command, env=os.environ | places | offline, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
