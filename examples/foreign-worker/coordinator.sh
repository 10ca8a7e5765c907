#!/bin/sh
# A coordinator that is made of amqp-tools and a shell: it submits a task, and sleeps until its result comes.
#   AGENTQ_URL=amqp://… coordinator.sh ROLE INSTRUCTIONS
# Its name is poet, so its results come to the queue results.poet: agentq init --coordinators poet makes that.
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

# The key says to which work queue it goes, and with which priority; the log takes the same message.
amqp-publish --url "$AGENTQ_URL" --exchange agentq --routing-key "agentq.work.$role.normal" \
  --persistent --content-type application/json --body "$envelope"

# What already waits there: amqp-get ends with 2 when there is nothing.
while waiting=$(amqp-get --url "$AGENTQ_URL" --queue results.poet); do
  printf '%s\n' "$waiting"
  case $waiting in *"\"$task\""*) exit ;; esac
done
# What comes later, one message at a time.
until printf '%s\n' "${waiting-}" | grep -q "\"$task\""; do
  waiting=$(amqp-consume --url "$AGENTQ_URL" --queue results.poet --count 1 cat)
  printf '%s\n' "$waiting"
done
