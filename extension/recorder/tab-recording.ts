// One tab being recorded: capture → encoder → browser storage → server. Starts once, ends once, and in between restarts what fails.
import { ulid } from 'ulid';
import type { ClientError } from '../../shared/client-error.ts';
import type { Client } from '../../shared/client.ts';
import type { ClientClock } from '../../shared/connection.ts';
import type { RingLimits } from '../../shared/intake.ts';
import type { RecordingStatus } from '../../shared/recording.ts';
import { ExtensionError } from '../messages.ts';
import type { Region } from '../region-compose.ts';
import type { Settings } from '../settings.ts';
import type { Hearing, HearingOptions } from '../transcribe/browser-transcription.ts';
import type { RecordingState, RecordingView, Trouble } from '../view.ts';
import type { Capture, CaptureOptions } from './capture.ts';
import type { StartEncoder } from './encoder.ts';
import type { EncodedPiece, Encoder, EncoderStatus, RecordingRecord, RecordingStore } from './ports.ts';
import { PageTrack, type PageName } from './page-track.ts';
import { Troubles } from './troubles.ts';
import { Uplink } from './uplink.ts';
import { VideoPlace } from './video-place.ts';
import { look, mayRestart, sleptFor, type Watched, watchFrom } from './watchdog.ts';

const LOOK_MS = 1_000;

export type TabRecordingOptions = {
  tabId: number;
  streamId: string;
  title: string;
  sourceUrl: string;
  settings: Settings;
  store: RecordingStore;
  limits: RingLimits;
  client: Client | null;
  serverUrl: string;
  clock: ClientClock;
  openCapture: (options: CaptureOptions) => Promise<Capture>;
  startEncoder: StartEncoder;
  /** words made in this browser; null: the server makes them */
  hear: (options: HearingOptions) => Hearing | null;
  onChange: () => void;
  /** worth a notification */
  onTrouble: (recording: TabRecording, trouble: Trouble) => void;
};

/** `stopping`: the server has not confirmed all of it yet. */
type State =
  | { at: 'starting' }
  | { at: 'recording'; encoder: Encoder; offsetMs: number; pieces: number; watched: Watched }
  | { at: 'restarting' }
  | { at: 'stopping' }
  | { at: 'ended'; as: 'stopped' | 'left' | 'failed' };
const IDLE: EncoderStatus = { width: 0, height: 0, framesPerSecond: 0, bitsPerSecond: 0, queued: 0, dropped: 0, framesIn: 0, framesOut: 0 };
export class TabRecording {
  readonly key: string;
  readonly tabId: number;
  readonly startedAt: number;
  readonly #options: TabRecordingOptions;
  readonly #troubles: Troubles;
  readonly #place: VideoPlace;
  readonly #page: PageTrack;
  #hearing: Hearing | null = null;
  #capture: Capture | null = null;
  #state: State = { at: 'starting' };
  #record: RecordingRecord | null = null;
  #uplink: Uplink | null = null;
  #client: Client | null;
  #serverUrl: string;
  #durationMs = 0;
  #savableMs = 0;
  #status: EncoderStatus = IDLE;
  #restarts: number[] = [];
  #lookedAt: number;
  #cancelLook: () => void = () => undefined;
  #ending: Promise<void> | null = null;
  /** of an encoder that was replaced */
  #flushed: Promise<unknown> = Promise.resolve();
  #lastPieceAt = 0;

  /** Rejects where the tab cannot be captured; what fails later ends the recording with everything stored. */
  static async begin(options: TabRecordingOptions): Promise<TabRecording> {
    const recording = new TabRecording(options);
    recording.#capture = await options.openCapture({
      streamId: options.streamId, settings: options.settings,
      onEnded: () => void recording.stop(),
      onTrouble: (code, message) => recording.#troubles.set(code, message),
    });
    // decided once: the server is told who transcribes before the first piece
    recording.#hearing = options.hear({ onWords: (batch) => recording.#uplink?.words(batch), onEnd: (note) => recording.#troubles.set('words', `no more words are made in this browser: ${note}`) });
    void recording.#start();
    return recording;
  }

  private constructor(options: TabRecordingOptions) {
    this.#options = options;
    this.tabId = options.tabId;
    this.startedAt = this.#lookedAt = options.clock.now();
    this.key = ulid(this.startedAt);
    this.#client = options.client;
    this.#serverUrl = options.serverUrl;
    this.#troubles = new Troubles(options.clock, (trouble) => {
      if (trouble) options.onTrouble(this, trouble);
      options.onChange();
    });
    this.#place = new VideoPlace({ cropped: options.settings.cropToVideo, clock: options.clock, send: (rect) => this.#uplink?.region(this.mediaMs(), rect) });
    this.#page = new PageTrack({ clock: options.clock, mediaMs: () => this.mediaMs(), send: (page) => this.#uplink?.page(page) });
    this.#page.shows(options);
  }

  /** What is kept of it; null before the first piece. */
  get record(): RecordingRecord | null { return this.#record; }
  get ended(): boolean { return this.#state.at === 'ended'; }
  get frames(): VideoPlace['frames'] { return this.#place.frames; }
  mediaMs(): number {
    return this.#state.at === 'recording' ? this.#state.offsetMs + this.#state.encoder.mediaMs() : this.#durationMs;
  }

  view(): RecordingView {
    const status: Partial<RecordingStatus> = this.#uplink?.status ?? {};
    return {
      key: this.key, tabId: this.#state.at === 'ended' ? null : this.tabId, ...this.#page.known, state: this.#shown(),
      startedAt: this.startedAt, durationMs: this.#durationMs, encoder: this.#record?.encoder ?? 'webcodecs', width: this.#status.width, height: this.#status.height,
      framesPerSecond: this.#status.framesPerSecond, bitsPerSecond: this.#status.bitsPerSecond, microphone: this.#capture?.microphone != null, playing: this.#place.playing,
      session: status.session ?? null, pushed: status.pushed ?? 0, acked: status.lastAcked ?? 0, unackedChunks: status.unackedChunks ?? 0, unackedBytes: status.unackedBytes ?? 0,
      lost: status.lost ?? 0, savableMs: this.#savableMs, trouble: this.#troubles.latest,
    };
  }

  /** `page`: where it is the top frame that said so. */
  region(region: Region, page: PageName | null): void {
    this.#place.set(region, this.#state.at === 'recording' ? this.#state.encoder.picture : null);
    if (page) this.#page.shows(page, region.playing);
    else this.#page.plays(region.playing);
    this.#options.onChange();
  }

  /** The tab went to another page; null: to one that this extension may not look at. */
  page(name: PageName | null): void {
    if (name) this.#page.shows(name);
    else for (const track of [this.#place, this.#page]) track.lose();
    this.#options.onChange();
  }

  async move(client: Client | null, serverUrl: string): Promise<void> {
    this.#client = client;
    this.#serverUrl = serverUrl;
    if (!this.#uplink || this.#state.at === 'ended') return;
    this.#troubles.set('server', null);
    await this.#uplink.move(client);
    await this.#patch({ serverUrl });
  }

  /** The one way to end. Resolves when the server has all of it, or it waits in the browser. */
  stop(failure: Error | null = null): Promise<void> {
    return (this.#ending ??= this.#end(failure));
  }

  #shown(): RecordingState {
    if (this.#state.at === 'ended') return this.#state.as;
    return this.#state.at === 'restarting' ? 'recording' : this.#state.at === 'recording' && this.#durationMs === 0 ? 'starting' : this.#state.at;
  }

  async #start(): Promise<void> {
    const { clock, settings } = this.#options;
    const capture = this.#capture;
    if (!capture) return;
    const opened = Promise.withResolvers<{ encoder: Encoder; offsetMs: number }>();
    opened.promise.catch(() => undefined); // told below
    let mine: State | null = null;
    const began = clock.now();
    try {
      const encoder = await this.#options.startEncoder({
        stream: capture.stream, microphone: capture.microphone, soundDelayMs: capture.soundDelayMs, settings,
        crop: settings.cropToVideo ? () => this.#place.rect : null,
        onPiece: async (piece) => this.#keep(piece, await opened.promise),
        onFailure: (error) => {
          if (mine !== null && mine === this.#state) void this.#restart(error);
        },
      });
      // a later encoder begins where the clock of the recording stands: what lies between is lost
      const offsetMs = this.#restarts.length === 0 ? 0 : Math.max(this.#durationMs, this.#durationMs + (clock.now() - this.#lastPieceAt) - encoder.mediaMs());
      opened.resolve({ encoder, offsetMs });
      if (this.#ending) return void (await encoder.stop());
      if (offsetMs > this.#durationMs) await this.#uplink?.lose({ startMs: this.#durationMs, durationMs: offsetMs - this.#durationMs });
      mine = this.#state = { at: 'recording', encoder, offsetMs, pieces: 0, watched: watchFrom(began) };
      const [sound] = capture.stream.getAudioTracks();
      if (sound) this.#hearing?.listen(sound, this.mediaMs());
      this.#status = encoder.status();
      this.#cancelLook = clock.after(LOOK_MS, () => this.#look());
      this.#options.onChange();
    } catch (cause) {
      opened.reject(cause);
      void this.stop(cause instanceof Error ? cause : new Error(String(cause)));
    }
  }

  async #keep(piece: EncodedPiece, { encoder, offsetMs }: { encoder: Encoder; offsetMs: number }): Promise<void> {
    const uplink = (this.#uplink ??= await this.#open(encoder));
    const startMs = offsetMs + piece.startMs;
    await uplink.push({ startMs, durationMs: piece.durationMs, bytes: piece.bytes });
    if (piece.kind === 'init') return;
    if (this.#state.at === 'recording') this.#state.pieces++;
    this.#durationMs = startMs + piece.durationMs;
    this.#lastPieceAt = this.#options.clock.now();
    if (this.#record) this.#record = { ...this.#record, durationMs: this.#durationMs };
    this.#savableMs = await this.#options.store.savableMs(this.key);
    this.#options.onChange();
  }

  /** With the first piece, so that a recording of nothing leaves nothing. */
  async #open(encoder: Encoder): Promise<Uplink> {
    const { store, settings, limits, clock, onChange } = this.#options;
    const { kind, mime, picture } = encoder;
    const record: RecordingRecord = {
      key: this.key, ...this.#page.known, mime, encoder: kind, ...picture, microphone: this.#capture?.microphone != null,
      startedAt: this.startedAt, endedAt: null, durationMs: 0, storedAt: clock.now(), serverUrl: this.#serverUrl, delivered: false, transcript: this.#hearing ? 'client' : 'server',
    };
    await store.create(record);
    this.#record = record;
    const uplink = new Uplink({
      recording: { key: this.key, title: record.title, sourceUrl: record.sourceUrl, mime, video: this.#place.rect, ...(this.#hearing ? { transcript: 'client' as const } : {}) },
      ring: () => store.ring(this.key, { keepMs: settings.ringMinutes * 60_000 }), limits, client: this.#client, resume: false,
      onStatus: onChange,
      onRefused: (error: ClientError) => this.#troubles.set('server', `the server takes no more of this recording (${error.message}); it goes on in this browser`),
    });
    // found before there was anyone to tell
    if (this.#place.sent) uplink.region(0, this.#place.sent);
    if (this.#page.sent) uplink.page({ ...this.#page.sent, atMs: 0 });
    return uplink;
  }

  #look(): void {
    if (this.#state.at !== 'recording') return;
    const { clock } = this.#options;
    const { encoder, watched, pieces } = this.#state;
    const at = clock.now();
    const slept = sleptFor(this.#lookedAt, at);
    this.#lookedAt = at;
    if (slept > 0) this.#troubles.set('slept', `the computer slept for ${Math.round(slept / 1000)} s; the recording goes on from there`);
    this.#status = encoder.status();
    const looked = look(slept > 0 ? watchFrom(at) : watched, { ...this.#status, pieces }, at);
    this.#state.watched = looked.watched;
    this.#options.onChange();
    if (looked.finding.type === 'broken') return void this.#restart(new ExtensionError(looked.finding.code, looked.finding.message));
    this.#troubles.set('slow', looked.finding.type === 'slow' ? `this computer is too slow for ${this.#options.settings.quality}: ${looked.finding.dropped} frames were left out; choose a lower quality` : null);
    this.#cancelLook = clock.after(LOOK_MS, () => this.#look());
  }

  async #restart(error: Error): Promise<void> {
    if (this.#state.at !== 'recording' || this.#ending) return;
    const { encoder } = this.#state;
    const at = this.#options.clock.now();
    const storage = error instanceof ExtensionError ? error.code === 'storage' : error.name === 'ClientError';
    if (storage || !mayRestart(this.#restarts, at)) return void this.stop(error);
    this.#restarts.push(at);
    this.#cancelLook();
    this.#state = { at: 'restarting' };
    this.#troubles.set('encoder', `the encoder was restarted: ${error.message}`);
    this.#flushed = encoder.stop();
    await this.#flushed;
    if (!this.#ending) await this.#start();
  }

  async #end(failure: Error | null): Promise<void> {
    const { store, clock, onChange } = this.#options;
    const encoder = this.#state.at === 'recording' ? this.#state.encoder : null;
    this.#place.stop();
    this.#page.stop();
    this.#state = { at: 'stopping' };
    this.#cancelLook();
    onChange();
    const note = encoder ? (await encoder.stop()).note : '';
    await this.#flushed;
    this.#capture?.stop();
    const heard = this.#hearing?.stop();
    if (failure) this.#troubles.set('failed', failure.message);
    else if (note) this.#troubles.set('flush', note);
    if (!this.#uplink || this.#durationMs === 0) {
      if (!failure) this.#troubles.set('nothing', 'nothing was recorded: the tab gave no picture before it ended');
      this.#uplink?.abandon();
      await store.remove(this.key).catch((cause: unknown) => this.#troubles.set('storage', String(cause)));
      return this.#done('failed');
    }
    await this.#patch({ endedAt: clock.now(), durationMs: this.#durationMs });
    onChange();
    await heard;
    const delivery = await this.#uplink.stop();
    if (delivery.delivered) await this.#patch({ delivered: true });
    else this.#troubles.set('server', `kept in this browser: ${delivery.reason}`);
    this.#done(delivery.delivered ? 'stopped' : 'left');
  }

  #done(as: 'stopped' | 'left' | 'failed'): void {
    this.#state = { at: 'ended', as };
    this.#options.onChange();
  }

  async #patch(patch: Partial<Omit<RecordingRecord, 'key'>>): Promise<void> {
    if (this.#record) this.#record = { ...this.#record, ...patch };
    await this.#options.store.update(this.key, patch).catch((cause: unknown) => this.#troubles.set('storage', String(cause)));
  }
}
