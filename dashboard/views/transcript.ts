import { css, html, LitElement, type PropertyValues, type TemplateResult } from 'lit';
import { classMap } from 'lit/directives/class-map.js';
import { guard } from 'lit/directives/guard.js';
import { repeat } from 'lit/directives/repeat.js';
import type { StageState, Word } from '../../shared/model.ts';
import { base } from '../base.ts';
import { sentence, timecode } from '../../shared/format.ts';
import { extendLines, wordAt, type Line } from '../../shared/lines.ts';

/** Lines in the page at once; a stream of two days has tens of thousands. */
const SHOWN = 200;
const STEP = 100;
const NEAR_END_PX = 60;
const UNSURE = 0.4;

/** The words as they are committed. Follows the newest until scrolled away; a word or a line's time seeks the player. */
export class Transcript extends LitElement {
  static override properties = {
    words: { attribute: false }, stage: { attribute: false }, live: { type: Boolean }, playMs: { attribute: false }, onSeek: { attribute: false },
    following: { state: true }, from: { state: true },
  };
  declare words: readonly Word[];
  declare stage: StageState;
  declare live: boolean;
  /** media time of the player, or null when it rests */
  declare playMs: number | null;
  declare onSeek: (ms: number) => void;
  declare following: boolean;
  /** first line shown when not following */
  declare from: number;
  #lines: Line[] = [];
  static override styles = [
    base,
    css`
      :host { position: relative; min-height: 0; display: flex; flex-direction: column; }
      .scroll { flex: 1; overflow-y: auto; overscroll-behavior: contain; padding: 8px 6px 14px; }
      .line { display: grid; grid-template-columns: minmax(44px, max-content) 1fr; gap: 8px; padding: 3px 10px; border-radius: 8px; }
      .line:hover { background: var(--sunk); }
      button.time { min-height: 24px; padding: 0 4px; font-size: 12.5px; font-weight: 500; border: 0; background: none; color: var(--faint); justify-content: flex-start; align-self: start; margin-top: 1px; }
      button.time:hover { color: var(--accent); }
      .line p { overflow-wrap: anywhere; }
      .word { cursor: pointer; border-radius: 4px; }
      .word:hover { text-decoration: underline; text-decoration-color: var(--accent); text-underline-offset: 3px; }
      .word.unsure { color: var(--faint); }
      .word.said { background: var(--accent-soft); color: var(--accent-strong); box-shadow: 0 0 0 2px var(--accent-soft); }
      .jump { position: absolute; bottom: 14px; left: 50%; transform: translateX(-50%); box-shadow: var(--shadow); border-radius: 999px; }
      .more { width: 100%; }
      .listening { padding: 6px 14px; color: var(--faint); font-size: 13px; }
    `,
  ];

  constructor() {
    super();
    this.words = [];
    this.live = false;
    this.playMs = null;
    this.following = true;
    this.from = 0;
  }

  get #scroll(): HTMLElement | null {
    return this.renderRoot.querySelector<HTMLElement>('.scroll');
  }

  override willUpdate(changed: PropertyValues): void {
    if (changed.has('words')) {
      const before = this.#lines[0];
      this.#lines = extendLines(this.#lines, this.words);
      if (before && this.#lines[0] !== before) this.following = true; // another session
    }
    if (this.following) this.from = Math.max(0, this.#lines.length - SHOWN);
  }

  override updated(): void {
    const scroll = this.#scroll;
    if (this.following && scroll) scroll.scrollTop = scroll.scrollHeight;
  }

  #scrolled(event: Event): void {
    const scroll = event.currentTarget;
    if (!(scroll instanceof HTMLElement)) return;
    const atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR_END_PX;
    this.following = atEnd && this.from + SHOWN >= this.#lines.length;
  }

  #move(by: number): void {
    this.following = false;
    this.from = Math.min(Math.max(0, this.from + by), Math.max(0, this.#lines.length - SHOWN));
  }

  #msOf(target: EventTarget | null): number | null {
    const ms = target instanceof HTMLElement ? target.closest<HTMLElement>('[data-ms]')?.dataset['ms'] : undefined;
    return ms === undefined ? null : Number(ms);
  }

  #clicked(event: Event): void {
    const ms = this.#msOf(event.target);
    if (ms !== null) this.onSeek(ms);
  }

  /** One tab stop; up and down go from line to line, left and right from word to word, Enter plays. */
  #keyed(event: KeyboardEvent): void {
    const at = event.target;
    if (!(at instanceof HTMLElement)) return;
    const line = at.closest('.line');
    const stops = line ? [...line.querySelectorAll<HTMLElement>('[data-ms]')] : [];
    const sideways: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1 };
    const next =
      event.key === 'ArrowDown' ? line?.nextElementSibling?.querySelector<HTMLElement>('.time')
      : event.key === 'ArrowUp' ? line?.previousElementSibling?.querySelector<HTMLElement>('.time')
      : event.key in sideways ? stops[stops.indexOf(at) + (sideways[event.key] ?? 0)]
      : null;
    if (next) {
      event.preventDefault();
      this.following = false;
      next.focus();
    } else if (event.key === 'Enter' && at.classList.contains('word')) this.#clicked(event);
  }

  #line(line: Line, stop: boolean, said: number): TemplateResult {
    return html`
      <div class="line">
        <button class="time num" tabindex=${stop ? 0 : -1} data-ms=${line.startMs} aria-label="Play from ${timecode(line.startMs)}">${timecode(line.startMs)}</button>
        <p>${line.words.map((word, index) => html`<span class=${classMap({ word: true, unsure: word.confidence < UNSURE, said: line.from + index === said })} tabindex="-1" data-ms=${word.startMs}>${word.text.trim()}</span> `)}</p>
      </div>
    `;
  }

  #empty(): TemplateResult {
    if (this.stage.status === 'off') return html`<div class="empty"><p><b>No transcript</b></p><p>${sentence(this.stage.note) || 'Transcription is off. Set GROQ_API_KEY or OPENAI_API_KEY, or fetch a local model, and start the server again.'}</p><p class="faint">Clips are still found, by sound and picture.</p></div>`;
    return html`<div class="empty"><p><b>${this.live ? 'Listening…' : 'No words were heard'}</b></p><p>${sentence(this.stage.note) || (this.live ? 'Words appear here a few seconds after they are said.' : 'This stream has no speech, or it was recorded without transcription.')}</p></div>`;
  }

  override render(): TemplateResult {
    if (this.#lines.length === 0) return this.#empty();
    const shown = this.#lines.slice(this.from, this.from + SHOWN);
    const said = this.playMs === null ? -1 : wordAt(this.words, this.playMs);
    const later = this.from + SHOWN < this.#lines.length;
    return html`
      <div class="scroll" role="log" aria-live="off" aria-label="Transcript" tabindex="-1" @scroll=${this.#scrolled} @click=${this.#clicked} @keydown=${this.#keyed}>
        ${this.from > 0 ? html`<button class="quiet more" @click=${() => this.#move(-STEP)}>Earlier</button>` : ''}
        ${repeat(shown, ({ from }) => from, (line, index) => {
          const inside = said >= line.from && said < line.from + line.words.length ? said : -1;
          return guard([line, inside, index === shown.length - 1], () => this.#line(line, index === shown.length - 1, inside));
        })}
        ${later ? html`<button class="quiet more" @click=${() => this.#move(STEP)}>Later</button>` : ''}
        ${this.live && !later && this.stage.status === 'off' ? html`<p class="listening">${sentence(this.stage.note)}</p>` : ''}
      </div>
      ${this.following ? '' : html`<button class="jump" @click=${() => { this.following = true; }}>${this.live ? 'Jump to live' : 'Jump to the end'}</button>`}
    `;
  }
}
