"""Measure one model: load exact weights, run lm-eval, score text both ways. Needs `[measure]`."""
