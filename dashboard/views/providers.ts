import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import type { ProviderState } from '../../shared/model.ts';
import { base } from '../base.ts';
import { dollars, PROVIDER_TEXT } from '../../shared/format.ts';

const CLASS: Record<ProviderState['status'], string> = { ok: 'good', throttled: 'warn', open: 'warn', budget: 'bad', off: '' };

/** The engines behind transcription and judging: what they are up to and what they cost. */
export class Providers extends LitElement {
  static override properties = { providers: { attribute: false } };
  declare providers: readonly ProviderState[];
  static override styles = [
    base,
    css`
      :host { display: grid; gap: 10px; }
      h2 { font-size: 14px; color: var(--soft); }
      li { display: grid; gap: 5px; padding: 10px 0; border-top: 1px solid var(--line); }
      .name { font-weight: 600; }
      .note { font-size: 13px; color: var(--soft); overflow-wrap: anywhere; }
      progress { width: 100%; height: 5px; appearance: none; border: 0; border-radius: 3px; overflow: hidden; background: var(--line); }
      progress::-webkit-progress-bar { background: var(--line); }
      progress::-webkit-progress-value { background: var(--lane); }
      progress::-moz-progress-bar { background: var(--lane); }
      progress.high::-webkit-progress-value { background: var(--bad); }
      progress.high::-moz-progress-bar { background: var(--bad); }
    `,
  ];

  constructor() {
    super();
    this.providers = [];
  }

  #spend(label: string, spent: number, budget: number): TemplateResult | typeof nothing {
    if (budget <= 0) return spent > 0 ? html`<span class="faint num">${dollars(spent)} ${label}</span>` : nothing;
    return html`
      <span class="faint num">${dollars(spent)} of ${dollars(budget)} ${label}</span>
      <progress class=${spent >= budget * 0.9 ? 'high' : ''} max=${budget} .value=${Math.min(spent, budget)} aria-label="Spent ${label}"></progress>
    `;
  }

  override render(): TemplateResult {
    const working = this.providers.filter(({ status }) => status !== 'off');
    return html`
      <h2>Engines</h2>
      ${working.length === 0 ? html`<p class="note">No speech engine is on. Clips are found by sound and picture alone. For a transcript, set <code>GROQ_API_KEY</code> or <code>OPENAI_API_KEY</code>, or fetch a local model with <code>npm run model -- NAME</code>, and start the server again.</p>` : ''}
      <ul>
        ${this.providers.map((provider) => html`
          <li>
            <span class="row"><span class="name grow">${provider.name}</span><span class="badge ${CLASS[provider.status]}">${PROVIDER_TEXT[provider.status]}</span></span>
            ${provider.note ? html`<span class="note">${provider.note}</span>` : ''}
            ${this.#spend('this hour', provider.spentHour, provider.budgetHour)}${this.#spend('today', provider.spentDay, provider.budgetDay)}
          </li>
        `)}
      </ul>
    `;
  }
}
