#!/usr/bin/env bash
# Validates the pull request in ../head with the validator of this checkout, the base branch.
# TRUSTED: true if its branch is in the board's repository. BRANCH: its name; propose.sh names those of
# the board's own workflows. LABELS: its labels, as JSON.
set -euo pipefail
options=()
if [[ "$TRUSTED" == true ]]; then
  options+=(--trusted-branch)
  if [[ "$BRANCH" == propose/* ]]; then options+=(--own); fi
fi
labels=$(jq --raw-output '.[].name' <<< "$LABELS")
while IFS= read -r label; do
  if [[ -n "$label" ]]; then options+=("--label=$label"); fi
done <<< "$labels"
leaderboard validate --base . --head ../head --annotations --summary "$GITHUB_STEP_SUMMARY" "${options[@]}"
