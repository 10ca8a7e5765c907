import * as z from 'zod/mini';
import { AgentqError } from './errors.ts';
import { AgentName, ArtifactName, QueueName, Role, TaskId, TaskType } from './identifiers.ts';
import { inputError } from './issue.ts';
import { priorities } from './priority.ts';

/** The most bytes that an envelope may have as JSON: the queue carries who, what and where, the store the rest. */
export const MAX_ENVELOPE_BYTES = 64 * 1024;

const seconds = z.number().check(z.positive({ error: 'must be more than 0 seconds' }));

export const ExpectedOutput = z.looseObject({
  format: z.optional(z.string()),
  artifacts: z.optional(z.array(ArtifactName)),
});

const shared = {
  type: z._default(TaskType, 'task'),
  priority: z._default(z.enum(priorities), 'normal'),
  ttl_seconds: z.optional(seconds),
  context_ref: z.optional(z.string()),
  instructions: z.optional(z.string()),
  expected_output: z.optional(ExpectedOutput),
  max_attempts: z.optional(z.int().check(z.positive({ error: 'must be at least 1' }))),
  idempotency_key: z.optional(z.string().check(z.minLength(1), z.maxLength(200))),
  delay_seconds: z.optional(z.number().check(z.nonnegative())),
  not_before: z.optional(z.iso.datetime({ offset: true, error: 'is not an ISO 8601 time such as 2027-01-31T09:00:00Z' })),
};

/**
 * The task envelope, flat JSON with the names of the mission's first form. Further fields are kept as they are.
 * `delay_seconds` counts from the submit; `not_before` is a moment. Only one of them is set.
 */
export const Envelope = z.looseObject({
  task_id: TaskId,
  from: AgentName,
  to: Role,
  reply_to: QueueName,
  ...shared,
});
export type Envelope = z.infer<typeof Envelope>;

/** An envelope as a submitter writes it: what is left out is filled in from the identity and the defaults. */
export const Submission = z.looseObject({
  task_id: z.optional(TaskId),
  from: z.optional(AgentName),
  to: Role,
  reply_to: z.optional(QueueName),
  ...shared,
});
export type Submission = z.infer<typeof Submission>;

/** @throws AgentqError `invalid-name` or `usage` that names the first field that is wrong */
export function parseSubmission(json: unknown): Submission {
  const parsed = Submission.safeParse(json);
  if (!parsed.success) throw inputError(parsed.error, (path) => path.join('.'));
  const { delay_seconds, not_before } = parsed.data;
  if (delay_seconds !== undefined && not_before !== undefined) {
    throw new AgentqError('usage', 'delay_seconds and not_before say two different things', 'give one of them');
  }
  return parsed.data;
}

/** @throws AgentqError `too-large` */
export function checkEnvelopeSize(envelope: Envelope): void {
  const size = Buffer.byteLength(JSON.stringify(envelope));
  if (size <= MAX_ENVELOPE_BYTES) return;
  throw new AgentqError(
    'too-large',
    `the envelope has ${size} bytes, the limit is ${MAX_ENVELOPE_BYTES}`,
    'put the long text into a file and submit it with --file',
  );
}

/** Where result messages of an agent go unless the envelope says otherwise. */
export function resultsQueue(agent: string): string {
  return `results.${agent}`;
}

/** The names that a completion must bring evidence for. */
export function promisedArtifacts(envelope: Envelope): readonly string[] {
  return envelope.expected_output?.artifacts ?? [];
}
