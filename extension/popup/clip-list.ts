import { css, html, LitElement, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { clipTitle, score, span, timecode } from '../../shared/format.ts';
import { base } from '../ui/base.ts';
import { sessionLink } from '../ui/dashboard-link.ts';
import { filmIcon, openIcon } from '../ui/icons.ts';
import type { ClipView } from '../view.ts';

/** The last clips, each a link to its session on the dashboard. */
export class ClipList extends LitElement {
  static override properties = { clips: { attribute: false }, serverUrl: { attribute: false } };
  declare clips: readonly ClipView[];
  declare serverUrl: string;
  static override styles = [
    base,
    css`
      section { display: grid; gap: 6px; }
      h2 { font-size: 13px; color: var(--soft); }
      ul { overflow: hidden; }
      li { border-top: 1px solid var(--line); }
      li:first-child { border-top: 0; }
      a { display: grid; grid-template-columns: 88px minmax(0, 1fr) 18px; gap: 12px; align-items: center; padding: 8px 12px 8px 8px; color: var(--ink); text-decoration: none; }
      a:hover { background: var(--sunk); }
      a:focus-visible { outline-offset: -3px; border-radius: var(--radius); }
      .screen { position: relative; width: 88px; aspect-ratio: 16 / 9; border-radius: 8px; overflow: hidden; background: var(--sunk); display: grid; place-items: center; color: var(--faint); }
      img { width: 100%; height: 100%; object-fit: cover; display: block; }
      .length { position: absolute; right: 4px; bottom: 4px; font-size: 11px; line-height: 16px; font-weight: 600; padding: 0 5px; border-radius: 5px; background: #0c0d0f; color: #fff; }
      .text { display: grid; gap: 1px; }
      .go { color: var(--faint); }
    `,
  ];

  #clip(clip: ClipView): TemplateResult {
    return html`
      <li>
        <a href=${sessionLink(this.serverUrl, clip.session)} target="_blank" rel="noreferrer" title="Open on the dashboard">
          <span class="screen">${clip.thumbnail.startsWith('data:image/') ? html`<img src=${clip.thumbnail} alt="" />` : filmIcon()}<span class="length num">${span(clip.endMs - clip.startMs)}</span></span>
          <span class="text"><span class="two" dir="auto">${clipTitle(clip)}</span><span class="faint num">at ${timecode(clip.startMs)} · score ${score(clip.score)}${clip.state === 'provisional' ? ' · first cut' : ''}<span class="sr">, opens on the dashboard in a new tab</span></span></span>
          <span class="go">${openIcon()}</span>
        </a>
      </li>
    `;
  }

  override render(): TemplateResult {
    return html`<section aria-labelledby="heading"><h2 id="heading">Last clips</h2><ul class="card">${repeat(this.clips, ({ id }) => id, (clip) => this.#clip(clip))}</ul></section>`;
  }
}
