import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { guard } from 'lit/directives/guard.js';
import { repeat } from 'lit/directives/repeat.js';
import { sentence, timecode } from '../../shared/format.ts';
import { extendLines, type Line } from '../../shared/lines.ts';
import type { StageState, Word } from '../../shared/model.ts';
import { base } from '../ui/base.ts';

/** A monitor shows the last minutes; the whole transcript is on the dashboard. */
const SHOWN = 120;
const NEAR_END_PX = 40;
const UNSURE = 0.4;

/** The words as they come. Follows the newest until the user scrolls away, and again from the button or the end. */
export class LiveWords extends LitElement {
  static override properties = { words: { attribute: false }, stage: { attribute: false }, live: { type: Boolean }, following: { state: true } };
  declare words: readonly Word[];
  declare stage: StageState;
  declare live: boolean;
  declare following: boolean;
  #lines: Line[] = [];
  /** where the list begins; stands still while the user reads */
  #from = 0;
  static override styles = [
    base,
    css`
      .box { position: relative; height: 240px; overflow: hidden; }
      .scroll { height: 100%; overflow-y: auto; overscroll-behavior: contain; padding: 8px 12px; overflow-anchor: none; }
      .scroll:focus-visible { outline-offset: -2px; border-radius: var(--radius); }
      .said { display: grid; grid-template-columns: minmax(40px, max-content) minmax(0, 1fr); gap: 8px; padding: 2px 0; }
      .said .faint { padding-top: 1px; }
      .said p { overflow-wrap: anywhere; }
      .unsure { color: var(--faint); }
      .jump { position: absolute; bottom: 10px; left: 50%; translate: -50% 0; box-shadow: var(--shadow); }
      .empty { padding: 26px 20px; text-align: center; color: var(--soft); }
    `,
  ];

  constructor() {
    super();
    this.words = [];
    this.live = false;
    this.following = true;
  }

  override willUpdate(changed: PropertyValues): void {
    if (changed.has('words')) {
      const before = this.#lines[0];
      this.#lines = extendLines(this.#lines, this.words);
      if (before && this.#lines[0] !== before) this.following = true; // another session
    }
    if (this.following) this.#from = Math.max(0, this.#lines.length - SHOWN);
  }

  override updated(): void {
    const scroll = this.renderRoot.querySelector('.scroll');
    if (this.following && scroll) scroll.scrollTop = scroll.scrollHeight;
  }

  #scrolled(event: Event): void {
    const scroll = event.currentTarget;
    if (scroll instanceof HTMLElement) this.following = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR_END_PX;
  }

  #empty(): TemplateResult {
    const { stage } = this;
    const text = stage.status === 'off' ? sentence(stage.note) || 'Transcription is off on the server.' : this.live ? 'Listening… Words appear here a few seconds after they are said.' : 'No words were heard.';
    return html`<div class="card empty"><p>${text}</p>${stage.status === 'off' ? html`<p class="faint">Clips are still found, by sound and picture.</p>` : nothing}</div>`;
  }

  override render(): TemplateResult {
    if (this.#lines.length === 0) return this.#empty();
    return html`
      <div class="card box">
        <div class="scroll" role="log" aria-live="off" aria-label="Transcript" tabindex="0" @scroll=${this.#scrolled}>
          ${repeat(this.#lines.slice(this.#from), ({ from }) => from, (line) => guard([line], () => html`
            <div class="said"><span class="faint num">${timecode(line.startMs)}</span><p dir="auto">${line.words.map((word) => html`<span class=${word.confidence < UNSURE ? 'unsure' : ''}>${word.text.trim()}</span> `)}</p></div>`))}
        </div>
        ${this.following ? nothing : html`<button class="jump" @click=${() => { this.following = true; }}>${this.live ? 'Jump to live' : 'Jump to the end'}</button>`}
      </div>
    `;
  }
}
