import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { savePairing, type Pairing } from '../settings.ts';
import { base } from '../ui/base.ts';
import { Confirm } from '../ui/confirm.ts';
import { openIcon } from '../ui/icons.ts';
import { addressWarning, testConnection } from '../ui/pairing.ts';

type Test = { at: 'rest' } | { at: 'busy' } | { at: 'done'; ok: boolean; message: string };

/** Which server this browser is paired with, whether it answers, and how to part from it. */
export class ServerSection extends LitElement {
  static override properties = { pairing: { attribute: false }, test: { state: true } };
  declare pairing: Pairing | null;
  declare test: Test;
  static override styles = [
    base,
    css`
      :host { --gap: 12px; }
      .stack { gap: var(--gap); }
      .who { display: grid; gap: 2px; }
      .who b { overflow-wrap: anywhere; }
      clippy-pair-form { max-width: 420px; }
    `,
  ];

  constructor() {
    super();
    this.pairing = null;
    this.test = { at: 'rest' };
  }

  async #test(pairing: Pairing): Promise<void> {
    if (this.test.at === 'busy') return;
    this.test = { at: 'busy' };
    const { ok, message } = await testConnection((input, init) => fetch(input, init), pairing, () => performance.now());
    this.test = { at: 'done', ok, message };
  }

  async #part(pairing: Pairing): Promise<void> {
    const dialog = this.renderRoot.querySelector('clippy-confirm');
    const text = `New recordings stay in this browser until you pair again, and what ${new URL(pairing.url).host} has stays there. To void this browser’s access on the server too, remove it from the dashboard’s list of devices.`;
    if (!(dialog instanceof Confirm) || !(await dialog.ask({ title: 'Unpair this browser?', text, action: 'Unpair' }))) return;
    await savePairing(null);
    this.test = { at: 'rest' };
    this.dispatchEvent(new CustomEvent('saved'));
  }

  #paired(pairing: Pairing): TemplateResult {
    const { test } = this;
    const warning = addressWarning(pairing.url);
    return html`
      <div class="stack">
        <div class="row wrap">
          <div class="who grow"><b>${pairing.url}</b><span class="faint">Paired${pairing.user === '' ? ' by token' : ` as ${pairing.user}`}</span></div>
          <a class="btn" href=${pairing.url} target="_blank" rel="noreferrer">${openIcon()}Dashboard<span class="sr"> (new tab)</span></a>
          <button aria-disabled=${test.at === 'busy' ? 'true' : 'false'} @click=${() => this.#test(pairing)}>${test.at === 'busy' ? 'Testing…' : 'Test connection'}</button>
          <button class="danger" @click=${() => this.#part(pairing)}>Unpair</button>
        </div>
        ${warning === '' ? nothing : html`<p class="note warn">${warning}</p>`}
        <div role="status">${test.at === 'done' ? html`<p class="note ${test.ok ? 'good' : 'bad'}">${test.message}</p>` : nothing}</div>
      </div>
    `;
  }

  override render(): TemplateResult {
    return html`
      ${this.pairing
        ? this.#paired(this.pairing)
        : html`<div class="stack"><p class="soft">This browser is not paired. Recording works, but stays here; a Clippy server keeps everything and finds the moments.</p><clippy-pair-form @paired=${() => this.dispatchEvent(new CustomEvent('saved'))}></clippy-pair-form></div>`}
      <clippy-confirm></clippy-confirm>
    `;
  }
}
