import { thingsSchema } from '../../projection/things.ts';

/** Tables for things of other kinds than tasks: notes, the policy, what was spent. */
export const things = thingsSchema;
