"""Quiet libraries."""

import logging
import warnings
from typing import Any

import datasets
from transformers.utils import logging as transformers_logging


def silence_libraries() -> None:
    """Keep the libraries' chatter off the terminal: stderr is for our progress."""
    warnings.filterwarnings("ignore")
    for name in ("transformers", "lm_eval", "lm-eval", "datasets", "huggingface_hub"):
        logging.getLogger(name).setLevel(logging.ERROR)
    chatter: Any = transformers_logging
    chatter.set_verbosity_error()
    chatter.disable_progress_bar()
    datasets.disable_progress_bars()
