#!/usr/bin/env bash
# Proposes what is new below some paths as one pull request.
# Usage: .github/propose.sh TITLE PATH...
#
# The branch is named by the change itself: run twice, by two machines at once, or after a death
# half-way, there is one branch and one pull request for it. APP says whether a GitHub App is set up,
# MORE names a file of Markdown for the description.
set -euo pipefail
title=$1
shift

mkdir -p -- "$@"
git add -- "$@"
if git diff --cached --quiet; then
  echo "nothing new to propose"
  exit 0
fi
branch="propose/$(git diff --cached | git hash-object --stdin | cut -c 1-12)"
# runs/maintainers.toml names the address, so that records of this commit count as the workflow's.
git -c user.name='github-actions[bot]' -c user.email='41898282+github-actions[bot]@users.noreply.github.com' \
  commit --quiet --message "$title"

gh auth setup-git
# Refused where another machine was faster with the same change.
git push --quiet origin "HEAD:refs/heads/$branch" ||
  git ls-remote --exit-code --heads origin "$branch" > /dev/null

text=$(mktemp) body=$(mktemp)
leaderboard diff HEAD~1 HEAD --markdown > "$text"
if [[ -n "${MORE:-}" ]]; then
  cat -- "$MORE" >> "$text"
fi
# GitHub takes 65,536 characters. Whole lines, since a line may not be cut.
awk '(bytes += length($0) + 1) < 60000' "$text" > "$body"
if [[ -z "${APP:-}" ]]; then
  printf '\n%s\n' "No GitHub App is set up, so this pull request started no checks: press \"Close pull request\" and then \"Reopen pull request\" to start them." >> "$body"
fi
if [[ -z "$(gh pr list --head "$branch" --state all --json number --jq '.[].number')" ]]; then
  gh pr create --base main --head "$branch" --title "$title" --body-file "$body"
fi
