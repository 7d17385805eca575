"""The LLM Compression Leaderboard: measure how models compress, predict scores, publish both."""

TITLE = "LLM Compression Leaderboard"
