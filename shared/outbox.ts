// What one recording still has to bring to the server, in order of sequence: chunks and declared gaps (P1, P4, P5, P6).
// Knows no sockets, no clock and no bytes: it says what may be sent next and what is settled.
import { ClientError } from './client-error.ts';
import { foldHash } from './crc32c.ts';
import type { Credits } from './protocol.ts';
import type { ChunkMeta } from './ring.ts';

type Chunk = ChunkMeta & { kind: 'chunk'; held: boolean };
export type Lost = { kind: 'gap'; from: number; to: number; startMs: number; endMs: number };
type Item = Chunk | Lost;

const lastOf = (item: Item): number => (item.kind === 'chunk' ? item.seq : item.to);
const lost = ({ seq, startMs, durationMs }: ChunkMeta): Lost => ({ kind: 'gap', from: seq, to: seq, startMs, endMs: startMs + durationMs });
const join = (a: Lost, b: Lost): Lost => ({ kind: 'gap', from: a.from, to: b.to, startMs: Math.min(a.startMs, b.startMs), endMs: Math.max(a.endMs, b.endMs) });

export type OutboxCounts = {
  /** chunks not yet acknowledged, and their bytes; those whose bytes the ring still holds, and their media time */
  unacked: number;
  unackedBytes: number;
  heldBytes: number;
  heldMs: number;
  /** sent on this connection and not acknowledged */
  inFlight: Credits;
};

export class Outbox {
  #items: Item[] = [];
  /** how many of #items went out on this connection */
  #sent = 0;
  /** highest sequence that ever went out: above it the server cannot have anything */
  #everSent = 0;
  #lastSeq = 0;
  #through = 0;
  #hash = 0;
  #credits: Credits = { chunks: 0, bytes: 0 };
  #inFlight: Credits = { chunks: 0, bytes: 0 };
  #lostChunks = 0;
  #counts = { unacked: 0, unackedBytes: 0, heldBytes: 0, heldMs: 0 };

  get lastSeq(): number {
    return this.#lastSeq;
  }
  /** all up to here is stored or declared lost, and the server said so */
  get through(): number {
    return this.#through;
  }
  get hash(): number {
    return this.#hash;
  }
  get credits(): Credits {
    return this.#credits;
  }
  get counts(): OutboxCounts {
    return { ...this.#counts, inFlight: { ...this.#inFlight } };
  }
  /** chunks whose bytes are gone and that the server is known not to have */
  get lostChunks(): number {
    return this.#lostChunks;
  }
  /** everything went out on this connection */
  get drained(): boolean {
    return this.#sent === this.#items.length;
  }

  /** What a ring kept through a restart. */
  restore(state: { through: number; hash: number; chunks: (ChunkMeta & { held: boolean })[] }): void {
    this.#through = this.#lastSeq = state.through;
    this.#hash = state.hash;
    for (const chunk of state.chunks) {
      this.#everSent = chunk.seq; // it may have gone out
      this.add(chunk, chunk.held);
    }
  }

  /** Next in sequence. `held: false` = its bytes could not be kept. */
  add(meta: ChunkMeta, held: boolean): void {
    this.#lastSeq = meta.seq;
    if (meta.seq <= this.#through) return this.#settleChunk(meta); // a file sent again under the same key
    this.#items.push({ ...meta, kind: 'chunk', held });
    this.#counts.unacked++;
    this.#counts.unackedBytes += meta.size;
    if (held) this.#hold(meta, 1);
    else this.#surrender(this.#items.length - 1);
  }

  /** Gives up the oldest chunk whose bytes are held, except a header: the first, and what has no time of its own (a later initialisation). */
  dropOldest(): number | null {
    const index = this.#items.findIndex((item) => item.kind === 'chunk' && item.held && item.seq > 1 && item.durationMs > 0);
    const item = this.#items[index];
    if (item?.kind !== 'chunk') return null;
    this.lose(item.seq);
    return item.seq;
  }

  /** The bytes of `seq` are gone. */
  lose(seq: number): void {
    const index = this.#items.findIndex((item) => item.kind === 'chunk' && item.seq === seq);
    const item = this.#items[index];
    if (item?.kind !== 'chunk' || !item.held) return;
    this.#hold(item, -1);
    item.held = false;
    this.#surrender(index);
  }

  /** A connection's `ready`: everything above `lastSeq` goes out (again), and what is no longer held is a gap (P4, P6). */
  ready(lastSeq: number, credits: Credits): void {
    this.#sent = 0;
    this.#inFlight = { chunks: 0, bytes: 0 };
    this.#settle(lastSeq);
    this.#everSent = this.#through;
    for (let index = this.#items.length - 1; index >= 0; index--) {
      const item = this.#items[index];
      if (item?.kind === 'chunk' && !item.held) this.#surrender(index);
      this.#joinAt(index);
    }
    this.#credits = credits;
  }

  ack(seq: number, credits: Credits): void {
    const last = this.#items[this.#sent - 1];
    const highest = last ? lastOf(last) : this.#through;
    if (seq > highest) throw new ClientError('order', `the server acknowledged sequence ${seq}, ${highest} is the last one sent; report this as a server error`);
    if (seq < this.#through) return; // an older one, late
    this.#settle(seq);
    this.#credits = credits;
  }

  /** What goes out next, within the credits (P5). A gap waits for the chunk behind it, or for the end, so that one outage is one gap. */
  next(ending: boolean): ChunkMeta | Lost | null {
    const item = this.#items[this.#sent];
    if (!item) return null;
    const following = item.kind === 'gap' ? this.#items[this.#sent + 1] : item;
    if (!following) return ending ? item : null;
    return following.kind === 'gap' || this.#affords(following.size) ? item : null;
  }

  /** What `next` gave went out. */
  sent(): void {
    const item = this.#items[this.#sent];
    if (!item) return;
    this.#sent++;
    this.#everSent = Math.max(this.#everSent, lastOf(item));
    if (item.kind === 'chunk') this.#fly(item.size, 1);
  }

  /** What `stop` carries, once drained: the hash over all that went out and was not declared lost. */
  final(): { finalSeq: number; hash: number } {
    const hash = this.#items.reduce((folded, item) => (item.kind === 'chunk' ? foldHash(folded, item.crc) : folded), this.#hash);
    return { finalSeq: this.#lastSeq, hash };
  }

  #affords(size: number): boolean {
    return this.#inFlight.chunks + 1 <= this.#credits.chunks && this.#inFlight.bytes + size <= this.#credits.bytes;
  }

  /** Turns a chunk without bytes into a gap, if the server cannot have it. */
  #surrender(index: number): void {
    const item = this.#items[index];
    if (item?.kind !== 'chunk' || item.seq <= this.#everSent) return;
    this.#uncount(item);
    this.#lostChunks++;
    this.#items[index] = lost(item);
    this.#joinAt(index);
    this.#joinAt(index - 1);
  }

  #joinAt(index: number): void {
    const [first, second] = [this.#items[index], this.#items[index + 1]];
    if (index >= this.#sent && first?.kind === 'gap' && second?.kind === 'gap') this.#items.splice(index, 2, join(first, second));
  }

  #settle(seq: number): void {
    while (this.#items[0] && lastOf(this.#items[0]) <= seq) {
      const item = this.#items.shift();
      const wasSent = this.#sent > 0;
      if (wasSent) this.#sent--;
      if (item?.kind !== 'chunk') continue;
      this.#settleChunk(item);
      this.#uncount(item);
      if (item.held) this.#hold(item, -1);
      if (wasSent) this.#fly(item.size, -1);
    }
    const first = this.#items[0];
    if (first?.kind === 'gap' && first.from <= seq) this.#items[0] = { ...first, from: seq + 1 };
    this.#through = Math.max(this.#through, seq);
  }

  #settleChunk({ crc }: ChunkMeta): void {
    this.#hash = foldHash(this.#hash, crc);
  }
  #uncount({ size }: ChunkMeta): void {
    this.#counts.unacked--;
    this.#counts.unackedBytes -= size;
  }
  #hold({ size, durationMs }: ChunkMeta, sign: 1 | -1): void {
    this.#counts.heldBytes += sign * size;
    this.#counts.heldMs += sign * durationMs;
  }
  #fly(size: number, sign: 1 | -1): void {
    this.#inFlight.chunks += sign;
    this.#inFlight.bytes += sign * size;
  }
}
