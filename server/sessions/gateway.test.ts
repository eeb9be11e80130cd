import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Packr } from 'msgpackr';
import { encodeFrame } from '../../shared/codec.ts';
import { CLOSE_BAD_FRAME, CLOSE_UNAUTHORIZED, PROTOCOL_VERSION } from '../../shared/protocol.ts';
import { type SessionBench, sessionBench } from '../testing/session-bench.ts';
import { chunkOf } from './timeline-fixture.ts';

let at: SessionBench;
beforeEach(async () => { at = await sessionBench(); });
afterEach(() => at.remove());
const hello = (token: string, version = PROTOCOL_VERSION) => ({ t: 'hello' as const, version, token, client: 'test', clientVersion: '1' });

it('[FZ6] who watches a recording that is gone is told so, in words of the protocol, and what the connection records goes on', async () => {
  const wire = await at.connect('token-a');
  const { session } = await at.start(wire, 'A');
  at.send(wire, { t: 'watch', topic: 'session:gone' });
  await wire.frame('error');
  expect(wire.of('error')).toMatchObject([{ code: 'unknown_session', session: 'gone', retryable: false }]);
  expect([wire.closed, at.supervisor.find(session)?.status]).toEqual([null, 'live']);
});

it('[P1] a start whose connection has gone meanwhile takes nothing from the one after it (simulation, seeds 1013292 and 100063321)', async () => {
  const raise = at.repository.raiseEpoch;
  const late = Promise.withResolvers<void>();
  at.repository.raiseEpoch = async (sessionId) => {
    at.repository.raiseEpoch = raise;
    await late.promise;
    return raise(sessionId);
  };
  const gone = await at.connect('token-a');
  at.askStart(gone, 'A');
  await expect.poll(() => at.repository.raiseEpoch === raise).toBe(true);
  at.gateway.close(gone);
  const wire = await at.connect('token-a');
  at.askStart(wire, 'A');
  await new Promise((resolve) => setImmediate(resolve));
  expect(wire.of('ready')).toEqual([]); // starts of one key take effect in their order (seed 100063321)
  late.resolve();
  const { session } = await wire.frame('ready');
  expect([wire.of('error'), at.supervisor.find(session)?.status, (await at.repository.session(session))?.epoch]).toEqual([[], 'live', 2]);
});

describe('[P16] hello', () => {
  it('comes first: any other frame closes the connection and does nothing', async () => {
    const wire = at.silent();
    at.askStart(wire, 'A');
    await wire.frame('error');
    expect(wire.of('error')).toMatchObject([{ code: 'unauthorized', message: expect.stringContaining('start before hello') }]);
    expect(wire.closed?.code).toBe(CLOSE_UNAUTHORIZED);
    expect(await at.repository.sessions({ limit: 9 })).toEqual([]);
  });

  it('with an unknown token, or another version, is refused and closed; after too many it is asked to come back', async () => {
    const [stranger, old, guesser] = [at.silent(), at.silent(), at.silent()];
    at.send(stranger, hello('guess'));
    at.send(old, hello('token-a', PROTOCOL_VERSION + 1));
    at.send(guesser, hello('guesser'));
    for (const wire of [stranger, old, guesser]) await wire.frame('error');
    expect([guesser.of('error')[0], guesser.closed?.code]).toMatchObject([{ code: 'unavailable', retryable: true, session: null }, 1013]);
    expect([stranger.of('error')[0]?.code, stranger.closed?.code, old.of('error')[0]?.code, old.closed?.code]).toEqual(['unauthorized', CLOSE_UNAUTHORIZED, 'version', CLOSE_BAD_FRAME]);
    expect([...stranger.of('welcome'), ...old.of('welcome')]).toEqual([]);
  });

  it('may be followed by frames at once: they wait for it, and do nothing where it is refused', async () => {
    const [known, stranger] = [at.silent(), at.silent()];
    for (const [wire, token] of [[known, 'token-a'], [stranger, 'guess']] as const) {
      at.send(wire, hello(token));
      at.askStart(wire, 'A');
    }
    await known.frame('ready');
    expect([known.frames.map(({ t }) => t), stranger.frames.map(({ t }) => t)]).toEqual([['welcome', 'ready'], ['error']]);
    expect((await at.repository.sessions({ limit: 9 })).map(({ user }) => user)).toEqual(['anna']);
  });

  it('a second one, with another token, does not change the user: the connection is closed', async () => {
    const wire = await at.connect('token-a');
    const { session } = await at.start(wire, 'A');
    at.send(wire, hello('token-b'));
    await wire.frame('error');
    expect([wire.of('error').at(-1)?.code, wire.closed?.code, wire.of('welcome').length]).toEqual(['bad_frame', CLOSE_BAD_FRAME, 1]);
    at.askStart(wire, 'B');
    await at.clock.advance(0);
    expect((await at.repository.sessions({ limit: 9 })).map(({ id, user }) => [id, user])).toEqual([[session, 'anna']]);
  });

  it('that does not come in ten seconds closes; its timer goes with hello or with the connection', async () => {
    const before = at.clock.waiting();
    const [late, gone] = [at.silent(), at.silent()];
    const greeted = await at.connect();
    at.gateway.close(gone);
    expect(at.clock.waiting()).toBe(before + 1);
    await at.clock.advance(10_000);
    expect([late.closed?.code, gone.closed, greeted.closed]).toEqual([CLOSE_UNAUTHORIZED, null, null]);
    expect(at.clock.waiting()).toBe(before);
  });
});

describe('[P17] frames', () => {
  it('that break the protocol close the connection with a reason; nothing after them is looked at', async () => {
    const wire = await at.connect();
    at.gateway.message(wire, new Uint8Array([0xc1, 1, 2]), true);
    at.send(wire, { t: 'ping', id: 7 });
    expect([wire.closed?.code, wire.of('pong')]).toEqual([CLOSE_BAD_FRAME, []]);
    const hostile = await at.connect();
    at.gateway.message(hostile, new Packr({ useRecords: false }).pack({ t: 'x\0y\ud800' }), true);
    expect((await hostile.frame('error')).code).toBe('bad_frame'); // decodable, though it names what was sent
    const text = await at.connect();
    at.gateway.message(text, encodeFrame({ t: 'ping', id: 1 }), false);
    expect(text.closed).toMatchObject({ code: CLOSE_BAD_FRAME, reason: expect.stringContaining('text frame') });
  });

  it('of a recording this connection does not feed are refused, and the others go on', async () => {
    const [wire, stranger] = [await at.connect(), await at.connect('token-b')];
    const ready = await at.start(wire, 'A');
    at.chunk(stranger, ready, 1);
    at.chunk(stranger, { session: 'nobody', epoch: 1 }, 1);
    await expect.poll(() => stranger.of('error').map(({ code, session }) => [code, session])).toEqual([['unknown_session', ready.session], ['unknown_session', 'nobody']]);
    expect(stranger.closed).toBeNull();
    at.chunk(wire, ready, 1);
    await at.acked(wire, ready.session, 1);
  });

  it('sent while start is pending wait for it, in order; two starts of one recording leave one feed', async () => {
    const wire = await at.connect();
    const { session } = await at.start(wire, 'A');
    at.gateway.close(wire);
    const second = await at.connect();
    at.askStart(second, 'A', true);
    at.askStart(second, 'A', true);
    for (let seq = 1; seq <= 3; seq++) at.chunk(second, { session, epoch: 3 }, seq);
    at.send(second, { t: 'ping', id: 5 });
    await at.acked(second, session, 3);
    expect(second.of('ready').map(({ epoch }) => epoch)).toEqual([2, 3]);
    expect(second.frames.findIndex(({ t }) => t === 'pong')).toBeGreaterThan(second.frames.findLastIndex(({ t }) => t === 'ready'));
    expect(at.supervisor.find(session)?.status).toBe('live');
  });

  it('behind start are committed together, not one by one', async () => {
    const wire = await at.connect();
    const { session } = await at.start(wire, 'A');
    at.askStart(wire, 'B');
    for (let seq = 1; seq <= 4; seq++) at.chunk(wire, { session, epoch: 1 }, seq);
    await at.acked(wire, session, 4);
    expect(wire.of('ack').slice(1).map(({ seq }) => seq)).toEqual([4, 4, 4]);
  });

  it('more bytes behind a pending start than were granted close the connection', async () => {
    let open = (): void => {};
    const opening = new Promise<void>((resolve) => { open = resolve; });
    const slow = await sessionBench({ onOpen: () => opening });
    const wire = await slow.connect();
    slow.askStart(wire, 'A');
    const bytes = new Uint8Array(40_000);
    for (let seq = 1; seq <= 40 && !wire.closed; seq++) slow.chunk(wire, { session: 'S', epoch: 1 }, seq, { bytes });
    expect(wire.closed?.code).toBe(CLOSE_BAD_FRAME);
    open();
    await slow.remove();
  });

  it('several recordings on one connection live apart: one fails, the other goes on; closing interrupts both', async () => {
    const wire = await at.connect();
    const [a, b] = [await at.start(wire, 'A'), await at.start(wire, 'B')];
    expect(a.session).not.toBe(b.session);
    at.chunk(wire, a, 1);
    at.chunk(wire, b, 1, { crc: 5 });
    at.chunk(wire, b, 2);
    at.chunk(wire, a, 2);
    await at.acked(wire, a.session, 2);
    expect(wire.of('error').map(({ code, session }) => [code, session])).toEqual([['crc', b.session]]);
    expect([at.supervisor.find(a.session)?.status, at.supervisor.find(b.session)?.status]).toEqual(['live', 'interrupted']);
    expect((await at.start(wire, 'B', true)).lastSeq).toBe(0);
    at.gateway.close(wire);
    expect(at.supervisor.live().map(({ status }) => status)).toEqual(['interrupted', 'interrupted']);
  });

  it('after close, or waiting when it closes, do nothing and leave nothing behind', async () => {
    const wire = await at.connect();
    const { session } = await at.start(wire, 'A');
    at.askStart(wire, 'B');
    at.send(wire, { t: 'watch', topic: 'system' });
    at.askStart(wire, 'C');
    at.gateway.close(wire);
    at.chunk(wire, { session, epoch: 1 }, 1);
    const other = await at.connect();
    await at.start(other, 'D');
    await expect.poll(() => at.supervisor.live().filter(({ status }) => status === 'live').length).toBe(1);
    expect(at.hub.watched('system')).toBe(false);
    expect(at.supervisor.find(session)?.timeline.state.chunks).toBe(0);
    expect((await at.repository.sessions({ limit: 9 })).map(({ title }) => title)).not.toContain('Stream C');
    expect(at.gateway.connections()).toBe(1);
  });

  it('are kept by copy: the engine may reuse its buffer at once', async () => {
    const wire = await at.connect();
    const ready = await at.start(wire, 'A');
    const frame = Uint8Array.from(encodeFrame({ t: 'chunk', session: ready.session, ...chunkOf(1), epoch: ready.epoch }));
    at.gateway.message(wire, frame, true);
    frame.fill(0);
    await at.acked(wire, ready.session, 1);
    const signal = new AbortController().signal;
    expect(await at.supervisor.find(ready.session)?.timeline.read(0, 1_000, signal)).toEqual(chunkOf(1).bytes);
  });
});

describe('[I6] a revoked device', () => {
  it('is cut off at once: told why, its recording interrupted, its later frames ignored; others go on', async () => {
    const [phone, laptop] = [await at.connect('token-phone'), await at.connect('token-a')];
    const [a, b] = [await at.start(phone, 'A'), await at.start(laptop, 'B')];
    at.chunk(phone, a, 1);
    await at.acked(phone, a.session, 1);
    at.send(phone, { t: 'watch', topic: `session:${a.session}` });
    await phone.frame('state');
    at.askStart(phone, 'C'); // still being opened
    at.gateway.endDevice('phone');
    expect([phone.of('error'), phone.closed]).toEqual([[expect.objectContaining({ code: 'unauthorized', retryable: false, session: null, message: expect.stringContaining('revoked') })], { code: CLOSE_UNAUTHORIZED, reason: 'revoked' }]);
    expect([at.supervisor.find(a.session)?.status, at.hub.watched(`session:${a.session}`)]).toEqual(['interrupted', false]);
    at.chunk(phone, a, 2);
    at.chunk(laptop, b, 1);
    await at.acked(laptop, b.session, 1);
    expect(at.supervisor.find(a.session)?.timeline.state.lastSequence).toBe(1);
    await expect.poll(() => at.supervisor.live().filter(({ status }) => status === 'live').length).toBe(1);
    expect(laptop.closed).toBeNull();
  });
});
