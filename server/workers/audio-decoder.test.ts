// An FFmpeg that does not behave, at the end of a stream of sound.
import { chmodSync, writeFileSync } from 'node:fs';
import { afterAll, expect, it } from 'vitest';
import type { Track } from '../media/media.ts';
import { temporaryFolder } from '../testing/test-media.ts';
import { openDecoder } from './audio-decoder.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const script = (name: string, body: string): string => {
  writeFileSync(folder.path(name), `#!/bin/sh\n${body}\n`);
  chmodSync(folder.path(name), 0o755);
  return folder.path(name);
};
const track: Track = { number: 1, kind: 'audio', codec: 'aac', codecName: 'mp4a.40.2', config: new Uint8Array([0x11, 0x90]), width: 0, height: 0, sampleRate: 48_000, channels: 2 } as unknown as Track;
const packet = (startMs: number) => ({ startMs, durationMs: 21, data: new Uint8Array(300) }) as never;

it('[DF4] an FFmpeg that writes without end is ended after ten seconds of sound more than it was given', async () => {
  let samples = 0;
  const decoder = await openDecoder(track, script('endless', 'cat >/dev/null & exec cat /dev/zero'), ({ channels }) => { samples += channels[0]?.length ?? 0; });
  try {
    for (let startMs = 0; startMs < 3_000; startMs += 500) await decoder.push([packet(startMs)]).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 300));
    const soFar = samples;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(samples).toBe(soFar);
    // four runs at most, each ten seconds over
    expect(soFar).toBeLessThan(4 * 16_000 * 15);
  } finally {
    await decoder.close();
  }
});
