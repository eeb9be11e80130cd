import { css, html, LitElement, type TemplateResult } from 'lit';
import { base } from '../ui/base.ts';

const NAMES: Record<string, string> = { _execute_action: 'Open Clippy' };

/** The keyboard commands as Chrome has them now; only Chrome's own page can change them. */
export class ShortcutsSection extends LitElement {
  static override properties = { commands: { state: true } };
  declare commands: chrome.commands.Command[] | null;
  static override styles = [
    base,
    css`
      :host { display: grid; gap: 12px; justify-items: start; }
      dl { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 8px 20px; width: 100%; }
      dd { text-align: right; }
    `,
  ];

  constructor() {
    super();
    this.commands = null;
  }

  #load = (): void => {
    void chrome.commands.getAll().then((commands) => { this.commands = commands; });
  };

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener('focus', this.#load); // back from Chrome's page
    this.#load();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener('focus', this.#load);
  }

  override render(): TemplateResult {
    return html`
      <dl>${(this.commands ?? []).map(({ name, description, shortcut }) => html`<dt>${NAMES[name ?? ''] ?? (description || name)}</dt><dd>${shortcut ? html`<kbd>${shortcut}</kbd>` : html`<span class="faint">not set</span>`}</dd>`)}</dl>
      <button @click=${() => chrome.tabs.create({ url: 'chrome://extensions/shortcuts' })}>Change the shortcuts…</button>
    `;
  }
}
