"""Choose a model: quality against memory, seconds and money, inside one cohort. Pure functions."""
