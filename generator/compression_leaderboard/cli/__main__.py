"""`python -m compression_leaderboard.cli`, the same as `leaderboard`."""

from compression_leaderboard.cli import main

if __name__ == "__main__":
    main()
