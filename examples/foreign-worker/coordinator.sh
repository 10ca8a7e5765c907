#!/bin/sh
# A coordinator in shell with amqp-tools. It submits a task and waits for its result.
#   AGENTQ_URL=amqp://… coordinator.sh ROLE INSTRUCTIONS
# Its name is poet, so its results arrive in the queue results.poet. agentq init --coordinators poet declares it.
set -eu

role=$1
task="poem-$(date +%s)-$$"
envelope=$(python3 -c '
import json, sys
task, role, instructions = sys.argv[1:]
print(json.dumps({
    "task_id": task, "from": "poet", "to": role, "type": "poem", "priority": "normal",
    "reply_to": "results.poet", "instructions": instructions,
}))' "$task" "$role" "$2")

# The routing key selects the work queue and the priority. The log gets the same message.
amqp-publish --url "$AGENTQ_URL" --exchange agentq --routing-key "agentq.work.$role.normal" \
  --persistent --content-type application/json --body "$envelope"

# Read the messages that are already in the queue. amqp-get exits with 2 when the queue is empty.
while waiting=$(amqp-get --url "$AGENTQ_URL" --queue results.poet); do
  printf '%s\n' "$waiting"
  case $waiting in *"\"$task\""*) exit ;; esac
done
# Then wait for further messages, one at a time.
until printf '%s\n' "${waiting-}" | grep -q "\"$task\""; do
  waiting=$(amqp-consume --url "$AGENTQ_URL" --queue results.poet --count 1 cat)
  printf '%s\n' "$waiting"
done
