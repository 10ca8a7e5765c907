import { Event, isNewerEvent } from '../task/event.ts';
import type { Form, Forms } from './kind.ts';

const task: Form = {
  read: (event) => Event.safeParse(event).data,
  isNewer: isNewerEvent,
};

/** How the events of each kind are read. */
export const forms: Forms = { task };
