import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { DeadLetter, Gap } from '../../shared/model.ts';
import type { Actions } from '../actions.ts';
import { base } from '../base.ts';
import { plural, span, STAGE_TEXT, timecode } from '../../shared/format.ts';
import { restartIcon } from '../icons.ts';

const SHOWN = 50;

/** What went wrong and what can be done: parts set aside after three tries (S2), and chunks declared lost (P6). */
export class Trouble extends LitElement {
  static override properties = { deadLetters: { attribute: false }, gaps: { attribute: false }, actions: { attribute: false }, busy: { state: true } };
  declare deadLetters: readonly DeadLetter[];
  declare gaps: readonly Gap[];
  declare actions: Actions;
  declare busy: ReadonlySet<string>;
  static override styles = [
    base,
    css`
      :host { display: grid; gap: 12px; }
      ul { display: grid; }
      li { display: flex; gap: 6px 14px; align-items: center; flex-wrap: wrap; padding: 12px 16px; border-top: 1px solid var(--line); }
      li:first-child { border-top: 0; }
      li p { flex: 1 1 220px; overflow-wrap: anywhere; }
    `,
  ];

  constructor() {
    super();
    this.deadLetters = [];
    this.gaps = [];
    this.busy = new Set();
  }

  async #retry(deadLetter: DeadLetter): Promise<void> {
    this.busy = new Set(this.busy).add(deadLetter.id);
    await this.actions.retry(deadLetter);
    this.busy = new Set([...this.busy].filter((id) => id !== deadLetter.id));
  }

  override render(): TemplateResult | typeof nothing {
    if (this.deadLetters.length === 0 && this.gaps.length === 0) return nothing;
    return html`
      ${this.deadLetters.length === 0 ? '' : html`
        <div class="head"><h2>Set aside</h2><span class="faint">${plural(this.deadLetters.length, 'part')} could not be worked on; the session went on without.</span></div>
        <ul class="card">${repeat(this.deadLetters.slice(0, SHOWN), ({ id }) => id, (deadLetter) => html`
          <li>
            <span class="badge bad">${STAGE_TEXT[deadLetter.stage]}</span>
            <p>${deadLetter.message} <span class="faint num">${timecode(deadLetter.startMs)} – ${timecode(deadLetter.endMs)} · ${deadLetter.code} · ${plural(deadLetter.attempts, 'try', 'tries')}</span></p>
            <button ?disabled=${this.busy.has(deadLetter.id)} @click=${() => this.#retry(deadLetter)}>${restartIcon()}Retry</button>
          </li>`)}</ul>`}
      ${this.gaps.length === 0 ? '' : html`
        <div class="head"><h2>Gaps</h2><span class="faint">Lost before they reached the server, and said so.</span></div>
        <ul class="card">${this.gaps.slice(-SHOWN).map((gap) => html`
          <li>
            <span class="badge warn num">${timecode(gap.startMs)} – ${timecode(gap.endMs)}</span>
            <p>${span(gap.endMs - gap.startMs)} missing, ${plural(gap.toSequence - gap.fromSequence + 1, 'chunk')} <span class="faint">${gap.reason}</span></p>
          </li>`)}</ul>`}
    `;
  }
}
