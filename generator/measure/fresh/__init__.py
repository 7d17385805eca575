"""Fresh text from openly licensed sources, fetched and made a corpus."""
