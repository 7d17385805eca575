"""Repositories and pull requests that Hypothesis makes up, and what must be true of each."""
