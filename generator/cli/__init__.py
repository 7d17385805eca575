"""The `leaderboard` command: stdout is the answer, stderr is progress."""

# ruff: noqa: F401, I001 - an import registers a command; their order is that in --help
from generator.cli.app import app, main
from generator.cli import check
from generator.cli import add
from generator.cli import validate
from generator.cli import plan
from generator.cli import measure
from generator.cli import collect
from generator.cli import verify
from generator.cli import import_
from generator.cli import predict
from generator.cli import score
from generator.cli import choose
from generator.cli import build
from generator.cli import check_site
from generator.cli import health
from generator.cli import drift
from generator.cli import export
from generator.cli import diff
from generator.cli import release
from generator.cli import corpus

__all__ = ["app", "main"]
