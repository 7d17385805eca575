"""The tests, in folders named after the packages, and what several of them share."""

from pathlib import Path

ROOT = Path(__file__).parents[1]  # of the repository
