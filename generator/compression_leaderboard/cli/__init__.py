"""The `leaderboard` command: stdout is the answer, stderr is progress."""

# ruff: noqa: F401, I001 - an import registers commands; their order is that in --help
from compression_leaderboard.cli.app import app, main
from compression_leaderboard.cli import contribute
from compression_leaderboard.cli import plan
from compression_leaderboard.cli import measure
from compression_leaderboard.cli import intake
from compression_leaderboard.cli import build
from compression_leaderboard.cli import ask
from compression_leaderboard.cli import score
from compression_leaderboard.cli import operations

__all__ = ["app", "main"]
