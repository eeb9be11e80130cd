// Makes scripts/demo.mp4, the recording `npm run demo` streams: about 90 s, two moments after the warm-up. The file is committed, so
// that the demo needs neither FFmpeg nor flite. To make it again (flite and an FFmpeg with x264 and libopus are needed):
//   node scripts/demo-media.ts
import { copyFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { hasFlite } from '../server/testing/speech.ts';
import { plantedStream } from '../server/testing/planted.ts';

const LARGEST_BYTES = 1.5 * 1024 * 1024;
const target = fileURLToPath(new URL('demo.mp4', import.meta.url));

if (!(await hasFlite())) throw new Error('flite is not installed: the demo would have no words (Debian: apt-get install flite)');
const made = await plantedStream({ seed: 12, durationS: 92, moments: 2, firstS: 38, ratioDb: 10, pauseS: [0.3, 1.2], fps: 15, videoKbps: 80, audioKbps: 24, audio: 'opus', speech: 'flite' });
await copyFile(made.file, target);
const { size } = await stat(target);
if (size > LARGEST_BYTES) throw new Error(`scripts/demo.mp4 has ${size} bytes; ${LARGEST_BYTES} are allowed: lower videoKbps`);
console.log(`${target}: ${size} bytes`);
for (const { startMs, endMs, phrase } of made.moments) console.log(`  ${startMs}–${endMs} ms “${phrase}”`);
