import { describe, expect, it } from 'vitest';
import { createClient } from '../shared/client.ts';
import { decodeClientFrame, encodeFrame } from '../shared/codec.ts';
import type { SessionEvent, SystemView } from '../shared/model.ts';
import { CLOSE_UNAUTHORIZED, PROTOCOL_VERSION, type ClientFrame, type ServerFrame, type Topic } from '../shared/protocol.ts';
import type { SocketEvents } from '../shared/socket.ts';
import { createStore } from './store.ts';
import { bins, providers, session, stages, view } from './testing/scene.ts';

const ID = session().id;
const TOPIC = `session:${ID}` as const;

/** The store over the real client, joined to the test by one socket at a time and a clock the test turns. */
const stage = () => {
  let socket: SocketEvents | null = null;
  let opened = 0;
  let nowMs = 1_000;
  let timers: { at: number; run: () => void }[] = [];
  let draws: (() => void)[] = [];
  const sent: ClientFrame[] = [];
  const refused: string[] = [];
  const store = createStore({
    url: 'http://server.test',
    connect: (options) =>
      createClient({
        ...options, random: () => 0.5,
        clock: {
          now: () => nowMs,
          monotonic: () => nowMs,
          after: (ms, run) => {
            const timer = { at: nowMs + ms, run };
            timers.push(timer);
            return () => { timers = timers.filter((other) => other !== timer); };
          },
        },
        socket: (_url, events) => {
          socket = events;
          opened += 1;
          return { send: (bytes) => void sent.push(decodeClientFrame(bytes, { maxChunkBytes: 0 })), close: () => undefined };
        },
      }),
    now: () => nowMs,
    schedule: (run) => void draws.push(run),
    onRefused: () => void refused.push('token'),
  });
  const give = (frame: ServerFrame): void => socket?.message(encodeFrame(frame));
  return {
    store, sent, refused, give,
    opened: () => opened,
    welcome: () => {
      socket?.open();
      give({ t: 'welcome', version: PROTOCOL_VERSION, user: 'admin', limits: { maxChunkBytes: 1, credits: { chunks: 0, bytes: 0 } }, serverAt: 0 });
    },
    event: (topic: Topic, event: SessionEvent) => give({ t: 'event', topic, event }),
    system: (state: SystemView) => give({ t: 'state', topic: 'system', state }),
    lose: (code = 1006, reason = '') => socket?.close(code, reason),
    pass: (ms: number) => {
      nowMs += ms;
      const due = timers.filter(({ at }) => at <= nowMs);
      timers = timers.filter(({ at }) => at > nowMs);
      for (const { run } of due) run();
    },
    draw: () => {
      const due = draws;
      draws = [];
      for (const run of due) run();
      return due.length;
    },
  };
};
const signedIn = (store: ReturnType<typeof stage>['store']) => {
  if (store.state.phase !== 'signedIn') throw new Error('signed out');
  return store.state;
};

describe('store', () => {
  it('watches the system, then the session chosen, and no other any more', () => {
    const at = stage();
    at.store.signIn('t');
    at.store.select(ID);
    at.welcome();
    at.system({ sessions: [session()], providers: [] });
    at.give({ t: 'state', topic: TOPIC, state: view() });
    expect(signedIn(at.store)).toMatchObject({ connection: { state: 'connected' }, selected: { at: 'open', id: ID } });
    at.store.select('other');
    at.store.select(null);
    expect(at.sent.map((frame) => ('topic' in frame ? `${frame.t} ${frame.topic}` : frame.t))).toEqual(['hello', 'watch system', `watch ${TOPIC}`, `unwatch ${TOPIC}`, 'watch session:other', 'unwatch session:other']);
    at.give({ t: 'state', topic: TOPIC, state: view() }); // late
    expect(signedIn(at.store).selected).toEqual({ at: 'none' });
  });

  it('keeps the view by events, and lags for the list', () => {
    const at = stage();
    at.store.signIn('t');
    at.store.select(ID);
    at.welcome();
    at.system({ sessions: [session()], providers: [] });
    at.give({ t: 'state', topic: TOPIC, state: view() });
    at.event(TOPIC, { type: 'signals', sessionId: ID, bins: bins(0, 3) });
    at.event(TOPIC, { type: 'stages', sessionId: ID, stages: stages({ transcribe: { lagMs: 9_000 } }) });
    at.event('system', { type: 'stages', sessionId: 'other', stages: stages({ cut: { lagMs: 7_000 } }) });
    const { selected, lags } = signedIn(at.store);
    expect(selected.at === 'open' && selected.view.bins.length).toBe(3);
    expect([...lags]).toEqual([[ID, 9_000], ['other', 7_000]]);
    at.event(TOPIC, { type: 'sessionDeleted', sessionId: ID });
    expect(signedIn(at.store).selected).toMatchObject({ at: 'gone', reason: 'This session was deleted.' });
  });

  it('draws a burst of events once', () => {
    const at = stage();
    let drawn = 0;
    at.store.subscribe(() => { drawn += 1; });
    at.store.signIn('t');
    at.welcome();
    at.system({ sessions: [], providers: [] });
    for (let index = 0; index < 200; index += 1) at.event('system', { type: 'session', session: session({ chunks: index }) });
    expect(at.draw()).toBe(1);
    expect(drawn).toBe(1);
  });

  it('[P8] takes a fresh state after a lost connection, and shows when the next attempt comes', () => {
    const at = stage();
    at.store.signIn('t');
    at.store.select(ID);
    at.welcome();
    at.give({ t: 'state', topic: TOPIC, state: view() });
    at.lose();
    const { connection, selected } = signedIn(at.store);
    expect(connection).toMatchObject({ state: 'waiting', retryAt: 1_125 });
    expect(selected.at).toBe('open'); // what was known stays on the page
    at.pass(125);
    at.welcome();
    expect(at.sent.filter(({ t }) => t === 'watch')).toHaveLength(4);
    at.give({ t: 'state', topic: TOPIC, state: view({ session: session({ chunks: 999 }) }) });
    const now = signedIn(at.store).selected;
    expect(now.at === 'open' && now.view.session.chunks).toBe(999);
  });

  it('tries at once when asked, with a new connection, and forgets the old one', () => {
    const at = stage();
    at.store.signIn('t');
    at.welcome();
    at.lose();
    at.store.reconnect();
    expect(at.opened()).toBe(2);
    at.welcome();
    expect(signedIn(at.store).connection.state).toBe('connected');
    at.pass(60_000); // the old client's timer would have opened a third by now
    expect(at.opened()).toBe(2);
  });

  it('signs out when the token is refused, and says so', () => {
    const at = stage();
    at.store.signIn('wrong');
    at.lose(CLOSE_UNAUTHORIZED, 'no');
    expect(at.store.state).toMatchObject({ phase: 'signedOut', reason: 'The server did not accept this token.' });
    expect(at.refused).toEqual(['token']);
    at.store.signIn('right');
    at.welcome();
    expect(signedIn(at.store).connection.state).toBe('connected');
    at.store.signOut();
    expect(at.store.state).toMatchObject({ phase: 'signedOut', reason: '' });
  });

  it('says what is wrong with a session that cannot be watched', () => {
    const at = stage();
    at.store.signIn('t');
    at.store.select('nope');
    at.welcome();
    at.give({ t: 'error', code: 'unknown_session', message: 'no session nope', retryable: false, session: 'nope' });
    expect(signedIn(at.store).selected).toEqual({ at: 'gone', id: 'nope', reason: 'no session nope' });
  });

  it('tells a provider’s turn for the worse once', () => {
    const at = stage();
    at.store.signIn('t');
    at.welcome();
    at.system({ sessions: [], providers: providers().map((provider) => ({ ...provider, status: 'ok' })) });
    at.event('system', { type: 'providers', providers: providers() });
    at.event('system', { type: 'providers', providers: providers() });
    expect(at.store.state.notices.map(({ message, count }) => [message, count])).toEqual([['openai: the budget of $1.00 for this hour is spent; it goes on at the full hour', 1]]);
    at.event('system', { type: 'notice', sessionId: null, level: 'error', code: 'disk', message: 'the disk is nearly full', at: 0 });
    at.pass(60_000);
    at.store.sweep();
    expect(at.store.state.notices.map(({ code }) => code)).toEqual(['disk']); // errors stay
    at.store.dismiss(at.store.state.notices[0]!.id);
    expect(at.store.state.notices).toEqual([]);
  });
});
