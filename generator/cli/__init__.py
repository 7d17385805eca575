"""The `leaderboard` command: stdout is the answer, stderr is progress."""

# ruff: noqa: I001 - the order of the imports is that of the commands in --help
from generator.cli.app import app, main
from generator.cli import check, plan, measure, verify, predict, build

__all__ = ["app", "build", "check", "main", "measure", "plan", "predict", "verify"]
