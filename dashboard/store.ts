// The dashboard's state and its one connection: the only file that owns the socket.
import type { Client, ClientOptions } from '../shared/client.ts';
import type { ConnectionStatus } from '../shared/connection.ts';
import type { ProviderState, SessionEvent, SessionView, SystemView } from '../shared/model.ts';
import { applyEvent, applySystemEvent } from '../shared/session-state.ts';
import { PROVIDER_TEXT, worstLag } from '../shared/format.ts';
import { addNotice, dropStale, type Notice } from './notices.ts';

export const VERSION = '0.1.0';

/** What is watched of one session: its state, or why there is none. */
export type Selected =
  | { at: 'none' }
  | { at: 'loading'; id: string }
  | { at: 'open'; id: string; view: SessionView }
  | { at: 'gone'; id: string; reason: string };

export type State =
  /** `reason`: why the last attempt ended; empty at first */
  | { phase: 'signedOut'; reason: string; notices: Notice[] }
  | {
      phase: 'signedIn';
      connection: ConnectionStatus;
      system: SystemView | null;
      selected: Selected;
      /** ms behind, by session id, for those whose stages have been heard of */
      lags: ReadonlyMap<string, number>;
      notices: Notice[];
    };

export type StoreOptions = {
  url: string;
  connect: (options: ClientOptions) => Client;
  now: () => number;
  /** calls `run` soon, once per call: a burst of events is one redraw */
  schedule: (run: () => void) => void;
  /** the server refused the token */
  onRefused: () => void;
};

export type Store = {
  readonly state: State;
  subscribe(listener: () => void): () => void;
  signIn(token: string): void;
  signOut(reason?: string): void;
  /** Watches this session's events, or none. */
  select(id: string | null): void;
  /** Does not wait for the next attempt. */
  reconnect(): void;
  notify(level: Notice['level'], message: string, code?: string): void;
  dismiss(id: number): void;
  /** Drops notices that have been up long enough. */
  sweep(): void;
};

/** A provider's turn for the worse is told once; the panel shows the rest. */
const providerNotices = (old: readonly ProviderState[], fresh: readonly ProviderState[]): ProviderState[] =>
  fresh.filter(({ name, status }) => (status === 'budget' || status === 'open') && old.find((provider) => provider.name === name)?.status !== status);

const withLag = (lags: ReadonlyMap<string, number>, id: string, lag: number | null): ReadonlyMap<string, number> =>
  lag === null || lags.get(id) === lag ? lags : new Map(lags).set(id, lag);

export const createStore = (options: StoreOptions): Store => {
  let state: State = { phase: 'signedOut', reason: '', notices: [] };
  let client: Client | null = null;
  let token = '';
  let unwatch: (() => void) | null = null;
  let notices = 0;
  let scheduled = false;
  const listeners = new Set<() => void>();

  const put = (next: State): void => {
    if (next === state) return;
    state = next;
    if (scheduled) return;
    scheduled = true;
    options.schedule(() => {
      scheduled = false;
      for (const listener of listeners) listener();
    });
  };
  type SignedIn = Extract<State, { phase: 'signedIn' }>;
  /** Changes what only a signed-in dashboard has; late events of a connection given up change nothing. */
  const patch = (change: (now: SignedIn) => Partial<SignedIn>): void => {
    if (state.phase === 'signedIn') put({ ...state, ...change(state) });
  };
  const add = (level: Notice['level'], message: string, code: string, saidAt: number | null): void =>
    put({ ...state, notices: addNotice(state.notices, { id: ++notices, level, code, message, atMs: options.now(), saidAt }) });
  const notify: Store['notify'] = (level, message, code = message) => add(level, message, code, null);

  const onSystemEvent = (event: SessionEvent): void => {
    if (event.type === 'notice') return add(event.level, event.message, event.code, event.at);
    const known = state.phase === 'signedIn' ? (state.system?.providers ?? []) : [];
    patch(({ system, lags }) => {
      if (event.type === 'stages') return { lags: withLag(lags, event.sessionId, worstLag(event.stages)) };
      return system ? { system: applySystemEvent(system, event) } : {};
    });
    if (event.type === 'providers') for (const { name, status, note } of providerNotices(known, event.providers)) notify('warning', `${name}: ${note || PROVIDER_TEXT[status]}`, `${name}:${status}`);
  };

  const onSessionEvent = (id: string, event: SessionEvent): void => {
    patch(({ selected, lags }) => {
      if (selected.at !== 'open' || selected.id !== id) return {};
      if (event.type === 'sessionDeleted' && event.sessionId === id) return { selected: { at: 'gone', id, reason: 'This session was deleted.' } };
      const view = applyEvent(selected.view, event);
      return { selected: { ...selected, view }, lags: withLag(lags, id, worstLag(view.stages)) };
    });
    // a notice about one session may come on its topic only
    if (event.type === 'notice') add(event.level, event.message, event.code, event.at);
  };

  const watchSelected = (): void => {
    unwatch?.();
    unwatch = null;
    if (state.phase !== 'signedIn' || state.selected.at === 'none' || !client) return;
    const { id } = state.selected;
    unwatch = client.watch(`session:${id}`, {
      onState: (view) => patch(({ lags }) => ({ selected: { at: 'open', id, view }, lags: withLag(lags, id, worstLag(view.stages)) })),
      onEvent: (event) => onSessionEvent(id, event),
      onError: (error) => patch(({ selected }) => (selected.at === 'none' || selected.id !== id || error.code === 'ended' ? {} : { selected: { at: 'gone', id, reason: error.message } })),
    });
  };

  const open = (): void => {
    const mine: Client = options.connect({
      url: options.url, token, client: 'dashboard', clientVersion: VERSION,
      onStatus: (connection) => {
        if (client !== null && client !== mine) return;
        if (connection.state !== 'ended') return patch(() => ({ connection }));
        const { code, message } = connection.error;
        if (code === 'ended') return;
        if (code === 'unauthorized') options.onRefused();
        signOut(code === 'unauthorized' ? 'The server did not accept this token.' : message);
      },
    });
    client = mine;
    patch(() => ({ connection: mine.status }));
    mine.watch('system', { onState: (system) => patch(() => ({ system })), onEvent: onSystemEvent });
    watchSelected();
  };

  const close = (): void => {
    const old = client;
    client = null;
    unwatch = null;
    old?.close();
  };

  const signOut: Store['signOut'] = (reason = '') => {
    token = '';
    put({ phase: 'signedOut', reason, notices: state.notices });
    close();
  };

  return {
    get state() {
      return state;
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    signIn: (given) => {
      const selected = state.phase === 'signedIn' ? state.selected : ({ at: 'none' } as const);
      close();
      token = given;
      put({ phase: 'signedIn', connection: { state: 'connecting', attempt: 0 }, system: null, selected, lags: new Map(), notices: state.notices });
      open();
    },
    signOut,
    select: (id) => {
      if (state.phase !== 'signedIn') return;
      const { selected } = state;
      if (selected.at === 'none' ? id === null : selected.id === id && selected.at !== 'gone') return;
      patch(() => ({ selected: id === null ? { at: 'none' } : { at: 'loading', id } }));
      watchSelected();
    },
    reconnect: () => {
      if (state.phase !== 'signedIn') return;
      close();
      open();
    },
    notify,
    dismiss: (id) => put({ ...state, notices: state.notices.filter((notice) => notice.id !== id) }),
    sweep: () => {
      const kept = dropStale(state.notices, options.now());
      if (kept.length !== state.notices.length) put({ ...state, notices: kept });
    },
  };
};
