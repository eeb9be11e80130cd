// Words on their way to the server: kept until it says they are durable, sent again after each `ready` (P18, P19).
import { ClientError } from './client-error.ts';
import { framesOf, timesFault } from './heard-words.ts';
import type { HeardWords, Word } from './model.ts';
import { MAX_UNCONFIRMED_WORDS, MAX_WORD_TEXT } from './protocol.ts';

/** `dropped`: batches let go unconfirmed because too many waited. `refused`: why the server takes none; null while it does. */
export type WordsStatus = { untilMs: number; waiting: number; dropped: number; refused: string | null };

/** What a word may hold on the wire (P10); null where nothing is left of it. */
const cleanWord = ({ startMs, endMs, text, confidence }: Word): Word | null => {
  const clean = text.replaceAll('\0', '').trim().slice(0, MAX_WORD_TEXT).toWellFormed();
  return clean === '' ? null : { startMs, endMs, text: clean, confidence: Math.min(1, Math.max(0, confidence || 0)) };
};

export class WordOutbox {
  #waiting: HeardWords[] = [];
  #untilMs = 0;
  #addedUntilMs = 0;
  #dropped = 0;
  #refused: ClientError | null = null;

  get status(): WordsStatus {
    return { untilMs: this.#untilMs, waiting: this.#waiting.length, dropped: this.#dropped, refused: this.#refused?.message ?? null };
  }
  /** unconfirmed, oldest first */
  get waiting(): readonly HeardWords[] {
    return this.#waiting;
  }

  /** Returns the frames to send. Throws ClientError where the batch makes no sense or the server takes none. */
  add(batch: HeardWords): HeardWords[] {
    if (this.#refused) throw this.#refused;
    const fault = timesFault(batch);
    if (fault) throw new ClientError('words', fault.message);
    if (batch.fromMs < this.#addedUntilMs) throw new ClientError('words', `fromMs is ${batch.fromMs}; words until ${this.#addedUntilMs} ms were handed in before`);
    const frames = framesOf({ ...batch, words: batch.words.flatMap((word) => cleanWord(word) ?? []) });
    if (!frames) throw new ClientError('words', `too many words of ${batch.fromMs}..${batch.untilMs} ms begin at the same time; give each a time of its own`);
    this.#addedUntilMs = batch.untilMs;
    const fresh = frames.filter(({ untilMs }) => untilMs > this.#untilMs);
    this.#waiting.push(...fresh);
    const surplus = Math.max(0, this.#waiting.length - MAX_UNCONFIRMED_WORDS);
    this.#dropped += surplus;
    this.#waiting.splice(0, surplus);
    return fresh.filter((frame) => this.#waiting.includes(frame));
  }

  /** All up to here is durable. */
  heard(untilMs: number): void {
    this.#untilMs = Math.max(this.#untilMs, untilMs);
    this.#waiting = this.#waiting.filter((batch) => batch.untilMs > this.#untilMs);
  }

  /** The server takes no words of this recording. */
  refuse(error: ClientError): void {
    this.#refused = error;
    this.#waiting = [];
  }
}
