import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { base } from '../ui/base.ts';
import { checkIcon } from '../ui/icons.ts';
import { PERMISSIONS } from './permissions.ts';

/** Every permission with its reason, as Chrome says they are granted, and what happens to the data in plain words. */
export class TrustSection extends LitElement {
  static override properties = { granted: { state: true } };
  declare granted: ReadonlySet<string> | null;
  static override styles = [
    base,
    css`
      :host { display: grid; gap: 18px; }
      ul { display: grid; gap: 12px; }
      li { display: grid; grid-template-columns: 18px minmax(0, 1fr); gap: 10px; }
      li svg { color: var(--good); margin-top: 1px; }
      .text { display: grid; gap: 1px; }
      .privacy { display: grid; gap: 8px; }
    `,
  ];

  constructor() {
    super();
    this.granted = null;
  }

  #look = (): void => {
    void chrome.permissions.getAll().then(({ permissions = [], origins = [] }) => { this.granted = new Set([...permissions, ...origins]); });
  };

  override connectedCallback(): void {
    super.connectedCallback();
    chrome.permissions.onAdded.addListener(this.#look);
    chrome.permissions.onRemoved.addListener(this.#look);
    this.#look();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    chrome.permissions.onAdded.removeListener(this.#look);
    chrome.permissions.onRemoved.removeListener(this.#look);
  }

  override render(): TemplateResult {
    return html`
      <ul aria-label="Permissions">
        ${Object.entries(PERMISSIONS).map(([key, { name, why }]) => html`<li>${this.granted?.has(key) ? checkIcon() : html`<span></span>`}<span class="text"><b>${name} <code>${key}</code></b><span class="soft">${why}</span>${this.granted && !this.granted.has(key) ? html`<span class="faint">Not granted at the moment.</span>` : nothing}</span></li>`)}
      </ul>
      <div class="privacy soft">
        <h3>Privacy</h3>
        <p>Nothing is recorded until you press Record, and only the tab you pressed it on. What is recorded goes to the server you paired with and to nobody else; without one it stays in this browser.</p>
        <p>Clippy has no account, no advertising, no statistics about you, and loads no code from the network. Unpairing and removing the extension deletes what it keeps here; what your server keeps is yours to delete there.</p>
      </div>
    `;
  }
}
