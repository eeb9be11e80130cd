import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import type { SessionSummary } from '../../shared/model.ts';
import { hostOf, timecode, webLink } from '../../shared/format.ts';
import type { Actions } from '../actions.ts';
import { base } from '../base.ts';
import { type Visit, visitsOf } from '../visits.ts';

/** A running session changes every few seconds, its pages seldom. */
const LEAST_MS = 10_000;
const SHOWN = 50;

/** The pages the recorded tab went through, where there was more than one. */
export class PageList extends LitElement {
  static override properties = { session: { attribute: false }, actions: { attribute: false }, visits: { state: true }, reason: { state: true } };
  declare session: SessionSummary;
  declare actions: Actions;
  declare visits: readonly Visit[];
  declare reason: string;
  #readAt = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  static override styles = [
    base,
    css`
      :host { display: grid; gap: 12px; }
      li { display: flex; gap: 4px 14px; align-items: baseline; flex-wrap: wrap; padding: 10px 16px; border-top: 1px solid var(--line); }
      li:first-child { border-top: 0; }
      li > :nth-child(2) { flex: 1 1 220px; min-width: 0; overflow-wrap: anywhere; }
    `,
  ];

  constructor() {
    super();
    this.visits = [];
    this.reason = '';
  }

  override willUpdate(changed: PropertyValues<{ session: SessionSummary }>): void {
    this.hidden = this.visits.length < 2 && this.reason === '';
    if (!changed.has('session')) return;
    if (changed.get('session')?.id !== this.session.id) {
      [this.visits, this.reason, this.hidden] = [[], '', true];
      this.#readAt = -Infinity;
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
    this.#timer ??= setTimeout(() => void this.#read(), Math.max(0, this.#readAt + LEAST_MS - performance.now()));
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #read(): Promise<void> {
    this.#timer = undefined;
    this.#readAt = performance.now();
    const { id } = this.session;
    const pages = await this.actions.pages(id).catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
    if (id !== this.session.id) return;
    if (typeof pages === 'string') this.reason = pages;
    else [this.visits, this.reason] = [visitsOf(pages), ''];
  }

  override render(): TemplateResult | typeof nothing {
    if (this.hidden) return nothing;
    return html`
      <div class="head"><h2>Pages</h2>${this.reason === '' ? '' : html`<span class="faint">The list could not be read: ${this.reason}</span>`}</div>
      ${this.visits.length < 2 ? '' : html`<ul class="card">${this.visits.slice(-SHOWN).map(({ startMs, title, sourceUrl }) => {
        const link = webLink(sourceUrl);
        return html`
          <li>
            <span class="faint num">${timecode(startMs)}</span>
            ${link ? html`<span><a href=${link} target="_blank" rel="noopener noreferrer">${title.trim() || link}</a> <span class="faint">${hostOf(link)}</span></span>` : html`<span>${title.trim() || sourceUrl}</span>`}
          </li>`;
      })}</ul>`}
    `;
  }
}
