import * as z from 'zod/mini';
import { moment } from '../moment-form.ts';
import { policyDocument } from '../policy/document.ts';
import { Event, isNewerEvent } from '../task/event.ts';
import type { Form, Forms } from './kind.ts';
import { thingForm } from './thing-form.ts';

const task: Form = {
  read: (event) => Event.safeParse(event).data,
  isNewer: isNewerEvent,
};

const by = z.string();
const group = z.optional(z.string());

const text = z.string();
const note = thingForm(
  'note',
  { noted: { by, text, group }, removed: { by } },
  z.object({ by, text, group, at: moment(), removed_at: z.optional(moment()) }),
);

const applied = { by, version: z.int().check(z.gte(1)), document: policyDocument() };
const policy = thingForm('policy', { applied }, z.object({ ...applied, at: moment() }));

const amount = { micro_usd: z.int(), tokens: z.int() };
const date = z.string().check(z.regex(/^\d{4}-\d{2}-\d{2}$/));
const spending = thingForm(
  'spending',
  { spent: { ...amount, task: z.string() } },
  z.object({ ...amount, days: z.array(z.object({ date, micro_usd: amount.micro_usd })) }),
);

/** How the events of each kind are read. */
export const forms: Forms = { task, note, policy, spending };
