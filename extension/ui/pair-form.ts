import { css, html, LitElement, type TemplateResult } from 'lit';
import { savePairing } from '../settings.ts';
import { base } from './base.ts';
import { addressWarning, deviceName, normalAddress, normalCode, pair } from './pairing.ts';

type Trying = { at: 'rest' } | { at: 'busy' } | { at: 'refused'; field: 'address' | 'secret'; message: string };

/** Address and code (or token) in, a stored pairing out; whoever shows the form sees the pairing arrive in storage. */
export class PairForm extends LitElement {
  static override properties = { address: { attribute: false }, by: { state: true }, typed: { state: true }, trying: { state: true } };
  /** to begin with */
  declare address: string;
  declare by: 'code' | 'token';
  declare typed: string;
  declare trying: Trying;
  static override styles = [
    base,
    css`
      form { --gap: 12px; display: grid; gap: var(--gap); grid-template-columns: minmax(0, 1fr); }
      .field { display: grid; gap: 4px; }
      .field input { width: 100%; }
      input.code { font-family: var(--mono); letter-spacing: 0.08em; text-transform: uppercase; }
      input.code::placeholder { letter-spacing: 0.08em; }
      .tools { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 6px; }
      button { min-height: 38px; }
    `,
  ];

  constructor() {
    super();
    this.address = '';
    this.by = 'code';
    this.typed = '';
    this.trying = { at: 'rest' };
  }

  #input(name: string): HTMLInputElement | null {
    return this.renderRoot.querySelector<HTMLInputElement>(`input[name=${name}]`);
  }

  async #submit(event: Event): Promise<void> {
    event.preventDefault();
    if (this.trying.at === 'busy') return;
    const secret = this.#input('secret')?.value ?? '';
    this.trying = { at: 'busy' };
    const proof = this.by === 'code' ? ({ by: 'code', code: secret } as const) : ({ by: 'token', token: secret } as const);
    const outcome = await pair({ send: (input, init) => fetch(input, init), address: this.#input('address')?.value ?? '', proof, name: deviceName(navigator.userAgent) });
    if (outcome.ok) {
      await savePairing(outcome.pairing);
      this.trying = { at: 'rest' };
      this.dispatchEvent(new CustomEvent('paired'));
      return;
    }
    this.trying = { at: 'refused', field: outcome.field, message: outcome.message };
    await this.updateComplete;
    this.#input(outcome.field)?.focus();
  }

  /** While typing nothing moves; a whole code is written as the server shows it once the field is left. */
  #tidy(event: Event): void {
    if (this.by === 'code' && event.currentTarget instanceof HTMLInputElement) event.currentTarget.value = normalCode(event.currentTarget.value) ?? event.currentTarget.value;
  }

  #other(): void {
    this.by = this.by === 'code' ? 'token' : 'code';
    const secret = this.#input('secret');
    if (secret) secret.value = '';
    if (this.trying.at === 'refused') this.trying = { at: 'rest' };
  }

  #warning(): string {
    const address = normalAddress(this.typed || this.address);
    return address === null ? '' : addressWarning(address);
  }

  override render(): TemplateResult {
    const { trying, by } = this;
    const wrong = (field: 'address' | 'secret'): boolean => trying.at === 'refused' && trying.field === field;
    const warning = this.#warning();
    return html`
      <form novalidate @submit=${this.#submit}>
        <div class="field">
          <label for="address">Server address</label>
          <input id="address" name="address" type="url" inputmode="url" autocomplete="off" autocapitalize="off" spellcheck="false" placeholder="localhost:7070" .value=${this.address} aria-invalid=${wrong('address') ? 'true' : 'false'} aria-describedby="warning said"
            @input=${(event: Event) => { if (event.currentTarget instanceof HTMLInputElement) this.typed = event.currentTarget.value; }} />
        </div>
        <div id="warning" role="status">${warning === '' ? '' : html`<p class="note warn">${warning}</p>`}</div>
        <div class="field">
          <label for="secret">${by === 'code' ? 'Code' : 'Token'} <span class="faint">${by === 'code' ? 'from the dashboard, under Devices' : 'printed when the server starts'}</span></label>
          <input id="secret" name="secret" class=${by} type=${by === 'code' ? 'text' : 'password'} autocomplete="off" autocapitalize="characters" spellcheck="false" maxlength=${by === 'code' ? 24 : 512} placeholder=${by === 'code' ? 'ABCD-EFGH' : ''} aria-invalid=${wrong('secret') ? 'true' : 'false'} aria-describedby="said" @change=${this.#tidy} />
        </div>
        <div id="said" role="alert">${trying.at === 'refused' ? html`<p class="note bad">${trying.message}</p>` : ''}</div>
        <div class="tools">
          <button class="primary" aria-disabled=${trying.at === 'busy' ? 'true' : 'false'}>${trying.at === 'busy' ? 'Pairing…' : 'Pair'}</button>
          <button type="button" class="quiet" @click=${() => this.#other()}>${by === 'code' ? 'Use a token' : 'Use a code'}</button>
        </div>
      </form>
    `;
  }
}
