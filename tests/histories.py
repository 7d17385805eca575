"""Repositories with a git history, in a temporary folder."""

import os
import subprocess
from pathlib import Path

from compression_leaderboard.repository.provenance import Addition, read_provenance

BOT, ALICE, EVE = "bot@board.example", "alice@board.example", "eve@elsewhere.example"
TEAM = f'workflow = ["{BOT}"]\nmaintainers = ["{ALICE}"]\n'
RECORD = "results/measured/org__model/a/corpus-prose/1.json"
OTHER = "results/measured/org__model/a/corpus-prose/2.json"


class History:
    """A repository in a temporary folder. Commits are a second apart, so that ids can't repeat."""

    def __init__(self, root: Path):
        self.root, self.seconds = root, 1_770_000_000
        root.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")
        self.put("runs/maintainers.toml", TEAM)
        self.commit(ALICE)

    @classmethod
    def existing(cls, root: Path, seconds: int) -> "History":
        """Go on with a repository. seconds: of its latest commit."""
        history = cls.__new__(cls)
        history.root, history.seconds = root, seconds
        return history

    def git(self, *arguments: str, author: str = EVE, committer: str | None = None) -> str:
        self.seconds += 1
        own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        for role, email in (("AUTHOR", author), ("COMMITTER", committer or author)):
            own |= {f"GIT_{role}_NAME": "someone", f"GIT_{role}_EMAIL": email}
            own[f"GIT_{role}_DATE"] = f"{self.seconds} +0000"
        command = ["git", "-C", str(self.root), *arguments]
        done = subprocess.run(command, env=os.environ | own, capture_output=True, check=True)
        return done.stdout.decode().strip()

    def put(self, path: str, text: str = "{}\n") -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def commit(self, author: str, message: str = "Add", committer: str | None = None) -> str:
        self.git("add", "--all")
        command = ["commit", "--quiet", "--allow-empty", "--message", message]
        self.git(*command, author=author, committer=committer)
        return self.head

    def branch(self, name: str, author: str, *paths: str) -> str:
        """Commit files on a new branch, and return to main."""
        self.git("checkout", "--quiet", "-b", name)
        for path in paths:
            self.put(path)
        commit = self.commit(author)
        self.git("checkout", "--quiet", "main")
        return commit

    def merge(self, *arguments: str, author: str = ALICE) -> str:
        self.git("merge", "--quiet", "--no-ff", "--no-edit", *arguments, author=author)
        return self.head

    @property
    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    @property
    def provenance(self) -> dict[str, Addition]:
        return read_provenance(self.root)
