import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { plural, span, STAGE_TEXT, timecode } from '../../shared/format.ts';
import type { DeadLetter, Gap } from '../../shared/model.ts';
import { base } from '../ui/base.ts';

const SHOWN = 20;

/** What was lost on the way (P6) and what the server set aside (S2). */
export class TroubleList extends LitElement {
  static override properties = { gaps: { attribute: false }, deadLetters: { attribute: false } };
  declare gaps: readonly Gap[];
  declare deadLetters: readonly DeadLetter[];
  static override styles = [
    base,
    css`
      section { display: grid; gap: 8px; }
      li { padding: 9px 11px; display: grid; gap: 4px; justify-items: start; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
      li:first-child { border-top: 0; }
      li p { max-width: 100%; }
    `,
  ];

  override render(): TemplateResult | typeof nothing {
    if (this.gaps.length + this.deadLetters.length === 0) return nothing;
    return html`
      <section aria-labelledby="heading">
        <h2 id="heading">Gaps and trouble</h2>
        <ul class="card">
          ${this.gaps.slice(-SHOWN).map((gap) => html`<li><span class="badge warn num">${timecode(gap.startMs)} – ${timecode(gap.endMs)}</span><p>${span(gap.endMs - gap.startMs)} missing, ${plural(gap.toSequence - gap.fromSequence + 1, 'chunk')}. <span class="soft">${gap.reason}</span></p></li>`)}
          ${this.deadLetters.slice(-SHOWN).map((dead) => html`<li><span class="badge bad">${STAGE_TEXT[dead.stage]}</span><p>${dead.message}. <span class="soft num">${timecode(dead.startMs)} – ${timecode(dead.endMs)}, set aside after ${plural(dead.attempts, 'try', 'tries')}; retry it on the dashboard.</span></p></li>`)}
        </ul>
      </section>
    `;
  }
}
