#!/bin/sh
# Two machines share one broker and one store: an office with a coordinator and a worker, and a cellar with a second
# worker. Here both are folders on one machine; with two machines, nothing else differs.
# From a clone, with a broker: npm run -s build && AGENTQ_URL=amqp://USER:PASSWORD@HOST/ sh examples/two-machines/walk.sh
set -eu

repo=$(cd "$(dirname "$0")/../.." && pwd)
: "${AGENTQ_URL:?say where the broker is, such as amqp://guest:guest@127.0.0.1:5672/}"
export AGENTQ_URL
say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

scratch=$(mktemp -d)
workers=
trap 'kill $workers 2>/dev/null || true; wait; rm -rf "$scratch"' EXIT

# The commands of each machine. Its workspace contains a cache of the log, and no task.
office() { AGENTQ_DIR="$scratch/office" node "$repo/bin/agentq.cjs" "$@"; }
cellar() { AGENTQ_DIR="$scratch/cellar" node "$repo/bin/agentq.cjs" "$@"; }

# A worker that counts the words of its input, and prints its place.
work() {
  AGENTQ_DIR="$scratch/$1" MACHINE=$1 exec node "$repo/bin/agentq.cjs" work --as counter --worker "counter-$1" -- \
    sh -c 'echo "$MACHINE: $(wc -w < "$AGENTQ_CONTEXT_FILE") words"'
}

say 'Each machine creates a workspace; the first one declares exchanges and queues'
mkdir "$scratch/office" "$scratch/cellar"
office init --store "$scratch/store" --workers counter
cellar init --store "$scratch/store" --workers counter

say 'A task that the cellar claims by hand, for three seconds, and does not do'
forgotten=$(office submit --to counter --type count --file "$repo/CHANGELOG.md")
cellar claim --as counter --lease 3s

say 'A worker on each machine, for the same role'
work office 2> "$scratch/office.log" &
workers="$workers $!"
work cellar 2> "$scratch/cellar.log" &
workers="$workers $!"

say 'The coordinator in the office submits the tasks, and waits until they are done'
ids=
for file in "$repo"/README.md "$repo"/docs/*.md; do
  ids="$ids $(office submit --to counter --type count --file "$file")"
done
office wait --all $ids "$forgotten"

say 'It reads every result, wherever it was made'
for id in $ids "$forgotten"; do
  office result "$id"
done

say 'The history of the task that the cellar did not do'
cellar show "$forgotten"

say 'A late completion changes nothing'
cellar complete "$forgotten" --attempt 1 --summary 'I had it nearly done' || echo "exit code $?"

say 'The messages for the coordinator, each of them once'
office inbox

say 'Both machines see the same queue'
cellar status
