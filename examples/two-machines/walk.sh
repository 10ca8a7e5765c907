#!/bin/sh
# Two machines share one broker and one store: an office with a coordinator and a worker, and a cellar with a second
# worker. Here both are folders of one machine; on two machines nothing else would be different.
# From a clone, with a broker: npm run -s build && AGENTQ_URL=amqp://USER:PASSWORD@HOST/ sh examples/two-machines/walk.sh
set -eu

repo=$(cd "$(dirname "$0")/../.." && pwd)
: "${AGENTQ_URL:?say where the broker is, such as amqp://guest:guest@127.0.0.1:5672/}"
export AGENTQ_URL
say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

scratch=$(mktemp -d)
workers=
trap 'kill $workers 2>/dev/null || true; wait; rm -rf "$scratch"' EXIT

# What each machine types. Its workspace holds its own copy of what the queue says, and no task.
office() { AGENTQ_DIR="$scratch/office" node "$repo/bin/agentq.cjs" "$@"; }
cellar() { AGENTQ_DIR="$scratch/cellar" node "$repo/bin/agentq.cjs" "$@"; }

# A worker that counts the words of what it is given, and says where it did so.
work() {
  AGENTQ_DIR="$scratch/$1" MACHINE=$1 exec node "$repo/bin/agentq.cjs" work --as counter --worker "counter-$1" -- \
    sh -c 'echo "$MACHINE: $(wc -w < "$AGENTQ_CONTEXT_FILE") words"'
}

say 'Each machine makes a workspace; the first one declares exchanges and queues'
mkdir "$scratch/office" "$scratch/cellar"
office init --store "$scratch/store" --workers counter
cellar init --store "$scratch/store" --workers counter

say 'A task that the cellar takes by hand, for three seconds, and then forgets'
forgotten=$(office submit --to counter --type count --file "$repo/CHANGELOG.md")
cellar claim --as counter --lease 3s

say 'A worker on each machine, for the same role'
work office 2> "$scratch/office.log" &
workers="$workers $!"
work cellar 2> "$scratch/cellar.log" &
workers="$workers $!"

say 'The coordinator in the office splits the job, and sleeps until it is done'
ids=
for file in "$repo"/README.md "$repo"/docs/*.md; do
  ids="$ids $(office submit --to counter --type count --file "$file")"
done
office wait --all $ids "$forgotten"

say 'It reads every result, wherever it was made'
for id in $ids "$forgotten"; do
  office result "$id"
done

say 'What became of the task that the cellar forgot'
cellar show "$forgotten"

say 'Who comes too late can change nothing'
cellar complete "$forgotten" --attempt 1 --summary 'I had it nearly done' || echo "exit code $?"

say 'The messages for the coordinator, each of them once'
office inbox

say 'Both machines see the same queue'
cellar status
