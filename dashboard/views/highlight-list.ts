import { css, html, LitElement, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { Highlight, Reason } from '../../shared/model.ts';
import { base } from '../base.ts';
import { percent, score, timecode } from '../../shared/format.ts';
import { reasonText } from '../../shared/signals.ts';

const PAGE = 12;

/** The moments found, and the evidence for each: a person can disagree with a number, not with a feeling. */
export class HighlightList extends LitElement {
  static override properties = { highlights: { attribute: false }, onSeek: { attribute: false }, shown: { state: true } };
  declare highlights: readonly Highlight[];
  declare onSeek: (ms: number) => void;
  declare shown: number;
  static override styles = [
    base,
    css`
      :host { display: grid; gap: 12px; }
      li.moment { padding: 14px 16px; display: grid; gap: 8px; border-top: 1px solid var(--line); }
      li.moment:first-child { border-top: 0; }
      .range { font-size: 13px; min-height: 28px; padding: 2px 10px; }
      .score { font-weight: 650; color: var(--accent); }
      .evidence { display: grid; gap: 5px; font-size: 13.5px; color: var(--soft); }
      .evidence li { display: grid; grid-template-columns: 84px 64px 44px 1fr; gap: 10px; align-items: center; }
      .evidence q { color: var(--ink); overflow-wrap: anywhere; }
      .evidence span { overflow-wrap: anywhere; }
      meter { width: 100%; height: 6px; appearance: none; border: 0; background: var(--line); border-radius: 3px; overflow: hidden; }
      meter::-webkit-meter-inner-element { display: block; }
      meter::-webkit-meter-bar { background: var(--line); border: 0; height: 6px; border-radius: 3px; }
      meter::-webkit-meter-optimum-value { background: var(--band-edge); }
      meter::-moz-meter-bar { background: var(--band-edge); }
      .evidence .rank { text-align: right; color: var(--faint); }
      @media (max-width: 600px) { h3.grow { flex-basis: 100%; order: 3; } .range { margin-right: auto; } .evidence li { grid-template-columns: 76px 44px 40px 1fr; gap: 8px; } }
      details { font-size: 14px; color: var(--soft); }
      summary { cursor: pointer; padding: 4px 0; width: max-content; max-width: 100%; }
    `,
  ];

  constructor() {
    super();
    this.highlights = [];
    this.shown = PAGE;
  }

  #reason(reason: Reason): TemplateResult {
    const { name, value } = reasonText(reason);
    const detail = reason.text || value;
    if (reason.signal === 'judge') return html`<li><span>${name}</span><span></span><span></span><span>${detail}</span></li>`;
    return html`<li><span>${name}</span><meter min="0" max="1" .value=${reason.percentile} title="above ${percent(reason.percentile)} of this stream" aria-label="above ${percent(reason.percentile)} of this stream"></meter><span class="rank num" aria-hidden="true">${percent(reason.percentile)}</span><span class="num">${detail}</span></li>`;
  }

  #moment(highlight: Highlight): TemplateResult {
    return html`
      <li class="moment">
        <div class="row">
          <button class="range num" @click=${() => this.onSeek(highlight.startMs)} aria-label="Play from ${timecode(highlight.startMs)}">${timecode(highlight.startMs)} – ${timecode(highlight.endMs)}</button>
          <h3 class="grow">${highlight.title || 'A moment that stands out'}</h3>
          ${highlight.state === 'provisional' ? html`<span class="badge">Still growing</span>` : ''}
          <span class="score num" title="Score out of 100"><span class="sr">Score </span>${score(highlight.score)}</span>
        </div>
        <ul class="evidence">${highlight.reasons.map((reason) => this.#reason(reason))}</ul>
      </li>
    `;
  }

  override render(): TemplateResult {
    const newest = [...this.highlights].sort((a, b) => b.startMs - a.startMs);
    const kept = newest.filter(({ state }) => state !== 'vetoed');
    const vetoed = newest.filter(({ state }) => state === 'vetoed');
    return html`
      <div class="head"><h2>Why these moments</h2></div>
      ${kept.length === 0 ? html`<div class="card empty"><p>No highlights so far. Each one will be listed here with its evidence.</p></div>` : html`<ul class="card">${repeat(kept.slice(0, this.shown), ({ id }) => id, (highlight) => this.#moment(highlight))}</ul>`}
      ${kept.length > this.shown ? html`<div><button @click=${() => { this.shown += PAGE; }}>Show more</button></div>` : ''}
      ${vetoed.length > 0 ? html`<details><summary>${vetoed.length} set aside by the judge</summary><ul class="card">${vetoed.slice(0, PAGE * 4).map((highlight) => this.#moment(highlight))}</ul></details>` : ''}
    `;
  }
}
