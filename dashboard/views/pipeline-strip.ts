import { css, html, LitElement, type TemplateResult } from 'lit';
import { STAGES, type StageName, type StageState } from '../../shared/model.ts';
import { base } from '../base.ts';
import { STAGE_STATUS_TEXT, STAGE_TEXT, stageLine, stageNotes } from '../../shared/format.ts';

/** The six stages from bytes to clip: what each is doing, how full it is, how far behind, how much it has done. */
export class PipelineStrip extends LitElement {
  static override properties = { stages: { attribute: false } };
  declare stages: Record<StageName, StageState>;
  static override styles = [
    base,
    css`
      ol { display: grid; grid-template-columns: repeat(6, minmax(0, 1fr)); overflow: hidden; }
      li { padding: 12px 14px; display: grid; gap: 3px; align-content: start; border-left: 1px solid var(--line); min-width: 0; }
      li:first-child { border-left: 0; }
      .name { font-weight: 600; font-size: 14px; display: flex; align-items: center; gap: 7px; }
      .dot { color: var(--line); }
      .running .dot { color: var(--good); }
      .waiting .dot { color: var(--lane); }
      .failing .dot { color: var(--bad); }
      .idle .dot { color: var(--faint); }
      .off { color: var(--soft); }
      .off .dot { background: none; border: 2px solid var(--faint); }
      .line { font-size: 12.5px; color: var(--soft); white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
      meter { width: 100%; height: 4px; margin-top: 4px; appearance: none; border: 0; border-radius: 2px; background: var(--line); overflow: hidden; }
      meter::-webkit-meter-inner-element { display: block; }
      meter::-webkit-meter-bar { background: var(--line); border: 0; border-radius: 2px; height: 4px; }
      meter::-webkit-meter-optimum-value { background: var(--lane); }
      meter::-webkit-meter-suboptimum-value { background: var(--warn); }
      meter::-moz-meter-bar { background: var(--lane); }
      .notes { border-top: 1px solid var(--line); padding: 10px 14px; display: grid; gap: 4px; font-size: 13.5px; color: var(--soft); }
      .notes b { color: var(--ink); font-weight: 600; }
      .notes p { overflow-wrap: anywhere; }
      @media (max-width: 900px) {
        ol { grid-template-columns: repeat(3, minmax(0, 1fr)); }
        li:nth-child(4) { border-left: 0; }
        li:nth-child(n + 4) { border-top: 1px solid var(--line); }
      }
      @media (max-width: 420px) { li { padding: 9px; } .name { font-size: 13px; gap: 5px; } .dot { width: 7px; height: 7px; } }
    `,
  ];

  #stage(name: StageName): TemplateResult {
    const stage = this.stages[name];
    const full = stage.capacity > 0 ? stage.depth / stage.capacity : 0;
    return html`
      <li class=${stage.status}>
        <span class="name"><span class="dot"></span>${STAGE_TEXT[name]}</span>
        <span class="line">${stageLine(stage)}</span>
        <span class="line num">${stage.done.toLocaleString('en')} done<span class="sr">, ${stage.depth} of ${stage.capacity} places taken, ${STAGE_STATUS_TEXT[stage.status]}</span></span>
        <meter aria-hidden="true" title="${stage.depth} of ${stage.capacity} places taken" min="0" max="1" low="0.85" optimum="0" .value=${full}></meter>
      </li>
    `;
  }

  override render(): TemplateResult {
    const notes = stageNotes(this.stages);
    return html`
      <div class="card">
        <ol aria-label="Pipeline">${STAGES.map((name) => this.#stage(name))}</ol>
        ${notes.length > 0 ? html`<div class="notes">${notes.map(({ stage, note }) => html`<p><b>${stage}:</b> ${note}</p>`)}</div>` : ''}
      </div>
    `;
  }
}
