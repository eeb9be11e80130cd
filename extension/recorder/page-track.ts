// What the recorded tab shows over time: title, address, and whether its video plays; told at most once a second, with the time of
// the change. '' is unknown: a page of another site than the one the user pressed the button on may not be asked.
import type { ClientClock } from '../../shared/connection.ts';
import type { Page } from '../../shared/model.ts';
import { MAX_SOURCE_URL, MAX_TITLE } from '../../shared/protocol.ts';
import { type Changes, changes } from './changes.ts';

const LEAST_MS = 1_000;
const UNKNOWN: Page = { atMs: 0, title: '', sourceUrl: '', playing: null };

const same = (a: Page, b: Page): boolean => a.title === b.title && a.sourceUrl === b.sourceUrl && a.playing === b.playing;

export type PageName = { title: string; sourceUrl: string };

export class PageTrack {
  readonly #mediaMs: () => number;
  readonly #track: Changes<Page>;
  #now = UNKNOWN;
  #known: PageName = { title: '', sourceUrl: '' };

  constructor({ mediaMs, ...options }: { clock: ClientClock; mediaMs: () => number; send: (page: Page) => void }) {
    this.#mediaMs = mediaMs;
    this.#track = changes({ ...options, first: UNKNOWN, leastMs: LEAST_MS, same });
  }

  /** the last of each that was known, for people */
  get known(): PageName { return this.#known; }
  /** what was told last; null while nothing is known */
  get sent(): Page | null { return this.#track.last === UNKNOWN ? null : this.#track.last; }

  /** Without `playing` a page at another address is not known to play. A page without a title has the one the browser calls it by. */
  shows(name: PageName, playing?: boolean | null): void {
    const before = this.#now;
    const sourceUrl = name.sourceUrl.slice(0, MAX_SOURCE_URL);
    const stays = sourceUrl === before.sourceUrl;
    this.#set({ title: name.title.slice(0, MAX_TITLE) || (stays ? before.title : ''), sourceUrl, playing: playing === undefined && stays ? before.playing : playing ?? null });
    const { title } = this.#now;
    this.#known = { title: title || this.#known.title, sourceUrl: sourceUrl || this.#known.sourceUrl };
  }

  /** The page may not be looked at any more. */
  lose(): void {
    this.#set({ title: '', sourceUrl: '', playing: null });
  }

  plays(playing: boolean | null): void {
    this.#set({ playing });
  }

  stop(): void {
    this.#track.stop();
  }

  #set(change: Partial<Page>): void {
    this.#now = { ...this.#now, ...change, atMs: this.#mediaMs() };
    this.#track.set(this.#now);
  }
}
