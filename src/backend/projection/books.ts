import type { Books } from '../../core/budget/used-up.ts';
import { booksOf } from '../../core/log/books.ts';
import type { LogKinds } from '../../core/log/rules.ts';
import type { Subject } from '../../core/log/subject.ts';
import { worldOf } from '../../core/log/world.ts';
import type { Connection } from './connection.ts';
import { findThing } from './things.ts';

/** What a store or a cache says about budgets. */
export const booksIn = (db: Connection): Books => booksFrom((thing) => findThing(db, thing));

/** The same for a caller that remembers what it has read. @param find returns the state of a thing */
export const booksFrom = (find: (thing: Subject) => unknown): Books => booksOf(worldOf<LogKinds>(find));
