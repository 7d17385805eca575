"""Pages and data from values: every function returns bytes by path, nothing is written here."""
