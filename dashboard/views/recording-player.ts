import { css, html, LitElement, type PropertyValues, type TemplateResult } from 'lit';
import type { Gap } from '../../shared/model.ts';
import type { Actions } from '../actions.ts';
import { recordingPath } from '../api.ts';
import { base } from '../base.ts';
import { timecode } from '../../shared/format.ts';
import { playAlone } from '../play-alone.ts';

/** The recording is fetched in pieces: each is muxed for itself, so a stream of two days plays from anywhere at once. */
const PIECE_MS = 120_000;
const LEAD_MS = 2_000;
/** how far behind the newest second “live” plays */
const LIVE_BEHIND_MS = 8_000;

type Piece = { startMs: number; endMs: number; url: string };

/** Plays any moment of a recording, also while it grows. `onPlayMs` tells where it is. */
export class RecordingPlayer extends LitElement {
  static override properties = {
    sessionId: { attribute: false }, durationMs: { attribute: false }, live: { type: Boolean }, gaps: { attribute: false }, actions: { attribute: false }, onPlayMs: { attribute: false },
    piece: { state: true }, atMs: { state: true }, problem: { state: true }, loading: { state: true },
  };
  declare sessionId: string;
  declare durationMs: number;
  declare live: boolean;
  declare gaps: readonly Gap[];
  declare actions: Actions;
  declare onPlayMs: (ms: number | null) => void;
  declare piece: Piece | null;
  declare atMs: number;
  declare problem: string;
  declare loading: boolean;
  #turn = 0;
  #startAtS = 0;
  #renewedAt = 0;
  static override styles = [
    base,
    css`
      .screen { position: relative; background: #0c0d0f; border-radius: var(--radius) var(--radius) 0 0; overflow: hidden; aspect-ratio: 16 / 9; }
      video { width: 100%; height: 100%; display: block; object-fit: contain; }
      .over { position: absolute; inset: 0; display: grid; place-content: center; justify-items: center; gap: 12px; text-align: center; color: #e9e7e2; padding: 20px; }
      .over.thin { pointer-events: none; }
      .bar { display: flex; align-items: center; gap: 10px; padding: 8px 12px; }
      input[type='range'] { flex: 1; min-width: 60px; min-height: 30px; padding: 0; border: 0; background: none; accent-color: var(--accent); }
      .time { font-size: 13px; color: var(--soft); white-space: nowrap; }
      .gap { padding: 0 12px 10px; font-size: 13px; color: var(--warn); }
      .bar button { min-height: 30px; padding: 3px 11px; font-size: 13px; }
    `,
  ];

  constructor() {
    super();
    this.durationMs = 0;
    this.live = false;
    this.gaps = [];
    this.piece = null;
    this.atMs = 0;
    this.problem = '';
    this.loading = false;
  }

  get #video(): HTMLVideoElement | null {
    return this.renderRoot.querySelector('video');
  }

  override willUpdate(changed: PropertyValues): void {
    if (!changed.has('sessionId')) return;
    this.#turn += 1;
    this.piece = null;
    this.atMs = 0;
    this.problem = '';
    this.loading = false;
  }

  /** Plays from `ms`: within the piece at hand, or from a new one. */
  async seek(ms: number): Promise<void> {
    const to = Math.min(Math.max(0, ms), Math.max(0, this.durationMs - 250));
    const video = this.#video;
    if (this.piece && video && to >= this.piece.startMs && to < this.piece.endMs - 500 && this.problem === '') {
      video.currentTime = (to - this.piece.startMs) / 1000;
      await this.#play(video);
      return;
    }
    await this.#load(to);
  }

  async #load(ms: number): Promise<void> {
    const turn = (this.#turn += 1);
    const startMs = Math.max(0, ms - LEAD_MS);
    const endMs = Math.min(startMs + PIECE_MS, this.durationMs);
    this.loading = true;
    this.problem = '';
    this.atMs = ms;
    try {
      const url = await this.actions.signed(recordingPath(this.sessionId, { startMs, endMs }));
      if (turn !== this.#turn) return;
      this.#startAtS = (ms - startMs) / 1000;
      this.piece = { startMs: Math.floor(startMs), endMs: Math.ceil(endMs), url };
      await this.updateComplete;
      const video = this.#video;
      if (video) await this.#play(video);
    } catch (error) {
      if (turn === this.#turn) this.problem = error instanceof Error ? error.message : String(error);
    } finally {
      if (turn === this.#turn) this.loading = false;
    }
  }

  async #play(video: HTMLVideoElement): Promise<void> {
    try {
      await video.play();
    } catch (error) {
      // refused by the browser's autoplay rule, or replaced by a later seek: the controls are there
      if (!(error instanceof DOMException)) throw error;
    }
  }

  #ready(event: Event): void {
    if (event.currentTarget instanceof HTMLVideoElement && this.#startAtS > 0) event.currentTarget.currentTime = this.#startAtS;
    this.#startAtS = 0;
  }

  #moved(event: Event): void {
    const video = event.currentTarget;
    if (!this.piece || !(video instanceof HTMLVideoElement)) return;
    this.atMs = this.piece.startMs + video.currentTime * 1000;
    this.onPlayMs(this.atMs);
  }

  #ended(): void {
    if (this.piece && this.durationMs - this.piece.endMs > 1_500) void this.#load(this.piece.endMs);
    else this.onPlayMs(null);
  }

  /** Most often an expired URL: fetched anew once, then told. */
  #failed(): void {
    if (!this.piece) return;
    const now = performance.now();
    if (now - this.#renewedAt > 10_000) {
      this.#renewedAt = now;
      void this.#load(this.atMs);
    } else this.problem = 'This part of the recording cannot be played here.';
  }

  override render(): TemplateResult {
    const liveEdge = Math.max(0, this.durationMs - LIVE_BEHIND_MS);
    const gap = this.gaps.find(({ startMs, endMs }) => this.atMs >= startMs - 3_000 && this.atMs < endMs);
    return html`
      <div class="card">
        <div class="screen">
          ${this.piece ? html`<video controls playsinline preload="auto" src=${this.piece.url} @loadedmetadata=${this.#ready} @timeupdate=${this.#moved} @ended=${this.#ended} @error=${this.#failed}
            @play=${(event: Event) => { if (event.currentTarget instanceof HTMLVideoElement) playAlone(event.currentTarget); }}></video>` : ''}
          ${this.problem ? html`<div class="over" role="alert"><p>${this.problem}</p><button @click=${() => this.#load(this.atMs)}>Try again</button></div>`
            : this.loading ? html`<div class="over thin" role="status">Loading…</div>`
            : this.piece ? ''
            : this.durationMs < 500 ? html`<div class="over"><p>Nothing recorded yet.</p></div>`
            : html`<div class="over"><button class="primary" @click=${() => this.seek(this.live ? liveEdge : 0)}>${this.live ? 'Watch live' : 'Watch from the start'}</button></div>`}
        </div>
        <div class="bar">
          <span class="time num">${timecode(this.atMs)}</span>
          <input type="range" min="0" max=${Math.max(1, this.durationMs)} step="1000" .value=${String(Math.round(this.atMs))} ?disabled=${this.durationMs < 500}
            aria-label="Position in the recording" aria-valuetext="${timecode(this.atMs)} of ${timecode(this.durationMs)}"
            @change=${(event: Event) => { if (event.target instanceof HTMLInputElement) void this.seek(Number(event.target.value)); }} />
          <span class="time num">${timecode(this.durationMs)}</span>
          ${this.live ? html`<button @click=${() => this.seek(liveEdge)} aria-label="Jump to live">Live</button>` : ''}
        </div>
        ${gap ? html`<p class="gap">Missing from ${timecode(gap.startMs)} to ${timecode(gap.endMs)}: ${gap.reason}</p>` : ''}
      </div>
    `;
  }
}
