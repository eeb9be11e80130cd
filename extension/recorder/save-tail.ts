// "Save the last 30 seconds": cut in the page from what the ring holds, without a server and without encoding anew.
import { ALL_FORMATS, BlobSource, Input } from 'mediabunny';
import { ExtensionError } from '../messages.ts';
import { fileName } from './filename.ts';
import { wholeFragments } from './fragments.ts';
import type { SaveTail } from './ports.ts';
import { LEAD_MS } from './stored-ring.ts';
import { writeTail } from './tail-file.ts';
import { readTail } from './tail-packets.ts';

const nothing = (title: string): ExtensionError => new ExtensionError('nothing', `recording "${title}" has nothing to save yet; the first seconds take a moment to arrive`);

export const saveTail: SaveTail = async ({ store, record, seconds, signal }) => {
  const { init, pieces } = await store.tail(record.key, seconds * 1000 + LEAD_MS);
  signal.throwIfAborted();
  const whole = wholeFragments(pieces.map(({ bytes }) => new Uint8Array(bytes)));
  if (whole.length === 0) throw nothing(record.title);
  const input = new Input({ source: new BlobSource(new Blob([new Uint8Array(init), ...whole])), formats: ALL_FORMATS });
  try {
    const tail = await readTail(input, seconds);
    if (!tail) throw nothing(record.title);
    const lanes = [...(tail.video ? [tail.video] : []), ...tail.audio].map(({ track, packets }) => ({ track, packets: packets('lead') }));
    const blob = await writeTail(lanes, 'mp4', signal);
    return { blob, durationMs: (tail.end - tail.start) * 1000, filename: fileName(record.title, new Date(), 'mp4') };
  } finally {
    input.dispose();
  }
};
