"""The only readers and writers of runs/ and results/."""
