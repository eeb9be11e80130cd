import { css, html, LitElement, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { base } from '../base.ts';
import { closeIcon } from '../icons.ts';
import type { Notice } from '../notices.ts';

/** Messages in the corner. Two live regions stand from the start, as readers only announce what changes inside one. */
export class Toasts extends LitElement {
  static override properties = { notices: { attribute: false }, onDismiss: { attribute: false } };
  declare notices: readonly Notice[];
  declare onDismiss: (id: number) => void;
  static override styles = [
    base,
    css`
      :host { position: fixed; inset: auto 20px 20px auto; z-index: 30; width: min(380px, calc(100vw - 32px)); pointer-events: none; }
      div { display: grid; gap: 10px; }
      div + div:not(:empty) { margin-top: 10px; }
      .toast { pointer-events: auto; display: flex; gap: 10px; align-items: flex-start; padding: 12px 8px 12px 14px; box-shadow: var(--shadow); border-left: 4px solid var(--lane); animation: rise 180ms ease-out; }
      .toast.warning { border-left-color: var(--warn); }
      .toast.error { border-left-color: var(--bad); }
      .toast p { flex: 1; overflow-wrap: anywhere; font-size: 14px; padding-top: 3px; }
      button.icon { min-height: 28px; width: 28px; }
      @keyframes rise { from { opacity: 0; transform: translateY(8px); } }
      @media (max-width: 600px) { :host { inset: auto 16px 16px; width: auto; } }
    `,
  ];

  constructor() {
    super();
    this.notices = [];
  }

  override render(): TemplateResult {
    const list = (urgent: boolean): TemplateResult => html`
      <div role=${urgent ? 'alert' : 'status'} aria-live=${urgent ? 'assertive' : 'polite'} aria-relevant="additions text">
        ${repeat(this.notices.filter(({ level }) => (level === 'error') === urgent), ({ id }) => id, (notice) => html`
          <div class="toast card ${notice.level}">
            <p>${notice.message}${notice.count > 1 ? html` <span class="faint">× ${notice.count}</span>` : ''}</p>
            <button class="quiet icon" aria-label="Dismiss" @click=${() => this.onDismiss(notice.id)}>${closeIcon()}</button>
          </div>
        `)}
      </div>
    `;
    return html`${list(true)}${list(false)}`;
  }
}
