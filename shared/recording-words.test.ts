import { describe, expect, it } from 'vitest';
import type { ClientError } from './client-error.ts';
import type { HeardWords } from './model.ts';
import { framesOf } from './heard-words.ts';
import { MAX_FRAME_WORDS, MAX_UNCONFIRMED_WORDS } from './protocol.ts';
import type { Recording } from './recording.ts';
import { type Bench, bench, chunk, options, pushMany } from './testing/client-bench.ts';
import { KEY } from './testing/frames.ts';
import { seededRandom } from './testing/random.ts';

const heard = (at: number, texts = [`w${at}`]): HeardWords => ({
  fromMs: at * 1000, untilMs: (at + 1) * 1000, words: texts.map((text, n) => ({ startMs: at * 1000 + n, endMs: at * 1000 + n + 200, text, confidence: 0.9 })),
});
const begin = async (at: Bench): Promise<Recording> => {
  const recording = at.client.record(options({ transcript: 'client' }));
  await at.turn();
  return recording;
};
const stored = ({ server }: Bench): string[] => server.sessions.get(KEY)!.words.map(({ text }) => text);
const sent = ({ server }: Bench): number => server.received.filter(({ t }) => t === 'words').length;
const errorOf = (run: () => void): Partial<ClientError> => {
  try {
    run();
  } catch (error) {
    return error as ClientError;
  }
  throw new Error('nothing was refused');
};

describe('[P18] words of a client', () => {
  it('are sent at once and confirmed when durable', async () => {
    const at = bench();
    const recording = await begin(at);
    recording.words(heard(0));
    recording.words(heard(1, []));
    await at.turn();
    expect(recording.status.words).toEqual({ untilMs: 0, waiting: 2, dropped: 0, refused: null });
    at.server.sync();
    await at.turn();
    expect(recording.status.words).toEqual({ untilMs: 2000, waiting: 0, dropped: 0, refused: null });
    expect(stored(at)).toEqual(['w0']);
    expect(at.server.received.find(({ t }) => t === 'start')).toMatchObject({ transcript: 'client' });
  });

  it('unconfirmed ones are sent again after each ready, under the new epoch; none is lost or doubled', async () => {
    const at = bench();
    const recording = await begin(at);
    for (let second = 0; second < 3; second++) recording.words(heard(second));
    await at.turn();
    at.server.sync(); // durable, but its confirmation is lost with the connection
    recording.words(heard(3));
    at.server.crash();
    recording.words(heard(4));
    await at.clock.advance(1000);
    await at.turn();
    at.server.sync();
    await at.turn();
    expect(stored(at)).toEqual(['w0', 'w1', 'w2', 'w3', 'w4']);
    expect(at.server.received.flatMap((frame) => (frame.t === 'words' ? [[frame.epoch, frame.fromMs]] : []))).toEqual([[1, 0], [1, 1000], [1, 2000], [2, 3000], [2, 4000]]);
    expect(recording.status.words).toMatchObject({ untilMs: 5000, waiting: 0 });
  });

  const SEED = Number(process.env['CLIPPY_TEST_SEED'] ?? Date.now() % 1e9);
  it(`through crashes and cuts at random moments are each stored once (seed ${SEED})`, async () => {
    const random = seededRandom(SEED);
    const at = bench();
    const recording = await begin(at);
    for (let second = 0; second < 200; second++) {
      recording.words(heard(second));
      const dice = random();
      if (dice < 0.1) at.server.crash();
      else if (dice < 0.2) at.server.drop();
      else if (dice < 0.6) at.server.sync();
      if (dice < 0.2) await at.clock.advance(10_000);
      await at.turn(1 + Math.floor(random() * 3));
    }
    await at.clock.advance(60_000);
    await at.turn();
    at.server.sync();
    await at.turn();
    expect(stored(at)).toEqual(Array.from({ length: 200 }, (_, second) => `w${second}`));
    expect(recording.status.words).toMatchObject({ waiting: 0, dropped: 0 });
  });

  it('a batch too large for a frame is cut where a word begins', async () => {
    const at = bench();
    const recording = await begin(at);
    const many = heard(0, Array.from({ length: MAX_FRAME_WORDS * 2 + 1 }, (_, n) => `w${n}`));
    recording.words(many);
    await at.turn();
    at.server.sync();
    expect(sent(at)).toBe(3);
    expect(stored(at)).toEqual(many.words.map(({ text }) => text));
    const atOnce = { ...many, words: many.words.map((word) => ({ ...word, startMs: 5 })) };
    expect(framesOf(atOnce)).toBeNull();
  });

  it('that nobody confirms are bounded; the oldest go, and are counted', async () => {
    const at = bench();
    const recording = await begin(at);
    at.server.drop();
    for (let second = 0; second < MAX_UNCONFIRMED_WORDS + 3; second++) recording.words(heard(second));
    expect(recording.status.words).toMatchObject({ waiting: MAX_UNCONFIRMED_WORDS, dropped: 3 });
    await at.clock.advance(1000);
    await at.turn();
    at.server.sync();
    await at.turn();
    expect(stored(at).slice(0, 2)).toEqual(['w3', 'w4']);
    expect(recording.status.words).toMatchObject({ waiting: 0, dropped: 3 });
  });

  it('go before the stop that was asked for after them', async () => {
    const at = bench();
    const recording = await begin(at);
    at.server.drop();
    await recording.push(chunk(0));
    recording.words(heard(0));
    const stopped = recording.stop();
    await at.clock.advance(1000);
    await at.turn();
    await stopped;
    const order = at.server.received.map(({ t }) => t);
    expect(order.indexOf('words')).toBeGreaterThan(-1);
    expect(order.indexOf('words')).toBeLessThan(order.indexOf('stop'));
    expect(errorOf(() => recording.words(heard(1)))).toMatchObject({ code: 'ended' });
  });

  it('refused by the server end, and the recording goes on', async () => {
    const at = bench();
    const recording = await begin(at);
    recording.words(heard(0));
    await at.turn();
    at.server.send({ t: 'error', code: 'words', message: 'words are made by the server', retryable: false, session: await recording.session });
    await at.turn();
    expect(recording.status).toMatchObject({ state: 'recording', words: { waiting: 0, refused: 'words are made by the server' } });
    expect(errorOf(() => recording.words(heard(1)))).toMatchObject({ code: 'words', message: 'words are made by the server' });
    await pushMany(recording, 2);
    const stopped = recording.stop();
    await at.turn();
    expect((await stopped).chunks).toBe(2);
  });

  it('that make no sense are refused here; what the wire cannot carry is left out', async () => {
    const at = bench();
    const recording = await begin(at);
    const word = { startMs: 0, endMs: 10, text: 'a\0b', confidence: Number.NaN };
    recording.words({ fromMs: 0, untilMs: 1000, words: [word, { ...word, text: ' \0' }] });
    expect(errorOf(() => recording.words(heard(0)))).toMatchObject({ code: 'words', message: 'fromMs is 0; words until 1000 ms were handed in before' });
    expect(errorOf(() => recording.words({ ...heard(1), untilMs: Number.NaN }))).toMatchObject({ code: 'words' });
    await at.turn();
    at.server.sync();
    expect(at.server.sessions.get(KEY)?.words).toEqual([{ ...word, text: 'ab', confidence: 0 }]);
    const plain = at.client.record(options({ key: KEY.replace('AA', 'BB') }));
    expect(errorOf(() => plain.words(heard(0)))).toMatchObject({ code: 'words', message: expect.stringContaining("transcript: 'client'") });
  });
});
