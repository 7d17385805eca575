"""The `leaderboard` command: stdout is the answer, stderr is progress."""

# ruff: noqa: F401, I001 - an import registers commands; their order is that in --help
from compression_leaderboard.cli.app import app, main
from compression_leaderboard.cli import check
from compression_leaderboard.cli import new_models
from compression_leaderboard.cli import validate
from compression_leaderboard.cli import plan
from compression_leaderboard.cli import measure
from compression_leaderboard.cli import collect
from compression_leaderboard.cli import import_
from compression_leaderboard.cli import predict
from compression_leaderboard.cli import score
from compression_leaderboard.cli import choose
from compression_leaderboard.cli import build
from compression_leaderboard.cli import health
from compression_leaderboard.cli import export
from compression_leaderboard.cli import corpus

__all__ = ["app", "main"]
