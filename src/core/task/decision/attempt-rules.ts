import { costField } from '../../cost.ts';
import { LONGEST } from '../../duration.ts';
import { deliversNothing, missingArtifacts, optionFor, promisedArtifacts } from '../../evidence/promise.ts';
import { completer, holder, mayKnow, wrongCaller } from './fencing.ts';
import {
  backoffDelay,
  failedAttempts,
  handBackDelay,
  inARow,
  isLastAttempt,
  MAX_STARTS,
  startsUsedUp,
} from '../retry.ts';
import { sameCompletion, saidBefore } from './sameness.ts';
import { nextAttempt } from '../task.ts';
import { happened, nothing, refuse, refused, type Rule } from './verdict.ts';

/** The commands of workers: they begin an attempt, or are about the one that holds the lease. */
type AttemptCommand = 'claim' | 'renew' | 'complete' | 'fail' | 'release';

export const attemptRules: { readonly [T in AttemptCommand]: Rule<T> } = {
  claim(task, command, given) {
    if (task.status !== 'queued') return refuse('conflict', `${task.id} is ${task.status}, not queued`);
    const { to, priority } = task.envelope;
    if ((command.role ?? to) !== to) return refuse('conflict', `${task.id} is for ${to}, not for ${command.role}`);
    if (task.original && (command.priority ?? priority) !== priority)
      return refuse('conflict', `the priority of ${task.id} was changed to ${priority}`);
    const usedUp = given.usedUp?.(task);
    if (usedUp) return refuse('conflict', `${task.id} cannot begin: ${usedUp.reason}`, 'raise it: agentq policy apply');
    return happened({
      type: 'claimed',
      attempt: nextAttempt(task),
      worker: command.worker,
      expires_at: given.now + command.lease,
      lease_seconds: command.lease / 1_000,
      ...(command.priority && { priority: command.priority }),
    });
  },

  renew(task, command, given) {
    const held = holder(task, command);
    if (typeof held !== 'number') return refused(held);
    if (task.status !== 'working') return refuse('conflict', `no worker has claimed ${task.id}`, 'claim it first');
    const { percent, note, as_claimed = false } = command;
    const claimed = as_claimed ? task.lease.seconds : undefined;
    // The log may contain any number.
    const lease = claimed === undefined ? command.lease : Math.min(LONGEST, Math.round(claimed * 1_000));
    return happened({
      type: 'renewed',
      attempt: held,
      // A renewal never shortens a lease.
      expires_at: Math.max(task.lease.expires_at, given.now + lease),
      ...(percent !== undefined && { percent }),
      ...(note !== undefined && { note }),
      ...costField(command),
    });
  },

  complete(task, command) {
    const { by, summary, result, artifacts, empty } = command;
    if (task.status === 'completed') {
      if (!mayKnow(task, by)) return refused(wrongCaller(task, by));
      if (sameCompletion(task, command)) return nothing;
      return refuse(
        'conflict',
        `${task.id} was already completed by ${task.completion.by}, with another outcome`,
        `the first valid completion counts: agentq result ${task.id}`,
      );
    }
    const held = completer(task, command);
    if (typeof held !== 'number') return refused(held);
    const missing = missingArtifacts(promisedArtifacts(task.envelope), command);
    if (missing.length > 0) {
      return refuse(
        'missing-artifacts',
        `${task.id} promised artifacts that are missing or empty: ${missing.join(', ')}`,
        missing.map(optionFor).join(' '),
      );
    }
    if (!empty && deliversNothing(command)) {
      return refuse(
        'usage',
        `the completion of ${task.id} contains no summary, result or artifact; files without content do not count`,
        'give --summary TEXT, --result-file PATH or --artifact NAME=PATH; --empty completes it without them',
      );
    }
    return happened({
      type: 'completed',
      attempt: held,
      by,
      ...(summary !== undefined && { summary }),
      ...(result && { result }),
      artifacts: [...artifacts],
      ...(empty && { empty }),
      ...costField(command),
    });
  },

  fail(task, command, given) {
    if (saidBefore(task, command) && mayKnow(task, command.by)) return nothing;
    const held = holder(task, command);
    if (typeof held !== 'number') return refused(held);
    const { by, reason, backoff } = command;
    const retry_at =
      backoff === undefined || isLastAttempt(task)
        ? null
        : given.now + backoffDelay(backoff, failedAttempts(task) + 1, given.random());
    return happened({
      type: 'attempt-failed',
      attempt: held,
      by,
      reason,
      artifacts: [...command.artifacts],
      retry_at,
      ...costField(command),
    });
  },

  release(task, command, given) {
    const held = holder(task, command);
    if (typeof held !== 'number') return refused(held);
    if (task.status !== 'working') return refuse('conflict', `no worker has claimed ${task.id}`);
    const { by, reason, backoff, artifacts = [] } = command;
    if (startsUsedUp(task)) {
      const gone = `${reason}; it was started ${MAX_STARTS} times and is not started again`;
      return happened({
        type: 'attempt-failed',
        attempt: held,
        by,
        reason: gone,
        artifacts: [...artifacts],
        retry_at: null,
        ...costField(command),
      });
    }
    const wait = backoff
      ? backoffDelay(backoff, inARow(task, ['deferred']) + 1, given.random())
      : handBackDelay(task, given.random());
    return happened({
      type: 'released',
      attempt: held,
      by,
      reason,
      ...(wait && { retry_at: given.now + wait }),
      ...(artifacts.length > 0 && { artifacts: [...artifacts] }),
      ...costField(command),
    });
  },
};
