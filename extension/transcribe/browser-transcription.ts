// The one speech engine of this browser. Its model is loaded while the user wants it, and it hears one recording at a time: two would
// take turns and both fall behind. What begins meanwhile, or without a model that works, is left to the server.
import type { HeardWords } from '../../shared/model.ts';
import type { RecorderView } from '../view.ts';
import { loadModel } from './model-store.ts';
import { type PcmTap, tapPcm } from './pcm-tap.ts';
import { LocalTranscriber, type TranscriberOptions } from './transcriber.ts';

/** what was said last may wait for an engine that is behind; the server waits 10 s for words after the end */
const FLUSH_MS = 30_000;

/** One recording's use of the engine. */
export type Hearing = {
  /** From now on this track, whose next sound lies at `startMs` of the recording. */
  listen(track: MediaStreamTrack, startMs: number): void;
  /** Resolves when what was said has been heard, or was given up. */
  stop(): Promise<void>;
};
export type HearingOptions = {
  /** may throw, which ends hearing */
  onWords: (batch: HeardWords) => void;
  /** no more words come; why */
  onEnd: (note: string) => void;
};

type User = HearingOptions & { tap: PcmTap | null; droppedMs: number };
type State =
  | { at: 'off' }
  | { at: 'loading'; abort: AbortController; share: number }
  | { at: 'ready'; engine: LocalTranscriber; user: User | null }
  /** `user`: whose recording it failed in */
  | { at: 'failed'; note: string; user: User | null };

export type BrowserTranscriptionOptions = Pick<TranscriberOptions, 'createWorker' | 'engine'> & { onChange: () => void };

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export class BrowserTranscription {
  readonly #options: BrowserTranscriptionOptions;
  #wanted = false;
  /** the engine in use is to be replaced when its recording has ended */
  #stale = false;
  #state: State = { at: 'off' };

  constructor(options: BrowserTranscriptionOptions) {
    this.#options = options;
  }

  get view(): RecorderView['transcription'] {
    const state = this.#state;
    switch (state.at) {
      case 'off':
        return { state: 'off', note: '' };
      case 'loading':
        return { state: 'loading', note: `${Math.floor(state.share * 100)} %` };
      case 'failed':
        return { state: 'failed', note: state.note };
      case 'ready':
        return { state: 'ready', note: state.user ? noteOf(state.user) : '' };
      default:
        return state satisfies never;
    }
  }

  /** The user's wish. */
  use(wanted: boolean): void {
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    this.#renew();
  }

  /** Another model is stored, or none. */
  modelChanged(): void {
    this.#renew();
  }

  /** null: not loaded, or another recording is being heard. */
  take(options: HearingOptions): Hearing | null {
    if (this.#state.at !== 'ready' || this.#state.user || this.#stale) return null;
    const { engine } = this.#state;
    const user: User = { ...options, tap: null, droppedMs: 0 };
    this.#set({ at: 'ready', engine, user });
    return {
      listen: (track, startMs) => this.#listen(user, engine, track, startMs),
      stop: () => this.#stop(user, engine),
    };
  }

  #listen(user: User, engine: LocalTranscriber, track: MediaStreamTrack, startMs: number): void {
    user.tap?.stop();
    if (!this.#serves(user)) return;
    try {
      user.tap = tapPcm({
        track, startMs, onPcm: (pcm, atMs) => engine.push(pcm, atMs),
        onEnd: (error) => { if (error) this.#giveUp(user, error.message); },
      });
    } catch (cause) {
      this.#giveUp(user, messageOf(cause));
    }
  }

  async #stop(user: User, engine: LocalTranscriber): Promise<void> {
    user.tap?.stop();
    if (this.#serves(user)) {
      const { promise: late, resolve } = Promise.withResolvers<'late'>();
      const timer = setTimeout(() => resolve('late'), FLUSH_MS);
      const ended = await Promise.race([engine.flush(), late]);
      clearTimeout(timer);
      if (ended === 'late') this.#giveUp(user, `the end was not transcribed: the engine was more than ${FLUSH_MS / 1_000} s behind; choose a smaller model`);
    }
    if (this.#serves(user)) this.#set({ at: 'ready', engine, user: null });
    // an engine that failed while it was heard may work for the next
    if (this.#stale || (this.#state.at === 'failed' && this.#state.user === user)) this.#renew();
  }

  #serves(user: User): boolean {
    return this.#state.at === 'ready' && this.#state.user === user;
  }

  /** The engine may still work on what nobody wants any more, so the next gets a fresh one. */
  #giveUp(user: User, note: string): void {
    if (!this.#serves(user)) return;
    user.tap?.stop();
    this.#end();
    user.onEnd(note);
    this.#renew();
  }

  #heard(engine: LocalTranscriber, batch: HeardWords): void {
    if (this.#state.at !== 'ready' || this.#state.engine !== engine || !this.#state.user) return;
    const { user } = this.#state;
    try {
      user.onWords(batch);
    } catch (cause) {
      this.#giveUp(user, messageOf(cause));
    }
  }

  #renew(): void {
    this.#stale = this.#state.at === 'ready' && this.#state.user !== null;
    if (this.#stale) return;
    this.#end();
    if (this.#wanted) void this.#load();
  }

  #end(): void {
    const state = this.#state;
    if (state.at === 'loading') state.abort.abort();
    if (state.at === 'ready') state.engine.close();
    this.#set({ at: 'off' });
  }

  async #load(): Promise<void> {
    const mine: State = { at: 'loading', abort: new AbortController(), share: 0 };
    this.#set(mine);
    const current = (): boolean => this.#state === mine;
    const engine: LocalTranscriber = new LocalTranscriber({
      ...this.#options,
      onBatch: (batch) => this.#heard(engine, batch),
      onDrop: ({ fromMs, untilMs }) => {
        if (this.#state.at !== 'ready' || this.#state.engine !== engine || !this.#state.user) return;
        this.#state.user.droppedMs += untilMs - fromMs;
        this.#options.onChange();
      },
      onError: (error) => {
        if (this.#state.at !== 'ready' || this.#state.engine !== engine) return; // while loading: told by load
        const { user } = this.#state;
        user?.tap?.stop();
        this.#set({ at: 'failed', note: error.message, user });
        user?.onEnd(error.message);
      },
    });
    try {
      const stored = await loadModel();
      if (!current()) return;
      if (!stored) return this.#set({ at: 'failed', note: 'no model is stored; choose one on the options page, the server transcribes meanwhile', user: null });
      await engine.load(stored.file, (share) => {
        mine.share = share;
        this.#options.onChange();
      }, mine.abort.signal);
      if (current()) this.#set({ at: 'ready', engine, user: null });
      else engine.close();
    } catch (cause) {
      if (current()) this.#set({ at: 'failed', note: `${messageOf(cause)}; the server transcribes meanwhile`, user: null });
    }
  }

  #set(state: State): void {
    this.#state = state;
    this.#options.onChange();
  }
}

const noteOf = ({ droppedMs }: User): string =>
  droppedMs === 0 ? 'one recording at a time is heard here, others by the server' : `${Math.round(droppedMs / 1_000)} s were left out: this computer is too slow for the model, choose a smaller one`;
