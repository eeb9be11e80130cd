import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeServerFrame } from '../../shared/codec.ts';
import type { SessionEvent, SystemView } from '../../shared/model.ts';
import type { ServerFrame } from '../../shared/protocol.ts';
import { applySystemEvent } from '../../shared/session-state.ts';
import { fakeSession } from '../testing/fake-sessions.ts';
import { type Hub, type Watcher, createHub } from './hub.ts';

/** A viewer as the dashboard is one: its state is the last snapshot and the events after it. */
const viewer = () => {
  const self = {
    view: null as SystemView | null, frames: new Array<ServerFrame>(), full: false, waiting: 0,
    send: (bytes: Uint8Array): boolean => {
      if (self.full) return false;
      const frame = decodeServerFrame(bytes);
      self.frames.push(frame);
      if (frame.t === 'state') self.view = frame.state as SystemView; // only `system` is watched here
      if (frame.t === 'event' && self.view) self.view = applySystemEvent(self.view, frame.event);
      return true;
    },
    buffered: () => self.waiting,
    states: () => self.frames.filter(({ t }) => t === 'state').length,
    bytes: () => self.view?.sessions[0]?.bytes,
  };
  return self satisfies Watcher & object;
};

let truth: SystemView;
let gates: (() => void)[];
let slow: boolean;
let fails: number;
let drops: number;
let errors: unknown[];
let hub: Hub;
beforeEach(() => {
  truth = { sessions: [fakeSession({ bytes: 0 })], providers: [] };
  [gates, slow, fails, drops, errors] = [[], false, 0, 0, []];
  hub = createHub({
    snapshot: async (topic) => {
      if (fails-- > 0) throw new Error('database is away');
      const state = structuredClone(truth); // read before the wait, as a query is
      if (slow) await new Promise<void>((resolve) => { gates.push(resolve); });
      return { t: 'state', topic, state };
    },
    maxBufferedBytes: 1_000, onDrop: () => { drops += 1; }, onError: (error) => { errors.push(error); },
  });
});
afterEach(() => { gates.forEach((open) => open()); });

const settle = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve); });
const publish = (bytes: number): void => {
  const session = fakeSession({ bytes });
  truth = applySystemEvent(truth, { type: 'session', session });
  hub.publish({ type: 'session', session });
};

describe('[P8] a viewer', () => {
  it('gets a state and then every event, once', async () => {
    const one = viewer();
    await hub.watch('system', one);
    for (let i = 1; i <= 5; i++) publish(i);
    expect(one.frames.map((frame) => (frame.t === 'event' && frame.event.type === 'session' ? frame.event.session.bytes : frame.t))).toEqual(['state', 1, 2, 3, 4, 5]);
  });

  it('loses nothing that happens while its snapshot is made', async () => {
    slow = true;
    const one = viewer();
    const joined = hub.watch('system', one);
    publish(1);
    publish(2);
    expect(one.frames).toEqual([]);
    gates[0]?.();
    await joined;
    publish(3);
    expect(one.frames.map(({ t }) => t)).toEqual(['state', 'event', 'event', 'event']);
    expect(one.view).toEqual(truth);
  });

  it('too slow gets no growing queue but a fresh state once drained', async () => {
    const [one, other] = [viewer(), viewer()];
    await hub.watch('system', one);
    await hub.watch('system', other);
    one.waiting = 1_001;
    for (let i = 1; i <= 300; i++) publish(i);
    expect([one.frames.length, other.frames.length, drops]).toEqual([1, 301, 300]);
    one.waiting = 0;
    hub.drained(one);
    await settle();
    publish(301);
    expect([one.states(), one.view, other.states()]).toEqual([2, truth, 1]);
  });

  it('whose socket takes nothing, not even the state, gets it at the next drain', async () => {
    const one = viewer();
    one.full = true;
    await hub.watch('system', one);
    publish(1);
    hub.drained(one);
    await settle();
    expect(one.frames).toEqual([]);
    one.full = false;
    hub.drained(one);
    await settle();
    expect(one.view).toEqual(truth);
  });

  it('that joins while more happens than is held back gets a newer state, and ends up right', async () => {
    slow = true;
    const one = viewer();
    const joined = hub.watch('system', one);
    for (let i = 1; i <= 400; i++) publish(i);
    gates[0]?.();
    await settle();
    expect(gates).toHaveLength(2);
    publish(401);
    gates[1]?.();
    await joined;
    publish(402);
    expect(one.view).toEqual(truth);
    expect(one.frames.length).toBeLessThan(10);
  });

  it('whose fresh state failed gets another with the next event', async () => {
    const one = viewer();
    await hub.watch('system', one);
    one.full = true;
    publish(1);
    one.full = false;
    fails = 1;
    hub.drained(one);
    await settle();
    expect(errors).toHaveLength(1);
    publish(2);
    await settle();
    publish(3);
    expect(one.view).toEqual(truth);
  });

  it('of a topic that does not exist leaves nothing behind; nor does one that has left', async () => {
    fails = 1;
    const one = viewer();
    await expect(hub.watch('session:nobody', one)).rejects.toThrow('away');
    expect(hub.watched('session:nobody')).toBe(false);
    slow = true;
    const joining = hub.watch('system', one);
    hub.leave(one);
    gates[0]?.();
    await joining;
    publish(1);
    expect([one.frames, hub.watched('system')]).toEqual([[], false]);
  });

  it('of one recording sees its events only', async () => {
    const one = viewer();
    await hub.watch('session:S1', one);
    const events: SessionEvent[] = [
      { type: 'words', sessionId: 'S1', words: [] }, { type: 'words', sessionId: 'S2', words: [] },
      { type: 'session', session: fakeSession({ id: 'S2' }) }, { type: 'notice', sessionId: null, level: 'info', code: 'x', message: '', at: 0 },
    ];
    events.forEach(hub.publish);
    expect(one.frames.slice(1)).toMatchObject([{ t: 'event', topic: 'session:S1', event: { type: 'words', sessionId: 'S1' } }]);
    hub.unwatch('session:S1', one);
    expect(hub.watched('session:S1')).toBe(false);
  });
});
