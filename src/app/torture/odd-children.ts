/**
 * Unusual behaviour of children, as seen on real machines. Each is a shell script that a runner starts for a task. Its
 * task must end; its worker and other tasks must not be affected.
 */
export const oddChildren = {
  'scratch-gone': 'rm -rf "$(dirname "$AGENTQ_RESULT_FILE")"; echo done',
  'scratch-replaced':
    'scratch=$(dirname "$AGENTQ_RESULT_FILE"); rm -rf "$scratch"; echo nothing > "$scratch"; echo done',
  'result-link-to-itself': 'ln -s "$(basename "$AGENTQ_RESULT_FILE")" "$AGENTQ_RESULT_FILE"',
  'result-link-away': 'ln -s /etc/passwd "$AGENTQ_RESULT_FILE"',
  'result-folder': 'mkdir "$AGENTQ_RESULT_FILE"',
  'result-fifo': 'mkfifo "$AGENTQ_RESULT_FILE"',
  'artifacts-link':
    'rmdir "$AGENTQ_ARTIFACTS_DIR"; ln -s "$(dirname "$AGENTQ_RESULT_FILE")" "$AGENTQ_ARTIFACTS_DIR"; echo done',
  'artifacts-gone': 'rm -rf "$AGENTQ_ARTIFACTS_DIR"; echo done',
  'link-among-artifacts': 'ln -s /etc/passwd "$AGENTQ_ARTIFACTS_DIR/passwd"; echo done',
  'odd-names': `cd "$AGENTQ_ARTIFACTS_DIR"; : > ./-rf; : > "a
b"; : > "$(printf '\\033[31m')"; : > "$(printf 'a\\377b')"; echo done`,
  'no-rights-result': 'echo done > "$AGENTQ_RESULT_FILE"; chmod 000 "$AGENTQ_RESULT_FILE"',
  'no-rights-artifacts': ': > "$AGENTQ_ARTIFACTS_DIR/a"; chmod 000 "$AGENTQ_ARTIFACTS_DIR"; echo done',
  'no-rights-scratch': 'chmod 000 "$(dirname "$AGENTQ_RESULT_FILE")"; echo done',
  'many-artifacts':
    'i=0; while [ $i -lt 2000 ]; do : > "$AGENTQ_ARTIFACTS_DIR/artifact-$i"; i=$((i + 1)); done; echo done',
  'no-newline': 'printf "done, without a newline"',
  'no-text': "printf '\\377\\376\\000\\033[2J'",
  'silent-failure': 'exit 3',
  'killed-by-itself': 'kill -9 $$',
  daemon: 'setsid sleep 20 < /dev/null > /dev/null 2>&1 & echo done',
  'daemon-that-holds-the-output': 'setsid sleep 20 & echo done',
  'try-later': '[ "$AGENTQ_ATTEMPT" -gt 3 ] || exit 75; echo done',
} as const;

export type OddChild = keyof typeof oddChildren;

export const oddKinds = Object.keys(oddChildren) as readonly OddChild[];

/** The id of a task selects the behaviour of its child. The ids contain dots, as version numbers do. */
export const idOf = (submitter: string, n: number, kind: OddChild | 'plain', i: number): string =>
  `${submitter}-${n}.${kind}.${i}`;

export const isOdd = (id: string): boolean => oddKinds.some((kind) => id.includes(`.${kind}.`));

const plain = 'sleep 0.0$((AGENTQ_ATTEMPT % 10)); echo "done $AGENTQ_TASK_ID in attempt $AGENTQ_ATTEMPT"';

/** A shell script that does what the id of its task says. */
export const childScript = `case $AGENTQ_TASK_ID in
${Object.entries(oddChildren)
  .map(([kind, script]) => `*.${kind}.*) ${script} ;;`)
  .join('\n')}
*) ${plain} ;;
esac`;
