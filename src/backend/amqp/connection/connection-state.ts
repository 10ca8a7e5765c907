/**
 * The state of the connection to a broker. `C` is the connection.
 *
 * | from                    | event        | to                                       |
 * | ----------------------- | ------------ | ---------------------------------------- |
 * | idle                    | begin        | connecting                               |
 * | unreachable             | begin        | retrying                                 |
 * | connecting, retrying    | round-failed | retrying                                 |
 * | connecting, retrying    | opened       | open                                     |
 * | connecting              | ended        | idle                                     |
 * | retrying                | ended        | unreachable                              |
 * | open                    | went-silent  | silent                                   |
 * | silent                  | answered     | open                                     |
 * | open                    | lost         | idle                                     |
 * | silent                  | lost         | unreachable                              |
 * | any                     | closed       | closed, for ever                         |
 */
export type ConnectionState<C> =
  | { readonly status: 'idle' }
  /** The first round of tries. */
  | Pending<'connecting', C>
  /** At least one round has failed. The user was told so. */
  | (Pending<'retrying', C> & { readonly problem: string })
  /** No caller waits any longer. The user was told so. */
  | { readonly status: 'unreachable'; readonly problem: string }
  | { readonly status: 'open'; readonly connection: C }
  /** Open, and the broker does not answer. The user was told so. */
  | { readonly status: 'silent'; readonly connection: C }
  | { readonly status: 'closed' };

interface Pending<Status, C> {
  readonly status: Status;
  /** The result of all rounds. */
  readonly opening: Promise<C>;
  /** The latest deadline of all callers that wait, by monotonic(). */
  readonly deadline: number;
}

export type ConnectionEvent<C> =
  /** A caller needs a connection, and none is being opened. */
  | { readonly type: 'begin'; readonly opening: Promise<C>; readonly deadline: number }
  /** A further caller waits for the connection that is being opened. */
  | { readonly type: 'joined'; readonly deadline: number }
  /** Every host was tried once, and a further round follows. */
  | { readonly type: 'round-failed'; readonly problem: string }
  /** No further round follows: the deadline is over, or the broker refuses. */
  | { readonly type: 'ended' }
  | { readonly type: 'opened'; readonly connection: C }
  | { readonly type: 'lost'; readonly connection: C }
  | { readonly type: 'went-silent' }
  | { readonly type: 'answered' }
  | { readonly type: 'closed' };

export const NO_ANSWER = 'it does not answer';

/** An event that does not fit the state changes nothing: it comes from an earlier connection. */
export function nextState<C>(state: ConnectionState<C>, event: ConnectionEvent<C>): ConnectionState<C> {
  if (state.status === 'closed') return state;
  const pending = state.status === 'connecting' || state.status === 'retrying';
  switch (event.type) {
    case 'begin': {
      const { opening, deadline } = event;
      if (state.status === 'idle') return { status: 'connecting', opening, deadline };
      if (state.status === 'unreachable') return { status: 'retrying', opening, deadline, problem: state.problem };
      return state;
    }
    case 'joined':
      return pending ? { ...state, deadline: Math.max(state.deadline, event.deadline) } : state;
    case 'round-failed':
      return pending ? { ...state, status: 'retrying', problem: event.problem } : state;
    case 'ended':
      if (state.status === 'connecting') return { status: 'idle' };
      return state.status === 'retrying' ? { status: 'unreachable', problem: state.problem } : state;
    case 'opened':
      return pending ? { status: 'open', connection: event.connection } : state;
    case 'lost':
      if (!('connection' in state) || state.connection !== event.connection) return state;
      return state.status === 'silent' ? { status: 'unreachable', problem: NO_ANSWER } : { status: 'idle' };
    case 'went-silent':
      return state.status === 'open' ? { ...state, status: 'silent' } : state;
    case 'answered':
      return state.status === 'silent' ? { ...state, status: 'open' } : state;
    case 'closed':
      return { status: 'closed' };
    default:
      return event satisfies never;
  }
}

/** What a user is told about a transition, after "the broker at …": undefined if nothing. */
export function noticeOf<C>(before: ConnectionState<C>, after: ConnectionState<C>): Notice | undefined {
  if (before.status === after.status) return undefined;
  if (after.status === 'silent') return 'silent';
  if (after.status === 'open') {
    if (before.status === 'silent') return 'answers-again';
    return before.status === 'retrying' ? 'back' : undefined;
  }
  return before.status === 'connecting' && after.status === 'retrying' ? 'away' : undefined;
}

export type Notice = 'away' | 'back' | 'silent' | 'answers-again';
