"""Measure one model: load exact weights, run lm-eval, score text both ways. Needs `[measure]`."""

import os

# Read by the libraries when they are imported: their progress bars are not ours.
os.environ.setdefault("TQDM_DISABLE", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
