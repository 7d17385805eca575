"""Statistics over one cohort: what compression tells about scores, and how sure that is."""
