"""The `leaderboard` command: stdout is the answer, stderr is progress."""

# ruff: noqa: I001 - the order of the imports is that of the commands in --help
from generator.cli.app import app, main
from generator.cli import check, plan, measure, verify, import_, build, export, diff, release

__all__ = [
    "app",
    "build",
    "check",
    "diff",
    "export",
    "import_",
    "main",
    "measure",
    "plan",
    "release",
    "verify",
]
