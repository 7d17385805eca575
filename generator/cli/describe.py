"""The commands as values, for the page that lists them: read from the app, so never out of date."""

from typing import Any

import typer

from generator.cli.app import app
from generator.publish.reference import Command, Option


def describe_commands() -> list[Command]:
    """Every command in the order of `leaderboard --help`."""
    group: Any = typer.main.get_command(app)
    return [_describe(name, command) for name, command in group.commands.items()]


def _describe(name: str, command: Any) -> Command:
    """Docstrings read: what the command does, an empty line, "Example: `leaderboard …`"."""
    summary, _, example = command.help.partition("\n\nExample: ")
    options = tuple(_option(parameter) for parameter in command.params)
    return Command(name, summary.replace("\n", " "), example.strip("`"), options)


def _option(parameter: Any) -> Option:
    names = [*parameter.opts, *parameter.secondary_opts]
    shown = parameter.default if parameter.show_default else None
    if isinstance(shown, bool):
        shown = names[0 if shown else -1] if parameter.secondary_opts else None
    return Option(", ".join(names), parameter.help, None if shown is None else str(shown))
