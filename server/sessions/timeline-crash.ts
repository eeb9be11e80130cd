// For tests: a process that appends to a timeline until it is killed, and prints each acknowledged sequence when it is durable.
// Arguments: folder, segment bytes, seed.
import { seededRandom } from '../../shared/testing/random.ts';
import { writeSync } from 'node:fs';
import { LRUCache } from 'lru-cache';
import type { SegmentIndex } from './segment-index.ts';
import { chunkOf } from './timeline-fixture.ts';
import { openTimeline } from './timeline.ts';

const [dir = '', segmentBytes = '0', seed = '0'] = process.argv.slice(2);
const random = seededRandom(Number(seed));
const log = { info: () => {}, warn: () => {}, error: () => {} };
const indexCache = new LRUCache<string, SegmentIndex>({ maxSize: 1e6, sizeCalculation: (index) => index.byteLength });
const timeline = await openTimeline({ dir, sessionId: 's1', segmentBytes: Number(segmentBytes), indexCache, log });
const { lastSequence } = timeline.state;
writeSync(1, `open ${lastSequence}\n`);

for (let seq = lastSequence + 1; ; ) {
  const count = 1 + Math.floor(random() * 8);
  const first = seq;
  seq += count;
  await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const mine = first + i;
      if (mine % 13 === 0) await timeline.appendGap({ epoch: 1, fromSequence: mine, toSequence: mine, startMs: 0, endMs: 0, reason: 'lost' });
      else await timeline.append(chunkOf(mine, { bytes: 100 + (mine % 7) * 3000 }));
      writeSync(1, `ack ${mine}\n`);
    }),
  );
}
