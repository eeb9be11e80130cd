import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { Device } from '../../shared/model.ts';
import type { Actions } from '../actions.ts';
import { base } from '../base.ts';
import { ago, timecode } from '../../shared/format.ts';
import { checkIcon, closeIcon, copyIcon } from '../icons.ts';

/** How pairing a new device goes; `known`: the ids there were when the code was made. */
type Pairing =
  | { at: 'idle' }
  | { at: 'making' }
  | { at: 'shown'; code: string; expiresAt: number; known: ReadonlySet<string> }
  | { at: 'paired'; name: string }
  | { at: 'failed'; reason: string };

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** A new device appears in the list within this time, ms. */
const REFRESH_MS = 2_000;

/** The devices that may record, a code for one more, and the end of their access: the browser's own modal dialog. */
export class Devices extends LitElement {
  static override properties = { actions: { attribute: false }, pairing: { state: true }, devices: { state: true }, reason: { state: true }, refusal: { state: true }, nowMs: { state: true } };
  declare actions: Actions;
  declare pairing: Pairing;
  /** null until they have been read */
  declare devices: readonly Device[] | null;
  /** why the list could not be read; empty where it could */
  declare reason: string;
  /** what came of the last attempt to revoke; empty where it worked */
  declare refusal: string;
  declare nowMs: number;
  #timers: ReturnType<typeof setInterval>[] = [];
  static override styles = [
    base,
    css`
      dialog { color: var(--ink); background: var(--surface); border: 1px solid var(--line); border-radius: var(--radius); padding: 0; width: min(520px, calc(100vw - 24px)); max-height: calc(100dvh - 24px); box-shadow: var(--shadow); }
      dialog::backdrop { background: rgb(0 0 0 / 45%); }
      .body { display: grid; gap: 20px; padding: 20px 24px 24px; grid-template-columns: minmax(0, 1fr); }
      section { display: grid; gap: 10px; grid-template-columns: minmax(0, 1fr); }
      h3 { color: var(--soft); font-size: 14px; }
      .new { background: var(--sunk); border-radius: var(--radius); padding: 16px; justify-items: start; }
      .code { font: 650 clamp(26px, 9vw, 40px)/1.1 var(--mono); letter-spacing: 0.04em; user-select: all; }
      .fact { display: flex; align-items: center; gap: 8px; width: 100%; flex-wrap: wrap; }
      .address { flex: 0 1 auto; min-width: 0; padding: 5px 10px; }
      .good { color: var(--good); display: flex; align-items: center; gap: 8px; font-weight: 550; overflow-wrap: anywhere; }
      .bad { color: var(--bad); overflow-wrap: anywhere; }
      li { display: flex; align-items: center; gap: 8px 14px; padding: 12px 0; border-top: 1px solid var(--line); }
      li:first-child { border-top: 0; }
      .name { font-weight: 600; overflow-wrap: anywhere; }
      @media (max-width: 480px) { .body { padding: 16px; } }
    `,
  ];

  constructor() {
    super();
    this.pairing = { at: 'idle' };
    this.devices = null;
    this.reason = '';
    this.refusal = '';
    this.nowMs = Date.now();
  }

  show(): void {
    const dialog = this.renderRoot.querySelector('dialog');
    if (!dialog || dialog.open) return;
    this.nowMs = Date.now();
    dialog.showModal();
    void this.#refresh();
    this.#timers = [setInterval(() => { this.nowMs = Date.now(); }, 1_000), setInterval(() => void this.#refresh(), REFRESH_MS)];
  }

  /** A code stays good, but is not shown again. */
  #closed(): void {
    this.#timers.forEach(clearInterval);
    this.pairing = { at: 'idle' };
    this.refusal = '';
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#closed();
  }

  async #refresh(): Promise<void> {
    try {
      this.devices = await this.actions.devices();
      this.reason = '';
    } catch (error) {
      this.reason = messageOf(error);
    }
    const { pairing, devices } = this;
    if (pairing.at !== 'shown' || devices === null) return;
    const fresh = devices.find(({ id }) => !pairing.known.has(id));
    if (fresh) this.pairing = { at: 'paired', name: fresh.name };
  }

  async #make(): Promise<void> {
    this.pairing = { at: 'making' };
    try {
      const known = new Set((await this.actions.devices()).map(({ id }) => id));
      this.pairing = { at: 'shown', ...(await this.actions.makeCode()), known };
    } catch (error) {
      this.pairing = { at: 'failed', reason: messageOf(error) };
    }
    await this.updateComplete;
    this.renderRoot.querySelector<HTMLElement>('.new button')?.focus(); // the button that was pressed is gone
  }

  async #revoke(device: Device): Promise<void> {
    this.refusal = '';
    try {
      await this.actions.revokeDevice(device);
    } catch (error) {
      this.refusal = `“${device.name}” could not be revoked: ${messageOf(error)}`;
    }
    await this.#refresh();
  }

  #copy(text: string, what: string): TemplateResult {
    return html`<button class="icon" aria-label="Copy the ${what}" @click=${() => this.actions.copyText(text, `${what === 'code' ? 'Code' : 'Address'} copied.`)}>${copyIcon()}</button>`;
  }

  #shown({ code, expiresAt }: Extract<Pairing, { at: 'shown' }>): TemplateResult {
    const leftMs = expiresAt - this.nowMs;
    if (leftMs <= 0) return html`<p role="status">The code has expired.</p><button class="primary" @click=${() => this.#make()}>Make another code</button>`;
    return html`
      <p>Open the extension and type in this code and the server’s address.</p>
      <div class="fact"><span class="code" aria-label="Code ${Array.from(code.replace('-', '')).join(' ')}">${code}</span>${this.#copy(code, 'code')}</div>
      <div class="fact"><code class="address">${this.actions.address}</code>${this.#copy(this.actions.address, 'address')}</div>
      <p class="faint num">Pairs one device. <span role="timer">Valid for ${timecode(leftMs)}.</span></p>
    `;
  }

  #new(): TemplateResult {
    const { pairing } = this;
    switch (pairing.at) {
      case 'shown':
        return this.#shown(pairing);
      case 'paired':
        return html`<p class="good" role="status">${checkIcon()}<span>“${pairing.name}” is paired.</span></p><button @click=${() => this.#make()}>Pair another</button>`;
      case 'idle':
      case 'making':
      case 'failed':
        return html`
          <p>A code lets one browser extension record to this server, without the admin token.</p>
          ${pairing.at === 'failed' ? html`<p class="bad" role="alert">No code could be made: ${pairing.reason}</p>` : nothing}
          <button class="primary" ?disabled=${pairing.at === 'making'} @click=${() => this.#make()}>Make a code</button>
        `;
      default:
        return pairing satisfies never;
    }
  }

  #list(): TemplateResult {
    if (this.devices === null) return this.reason === '' ? html`<p class="soft" role="status">Loading…</p>` : html``;
    if (this.devices.length === 0) return html`<p class="soft">No device is paired yet.</p>`;
    return html`<ul>${repeat(this.devices, ({ id }) => id, (device) => html`
      <li>
        <div class="grow">
          <p class="name">${device.name}</p>
          <p class="faint num">paired ${ago(device.createdAt, this.nowMs)} · ${device.lastUsedAt === null ? 'not used yet' : `last used ${ago(device.lastUsedAt, this.nowMs)}`}</p>
        </div>
        <button class="danger" aria-label="Revoke ${device.name}" @click=${() => this.#revoke(device)}>Revoke</button>
      </li>`)}</ul>`;
  }

  override render(): TemplateResult {
    return html`
      <dialog aria-labelledby="title" @close=${this.#closed}>
        <div class="body">
          <div class="head"><h2 id="title">Devices</h2><button class="quiet icon" aria-label="Close" @click=${() => this.renderRoot.querySelector('dialog')?.close()}>${closeIcon()}</button></div>
          <section class="new" aria-label="Pair a device">${this.#new()}</section>
          <section aria-labelledby="paired">
            <h3 id="paired">Paired</h3>
            ${this.reason === '' ? nothing : html`<p class="bad" role="alert">The list could not be read: ${this.reason}</p>`}
            ${this.refusal === '' ? nothing : html`<p class="bad" role="alert">${this.refusal}</p>`}
            ${this.#list()}
          </section>
        </div>
      </dialog>
    `;
  }
}
