"""Run a command of the app inside this process."""

from pathlib import Path

from compression_leaderboard.cli import app
from compression_leaderboard.records.base import UserError
from typer.testing import CliRunner


def run(*arguments: str):
    """The result; whatever is neither an exit nor a UserError is raised."""
    result = CliRunner().invoke(app, list(arguments))
    if result.exception and not isinstance(result.exception, SystemExit | UserError):
        raise result.exception
    return result


def invoke(root: Path, *arguments: str):
    """Run a command in a repository."""
    return run(arguments[0], "--root", str(root), *arguments[1:])
