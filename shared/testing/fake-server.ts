// A server small enough to be read as rules P1–P7, joined to clients by queues the test flushes by hand. It checks what
// a client must never do and throws where one does.
import { decodeClientFrame, decodeServerFrame, encodeFrame } from '../codec.ts';
import { crc32c, foldHash } from '../crc32c.ts';
import type { Word } from '../model.ts';
import type { ClientFrame, Credits, ServerFrame } from '../protocol.ts';
import type { SocketFactory } from '../socket.ts';
import { summaryOf } from './frames.ts';

type WordsFrame = Extract<ClientFrame, { t: 'words' }>;
type Stored = { bytes: Uint8Array; crc: number } | 'gap';
export type FakeSession = { id: string; key: string; epoch: number; durable: Stored[]; pending: Stored[]; closed: boolean; starts: number; words: Word[]; wordsUntilMs: number; pendingWords: WordsFrame[] };

type Line = {
  toServer: Uint8Array[];
  toClient: Uint8Array[];
  events: Parameters<SocketFactory>[1];
  opened: boolean;
  /** no bytes pass, no close is seen: the peer's network is gone */
  silent: boolean;
  closed: boolean;
  session: FakeSession | null;
  epoch: number;
  /** where its last `words` ended */
  wordsUntilMs: number;
  /** what the client was told last, and what it sent since: P5 is checked as it sends */
  told: { seq: number; credits: Credits };
  sent: { seq: number; size: number }[];
};

export class FakeServer {
  readonly sessions = new Map<string, FakeSession>();
  readonly received: ClientFrame[] = [];
  credits: Credits = { chunks: 4, bytes: 10_000_000 };
  token = 'secret';
  line: Line | null = null;
  connections = 0;
  /** nobody listens */
  refuse = false;

  readonly connect: SocketFactory = (_, events) => {
    if (this.refuse) {
      queueMicrotask(() => events.close(1006, 'refused'));
      return { send: () => {}, close: () => {} };
    }
    const line: Line = {
      toServer: [], toClient: [], events, opened: false, silent: false, closed: false, session: null, epoch: 0, wordsUntilMs: 0, told: { seq: 0, credits: { chunks: 0, bytes: 0 } }, sent: [],
    };
    this.line = line;
    this.connections++;
    return {
      send: (bytes) => {
        this.#witness(line, bytes);
        if (!line.closed) line.toServer.push(bytes.slice());
      },
      close: () => void (line.closed = true),
    };
  };

  /** Moves at most `count` frames each way. */
  flush(count = Infinity): void {
    const line = this.line;
    if (!line || line.silent || line.closed) return;
    if (!line.opened) {
      line.opened = true;
      line.events.open();
    }
    for (let left = count; left > 0 && line.toServer.length > 0 && !line.closed; left--) this.#handle(line, decodeClientFrame(line.toServer.shift()!, { maxChunkBytes: 1 << 20 }));
    for (let left = count; left > 0 && line.toClient.length > 0 && !line.closed; left--) this.#deliver(line, line.toClient.shift()!);
  }

  /** What was received becomes durable, and is acknowledged. */
  sync(): void {
    for (const session of this.sessions.values()) session.durable.push(...session.pending.splice(0));
    const line = this.line;
    for (const session of this.sessions.values()) this.#hear(session);
    if (line?.session && line.epoch === line.session.epoch) this.send({ t: 'ack', session: line.session.id, seq: line.session.durable.length, level: 'spool', credits: this.credits });
  }

  send(frame: ServerFrame): void {
    this.line?.toClient.push(encodeFrame(frame).slice());
  }

  drop(code = 1006, reason = ''): void {
    const line = this.line;
    if (!line || line.closed) return;
    line.closed = true;
    line.events.close(code, reason);
  }

  /** What was not durable is gone. */
  crash(): void {
    for (const session of this.sessions.values()) Object.assign(session, { pending: [], pendingWords: [] });
    this.drop();
  }

  goSilent(): void {
    if (this.line) this.line.silent = true;
  }

  #deliver(line: Line, bytes: Uint8Array): void {
    const frame = decodeServerFrame(bytes);
    if (frame.t === 'ready' || frame.t === 'ack') {
      const seq = frame.t === 'ready' ? frame.lastSeq : frame.seq;
      if (seq >= line.told.seq) line.told = { seq, credits: frame.credits };
    }
    line.events.message(bytes);
  }

  /** [P5] The client's side of the credits, by what it has been told. */
  #witness(line: Line, bytes: Uint8Array): void {
    const frame = decodeClientFrame(bytes, { maxChunkBytes: 1 << 20 });
    if (frame.t !== 'chunk') return;
    line.sent.push({ seq: frame.seq, size: frame.bytes.length });
    const above = line.sent.filter(({ seq }) => seq > line.told.seq);
    const size = above.reduce((sum, chunk) => sum + chunk.size, 0);
    const { credits } = line.told;
    if (above.length > credits.chunks || size > credits.bytes) throw new Error(`credits overdrawn: ${above.length} chunks, ${size} bytes above ${line.told.seq}, granted ${credits.chunks}, ${credits.bytes}`);
  }

  #handle(line: Line, frame: ClientFrame): void {
    this.received.push(frame);
    switch (frame.t) {
      case 'hello':
        if (frame.token !== this.token) {
          this.send({ t: 'error', code: 'unauthorized', message: 'the token is not known', retryable: false, session: null });
          return;
        }
        return this.send({ t: 'welcome', version: 1, user: 'admin', limits: { maxChunkBytes: 1 << 20, credits: this.credits }, serverAt: 0 });
      case 'start': {
        const session = this.sessions.get(frame.key) ?? { id: `s${this.sessions.size + 1}`, key: frame.key, epoch: 0, durable: [], pending: [], closed: false, starts: 0, words: [], wordsUntilMs: 0, pendingWords: [] };
        this.sessions.set(frame.key, session);
        session.durable.push(...session.pending.splice(0)); // a takeover first makes durable what came before
        session.epoch++;
        session.starts++;
        line.session = session;
        line.epoch = session.epoch;
        return this.send({ t: 'ready', key: frame.key, session: session.id, epoch: session.epoch, lastSeq: session.durable.length, credits: this.credits, wordsUntilMs: session.wordsUntilMs });
      }
      case 'chunk':
        return this.#store(line, frame.epoch, frame.seq, frame.seq, { bytes: frame.bytes.slice(), crc: frame.crc });
      case 'gap':
        return this.#store(line, frame.epoch, frame.from, frame.to, 'gap');
      case 'words':
        return this.#keepWords(line, frame);
      case 'stop': {
        const session = line.session;
        if (!session) throw new Error('stop before start');
        session.durable.push(...session.pending.splice(0));
        const hash = session.durable.reduce((folded, item) => (item === 'gap' ? folded : foldHash(folded, item.crc)), 0);
        if (frame.finalSeq !== session.durable.length || frame.hash !== hash) throw new Error(`stop says ${frame.finalSeq}/${frame.hash}, stored is ${session.durable.length}/${hash}`);
        session.closed = true;
        return this.send({ t: 'stopped', session: session.id, totals: summaryOf(session.id, { status: 'closed', chunks: session.durable.length }) });
      }
      case 'ping':
        return this.send({ t: 'pong', id: frame.id });
      case 'pong':
      case 'region':
      case 'page':
      case 'watch':
      case 'unwatch':
        return;
      default:
        frame satisfies never;
    }
  }

  /** On one connection each stretch begins where the one before it ended, or later. */
  #keepWords(line: Line, frame: WordsFrame): void {
    const { session, epoch } = line;
    if (!session || frame.epoch !== epoch || epoch !== session.epoch) throw new Error(`words under epoch ${frame.epoch}, the session's is ${session?.epoch}`);
    if (frame.fromMs < line.wordsUntilMs) throw new Error(`words from ${frame.fromMs} after words until ${line.wordsUntilMs}`);
    line.wordsUntilMs = frame.untilMs;
    session.pendingWords.push(frame);
  }

  #hear(session: FakeSession): void {
    for (const { words, untilMs } of session.pendingWords.splice(0)) {
      session.words.push(...words.filter(({ startMs }) => startMs >= session.wordsUntilMs));
      session.wordsUntilMs = Math.max(session.wordsUntilMs, untilMs);
      if (this.line?.session === session) this.send({ t: 'heard', session: session.id, untilMs: session.wordsUntilMs });
    }
  }

  #store(line: Line, epoch: number, from: number, to: number, item: Stored): void {
    const session = line.session;
    if (!session || epoch !== session.epoch) throw new Error(`epoch ${epoch} is not the session's`);
    const next = session.durable.length + session.pending.length + 1;
    if (from !== next) throw new Error(`sequence ${from} came where ${next} was next`);
    if (item !== 'gap' && crc32c(item.bytes) !== item.crc) throw new Error(`sequence ${from} has another crc`);
    for (let seq = from; seq <= to; seq++) session.pending.push(item);
  }
}
