// Clips of the recordings made here, as the server finds them: the newest, with their pictures.
import type { Client } from '../../shared/client.ts';
import type { Clip } from '../../shared/model.ts';
import type { ClipView } from '../view.ts';

const KEPT = 12;
const FOLLOWED = 16;
const THUMBNAIL_MS = 10_000;
/** A message carries at most 400,000 characters of picture; base64 makes 4 of 3. */
const THUMBNAIL_BYTES = 290_000;

type Versioned = { version: number; clip: ClipView };

export type ClipFeedOptions = {
  fetch: typeof globalThis.fetch;
  onChange: () => void;
  /** a clip not seen before, with its picture where there is one */
  onClip: (clip: ClipView) => void;
};

const dataUrl = async (blob: Blob): Promise<string> =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener('load', () => resolve(String(reader.result)));
    reader.addEventListener('error', () => reject(reader.error ?? new Error('the picture could not be read')));
    reader.readAsDataURL(blob);
  });

export class ClipFeed {
  readonly #options: ClipFeedOptions;
  /** session → how to stop following it */
  readonly #followed = new Map<string, () => void>();
  readonly #seen = new Set<string>();
  #clips: Versioned[] = [];
  #server: { client: Client; url: string } | null = null;

  constructor(options: ClipFeedOptions) {
    this.#options = options;
  }

  get clips(): ClipView[] {
    return this.#clips.map(({ clip }) => clip);
  }

  /** Follows the same sessions on another connection to the same server; those of another server are forgotten. */
  use(server: { client: Client; url: string } | null): void {
    const sessions = server && this.#server?.url === server.url ? [...this.#followed.keys()] : [];
    for (const stop of this.#followed.values()) stop();
    this.#followed.clear();
    this.#server = server;
    for (const session of sessions) this.follow(session);
  }

  follow(session: string): void {
    if (!this.#server || this.#followed.has(session)) return;
    const { client, url } = this.#server;
    const take = (clip: Clip): void => void this.#take(clip, url);
    const stop = client.watch(`session:${session}`, {
      onState: ({ clips }) => clips.forEach(take),
      onEvent: (event) => {
        if (event.type === 'clip' && event.clip.sessionId === session) take(event.clip);
        else if (event.type === 'clipDeleted') this.#drop((clip) => clip.id === event.clipId);
        else if (event.type === 'sessionDeleted') this.#drop((clip) => clip.session === event.sessionId);
      },
    });
    this.#followed.set(session, stop);
    const [oldest] = this.#followed.keys();
    if (this.#followed.size <= FOLLOWED || oldest === undefined) return;
    this.#followed.get(oldest)?.();
    this.#followed.delete(oldest);
  }

  #drop(gone: (clip: ClipView) => boolean): void {
    this.#clips = this.#clips.filter(({ clip }) => !gone(clip));
    this.#options.onChange();
  }

  async #take({ id, sessionId, version, title, startMs, endMs, score, state, createdAt, thumbnailUrl }: Clip, url: string): Promise<void> {
    const before = this.#clips.find(({ clip }) => clip.id === id);
    if (before && before.version >= version) return;
    const fresh = !this.#seen.has(id);
    this.#seen.add(id);
    const clip: ClipView = { id, session: sessionId, title, startMs, endMs, score, state, at: createdAt, thumbnail: before?.clip.thumbnail ?? '' };
    this.#put({ version, clip });
    const thumbnail = await this.#picture(new URL(thumbnailUrl, url)).catch(() => ''); // a clip without its picture is still a clip
    if (thumbnail !== '' && this.#clips.some((now) => now.clip.id === id && now.version === version)) this.#put({ version, clip: { ...clip, thumbnail } });
    if (fresh) this.#options.onClip({ ...clip, thumbnail });
  }

  #put(fresh: Versioned): void {
    this.#clips = [fresh, ...this.#clips.filter(({ clip }) => clip.id !== fresh.clip.id)].toSorted((a, b) => b.clip.at - a.clip.at).slice(0, KEPT);
    this.#options.onChange();
  }

  async #picture(url: URL): Promise<string> {
    const reply = await this.#options.fetch(url, { signal: AbortSignal.timeout(THUMBNAIL_MS), credentials: 'omit' });
    const blob = await reply.blob();
    return reply.ok && blob.type.startsWith('image/') && blob.size <= THUMBNAIL_BYTES ? dataUrl(blob) : '';
  }
}
