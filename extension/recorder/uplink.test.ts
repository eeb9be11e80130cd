import { expect, it } from 'vitest';
import { memoryRing } from '../../shared/ring.ts';
import { bench } from '../../shared/testing/client-bench.ts';
import { KEY } from '../../shared/testing/frames.ts';
import { Uplink } from './uplink.ts';

it('[B14] a server that comes later, and one that comes instead, learns what the page is now', async () => {
  const [one, two] = [bench(), bench()];
  const ring = memoryRing();
  const uplink = new Uplink({
    recording: { key: KEY, title: 'Live', sourceUrl: '', mime: 'video/mp4', video: null }, ring: () => ring, limits: { ringMs: 300_000, ringBytes: 1e9 },
    client: null, resume: false, onStatus: () => undefined, onRefused: (error) => { throw error; },
  });
  const page = { title: 'Live', sourceUrl: 'https://example.org/live', playing: true };
  const pages = ({ server }: typeof one) => server.received.flatMap((frame) => (frame.t === 'page' ? [{ atMs: frame.atMs, playing: frame.playing }] : []));
  uplink.page({ atMs: 0, ...page });
  uplink.page({ atMs: 700, ...page, playing: false });
  await uplink.move(one.client);
  await one.turn();
  expect(pages(one)).toEqual([{ atMs: 700, playing: false }]);
  uplink.page({ atMs: 5_000, ...page });
  await one.turn();
  await uplink.move(two.client);
  await two.turn();
  expect([pages(one), pages(two)]).toEqual([[{ atMs: 700, playing: false }, { atMs: 5_000, playing: true }], [{ atMs: 5_000, playing: true }]]);
});
