// The small rules around the page: token, notices, order of clips, requests.
import { describe, expect, it } from 'vitest';
import { ApiError, createApi, downloadPath, recordingPath } from './api.ts';
import { orderClips } from './clip-order.ts';
import { addNotice, dropStale, MAX_NOTICES, type Notice } from './notices.ts';
import { clip } from './testing/scene.ts';
import { createTokenStore, readFragment } from './token.ts';

class MemoryStorage implements Storage {
  readonly #items = new Map<string, string>();
  get length(): number { return this.#items.size; }
  clear(): void { this.#items.clear(); }
  getItem(key: string): string | null { return this.#items.get(key) ?? null; }
  key(index: number): string | null { return [...this.#items.keys()][index] ?? null; }
  removeItem(key: string): void { this.#items.delete(key); }
  setItem(key: string, value: string): void { this.#items.set(key, value); }
}

describe('token', () => {
  it('stays in the tab unless asked to be remembered, and is cleared from both', () => {
    const [tab, device] = [new MemoryStorage(), new MemoryStorage()];
    const tokens = createTokenStore(tab, device);
    tokens.write('a', false);
    expect([tab.length, device.length, tokens.read()]).toEqual([1, 0, 'a']);
    tokens.write('b', true);
    tab.clear(); // a new tab
    expect(tokens.read()).toBe('b');
    tokens.clear();
    expect([tab.length, device.length, tokens.read()]).toEqual([0, 0, null]);
  });
  it('is taken out of a link', () => {
    expect(readFragment('#token=abc')).toEqual({ token: 'abc', session: null, rest: '' });
    expect(readFragment('#token=a%2Bb&session=01X')).toEqual({ token: 'a+b', session: '01X', rest: '#session=01X' });
    expect(readFragment('#session=01X')).toEqual({ token: null, session: '01X', rest: '#session=01X' });
    expect(readFragment('#token=')).toEqual({ token: null, session: null, rest: '' });
    expect(readFragment('')).toEqual({ token: null, session: null, rest: '' });
  });
});

const notice = (id: number, level: Notice['level'], message = String(id), atMs = 0) => ({ id, level, code: message, message, atMs, saidAt: null });

describe('notices', () => {
  it('are bounded, and errors are the last to give way', () => {
    let all: Notice[] = [];
    all = addNotice(all, notice(0, 'error'));
    for (let id = 1; id < 10; id += 1) all = addNotice(all, notice(id, 'info'));
    expect(all).toHaveLength(MAX_NOTICES);
    expect(all.map(({ id }) => id)).toEqual([0, 7, 8, 9]);
    for (let id = 10; id < 20; id += 1) all = addNotice(all, notice(id, 'error'));
    expect(all.map(({ id }) => id)).toEqual([16, 17, 18, 19]);
  });
  it('count when repeated, and leave in their time', () => {
    const all = addNotice(addNotice([], notice(1, 'warning', 'same')), notice(2, 'warning', 'same', 10_000));
    expect(all).toMatchObject([{ id: 1, count: 2 }]);
    const twice = { ...notice(3, 'info', 'one'), saidAt: 5 };
    expect(addNotice(addNotice([], twice), { ...twice, id: 4 })).toMatchObject([{ id: 3, count: 1 }]); // by two topics
    expect(dropStale(all, 20_000)).toHaveLength(1);
    expect(dropStale(all, 24_000)).toHaveLength(0);
  });
});

const ids = (...args: Parameters<typeof orderClips>): string[] => orderClips(...args).map(({ id }) => id);

describe('order of clips', () => {
  const urls = { mediaUrl: '', thumbnailUrl: '' };
  const all = [clip(0, urls), clip(1, urls), clip(2, urls)];
  const [a, b, c] = all.map(({ id }) => id);
  it('is newest or best first', () => {
    expect(ids(all, 'newest', null)).toEqual([c, b, a]);
    expect(ids(all, 'best', null)).toEqual([a, b, c]);
  });
  it('holds still while one is watched: new ones come before, gone ones leave, none trades places', () => {
    expect(ids(all, 'newest', [a!, b!])).toEqual([c, a, b]);
    expect(ids(all.slice(1), 'best', [c!, a!, b!])).toEqual([c, b]);
  });
});

const api = (answer: () => Response | Promise<Response>) => {
  const asked: string[] = [];
  let refused = 0;
  const made = createApi({
    token: () => 'secret', onUnauthorized: () => { refused += 1; },
    fetch: async (input, init) => {
      asked.push(`${init?.method} ${String(input)} ${new Headers(init?.headers).get('authorization')} ${typeof init?.body === 'string' ? init.body : ''}`.trim());
      return answer();
    },
  });
  return { made, asked, refused: () => refused };
};

describe('requests', () => {
  it('carry the token in the header only, and escape ids', async () => {
    const { made, asked } = api(() => Response.json({ url: '/x?sig=1', done: true }));
    await made.pinClip('../x', true);
    await made.pinSession('s', false);
    expect(await made.signed(recordingPath('s', { startMs: 1.5, endMs: 2.2 }))).toBe('/x?sig=1');
    expect(asked).toEqual(['POST /api/clips/..%2Fx/pin Bearer secret', 'POST /api/sessions/s/unpin Bearer secret', 'POST /api/media-url Bearer secret {"path":"/api/sessions/s/recording?startMs=1&endMs=3"}']);
    expect(downloadPath('c', true)).toBe('/api/clips/c/media?exact=1&download=1');
    expect(downloadPath('c', false)).toBe('/api/clips/c/media?download=1');
  });
  it('tell what the server said, and cope with an answer that is not ours', async () => {
    await expect(api(() => Response.json({ error: { code: 'closed', message: 'session s has ended' } }, { status: 409 })).made.endSession('s')).rejects.toMatchObject({ status: 409, message: 'session s has ended' });
    await expect(api(() => new Response('<html>', { status: 502, statusText: 'Bad Gateway' })).made.endSession('s')).rejects.toMatchObject({ status: 502, message: 'the server answered 502 Bad Gateway' });
    await expect(api(() => Promise.reject(new TypeError('failed to fetch'))).made.endSession('s')).rejects.toBeInstanceOf(ApiError);
    await expect(api(() => Response.json({ nothing: 1 })).made.clip('c')).rejects.toThrow('clip c is not a clip');
    await expect(api(() => Response.json({})).made.signed('/p')).rejects.toThrow('no signed URL came back for /p');
  });
  it('sign out where the token is not valid any more', async () => {
    const { made, refused } = api(() => Response.json({ error: { message: 'expired' } }, { status: 401 }));
    await expect(made.deleteClip('c')).rejects.toThrow('expired');
    expect(refused()).toBe(1);
  });
});
