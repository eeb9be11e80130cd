import { css, html, LitElement, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { clipTitle, percent, score, span, timecode } from '../../shared/format.ts';
import type { Clip } from '../../shared/model.ts';
import { reasonText } from '../../shared/signals.ts';
import { base } from '../ui/base.ts';
import { filmIcon } from '../ui/icons.ts';

const SHOWN = 30;

/** The clips of the session, newest first, each with the evidence it was cut for. */
export class FoundClips extends LitElement {
  static override properties = { clips: { attribute: false }, thumbnails: { attribute: false }, link: { attribute: false } };
  declare clips: readonly Clip[];
  /** data: URLs by clip id, as far as they have come */
  declare thumbnails: ReadonlyMap<string, string>;
  declare link: string;
  static override styles = [
    base,
    css`
      li { display: grid; grid-template-columns: 112px minmax(0, 1fr); gap: 12px; padding: 10px; border-top: 1px solid var(--line); }
      li:first-child { border-top: 0; }
      .screen { position: relative; width: 112px; aspect-ratio: 16 / 9; border-radius: 8px; overflow: hidden; background: var(--sunk); display: grid; place-items: center; color: var(--faint); }
      img { width: 100%; height: 100%; object-fit: cover; display: block; }
      .length { position: absolute; right: 4px; bottom: 4px; font-size: 11px; line-height: 16px; font-weight: 600; padding: 0 5px; border-radius: 5px; background: #0c0d0f; color: #fff; }
      .text { display: grid; gap: 3px; align-content: start; }
      .why { font-size: 13px; color: var(--soft); overflow-wrap: anywhere; }
      .empty { padding: 22px 20px; text-align: center; color: var(--soft); }
    `,
  ];

  #clip(clip: Clip): TemplateResult {
    const picture = this.thumbnails.get(clip.id) ?? '';
    const best = [...clip.reasons].sort((a, b) => b.percentile - a.percentile).slice(0, 3);
    return html`
      <li>
        <span class="screen">${picture.startsWith('data:image/') ? html`<img src=${picture} alt="" />` : filmIcon()}<span class="length num">${span(clip.endMs - clip.startMs)}</span></span>
        <div class="text">
          <h3 class="two" dir="auto">${clipTitle(clip)}</h3>
          <span class="faint num">at ${timecode(clip.startMs)} · score ${score(clip.score)}${clip.state === 'provisional' ? ' · first cut' : ''}</span>
          <p class="why">${best.map((reason, index) => html`${index > 0 ? ' · ' : ''}${reason.text || `${reasonText(reason).name} ${reasonText(reason).value}`.trim()}${reason.signal === 'judge' ? '' : ` (${percent(reason.percentile)})`}`)}</p>
        </div>
      </li>
    `;
  }

  override render(): TemplateResult {
    if (this.clips.length === 0) return html`<p class="card empty">No clips yet. The first ones come a few seconds after something worth keeping.</p>`;
    return html`<ul class="card" aria-label="Clips">${repeat([...this.clips].sort((a, b) => b.startMs - a.startMs).slice(0, SHOWN), ({ id }) => id, (clip) => this.#clip(clip))}</ul>`;
  }
}
