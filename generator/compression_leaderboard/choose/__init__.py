"""Choose a model: quality against memory within one cohort. Pure functions."""
