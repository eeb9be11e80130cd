import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { STAGES, type StageName, type StageState } from '../../shared/model.ts';
import { STAGE_STATUS_TEXT, STAGE_TEXT, stageLine, stageNotes } from '../../shared/format.ts';
import { base } from '../ui/base.ts';

/** The six stages from bytes to clip: what each is doing and how far it is behind. */
export class StageList extends LitElement {
  static override properties = { stages: { attribute: false } };
  declare stages: Record<StageName, StageState>;
  static override styles = [
    base,
    css`
      ol { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); overflow: hidden; }
      li { padding: 9px 11px; display: grid; gap: 2px; align-content: start; border-left: 1px solid var(--line); min-width: 0; }
      li:nth-child(3n + 1) { border-left: 0; }
      li:nth-child(n + 4) { border-top: 1px solid var(--line); }
      .name { font-weight: 600; font-size: 13px; display: flex; align-items: center; gap: 6px; }
      .dot { color: var(--faint); }
      .running .dot { color: var(--good); }
      .waiting .dot { color: var(--lane); }
      .failing .dot { color: var(--bad); }
      .off .dot { background: none; border: 2px solid var(--faint); }
      .notes { border-top: 1px solid var(--line); padding: 9px 11px; display: grid; gap: 4px; font-size: 13px; color: var(--soft); }
      .notes b { color: var(--ink); }
      .notes p { overflow-wrap: anywhere; }
    `,
  ];

  #stage(name: StageName): TemplateResult {
    const { status, done, depth, capacity } = this.stages[name];
    return html`
      <li class=${status} title="${done.toLocaleString('en')} done, ${depth} of ${capacity} places taken">
        <span class="name"><span class="dot"></span>${STAGE_TEXT[name]}</span>
        <span class="faint num line">${stageLine(this.stages[name])}${status === 'running' || status === 'waiting' ? html`<span class="sr">, ${STAGE_STATUS_TEXT[status]}</span>` : nothing}</span>
      </li>
    `;
  }

  override render(): TemplateResult {
    const notes = stageNotes(this.stages);
    return html`
      <div class="card">
        <ol aria-label="Pipeline">${STAGES.map((name) => this.#stage(name))}</ol>
        ${notes.length > 0 ? html`<div class="notes">${notes.map(({ stage, note }) => html`<p><b>${stage}:</b> ${note}</p>`)}</div>` : nothing}
      </div>
    `;
  }
}
