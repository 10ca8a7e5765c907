#!/usr/bin/env python3
"""A worker for a role. It uses only the broker and two small JSON messages, and nothing else of agentq.

    AGENTQ_URL=amqp://… worker.py ROLE [STORE]

It counts the words of each task's instructions. With the path of the store it leaves the result there as a file.
Needs pika: apt-get install python3-pika, or pip install pika.
"""
import json
import os
import pathlib
import sys

import pika

role = sys.argv[1]
store = pathlib.Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else None


def do(envelope):
    """Does the work. An exception becomes the reason of the failure."""
    words = len(envelope["instructions"].split())
    return f"{words} words, counted by Python"


def result_of(envelope):
    message = {"task_id": envelope["task_id"], "from": role, "to": envelope["from"]}
    try:
        text = do(envelope)
    except Exception as problem:
        return {**message, "status": "failed", "reason": f"{type(problem).__name__}: {problem}"}
    if store is None:
        return {**message, "status": "completed", "summary": text}
    path = store / "results" / f"{envelope['task_id']}.md"
    path.write_text(f"{text}\n")
    return {**message, "status": "completed", "summary": text, "result_ref": path.as_uri()}


def on_task(channel, method, _properties, body):
    try:
        envelope = json.loads(body)
        reply_to = envelope["reply_to"]
        message = result_of(envelope)
    except (ValueError, KeyError, TypeError) as problem:
        print(f"not a task: {problem!r}: {body!r}", file=sys.stderr)
        channel.basic_nack(method.delivery_tag, requeue=False)
        return
    # Publish the result and wait for the broker's confirm, then acknowledge the task. If the worker dies between
    # the two, the broker delivers the task again, and the second result changes nothing.
    properties = pika.BasicProperties(content_type="application/json", delivery_mode=2)
    channel.basic_publish("agentq", reply_to, json.dumps(message), properties, mandatory=True)
    channel.basic_ack(method.delivery_tag)
    print(message["task_id"], message["status"], flush=True)


connection = pika.BlockingConnection(pika.URLParameters(os.environ["AGENTQ_URL"]))
channel = connection.channel()
channel.confirm_delivery()
channel.basic_qos(prefetch_count=1)
channel.basic_consume(f"agentq.work.{role}", on_task)
try:
    channel.start_consuming()
except KeyboardInterrupt:
    connection.close()
