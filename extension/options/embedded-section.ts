import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { base } from '../ui/base.ts';

/** Chrome keeps this choice itself, so nothing of it is in the settings. */
const EVERYWHERE = { origins: ['<all_urls>'] };

/** Whether the script that follows the video may enter frames of other sites, which the button's grant does not reach. */
export class EmbeddedSection extends LitElement {
  static override properties = { allowed: { state: true }, problem: { state: true } };
  declare allowed: boolean | null;
  declare problem: string;
  static override styles = [
    base,
    css`
      :host { display: grid; gap: 12px; }
      .check { display: grid; grid-template-columns: 18px minmax(0, 1fr); gap: 10px; align-items: start; }
      .text { display: grid; gap: 2px; }
    `,
  ];

  constructor() {
    super();
    this.allowed = null;
    this.problem = '';
  }

  #look = (): void => {
    void chrome.permissions.contains(EVERYWHERE).then((allowed) => { this.allowed = allowed; });
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

  /** Chrome asks the user, so this must be the first thing the click does. */
  async #change(event: Event): Promise<void> {
    const box = event.currentTarget;
    this.problem = '';
    try {
      const done = await (this.allowed ? chrome.permissions.remove(EVERYWHERE) : chrome.permissions.request(EVERYWHERE));
      if (!done) this.problem = this.allowed ? 'Chrome kept the permission; remove it on chrome://extensions.' : 'Chrome did not give the permission, so this stays off.';
    } catch (error) {
      this.problem = `Not changed: ${error instanceof Error ? error.message : String(error)}`;
    }
    this.allowed = await chrome.permissions.contains(EVERYWHERE);
    if (box instanceof HTMLInputElement) box.checked = this.allowed; // the click has moved it already
  }

  override render(): TemplateResult {
    return html`
      <label class="check">
        <input type="checkbox" .checked=${this.allowed === true} ?disabled=${this.allowed === null} @change=${this.#change} />
        <span class="text"><b>Follow players embedded from other sites</b><span class="faint">Many pages show a player that belongs to another site, and Chrome does not let Clippy look into it. With this on, Chrome asks you for access to all sites; Clippy uses it only in the tab being recorded, to find where the video is. Off: such players are recorded all the same, without their place.</span></span>
      </label>
      <div role="alert">${this.problem === '' ? nothing : html`<p class="note bad">${this.problem}</p>`}</div>
    `;
  }
}
