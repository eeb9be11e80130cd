// Watches a world from outside and keeps what must hold (rules SIM in SPEC.md): everything said on the wire, everything that took
// effect in database and store, and at the end what is left of it all.
import { Unpackr } from 'msgpackr';
import { crc32c } from '../../../shared/crc32c.ts';
import type { SessionEvent, Word } from '../../../shared/model.ts';
import type { ClientFrame, Credits, ServerFrame } from '../../../shared/protocol.ts';
import type { ObjectStore, Repository, StoredClip } from '../../ports.ts';
import type { Timeline } from '../../sessions/timeline.ts';

export type Violation = { rule: string; message: string };

/** A client that keeps to the protocol is never told these. */
const NEVER = new Set(['bad_frame', 'unauthorized', 'forbidden', 'version', 'conflict', 'crc', 'credits', 'too_large', 'media']);

type Connection = { take: number; session: string | null; epoch: number; told: { seq: number; credits: Credits }; inFlight: { seq: number; size: number }[] };
export type Ready = { epoch: number; lastSeq: number; /** the highest acknowledged in this epoch */ acked: number; take: number };
type SessionFacts = {
  acked: number;
  /** last sequence that was sent or declared lost */
  highest: number;
  readies: Ready[];
  /** by sequence: what clients sent */
  sent: Map<number, number>;
  gaps: Set<number>;
  words: string[];
  clips: Map<string, number>;
  ended: boolean;
};

const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number' });
export const clientFrameOf = (bytes: Uint8Array): ClientFrame => unpackr.unpack(bytes) as ClientFrame;
const serverFrameOf = (bytes: Uint8Array): ServerFrame => unpackr.unpack(bytes) as ServerFrame;
const wordKey = ({ startMs, text }: Word): string => `${Math.round(startMs)} ${text}`;

export const createWitness = (options: { repository: Repository; store: Pick<ObjectStore, 'stat'>; trace: (what: string, detail: string | number) => void }) => {
  const { repository, trace } = options;
  const facts = new Map<string, SessionFacts>();
  const connections = new Map<number, Connection>();
  const checks = new Set<Promise<void>>();
  let violation: Violation | null = null;

  const violate = (rule: string, message: string): void => {
    violation ??= { rule, message };
  };
  const factsOf = (session: string): SessionFacts => {
    const known = facts.get(session);
    if (known) return known;
    const made: SessionFacts = { acked: 0, highest: 0, readies: [], sent: new Map(), gaps: new Set(), words: [], clips: new Map(), ended: false };
    facts.set(session, made);
    return made;
  };
  /** The fakes answer at once; what they say is looked at when promises settle. */
  const check = (work: () => Promise<void>): void => {
    const done: Promise<void> = work().catch((error: unknown) => violate('SIM0', `the witness failed: ${String(error)}`)).finally(() => checks.delete(done));
    checks.add(done);
  };
  const connectionOf = (id: number): Connection => {
    const known = connections.get(id);
    if (known) return known;
    const made: Connection = { take: 0, session: null, epoch: 0, told: { seq: 0, credits: { chunks: 0, bytes: 0 } }, inFlight: [] };
    connections.set(id, made);
    return made;
  };

  const chunkSent = (connection: Connection, frame: ClientFrame & { t: 'chunk' }): void => {
    const { sent, gaps } = factsOf(frame.session);
    const crc = crc32c(frame.bytes);
    if (crc !== frame.crc) violate('SIM3', `chunk ${frame.seq} is sent with crc ${frame.crc}, its bytes have ${crc}`);
    if (sent.has(frame.seq) && sent.get(frame.seq) !== crc) violate('SIM3', `sequence ${frame.seq} is sent with other bytes than before`);
    if (gaps.has(frame.seq)) violate('SIM6', `sequence ${frame.seq} was declared lost and is sent`);
    sent.set(frame.seq, crc);
    connection.inFlight = [...connection.inFlight.filter(({ seq }) => seq > connection.told.seq), { seq: frame.seq, size: frame.bytes.length }];
    const bytes = connection.inFlight.reduce((sum, { size }) => sum + size, 0);
    const { credits } = connection.told;
    if (connection.inFlight.length > credits.chunks || bytes > credits.bytes)
      violate('SIM5', `${connection.inFlight.length} chunks, ${bytes} bytes in flight above ${connection.told.seq}; granted were ${credits.chunks}, ${credits.bytes}`);
  };

  const clipSaved = (clip: StoredClip): void => check(async () => {
    const row = await repository.clip(clip.id);
    if (row === null) return; // it had been deleted: nothing was saved
    if (row.version < clip.version) return violate('SIM8', `clip ${clip.id} is stored as version ${row.version} after ${clip.version} was saved`);
    if ((await options.store.stat(row.mediaKey)) === null) violate('SIM8', `clip ${clip.id} v${row.version} is stored, its object ${row.mediaKey} is not`);
  });

  return {
    get violation() {
      return violation;
    },
    violate, factsOf, facts,
    checking: () => checks.size,

    connected: (id: number, take: number): void => { connectionOf(id).take = take; },
    clientSends: (id: number, bytes: Uint8Array): void => {
      const connection = connectionOf(id);
      const frame = clientFrameOf(bytes);
      trace(frame.t, 'seq' in frame ? frame.seq : 'from' in frame ? frame.from : id);
      if (frame.t === 'chunk' || frame.t === 'gap') {
        const known = factsOf(frame.session);
        known.highest = Math.max(known.highest, frame.t === 'gap' ? frame.to : frame.seq);
      }
      if (frame.t === 'chunk') chunkSent(connection, frame);
      if (frame.t === 'gap') {
        const { gaps, sent, acked } = factsOf(frame.session);
        for (let seq = frame.from; seq <= frame.to; seq++) {
          gaps.add(seq);
          if (seq <= acked && sent.has(seq)) violate('SIM1', `sequence ${seq} was acknowledged and is declared lost`);
        }
      }
    },
    clientHears: (id: number, bytes: Uint8Array): void => {
      const frame = serverFrameOf(bytes);
      const connection = connectionOf(id);
      if (frame.t === 'ready') Object.assign(connection, { told: { seq: frame.lastSeq, credits: frame.credits }, inFlight: [] });
      else if (frame.t === 'ack' && frame.seq >= connection.told.seq) connection.told = { seq: frame.seq, credits: frame.credits };
    },
    serverSends: (id: number, bytes: Uint8Array): void => {
      const connection = connectionOf(id);
      const frame = serverFrameOf(bytes);
      trace(`< ${frame.t}`, frame.t === 'ack' ? frame.seq : frame.t === 'ready' ? frame.lastSeq : frame.t === 'error' ? `${frame.code} ${frame.message}` : id);
      if (frame.t === 'ready') {
        const known = factsOf(frame.session);
        if (frame.lastSeq < known.acked) violate('SIM1', `ready says ${frame.lastSeq}, ${known.acked} had been acknowledged`);
        const before = known.readies.at(-1);
        if (before && (frame.epoch < before.epoch || (frame.epoch === before.epoch && !known.ended))) violate('SIM4', `epoch ${frame.epoch} follows ${before.epoch}`);
        known.readies.push({ epoch: frame.epoch, lastSeq: frame.lastSeq, acked: frame.lastSeq, take: connection.take });
        Object.assign(connection, { session: frame.session, epoch: frame.epoch });
      } else if (frame.t === 'ack') {
        const known = factsOf(frame.session);
        if (frame.seq > known.highest) violate('SIM2', `sequence ${frame.seq} is acknowledged, ${known.highest} is the last that was sent`);
        known.acked = Math.max(known.acked, frame.seq);
        const owner = known.readies.findLast(({ epoch }) => epoch === connection.epoch);
        if (owner) owner.acked = Math.max(owner.acked, frame.seq);
      } else if (frame.t === 'stopped') {
        const known = factsOf(frame.session);
        known.acked = Math.max(known.acked, frame.totals.lastSequence);
      } else if (frame.t === 'error' && NEVER.has(frame.code)) violate('SIM7', `a client that keeps to the protocol is told ${frame.code}: ${frame.message}`);
    },

    /** A recording is gone, and so is what it was fed over. */
    forget: (session: string): void => {
      facts.delete(session);
      for (const [id, connection] of connections) if (connection.session === session) connections.delete(id);
    },
    /** What it declared lost and no server had stored yet may be numbered again. */
    clientDied: (): void => {
      for (const known of facts.values()) for (const seq of known.gaps) if (seq > known.acked) known.gaps.delete(seq);
    },
    /** A life of the server has opened a recording's timeline. */
    opened: (session: string, timeline: Timeline): void => {
      const { lastSequence } = timeline.state;
      const { acked } = factsOf(session);
      if (lastSequence < acked) violate('SIM1', `${acked} chunks were acknowledged, the timeline that was opened ends at ${lastSequence}`);
    },

    /** Something took effect in database or store. */
    effect: (method: string, args: unknown[]): void => {
      if (method === 'saveClip') clipSaved(args[0] as StoredClip);
      else if (method === 'commitWords') check(async () => {
        const session = args[0] as string;
        const known = factsOf(session);
        const now = (await repository.words(session)).map(wordKey);
        const kept = new Set(now);
        const gone = known.words.find((word) => !kept.has(word));
        if (gone !== undefined) violate('SIM10', `the committed word "${gone}" has changed or gone`);
        known.words = now;
      });
      else if (method === 'commitBins') check(async () => {
        const [session, , untilMs] = args as [string, unknown, number];
        const { signalsUntilMs } = await repository.cursor(session);
        if (untilMs < signalsUntilMs) violate('SIM11', `the signals cursor is at ${signalsUntilMs} ms and was saved as ${untilMs} ms`);
      });
    },

    /** Viewers are told. */
    published: (event: SessionEvent): void => {
      if (event.type === 'session' && event.session.status !== 'live' && event.session.status !== 'interrupted') factsOf(event.session.id).ended = true;
      if (event.type !== 'clip') return;
      const { clip } = event;
      const { clips } = factsOf(clip.sessionId);
      const before = clips.get(clip.id) ?? 0;
      if (clip.version < before) violate('SIM8', `clip ${clip.id} is announced as version ${clip.version} after ${before}`);
      clips.set(clip.id, clip.version);
      check(async () => {
        const row = await repository.clip(clip.id);
        if (row !== null && row.version < clip.version) violate('SIM8', `clip ${clip.id} v${clip.version} is announced, stored is version ${row.version}`);
      });
    },
  };
};
export type Witness = ReturnType<typeof createWitness>;

