#!/usr/bin/env bash
# Keeps one issue: opened when there is something, updated while there is, closed when all is well.
# Usage: .github/health-issue.sh FILE (what `leaderboard health` printed; empty: all is well)
set -euo pipefail
title="Health of the board"
number=$(gh issue list --state open --search "in:title \"$title\"" --json number,title \
  --jq "[.[] | select(.title == \"$title\")][0].number // empty")
if [[ ! -s "$1" ]]; then
  if [[ -n "$number" ]]; then gh issue close "$number" --comment "All is well again."; fi
elif [[ -n "$number" ]]; then
  gh issue edit "$number" --body-file "$1"
else
  gh issue create --title "$title" --body-file "$1"
fi
