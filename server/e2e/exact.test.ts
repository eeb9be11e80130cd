// What was sent is what is served: frame for frame, sample for sample.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { streamFile } from '../../scripts/stream.ts';
import { type ServerProcess, api, startServer } from '../../scripts/server-process.ts';
import { hasTestdata, look, lookAt, media, mediaIn } from './support.ts';

/** Edge cases that hold no picture, or something no browser plays: refused with a typed reason. */
const REFUSED = new Set(['video/edge/ac3.mkv', 'video/edge/multiple-aac-tracks.mp4']);
const SLICED = [
  { file: 'webm-live/chrome52.webm', slice: '1000' },
  { file: 'webm-live/chrome52.webm', slice: 'random:52' },
  { file: 'webm-live/firefox53.webm', slice: 'random:53' },
  { file: 'video/manifesto.mp4', slice: 'gop' },
  { file: 'video/manifesto.mp4', slice: 'random:7' },
  { file: 'video/auto-editor-example.mp4', slice: 'gop' },
  { file: 'video/man-on-green-screen.mp4', slice: 'gop' },
  { file: 'video/tears-of-steel-battle.webm', slice: 'gop' },
  ...mediaIn('video/edge').filter((file) => !REFUSED.has(file)).map((file) => ({ file, slice: 'gop' })),
];

describe.skipIf(!hasTestdata)('recordings served back (needs ../shared/testdata)', () => {
  let server: ServerProcess;
  beforeAll(async () => { server = await startServer(); });
  afterAll(async () => { await server.kill('SIGTERM'); });

  for (const file of REFUSED) {
    it(`[L1][T5] ${file} is refused by name, with a reason`, async () => {
      await expect(streamFile({ file: media(file), server: server.url, token: server.token, speed: 'max' })).rejects.toThrow(/no video/i);
    });
  }
  for (const { file, slice } of SLICED) {
    it(`[L1][T5] ${file} in slices ${slice}`, { timeout: 120_000 }, async () => {
      const sent = await streamFile({ file: media(file), server: server.url, token: server.token, speed: 'max', slice });
      const [source, served] = await Promise.all([look(media(file)), lookAt(server, `/api/sessions/${sent.sessionId}/recording`)]);
      expect(source.videoFrames).toBeGreaterThan(0);
      expect({ videoFrames: served.videoFrames, audioSamples: served.audioSamples }).toEqual({ videoFrames: source.videoFrames, audioSamples: source.audioSamples });
      expect(sent.acked).toBe(sent.chunks);
      expect(sent.gaps).toEqual([]);
    });
  }

  it('is still healthy after all of them', async () => {
    const status = await api<{ sessions: { status: string; deadLetters: number }[] }>(server, '/api/sessions');
    expect(status.sessions.filter((session) => session.status === 'failed')).toEqual([]);
  });
});
