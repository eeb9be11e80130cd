// Where the page's video is in the picture of one recording: put together from what the frames of its tab say, told as it changes.
import type { ClientClock } from '../../shared/connection.ts';
import type { Rectangle } from '../../shared/model.ts';
import { createTabRegions, type Region } from '../region-compose.ts';
import { mapRegion, type Size } from '../region-map.ts';
import { shownIn } from './picture-box.ts';
import { regionTrack, type RegionTrack } from './region-track.ts';

export class VideoPlace {
  readonly frames = createTabRegions();
  readonly #cropped: boolean;
  readonly #track: RegionTrack;
  #playing: boolean | null = null;
  #rect: Rectangle | null = null;

  /** `cropped`: the picture that is encoded shows only the video; `send` gets the place in that one. */
  constructor({ cropped, ...options }: { cropped: boolean; clock: ClientClock; send: (rect: Rectangle | null) => void }) {
    this.#cropped = cropped;
    this.#track = regionTrack(options);
  }

  /** null: the page tells nothing */
  get playing(): boolean | null { return this.#playing; }
  /** in the whole picture of the tab */
  get rect(): Rectangle | null { return this.#rect; }
  /** what was sent last */
  get sent(): Rectangle | null { return this.#track.last; }

  /** `picture`: null while there is none. */
  set({ rect, viewport, playing }: Region, picture: Size | null): void {
    this.#playing = playing;
    if (!picture) return;
    this.#rect = rect && mapRegion({ rect, viewport, frame: picture });
    this.#track.set(this.#rect && this.#cropped ? shownIn(this.#rect, picture) : this.#rect);
  }

  /** The page may not be looked at any more. */
  lose(): void {
    this.#playing = null;
    this.#rect = null;
    this.#track.set(null);
  }

  stop(): void {
    this.#track.stop();
  }
}
