#!/bin/sh
# A worker for a role, in shell with amqp-tools. It converts the instructions of each task to capital letters.
#   AGENTQ_URL=amqp://… worker.sh ROLE [COUNT]
# It ends after COUNT tasks; without COUNT it does not end. It needs amqp-consume and amqp-publish (apt-get install
# amqp-tools), and Python for the JSON; jq can do the same.
set -eu

if [ $# -gt 0 ]; then
  # amqp-consume starts this script again for each message, without an argument and with the message on standard
  # input. If the script exits with 0, amqp-consume acknowledges the message.
  export ROLE="$1"
  exec amqp-consume --url "$AGENTQ_URL" --queue "agentq.work.$ROLE" --prefetch-count 1 ${2:+--count "$2"} "$0"
fi

envelope=$(cat)
field() { printf %s "$envelope" | python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
message() { python3 -c 'import json, sys; print(json.dumps(dict(one.split("=", 1) for one in sys.argv[1:])))' "$@"; }

task=$(field task_id)
if summary=$(field instructions | tr '[:lower:]' '[:upper:]') && [ -n "$summary" ]; then
  result=$(message "task_id=$task" "from=$ROLE" "to=$(field from)" status=completed "summary=$summary")
else
  result=$(message "task_id=$task" "from=$ROLE" "to=$(field from)" status=failed "reason=it has no instructions")
fi
amqp-publish --url "$AGENTQ_URL" --exchange agentq --routing-key "$(field reply_to)" \
  --persistent --content-type application/json --body "$result"
echo "$task" >&2
