import { css, html, LitElement, type TemplateResult } from 'lit';
import { base } from '../base.ts';
import { logo } from '../icons.ts';

/** Asks for the admin token once. Fires nothing: calls `onSignIn`. */
export class Login extends LitElement {
  static override properties = { reason: { type: String }, onSignIn: { attribute: false } };
  declare reason: string;
  declare onSignIn: (token: string, remember: boolean) => void;
  static override styles = [
    base,
    css`
      :host { min-height: 100dvh; display: grid; place-items: center; padding: 24px 16px; }
      form { width: min(400px, 100%); padding: 32px; display: grid; gap: 18px; box-shadow: var(--shadow); }
      .brand { display: flex; align-items: center; gap: 12px; }
      label { display: grid; gap: 6px; font-weight: 550; }
      label.check { display: flex; align-items: center; gap: 9px; font-weight: 400; }
      input[type='checkbox'] { min-height: 0; width: 18px; height: 18px; accent-color: var(--accent); margin: 0; }
      input[type='password'] { min-height: 42px; font-family: var(--mono); width: 100%; }
      button { min-height: 42px; }
      .reason { background: var(--bad-soft); color: var(--bad); border-radius: 10px; padding: 9px 12px; font-size: 14px; }
    `,
  ];

  constructor() {
    super();
    this.reason = '';
  }

  override firstUpdated(): void {
    this.renderRoot.querySelector<HTMLInputElement>('input')?.focus();
  }

  #submit(event: SubmitEvent): void {
    event.preventDefault();
    const form = event.currentTarget;
    if (!(form instanceof HTMLFormElement)) return;
    const data = new FormData(form);
    const token = String(data.get('token') ?? '').trim();
    if (token !== '') this.onSignIn(token, data.get('remember') === 'on');
  }

  override render(): TemplateResult {
    return html`
      <form class="card" @submit=${this.#submit}>
        <div class="brand">${logo()}<h1>Clippy</h1></div>
        <p class="soft">Your streams, heard while they run, and the moments worth keeping.</p>
        ${this.reason ? html`<p class="reason" role="alert">${this.reason}</p>` : ''}
        <label>Admin token <input type="password" name="token" autocomplete="current-password" required spellcheck="false" aria-describedby="where" /></label>
        <p class="faint" id="where">The server printed it at its first start, or you set it as <code>CLIPPY_ADMIN_TOKEN</code>.</p>
        <label class="check"><input type="checkbox" name="remember" /> Remember on this device</label>
        <button class="primary">Sign in</button>
      </form>
    `;
  }
}
