// The judgement at the end of a world, when it has healed and all is worked through: what is stored against what was captured,
// sent and acknowledged.
import { crc32c } from '../../../shared/crc32c.ts';
import type { ObjectStore, Repository, StoredSession } from '../../ports.ts';
import type { PulledItem } from '../../pipeline/media-log.ts';
import { wordText } from './media.ts';
import type { ClipFile } from './media-ports.ts';
import type { Plan } from './plan.ts';
import type { Server } from './process.ts';
import { type Capture, type Kept, type Recorder, TAKE_MS } from './recorder.ts';
import type { Witness } from './witness.ts';

type End = {
  plan: Plan;
  witness: Witness;
  repository: Repository;
  store: ObjectStore;
  server: Server;
  captures: Capture[];
  kept: Kept[];
  recorders: Recorder[];
};

type Stored = { seq: number; bytes: Uint8Array; startMs: number; byteStart: number };

const same = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && Buffer.compare(a, b) === 0;

/** Every chunk of a recording as the timeline gives it back. */
const chunksOf = async (server: Server, sessionId: string): Promise<{ chunks: Stored[]; gaps: { from: number; to: number }[]; bytes: Uint8Array; lastSequence: number }> => {
  const { media, release } = await server.supervisor.readLog(sessionId);
  const signal = new AbortController().signal;
  const items: PulledItem[] = [];
  for (let at = 0; ; ) {
    const { items: more, nextByte } = await media.pull(at, 600, signal);
    items.push(...more);
    if (nextByte === at) break;
    at = nextByte;
  }
  const chunks: Stored[] = [];
  for (const item of items) {
    if (item.kind !== 'bytes') continue;
    const before = chunks.at(-1);
    if (before?.seq === item.seq) before.bytes = new Uint8Array(Buffer.concat([before.bytes, item.bytes]));
    else chunks.push({ seq: item.seq, bytes: item.bytes.slice(), startMs: item.startMs, byteStart: item.byteStart });
  }
  const { gaps, lastSequence, byteEnd } = media.state;
  const bytes = await media.read(0, byteEnd, signal);
  release();
  return { chunks, gaps: gaps.map(({ fromSequence, toSequence }) => ({ from: fromSequence, to: toSequence })), bytes, lastSequence };
};

/** The only recording there is. */
export const judgeEnd = async (end: End): Promise<void> => {
  const sessions = await end.repository.sessions({ limit: 10 });
  if (sessions.length > 1) end.witness.violate('SIM4', `${sessions.length} recordings under one key`);
  const [row] = sessions;
  if (row) await judgeRecording(end, row);
};

/** A recording that is closed, and what is kept of it. Returns its bytes. */
export const judgeRecording = async ({ plan, witness, repository, store, server, captures, kept, recorders }: End, row: StoredSession): Promise<Uint8Array> => {
  const { violate } = witness;
  const isFile = plan.recorder.mode === 'file';
  const stopped = recorders.some(({ outcome }) => outcome === 'stopped');
  if (row.status === 'failed') violate('SIM12', `the recording has failed: ${row.note}`);
  const facts = witness.factsOf(row.id);
  const { chunks, gaps, bytes, lastSequence } = await chunksOf(server, row.id);

  // order, and no sequence without its chunk or gap
  const missing = new Set<number>();
  for (const { from, to } of gaps) for (let seq = from; seq <= to; seq++) {
    if (missing.has(seq)) violate('SIM6', `sequence ${seq} is in two gaps`);
    missing.add(seq);
  }
  const have = new Map(chunks.map((chunk) => [chunk.seq, chunk]));
  if (have.size !== chunks.length) violate('SIM1', 'a sequence is stored twice');
  for (let seq = 1; seq <= lastSequence; seq++) if (have.has(seq) === missing.has(seq)) violate('SIM6', `sequence ${seq} of ${lastSequence} is ${have.has(seq) ? 'stored and' : 'neither stored nor'} declared lost`);
  chunks.forEach((chunk, i) => { if (i > 0 && chunk.seq <= chunks[i - 1]!.seq) violate('SIM2', `chunk ${chunk.seq} comes after ${chunks[i - 1]!.seq}`); }); // i > 0
  if (lastSequence < facts.acked) violate('SIM1', `${facts.acked} was acknowledged, ${lastSequence} is the last that is stored`);

  // content
  for (const { seq, bytes: content } of chunks) if (facts.sent.get(seq) !== crc32c(content)) violate('SIM3', `chunk ${seq} is stored with other bytes than were sent`);
  const whole = new Uint8Array(Buffer.concat(chunks.map((chunk) => chunk.bytes)));
  if (!same(whole, bytes)) violate('SIM3', `the recording is read as ${bytes.length} bytes, its chunks have ${whole.length}`);
  const body = await server.queries.recording(row.id, null, new AbortController().signal);
  const served = await body.read(0, body.bytes, new AbortController().signal);
  body.close();
  if (!same(served, whole)) violate('SIM3', `the recording is served as ${served.length} bytes, stored are ${whole.length}`);

  // what was captured is stored in its order, or declared lost
  const order: Kept[] = isFile ? [recorders[0]!.header, ...captures].map((capture) => ({ capture, state: 'taken', volatile: false })) : kept; // there is a first client
  let at = -1;
  let before = 0;
  const between = (fromCapture: number, toCapture: number, seqs: number): void => {
    const inside = order.slice(fromCapture + 1, toCapture);
    const taken = inside.filter(({ state }) => state === 'taken').length;
    const unsure = inside.filter(({ state }) => state === 'waiting').length;
    if (seqs < taken || seqs > taken + unsure) violate('SIM6', `between captures ${fromCapture} and ${toCapture} ${taken} were taken (${unsure} perhaps), ${seqs} are declared lost`);
  };
  for (const { seq, bytes: content } of chunks) {
    const found = order.findIndex(({ capture }, i) => i > at && same(capture.bytes, content));
    if (found < 0) {
      violate('SIM2', `chunk ${seq} holds what was not captured, or not in this order`);
      break;
    }
    between(at, found, seq - before - 1);
    at = found;
    before = seq;
  }
  if (stopped) between(at, order.length, lastSequence - before);
  else if (recorders.every(({ outcome }) => typeof outcome !== 'object' || outcome.failed !== 'closed')) violate('SIM12', `no client ended well: ${JSON.stringify(recorders.map(({ outcome }) => outcome))}`);
  if (stopped && isFile && (gaps.length > 0 || chunks.length !== captures.length + 1)) violate('SIM6', `a file of ${captures.length + 1} chunks is stored as ${chunks.length} with ${gaps.length} gaps`);

  const { ringMs, ringBytes, losesChunks } = plan.recorder;
  const keepsAll = ringMs > 100_000 && ringBytes > 50_000 && losesChunks === 0 && plan.faults.ring === 0 && !plan.troubles.some(({ trouble }) => trouble.type === 'outage' && trouble.port === 'ring');
  if (keepsAll && missing.size > 0) violate('SIM6', `${[...missing].join(',')} are declared lost, its client had room for all`);

  // one owner at a time
  const owners = facts.readies.toSorted((a, b) => a.epoch - b.epoch);
  if (isFile) for (const { seq, startMs } of chunks) {
    const mayOwn = owners.filter(({ lastSeq }) => lastSeq < seq);
    // where nobody heard that it was stored, it may be what a failed write of an earlier owner has left
    const owner = mayOwn.findLast(({ acked }) => acked >= seq);
    const take = Math.round((startMs % 1) / TAKE_MS);
    const those = owner ? [owner] : mayOwn;
    if (those.length > 0 && !those.some((one) => one.take === take)) violate('SIM4', `chunk ${seq} was written by client ${take}, it belongs to ${those.map((one) => `${one.take} (epoch ${one.epoch})`).join(' or ')}`);
  }

  // rows tell the same
  const rows = await repository.gaps(row.id);
  const told = new Set(rows.flatMap(({ fromSequence, toSequence }) => Array.from({ length: toSequence - fromSequence + 1 }, (_, i) => fromSequence + i)));
  if (told.size !== missing.size || [...missing].some((seq) => !told.has(seq))) violate('SIM6', `the database says ${[...told].join(',')} are missing, the timeline ${[...missing].join(',')}`);
  if (row.lastSequence !== lastSequence || row.bytes !== bytes.length || row.chunks !== chunks.length || row.missing !== missing.size)
    violate('SIM9', `the row says ${row.lastSequence}/${row.bytes}/${row.chunks}/${row.missing}, the timeline ${lastSequence}/${bytes.length}/${chunks.length}/${missing.size}`);

  // clips
  const clips = await repository.clips({ sessionId: row.id, limit: 100 });
  const highlights = new Map((await repository.highlights(row.id)).map((highlight) => [highlight.id, highlight]));
  const letters = await repository.deadLetters(row.id);
  for (const clip of clips) {
    const found = await store.stat(clip.mediaKey);
    if (!found) {
      violate('SIM8', `clip ${clip.id} has no object ${clip.mediaKey}`);
      continue;
    }
    const file = JSON.parse(new TextDecoder().decode(await store.read(clip.mediaKey))) as ClipFile;
    if (clip.bytes !== found.bytes || clip.startMs !== file.startMs || clip.endMs !== file.endMs) violate('SIM8', `the row of clip ${clip.id} v${clip.version} says ${clip.startMs}–${clip.endMs}, its object ${file.startMs}–${file.endMs}`);
    for (const packet of file.packets) if (crc32c(whole.subarray(packet.byteStart, packet.byteStart + packet.byteLength)) !== packet.crc) violate('SIM8', `clip ${clip.id} holds a packet at byte ${packet.byteStart} that the recording does not`);
    const of = highlights.get(clip.id);
    if (!of || of.state === 'vetoed') violate('SIM8', `clip ${clip.id} is kept although its moment is ${of ? 'vetoed' : 'not stored'}`);
    else if (of.version !== clip.version && letters.length === 0) violate('SIM8', `clip ${clip.id} is version ${clip.version}, its moment ${of.version}`);
  }
  for (const highlight of highlights.values()) if (highlight.state !== 'vetoed' && letters.length === 0 && !clips.some(({ id }) => id === highlight.id)) violate('SIM8', `moment ${highlight.id} v${highlight.version} has no clip`);
  const objects = new Set<string>();
  for await (const { key } of store.list(`sessions/${row.id}/clips/`)) objects.add(key);
  for (const key of objects) if (!clips.some(({ id }) => key.startsWith(`sessions/${row.id}/clips/${id}/`))) violate('SIM8', `object ${key} belongs to no clip`);

  // cursors: all of it was worked through; what lies behind a loss may be the middle of a cluster, which nobody can decode
  const cursor = await repository.cursor(row.id);
  const heardMs = Math.max(0, ...order.slice(0, Math.min(at + 1, missing.size === 0 ? Infinity : Math.min(...missing) - 1)).map(({ capture: { startMs, durationMs } }) => startMs + durationMs));
  if (letters.length === 0 && have.has(1) && cursor.signalsUntilMs < heardMs - 2_000) violate('SIM11', `closed with signals until ${cursor.signalsUntilMs} ms of ${heardMs}`);

  // words
  if (letters.length === 0 && plan.recorder.transcript === 'server' && plan.server.transcriber === 'api') {
    const truth = order.filter(({ capture }) => chunks.some(({ bytes: content }) => same(content, capture.bytes))).flatMap(({ capture }) => capture.sound.filter(({ word }) => word > 0).map(({ word }) => wordText(word)));
    const words = (await repository.words(row.id)).map(({ text }) => text);
    const said = new Set(truth);
    const stray = words.find((word) => !said.has(word));
    if (stray !== undefined) violate('SIM10', `"${stray}" was not said`);
    if (new Set(words).size !== words.length) violate('SIM10', `a word is stored twice: ${words.join(' ')}`);
    const lost = truth.find((word) => !words.includes(word));
    if (lost !== undefined) violate('SIM10', `"${lost}" was said and is not in the transcript`);
  }
  return whole;
};
