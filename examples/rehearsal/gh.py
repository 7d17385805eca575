"""Stand-in for gh: pull requests in a file; what the workflows do not use is an error."""

import json
import os
import sys
from pathlib import Path


def main(words: list[str]) -> None:
    file = Path(os.environ["HUB"]) / "pulls.json"
    pulls = json.loads(file.read_text()) if file.is_file() else []
    given = dict(zip(words[2::2], words[3::2], strict=False))
    if words == ["auth", "setup-git"]:
        return
    if words[:2] == ["pr", "list"]:
        print("".join(f"{p['number']}\n" for p in pulls if p["head"] == given["--head"]), end="")
    elif words[:2] == ["pr", "create"]:
        body = Path(given["--body-file"]).read_text("utf-8")
        pull = {"number": len(pulls) + 1, "head": given["--head"], "title": given["--title"]}
        file.write_text(json.dumps([*pulls, pull | {"body": body}], indent=1))
    else:
        sys.exit(f"gh {' '.join(words)}: not known here")


main(sys.argv[1:])
