"""The LLM Compression Leaderboard: measure how models compress, predict scores, publish both."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compression_leaderboard.board.board import Board
    from compression_leaderboard.fits.evaluation import Prediction
    from compression_leaderboard.public import TextScore, load_board, predict, score_text

    __version__: str

TITLE = "LLM Compression Leaderboard"

__all__ = ["Board", "Prediction", "TextScore", "load_board", "predict", "score_text"]
_MODULES = {"Board": "board.board", "Prediction": "fits.evaluation"}


def __getattr__(name: str) -> Any:
    """Import the public API on first use: commands and the scorer start without pandas."""
    if name == "__version__":
        return _read_version()
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'public')}"), name)


def _read_version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("llm-compression-leaderboard")
    except PackageNotFoundError:  # a checkout that is not installed
        return "0"
