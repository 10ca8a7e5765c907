import { AgentqError } from '../../core/errors.ts';

/** Primary result codes: https://www.sqlite.org/rescode.html */
const codes = {
  5: 'busy',
  6: 'busy',
  8: 'storage',
  10: 'storage',
  11: 'corrupt',
  13: 'storage',
  14: 'storage',
  26: 'corrupt',
} as const;

const hints = {
  busy: 'another process has locked the store for a long time: try again',
  storage: 'check the disk: is it full, read-only or not writable for this user?',
  corrupt: 'keep the file as it is, and restore a backup beside it; the artifacts are plain files and still readable',
};

/** The error of the driver as an AgentqError. An error with another cause stays as it is. */
export function translate(error: unknown, path: string): unknown {
  const { message } = error as { message?: string };
  const code = codes[codeOf(error) as keyof typeof codes];
  return code === undefined ? error : new AgentqError(code, `${path}: ${message}`, hints[code]);
}

/** The primary result code of SQLite; undefined for an error of another kind. */
export function codeOf(error: unknown): number | undefined {
  const { errcode } = error as { errcode?: number };
  return errcode === undefined ? undefined : errcode & 0xff;
}

/** Whether the error says that the file cannot currently be written. It may still be readable. */
export function isUnwritable(error: unknown): boolean {
  return error instanceof AgentqError && (error.code === 'storage' || error.code === 'busy');
}
