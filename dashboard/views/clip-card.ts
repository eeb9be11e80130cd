import { css, html, LitElement, type PropertyValues, type TemplateResult } from 'lit';
import type { Clip } from '../../shared/model.ts';
import type { Actions } from '../actions.ts';
import { base } from '../base.ts';
import { bytes, clipTitle, percent, score, span, timecode } from '../../shared/format.ts';
import { binIcon, downloadIcon, linkIcon, pinIcon, playIcon } from '../icons.ts';
import { playAlone } from '../play-alone.ts';
import { reasonText } from '../../shared/signals.ts';

const RENEW_AFTER_MS = 10_000;

/** What is on the screen: nothing yet, or one version of the clip under the URL it started with. */
type Screen = { at: 'poster' } | { at: 'playing'; version: number; url: string; fromS: number };

/** A clip, played in place. A newer version changes the text at once and the video only when it is not being watched. */
export class ClipCard extends LitElement {
  static override properties = { clip: { attribute: false }, actions: { attribute: false }, onSeek: { attribute: false }, screen: { state: true }, fresh: { state: true }, problem: { state: true } };
  declare clip: Clip;
  declare actions: Actions;
  declare onSeek: (ms: number) => void;
  declare screen: Screen;
  /** URLs fetched again after those of `clip` had expired */
  declare fresh: Clip | null;
  declare problem: string;
  #renewedAt = Number.NEGATIVE_INFINITY;
  static override styles = [
    base,
    css`
      :host { height: 100%; }
      article { display: grid; grid-template-rows: auto 1fr; height: 100%; }
      .screen { position: relative; aspect-ratio: 16 / 9; background: #0c0d0f; border-radius: var(--radius) var(--radius) 0 0; overflow: hidden; }
      video, img { width: 100%; height: 100%; display: block; object-fit: contain; }
      button.poster { position: absolute; inset: 0; width: 100%; height: 100%; padding: 0; border: 0; border-radius: 0; background: none; color: #fff; }
      button.poster:focus-visible { outline-offset: -4px; }
      .go { position: absolute; inset: 0; margin: auto; width: 52px; height: 52px; border-radius: 50%; background: rgb(12 13 15 / 62%); display: grid; place-items: center; transition: background 150ms, transform 150ms; }
      .go svg { width: 24px; height: 24px; }
      button.poster:hover .go { background: var(--accent); color: var(--on-accent); transform: scale(1.06); }
      .length, .points { position: absolute; font-size: 12.5px; line-height: 20px; font-weight: 600; background: rgb(12 13 15 / 76%); color: #fff; border-radius: 7px; padding: 1px 8px; }
      .length { right: 10px; bottom: 10px; }
      .points { left: 10px; top: 10px; }
      .newer { position: absolute; left: 10px; top: 10px; min-height: 30px; font-size: 13px; box-shadow: var(--shadow); }
      .text { padding: 12px 14px 8px; display: grid; gap: 6px; grid-template-rows: auto auto 1fr auto; }
      .meta { display: flex; flex-wrap: wrap; gap: 4px 8px; align-items: center; font-size: 13px; color: var(--soft); }
      .meta button { min-height: 0; padding: 0; border: 0; background: none; font-size: 13px; color: var(--accent); }
      .why { font-size: 13px; color: var(--soft); overflow-wrap: anywhere; }
      .tools { display: flex; gap: 2px; margin: 0 -8px; }
      .tools .push { margin-left: auto; }
      details { position: relative; }
      summary { list-style: none; width: 34px; height: 34px; display: grid; place-items: center; border-radius: 10px; cursor: pointer; color: var(--soft); }
      summary::-webkit-details-marker { display: none; }
      summary:hover { background: var(--sunk); color: var(--ink); }
      .menu { position: absolute; z-index: 5; bottom: 40px; left: 0; width: 240px; padding: 6px; display: grid; box-shadow: var(--shadow); }
      .menu button { display: grid; justify-items: start; border: 0; background: none; text-align: left; white-space: normal; gap: 0; padding: 8px 10px; }
      .menu button:hover { background: var(--sunk); }
      .problem { color: var(--bad); font-size: 13px; }
      @media (pointer: coarse) { summary { width: 40px; height: 40px; } }
    `,
  ];

  constructor() {
    super();
    this.screen = { at: 'poster' };
    this.fresh = null;
    this.problem = '';
  }

  /** Is a video being watched here (so that the card must not move)? */
  get watched(): boolean {
    const video = this.renderRoot.querySelector('video');
    return video !== null && !video.ended;
  }

  override willUpdate(changed: PropertyValues): void {
    if (!changed.has('clip')) return;
    this.fresh = null; // the newer object carries newer URLs
    if (this.screen.at === 'playing' && this.screen.version !== this.clip.version && this.hasUpdated && !this.watched) this.screen = { at: 'poster' };
  }

  get #source(): Clip {
    return this.fresh ?? this.clip;
  }

  #play(): void {
    this.problem = '';
    this.screen = { at: 'playing', version: this.clip.version, url: this.#source.mediaUrl, fromS: 0 };
  }

  override updated(changed: PropertyValues): void {
    const old: unknown = changed.get('screen');
    if (this.screen.at === 'playing' && old !== undefined && changed.has('screen')) this.renderRoot.querySelector('video')?.focus();
  }

  #ended(): void {
    if (this.screen.at === 'playing' && this.screen.version !== this.clip.version) this.screen = { at: 'poster' };
  }

  /** An expired URL is the usual cause: the clip is asked for once more, and playing goes on where it was. */
  async #renew(): Promise<void> {
    const now = performance.now();
    if (now - this.#renewedAt < RENEW_AFTER_MS) {
      this.problem = 'This clip cannot be played here. Try the exact download.';
      return;
    }
    this.#renewedAt = now;
    const fromS = this.renderRoot.querySelector('video')?.currentTime ?? 0;
    const fresh = await this.actions.freshClip(this.clip.id);
    if (!fresh) return;
    this.fresh = fresh;
    if (this.screen.at === 'playing') this.screen = { at: 'playing', version: fresh.version, url: fresh.mediaUrl, fromS };
  }

  #loaded(event: Event): void {
    if (event.currentTarget instanceof HTMLVideoElement && this.screen.at === 'playing' && this.screen.fromS > 0) event.currentTarget.currentTime = this.screen.fromS;
  }

  #picture(): TemplateResult {
    const { clip, screen } = this;
    if (screen.at === 'playing') {
      return html`
        <video controls autoplay playsinline aria-label=${clipTitle(clip)} src=${screen.url} @loadedmetadata=${this.#loaded} @ended=${this.#ended} @error=${this.#renew}
          @play=${(event: Event) => { if (event.currentTarget instanceof HTMLVideoElement) playAlone(event.currentTarget); }}></video>
        ${screen.version === clip.version ? '' : html`<button class="newer" @click=${this.#play}>A refined cut is ready: play it</button>`}
      `;
    }
    return html`
      <img src=${this.#source.thumbnailUrl} alt="" loading="lazy" decoding="async" @error=${() => { if (!this.fresh) void this.#renew(); }} />
      <button class="poster" aria-label="Play ${clipTitle(clip)}, ${span(clip.endMs - clip.startMs)}" @click=${this.#play}>
        <span class="go">${playIcon()}</span><span class="points num" title="Score out of 100">${score(clip.score)}</span><span class="length num">${span(clip.endMs - clip.startMs)}</span>
      </button>
    `;
  }

  #download(event: Event, exact: boolean): void {
    if (event.currentTarget instanceof HTMLElement) event.currentTarget.closest('details')?.removeAttribute('open');
    void this.actions.downloadClip(this.clip, exact);
  }

  #menu(): TemplateResult {
    return html`
      <details @keydown=${(event: KeyboardEvent) => { if (event.key === 'Escape' && event.currentTarget instanceof HTMLDetailsElement) { event.currentTarget.open = false; event.currentTarget.querySelector('summary')?.focus(); } }}
        @focusout=${(event: FocusEvent) => { if (event.currentTarget instanceof HTMLDetailsElement && event.relatedTarget instanceof Node && !event.currentTarget.contains(event.relatedTarget)) event.currentTarget.open = false; }}>
        <summary aria-label="Download" title="Download">${downloadIcon()}</summary>
        <div class="menu card">
          <button @click=${(event: Event) => this.#download(event, false)}>As recorded<span class="faint num">${bytes(this.clip.bytes)}, at once</span></button>
          <button @click=${(event: Event) => this.#download(event, true)}>Exact, re-encoded<span class="faint">for editors that show hidden lead-in</span></button>
        </div>
      </details>
    `;
  }

  override render(): TemplateResult {
    const { clip } = this;
    const best = [...clip.reasons].sort((a, b) => b.percentile - a.percentile).slice(0, 2);
    return html`
      <article class="card" aria-label=${clipTitle(clip)}>
        <div class="screen">${this.#picture()}</div>
        <div class="text">
          <h3>${clipTitle(clip)}</h3>
          <p class="meta num">
            <button @click=${() => this.onSeek(clip.startMs)} aria-label="Show ${timecode(clip.startMs)} in the recording">${timecode(clip.startMs)}</button>
            <span class="badge ${clip.state === 'refined' ? 'good' : ''}" title=${clip.state === 'refined' ? 'Cut at its pay-off and between words' : 'A first cut; a refined one follows'}>${clip.state === 'refined' ? 'Refined' : 'First cut'}</span>
            ${clip.pinned ? html`<span class="badge accent">Kept</span>` : ''}
          </p>
          <p class="why">${best.map((reason, index) => html`${index > 0 ? ' · ' : ''}${reason.text || reasonText(reason).name}${reason.signal === 'judge' ? '' : ` (${percent(reason.percentile)})`}`)}</p>
          ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : ''}
          <div class="tools">
            <button class="quiet icon" aria-pressed=${clip.pinned} aria-label="Keep this clip" title=${clip.pinned ? 'Kept: it never expires' : 'Keep: it will not expire'} @click=${() => this.actions.pinClip(clip)}>${pinIcon()}</button>
            ${this.#menu()}
            <button class="quiet icon" aria-label="Copy link" title="Copy link" @click=${() => this.actions.copyClipLink(clip)}>${linkIcon()}</button>
            <button class="quiet icon push" aria-label="Delete clip" title="Delete clip" @click=${() => this.actions.deleteClip(clip)}>${binIcon()}</button>
          </div>
        </div>
      </article>
    `;
  }
}
