#!/bin/sh
# A coordinator checks the Markdown links and the TODOs of this repository, with one task for each file, and then submits
# a review. Two roles of workers run real programs. One task fails twice and then succeeds; one task always fails.
# From a clone: npm run demo
set -eu

repo=$(cd "$(dirname "$0")/../.." && pwd)
here=$repo/examples/first-minute
agentq() { node "$repo/bin/agentq.cjs" "$@"; }
say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

scratch=$(mktemp -d)
workers=
trap 'kill $workers 2>/dev/null || true; wait; rm -rf "$scratch"' EXIT
export AGENTQ_DIR="$scratch/queue"
cd "$repo"

say 'A workspace, and two roles of workers that wait for work'
agentq init
# Failures are tried again after 200 ms instead of the default backoff.
printf '{"version": 1, "defaults": {"backoff": {"base": "200ms"}}}\n' > "$AGENTQ_DIR/config.json"
node "$repo/bin/agentq.cjs" work --as checker --concurrency 2 -- node "$here/check.js" 2> "$scratch/checker.log" &
workers="$workers $!"
node "$repo/bin/agentq.cjs" work --as reviewer -- node "$here/review.js" 2> "$scratch/reviewer.log" &
workers="$workers $!"

say 'The coordinator splits the job'
ids=
for file in README.md CHANGELOG.md docs/*.md; do
  ids="$ids $(agentq submit --to checker --type links --instructions "links $file")"
done
for folder in src test bench examples; do
  ids="$ids $(agentq submit --to checker --type todos --instructions "todos $folder")"
done
flaky=$(agentq submit --to checker --instructions 'flaky src/core')
poison=$(agentq submit --to checker --instructions 'poison' --priority high)
echo "submitted:$ids $flaky $poison"

say 'It waits until all of them have ended'
agentq wait --all $ids "$flaky"
agentq wait "$poison" || echo "the poison ended with exit code $?"

say 'It reads each result; a changed file would be refused'
for id in $ids "$flaky"; do
  agentq result "$id" | tee -a "$scratch/reports.md"
done

say 'One review task, with an expected artifact: its findings'
review=$(agentq submit --to reviewer --type review --file "$scratch/reports.md" --expect findings)
agentq wait "$review"
agentq result "$review"

say 'The history of the task that failed twice'
agentq show "$flaky"

say 'The dead letters, with all reasons'
agentq dlq
agentq dlq show "$poison"

say 'The overview'
agentq status
