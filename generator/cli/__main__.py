"""`python -m generator.cli`, the same as `leaderboard`."""

from generator.cli import main

if __name__ == "__main__":
    main()
