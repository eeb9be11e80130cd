import { describe, expect, it } from 'vitest';
import type { SessionEvent } from './model.ts';
import { bench, chunk, errorOf, options } from './testing/client-bench.ts';
import { summaryOf } from './testing/frames.ts';
import { settle } from './testing/virtual-clock.ts';

describe('connection', () => {
  it('unauthorized is final', async () => {
    const { server, clock, client, turn } = bench({ token: 'wrong' });
    const recording = client.record(options());
    await turn();
    await clock.advance(60_000);
    expect(client.status).toMatchObject({ state: 'ended', error: { code: 'unauthorized' } });
    expect((await errorOf(recording.stop())).code).toBe('unauthorized');
    expect(server.connections).toBe(1);
  });

  it('[P1] a takeover elsewhere is final', async () => {
    const { server, clock, client, turn } = bench();
    const recording = client.record(options());
    await turn();
    server.drop(4409, 'taken over');
    await clock.advance(60_000);
    expect(await errorOf(recording.push(chunk(0)))).toMatchObject({ code: 'fenced', message: 'taken over' });
    expect(server.connections).toBe(1);
  });

  it('comes back with growing pauses and full jitter, and never gives up', async () => {
    const { server, clock, statuses } = bench();
    const droppedAt: number[] = [];
    for (let times = 0; times < 10; times++) {
      await settle();
      droppedAt.push(clock.now());
      server.drop(1013, 'try again later');
      await clock.advance(8000);
    }
    const delays = statuses.flatMap((status) => (status.state === 'waiting' ? [status.retryAt] : [])).map((at, index) => at - droppedAt[index]!);
    expect(delays).toEqual([125, 250, 500, 1000, 2000, 4000, 7500, 7500, 7500, 7500]); // random is 0.5 here
    expect(server.connections).toBe(11);
  });

  it('[P21] looks for a server that is being restarted every second for half a minute, then less often', async () => {
    const { server, clock, statuses, turn } = bench();
    await settle();
    server.refuse = true;
    server.drop();
    for (let times = 0; times < 700; times++) {
      await clock.advance(100);
      await settle();
    }
    const lostAt = clock.now() - 70_000;
    const pauses = statuses.flatMap((status) => (status.state === 'waiting' ? [status.retryAt - lostAt] : [])).map((at, index, all) => Math.round((at - (all[index - 1] ?? 0)) / 100) * 100);
    expect(pauses.slice(0, 4)).toEqual([100, 300, 500, 500]); // random is 0.5 here
    expect(pauses.slice(4, 55).every((ms) => ms <= 600)).toBe(true);
    expect(pauses.slice(-3)).toEqual([7500, 7500, 7500]);
    server.refuse = false;
    for (let times = 0; times < 80; times++) {
      await clock.advance(100);
      await turn();
    }
    expect(statuses.at(-1)).toMatchObject({ state: 'connected' });
  });

  it.each([0, -3_600_000, 3_600_000])('[S12] notices a half-open connection by silence, and only by it, where the wall clock is set by %i ms', async (setMs) => {
    const { server, clock, client, turn } = bench();
    await turn();
    clock.set(setMs);
    await clock.advance(10_500);
    await turn();
    expect(server.connections).toBe(1);
    server.goSilent();
    await clock.advance(31_000);
    await turn();
    expect(server.connections).toBe(2);
    expect(client.status.state).toBe('connected');
  });

  it('keeps a quiet connection by pings, and answers the server’s', async () => {
    const { server, clock, turn } = bench();
    await turn();
    for (let times = 0; times < 12; times++) {
      await clock.advance(10_000);
      await turn(2);
    }
    expect(server.connections).toBe(1);
    server.send({ t: 'ping', id: 42 });
    await turn();
    expect(server.received.at(-1)).toEqual({ t: 'pong', id: 42 });
  });

  it('gives up on a server that accepts and never greets', async () => {
    const { server, clock, statuses } = bench();
    server.goSilent();
    await clock.advance(10_001);
    expect(statuses.at(-1)).toMatchObject({ state: 'waiting', reason: expect.stringContaining('no answer') });
  });

  it('leaves a server that sends a bad frame, says why, and comes back', async () => {
    const { server, clock, statuses, turn } = bench();
    await turn();
    server.line!.events.message(new Uint8Array([0xc1]));
    await turn();
    expect(statuses.at(-1)).toMatchObject({ state: 'waiting', reason: expect.stringContaining('bad frame') });
    await clock.advance(1000);
    await turn();
    expect(server.connections).toBe(2);
  });
});

describe('watching', () => {
  it('[P8] gives states and events of the topic, again after a reconnect, until unwatched', async () => {
    const { server, clock, client, turn } = bench();
    const seen: unknown[] = [];
    const event: SessionEvent = { type: 'session', session: summaryOf('s1', { note: 'event' }) };
    const unwatch = client.watch('system', { onState: ({ sessions }) => seen.push(sessions.length), onEvent: ({ type }) => seen.push(type) });
    await turn();
    server.send({ t: 'state', topic: 'system', state: { sessions: [summaryOf('s1')], providers: [] } });
    server.send({ t: 'event', topic: 'system', event });
    server.send({ t: 'event', topic: 'session:s1', event });
    await turn();
    expect(seen).toEqual([1, 'session']);
    server.drop();
    await clock.advance(1000);
    await turn();
    unwatch();
    await turn();
    expect(server.received.flatMap(({ t }) => (t === 'watch' || t === 'unwatch' ? [t] : []))).toEqual(['watch', 'watch', 'unwatch']);
    server.send({ t: 'event', topic: 'system', event });
    await turn();
    expect(seen).toHaveLength(2);
  });

  it('hands an error about the session to its watcher', async () => {
    const { server, client, turn } = bench();
    const errors: string[] = [];
    client.watch('session:s9', { onState: () => undefined, onEvent: () => undefined, onError: ({ code }) => errors.push(code) });
    await turn();
    server.send({ t: 'error', code: 'unknown_session', message: 'no session s9', retryable: false, session: 's9' });
    await turn();
    expect(errors).toEqual(['unknown_session']);
  });
});
