// All recordings of this browser: those that run, those that wait, their clips, and what the pages are told of them.
import type { ClientClock } from '../../shared/connection.ts';
import type { SessionView } from '../../shared/model.ts';
import { applyEvent } from '../../shared/session-state.ts';
import { ExtensionError } from '../messages.ts';
import type { RecorderMessage, RegionMessage, WorkerMessage } from '../messages.ts';
import { TOP_FRAME, type RegionSender } from '../region-compose.ts';
import type { Pairing, Settings } from '../settings.ts';
import type { BrowserTranscription } from '../transcribe/browser-transcription.ts';
import type { ClipView, RecorderView, Trouble } from '../view.ts';
import { openCapture } from './capture.ts';
import { ClipFeed } from './clip-feed.ts';
import { startEncoder } from './encoder.ts';
import { fateOf, Leftover } from './leftover.ts';
import type { RecordingRecord, RecordingStore, SaveTail } from './ports.ts';
import { ringLimits, Server } from './server.ts';
import { TabRecording } from './tab-recording.ts';

const TIDY_MS = 60_000;
const SAVE_MS = 120_000;
/** a side panel shows the last minutes of words and signals; whole days would not fit a message */
const WATCH_KEEP = { bins: 600, words: 1_500 };
/** a blob: address must outlive the download that reads it */
const BLOB_MS = 120_000;

export type RecorderOptions = {
  store: RecordingStore;
  saveTail: SaveTail;
  transcription: BrowserTranscription;
  version: string;
  clock: ClientClock;
  /** to the service worker */
  tell: (message: WorkerMessage) => Promise<unknown>;
  onChange: () => void;
};
type Configuration = { settings: Settings; pairing: Pairing | null };

export class Recorder {
  readonly #options: RecorderOptions;
  readonly #server: Server;
  readonly #clips: ClipFeed;
  readonly #recordings = new Map<string, TabRecording>();
  readonly #leftovers = new Map<string, Leftover>();
  #settings: Settings;
  #pairing: Pairing | null = null;
  #storage = { usedBytes: 0, quotaBytes: 0 };
  #watched: { session: string; view: SessionView | null; stop: () => void } | null = null;

  /** With what the browser has kept; unfinished recordings go out at once. */
  static async open(options: RecorderOptions, configuration: Configuration): Promise<Recorder> {
    const recorder = new Recorder(options, configuration);
    for (const record of await options.store.list()) recorder.#keep(record);
    await recorder.#configure(configuration, true);
    await recorder.#tidy();
    return recorder;
  }

  private constructor(options: RecorderOptions, { settings }: Configuration) {
    const { onChange } = options;
    this.#options = options;
    this.#settings = settings;
    this.#server = new Server({ version: options.version, onChange });
    this.#clips = new ClipFeed({ fetch: (...input) => fetch(...input), onChange, onClip: (clip) => this.#announce(clip) });
  }

  view(): RecorderView {
    const shown = [...this.#recordings.values(), ...this.#leftovers.values()].map((recording) => recording.view()).toSorted((a, b) => b.startedAt - a.startedAt);
    for (const { session } of shown) if (session !== null) this.#clips.follow(session);
    return {
      server: this.#server.view(), recordings: shown, clips: this.#clips.clips, storage: this.#storage, transcription: this.#options.transcription.view,
      watched: this.#watched ? { session: this.#watched.session, view: this.#watched.view } : null,
    };
  }

  records(tabId: number): boolean {
    return this.#ofTab(tabId) !== undefined;
  }

  /** What a frame of a page says; throws where its tab is not recorded, which ends the script there. */
  region(message: RegionMessage, { tabId, ...from }: RegionSender): void {
    const recording = this.#ofTab(tabId);
    if (!recording) throw new ExtensionError('forbidden', `tab ${tabId} is not being recorded`);
    const { region, inject } = recording.frames.take(message, from, performance.now());
    if (region) recording.region(region, from.frameId === TOP_FRAME ? message.page : null);
    if (inject) void this.#options.tell({ to: 'worker', type: 'watchPage', tabId }).catch(() => undefined); // asked for again while the frame stays silent
  }

  async handle(message: RecorderMessage): Promise<unknown> {
    switch (message.type) {
      case 'view':
        return this.view();
      case 'begin':
        return this.#begin(message);
      case 'stop':
        return void this.#running(message.key).stop();
      case 'configure':
        return this.#configure(message, false);
      case 'reconnect':
        return this.#configure({ settings: this.#settings, pairing: this.#pairing }, true);
      case 'save':
        return this.#save(message.key, message.seconds);
      case 'upload':
        return this.#upload(message.key);
      case 'discard':
        return this.#discard(message.key);
      case 'watch':
        return this.#watch(message.session);
      case 'tab':
        return this.#tab(message);
      case 'model':
        return void this.#options.transcription.modelChanged();
      default:
        return message satisfies never;
    }
  }

  #ofTab(tabId: number): TabRecording | undefined {
    return [...this.#recordings.values()].find((recording) => recording.tabId === tabId && !recording.ended);
  }

  #running(key: string): TabRecording {
    const recording = this.#recordings.get(key);
    if (!recording) throw new ExtensionError('unknown', `recording ${key} does not run here; it has ended or another browser made it`);
    return recording;
  }

  #left(key: string): Leftover {
    const leftover = this.#leftovers.get(key);
    if (!leftover) throw new ExtensionError('unknown', `recording ${key} does not wait here; it is being recorded, was uploaded or was deleted`);
    return leftover;
  }

  async #begin({ tabId, streamId, title, sourceUrl }: Extract<RecorderMessage, { type: 'begin' }>): Promise<string> {
    if (this.records(tabId)) throw new ExtensionError('recording', 'this tab is being recorded already');
    const { store, clock, onChange, transcription } = this.#options;
    const { client, url } = this.#server;
    const recording = await TabRecording.begin({
      tabId, streamId, title, sourceUrl, store, clock, openCapture, startEncoder, settings: this.#settings, limits: ringLimits(this.#settings),
      // one without a server may wait for it longer than words can
      hear: (options) => (client ? transcription.take(options) : null),
      client, serverUrl: url, onChange: () => this.#changed(), onTrouble: (from, trouble) => this.#warn(from.view().title, `${from.key}-${trouble.code}`, trouble),
    });
    this.#recordings.set(recording.key, recording);
    onChange();
    return recording.key;
  }

  /** What ended without a server waits like what an earlier run left. */
  #changed(): void {
    for (const [key, recording] of this.#recordings) {
      const { record } = recording;
      if (!recording.ended || recording.view().state !== 'left' || !record) continue;
      this.#recordings.delete(key);
      this.#keep(record);
    }
    this.#options.onChange();
  }

  #keep(record: RecordingRecord): void {
    const { store, clock, onChange } = this.#options;
    this.#leftovers.set(record.key, new Leftover({ record, store, clock, onChange, limits: ringLimits(this.#settings) }));
    this.#resume();
  }

  /** Everything that was made for this server goes there. */
  #resume(): void {
    const { client, url } = this.#server;
    if (!client) return;
    for (const leftover of this.#leftovers.values()) {
      const fate = fateOf(leftover.record, { serverUrl: url, keepMs: ringLimits(this.#settings).ringMs, at: this.#options.clock.now() });
      if (leftover.state === 'left' && fate === 'upload' && client.status.state !== 'ended') void leftover.upload(client, url);
    }
  }

  async #configure({ settings, pairing }: Configuration, again: boolean): Promise<void> {
    const same = pairing?.url === this.#pairing?.url && pairing?.token === this.#pairing?.token && settings.ringMinutes === this.#settings.ringMinutes && settings.quality === this.#settings.quality;
    this.#settings = settings;
    this.#options.transcription.use(settings.transcribeHere);
    if (same && !again) return;
    this.#pairing = pairing;
    const { old } = this.#server.use(pairing, settings);
    const { client, url } = this.#server;
    this.#clips.use(client ? { client, url } : null);
    if (this.#watched) this.#watch(this.#watched.session);
    await Promise.all([...this.#recordings.values(), ...this.#leftovers.values()].map((recording) => recording.move(client, url)));
    old?.close();
    this.#resume();
    this.#options.onChange();
  }

  async #save(key: string, seconds: number): Promise<{ filename: string; durationMs: number }> {
    const record = this.#recordings.get(key)?.record ?? this.#leftovers.get(key)?.record;
    if (!record) throw new ExtensionError('nothing', `recording ${key} has nothing to save yet; the first seconds take a moment to arrive`);
    const { store, saveTail, tell, clock } = this.#options;
    const { blob, durationMs, filename } = await saveTail({ store, record, seconds, signal: AbortSignal.timeout(SAVE_MS) });
    const url = URL.createObjectURL(blob);
    clock.after(BLOB_MS, () => URL.revokeObjectURL(url));
    await tell({ to: 'worker', type: 'download', url, filename });
    return { filename, durationMs };
  }

  #upload(key: string): null {
    const { client, url } = this.#server;
    if (!client) throw new ExtensionError('unpaired', 'no server is paired; pair one on the options page, then upload');
    void this.#left(key).upload(client, url);
    return null;
  }

  async #discard(key: string): Promise<void> {
    await this.#left(key).discard();
    this.#leftovers.delete(key);
    this.#options.onChange();
  }

  #watch(session: string | null): null {
    this.#watched?.stop();
    this.#watched = null;
    const { client } = this.#server;
    if (session !== null) {
      const watched = { session, view: null as SessionView | null, stop: () => undefined as void };
      const show = (view: SessionView): void => {
        watched.view = { ...view, bins: view.bins.slice(-WATCH_KEEP.bins), words: view.words.slice(-WATCH_KEEP.words) };
        this.#options.onChange();
      };
      this.#watched = watched;
      if (client) watched.stop = client.watch(`session:${session}`, { onState: show, onEvent: (event) => watched.view && show(applyEvent(watched.view, event, WATCH_KEEP)) });
    }
    this.#options.onChange();
    return null;
  }

  #tab({ tabId, event, title, sourceUrl }: Extract<RecorderMessage, { type: 'tab' }>): null {
    const recording = this.#ofTab(tabId);
    if (event === 'closed') void recording?.stop();
    else recording?.page(sourceUrl === '' ? null : { title, sourceUrl });
    return null;
  }

  #announce({ id, title, thumbnail }: ClipView): void {
    if (!this.#settings.notifyClips) return;
    void this.#options.tell({ to: 'worker', type: 'notify', kind: 'clip', id, title: 'New clip', message: title.slice(0, 1024), image: thumbnail });
  }

  #warn(title: string, id: string, trouble: Trouble): void {
    if (!this.#settings.notifyTrouble) return;
    void this.#options.tell({ to: 'worker', type: 'notify', kind: 'trouble', id, title: title.slice(0, 256), message: trouble.message.slice(0, 1024), image: '' });
  }

  /** Once a minute: what is delivered and older than the ring goes; the storage is measured. */
  async #tidy(): Promise<void> {
    const { store, clock, onChange } = this.#options;
    const { ringMs } = ringLimits(this.#settings);
    const old = (at: number): boolean => clock.now() - at > ringMs;
    for (const [key, recording] of this.#recordings) {
      const { record } = recording;
      if (!recording.ended || !old(record?.storedAt ?? recording.startedAt)) continue;
      this.#recordings.delete(key);
      if (record?.delivered) await store.remove(key);
    }
    for (const [key, leftover] of this.#leftovers) {
      if (fateOf(leftover.record, { serverUrl: this.#server.url, keepMs: ringMs, at: clock.now() }) !== 'remove') continue;
      this.#leftovers.delete(key);
      await store.remove(key);
    }
    this.#storage = await store.usage();
    onChange();
    clock.after(TIDY_MS, () => void this.#tidy().catch((cause: unknown) => this.#warn('Clippy', 'storage', { code: 'storage', message: String(cause), at: clock.now() })));
  }
}
