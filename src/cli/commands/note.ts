import * as z from 'zod/mini';
import { DEFAULT_AGENT } from '../../app/names/default-name.ts';
import { addNote, type KnownNote, listNotes, removeNote } from '../../app/notes.ts';
import { formatMoment } from '../../core/duration.ts';
import { AgentqError } from '../../core/errors.ts';
import { name } from '../../core/identifiers.ts';
import type { Context } from '../context.ts';
import { limitOf, parseFlags, text } from '../input/flags.ts';
import type { Define } from '../verb.ts';
import type { Output } from '../output/schemas/outputs.ts';
import { iso } from '../output/views.ts';
import { visible, visibleText } from '../output/visible.ts';

const Flags = z.object({
  as: z.optional(name('agent name')),
  group: z.optional(name('group')),
  from: z.optional(name('agent name')),
  limit: z.optional(limitOf()),
  remove: z.optional(z.string()),
  allowSecret: z.optional(z.boolean()),
});
type Flags = z.infer<typeof Flags>;

const Text = z.object({ text: text() });

export const define: Define = (command, context) =>
  command
    .argument('[text]', 'what to keep, such as "plan: …"; without it, the notes are listed')
    .option('--group <name>', 'the group that the note belongs to; in a list, only those of this group')
    .option('--as <agent>', 'who notes it (AGENTQ_AGENT, else coordinator)')
    .option('--from <agent>', 'list only those of this agent')
    .option('--limit <n>', 'how many at most, newest first (default: 100)')
    .option('--remove <id>', 'remove a note')
    .option('--allow-secret', 'accept a note that seems to contain a credential')
    .action(async (given: string | undefined, options) => {
      const flags = parseFlags(Flags, options);
      const cli = context();
      if (given !== undefined && flags.remove !== undefined)
        throw new AgentqError('usage', 'a note is added or removed, not both', 'leave the text or --remove out');
      refuseOthers(flags, given === undefined ? (flags.remove === undefined ? 'list' : 'remove') : 'add');
      if (flags.remove !== undefined) return remove(cli, flags.remove, flags);
      if (given !== undefined) return add(cli, parseFlags(Text, { text: given }).text, flags);
      return list(cli, flags);
    });

const authorOf = async (cli: Context, { as }: Flags): Promise<string> => (await cli.author(as)) ?? DEFAULT_AGENT;

async function add(cli: Context, note: string, flags: Flags): Promise<void> {
  const { group, allowSecret = false } = flags;
  const by = await authorOf(cli, flags);
  const id = cli.newNoteId();
  await addNote(await cli.services(), { id, text: note, by, group, allowSecret });
  if (cli.io.json) cli.io.data({ note_id: id } satisfies Output<'note TEXT'>);
  else cli.io.line(id);
}

async function remove(cli: Context, id: string, flags: Flags): Promise<void> {
  const changed = await removeNote(await cli.services(), id, await authorOf(cli, flags));
  if (cli.io.json) cli.io.data({ note_id: id, changed } satisfies Output<'note --remove'>);
}

/** The options of each use of the command. */
const TAKES = {
  add: ['as', 'group', 'allowSecret'],
  remove: ['as', 'remove'],
  list: ['group', 'from', 'limit'],
} as const satisfies Record<string, readonly (keyof Flags)[]>;

const HINT = {
  add: 'name the author by --as; --from and --limit are for a list',
  remove: 'give only --as with it',
  list: 'name the author by --from; --as is for a new note',
};

/** @throws AgentqError `usage` for an option that this use would ignore */
function refuseOthers(flags: Flags, use: keyof typeof TAKES): void {
  const taken: readonly string[] = TAKES[use];
  const other = Object.keys(flags).find((flag) => flags[flag as keyof Flags] !== undefined && !taken.includes(flag));
  if (other === undefined) return;
  const option = other === 'allowSecret' ? '--allow-secret' : `--${other}`;
  const what = { add: 'a note is added', remove: 'a note is removed', list: 'notes are listed' }[use];
  throw new AgentqError('usage', `${option} means nothing when ${what}`, HINT[use]);
}

async function list(cli: Context, { group, from, limit = 100 }: Flags): Promise<void> {
  const services = await cli.services();
  const all = await listNotes(services, { group, by: from });
  const notes = all.slice(0, limit);
  if (cli.io.json)
    return cli.io.data({ notes: notes.map(noteView), more: all.length > limit } satisfies Output<'note'>);
  if (notes.length === 0) return cli.io.talk('no notes');
  const style = await cli.io.style();
  for (const note of notes) {
    const where = note.group === undefined ? '' : `, group ${note.group}`;
    const head = `${style.bold(note.id)}  ${visible(note.by)}${where}, ${formatMoment(note.at, services.backend.now)}`;
    cli.io.prose(`${head}\n${visibleText(note.text).replace(/^/gm, '  ')}`, 2);
  }
  if (all.length > limit) cli.io.hint(`and ${all.length - limit} more: agentq note --limit ${all.length}`);
}

function noteView({ id, text, group, by, at }: KnownNote): Output<'note'>['notes'][number] {
  return { note_id: id, text, ...(group !== undefined && { group }), by, at: iso(at) };
}
