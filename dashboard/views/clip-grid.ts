import { css, html, LitElement, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { Clip } from '../../shared/model.ts';
import type { Actions } from '../actions.ts';
import { base } from '../base.ts';
import { orderClips, type ClipSort } from '../clip-order.ts';
import { ClipCard } from './clip-card.ts';

const PAGE = 24;

/** The clips of one session, newest or best first. */
export class ClipGrid extends LitElement {
  static override properties = { clips: { attribute: false }, live: { type: Boolean }, actions: { attribute: false }, onSeek: { attribute: false }, sort: { state: true }, shown: { state: true } };
  declare clips: readonly Clip[];
  declare live: boolean;
  declare actions: Actions;
  declare onSeek: (ms: number) => void;
  declare sort: ClipSort;
  declare shown: number;
  #order: string[] = [];
  static override styles = [
    base,
    css`
      :host { display: grid; gap: 12px; }
      ul { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(260px, 100%), 1fr)); gap: 16px; }
      li { min-width: 0; }
      .arrive { animation: arrive 320ms ease-out; }
      @keyframes arrive { from { opacity: 0; transform: translateY(6px); } }
    `,
  ];

  constructor() {
    super();
    this.clips = [];
    this.live = false;
    this.sort = 'newest';
    this.shown = PAGE;
  }

  #choose(sort: ClipSort): void {
    this.sort = sort;
    this.#order = [];
  }

  override render(): TemplateResult {
    const watched = [...this.renderRoot.querySelectorAll('clippy-clip-card')].some((card) => card instanceof ClipCard && card.watched);
    const clips = orderClips(this.clips, this.sort, watched && this.#order.length > 0 ? this.#order : null);
    this.#order = clips.map(({ id }) => id);
    const sorts: [ClipSort, string][] = [['newest', 'Newest'], ['best', 'Best']];
    return html`
      <div class="head">
        <h2>Clips</h2>
        ${clips.length > 1 ? html`<div class="segments" role="group" aria-label="Order of clips">${sorts.map(([sort, name]) => html`<button aria-pressed=${this.sort === sort} @click=${() => this.#choose(sort)}>${name}</button>`)}</div>` : ''}
      </div>
      ${clips.length === 0
        ? html`<div class="card empty"><p><b>${this.live ? 'No clips yet' : 'No clips in this session'}</b></p><p>${this.live ? 'The first moments of a stream teach Clippy what is usual here. Clips appear when something stands out.' : 'Nothing stood out enough. A calm stream gives no clips rather than bad ones.'}</p></div>`
        : html`<ul>${repeat(clips.slice(0, this.shown), ({ id }) => id, (clip) => html`<li class="arrive"><clippy-clip-card .clip=${clip} .actions=${this.actions} .onSeek=${this.onSeek}></clippy-clip-card></li>`)}</ul>`}
      ${clips.length > this.shown ? html`<div><button @click=${() => { this.shown += PAGE; }}>Show ${Math.min(PAGE, clips.length - this.shown)} more clips</button></div>` : ''}
    `;
  }
}
