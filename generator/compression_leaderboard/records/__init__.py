"""What crosses the disk: the shapes of runs/ and results/, and what is wrong with them."""
