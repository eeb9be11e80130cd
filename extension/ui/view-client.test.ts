import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { EMPTY_VIEW, type RecorderView } from '../view.ts';
import { createViewClient, viewOf, type ViewClient } from './view-client.ts';
import { recording } from './testing/scene.ts';

let asked: { resolve: (view: RecorderView) => void; reject: (error: Error) => void }[];
let tell: (view: RecorderView) => void;
let alive: boolean;
let client: ViewClient;

beforeEach(() => {
  vi.useFakeTimers();
  asked = [];
  alive = true;
  client = createViewClient({
    ask: () => new Promise((resolve, reject) => { asked.push({ resolve, reject }); }),
    listen: (told) => {
      tell = told;
      return () => { tell = () => { throw new Error('told after close'); }; };
    },
    alive: () => alive,
  });
});
afterEach(() => {
  client.close();
  vi.useRealTimers();
});

const idle = EMPTY_VIEW;
const working: RecorderView = { ...EMPTY_VIEW, recordings: [recording()] };

it('asks once, then is told', async () => {
  expect(client.seen.at).toBe('waiting');
  asked[0]?.resolve(idle);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(client.seen).toEqual({ at: 'live', view: idle });
  expect(asked.length).toBe(1); // nothing to do, nothing asked
  tell(working);
  expect(viewOf(client.seen)).toBe(working);
});

it('an answer that is older than what was told meanwhile changes nothing', async () => {
  tell(working);
  asked[0]?.resolve(idle);
  await vi.advanceTimersByTimeAsync(0);
  expect(viewOf(client.seen)).toBe(working);
});

it('asks again, more and more rarely, while nobody answers, and keeps what it knew', async () => {
  tell(working);
  await vi.advanceTimersByTimeAsync(4_000);
  expect(asked.length).toBe(2); // a recording that falls silent
  asked[1]?.reject(new Error('nobody'));
  await vi.advanceTimersByTimeAsync(0);
  expect(client.seen).toEqual({ at: 'silent', view: working, reason: 'nobody' });
  for (const [index, wait] of [500, 1_000, 2_000, 5_000, 5_000].entries()) {
    await vi.advanceTimersByTimeAsync(wait - 1);
    expect(asked.length).toBe(2 + index);
    await vi.advanceTimersByTimeAsync(1);
    expect(asked.length).toBe(3 + index);
    asked.at(-1)?.reject(new Error('nobody'));
    await vi.advanceTimersByTimeAsync(0);
  }
  await vi.advanceTimersByTimeAsync(5_000);
  asked.at(-1)?.resolve(idle);
  await vi.advanceTimersByTimeAsync(0);
  expect(client.seen).toEqual({ at: 'live', view: idle });
});

it('says when the extension was replaced, and stops asking', async () => {
  asked[0]?.resolve(working);
  await vi.advanceTimersByTimeAsync(0);
  alive = false;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(client.seen).toEqual({ at: 'gone', view: working });
  expect(asked.length).toBe(1);
});

it('ends: no timer and no listener stays', async () => {
  asked[0]?.resolve(working);
  await vi.advanceTimersByTimeAsync(0);
  client.close();
  expect(vi.getTimerCount()).toBe(0);
  expect(() => tell(idle)).toThrow('told after close');
});
