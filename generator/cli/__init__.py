"""The `leaderboard` command: stdout is the answer, stderr is progress."""

# ruff: noqa: I001 - the order of the imports is that of the commands in --help
from generator.cli.app import app, main
from generator.cli import check, plan, measure, verify, score, choose, build

__all__ = ["app", "build", "check", "choose", "main", "measure", "plan", "score", "verify"]
