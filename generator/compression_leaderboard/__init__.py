"""The LLM Compression Leaderboard: measure how well models compress, predict scores, publish both.

Two programs share the records under results/ and never call each other: `measure` writes them,
`build` reads them. A module imports only from the layers before it:
records < files < plan < (measure | tables < fits < publish) < cli.
"""
