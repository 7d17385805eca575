"""From records to tables: rows that may be compared, and the figures derived from raw values."""
