import { css, html, LitElement, type PropertyValues, type TemplateResult } from 'lit';
import type { Actions, Question } from '../actions.ts';
import { base } from '../base.ts';
import { plural, titleOf } from '../../shared/format.ts';
import { alertIcon, backIcon, devicesIcon, logo } from '../icons.ts';
import type { State, Store } from '../store.ts';
import { Devices } from './devices.ts';
import { Confirm } from './confirm.ts';

type SignedIn = Extract<State, { phase: 'signedIn' }>;
const WIDE = '(min-width: 861px)';
/** a loss shorter than this heals before anyone need know */
const QUIET_LOSS_MS = 700;

/** The frame of the page: sessions at the side, one of them open, what must be known on top. */
export class Shell extends LitElement {
  static override properties = { store: { attribute: false }, actions: { attribute: false }, onSignIn: { attribute: false }, onSignOut: { attribute: false }, nowMs: { state: true } };
  declare store: Store | undefined;
  declare actions: Actions | undefined;
  declare onSignIn: (token: string, remember: boolean) => void;
  declare onSignOut: () => void;
  declare nowMs: number;
  #unsubscribe: (() => void) | null = null;
  #ticking: ReturnType<typeof setInterval> | undefined;
  #lostAt: number | null = null;
  #chosen = false;
  #shownId: string | null = null;
  static override styles = [
    base,
    css`
      .top { display: flex; align-items: center; gap: 12px; padding: 14px 24px; }
      .brand { display: flex; align-items: center; gap: 10px; font-weight: 700; font-size: 17px; color: var(--ink); text-decoration: none; letter-spacing: -0.01em; }
      .state { margin-left: auto; font-size: 13px; color: var(--soft); display: inline-flex; align-items: center; gap: 7px; }
      .state .dot { color: var(--good); }
      .state.off .dot { color: var(--warn); }
      .banner { position: sticky; top: 0; z-index: 20; display: flex; gap: 8px 14px; align-items: center; flex-wrap: wrap; padding: 9px 24px; background: var(--warn-soft); color: var(--warn); font-weight: 550; font-size: 14px; }
      .banner button { min-height: 30px; padding: 3px 12px; }
      .columns { display: grid; grid-template-columns: 320px minmax(0, 1fr); gap: 28px; padding: 4px 24px 56px; max-width: 1560px; margin: 0 auto; }
      nav { display: grid; gap: 24px; align-content: start; position: sticky; top: 12px; max-height: calc(100dvh - 24px); overflow-y: auto; padding: 3px; margin: -3px; }
      .back { display: none; }
      .skip { position: absolute; left: 16px; top: -60px; z-index: 40; }
      .skip:focus { top: 10px; }
      .welcome { padding: 12vh 24px; display: grid; gap: 10px; justify-items: center; text-align: center; color: var(--soft); }
      .welcome h1 { color: var(--ink); }
      @media (max-width: 860px) {
        .top { padding: 12px 16px; gap: 6px; }
        .top button { padding: 6px 8px; }
        .banner { padding: 9px 16px; }
        .columns { grid-template-columns: minmax(0, 1fr); padding: 4px 16px 48px; }
        nav { position: static; max-height: none; }
        .open nav { display: none; }
        .columns:not(.open) main { display: none; }
        .back { display: inline-flex; margin: 0 0 12px -8px; }
      }
      /* the icon stays, its name is read out */
      @media (max-width: 480px) { .devices span { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); } }
    `,
  ];

  constructor() {
    super();
    this.nowMs = Date.now();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener('hashchange', this.#route);
    this.#ticking = setInterval(() => {
      this.nowMs = Date.now();
      this.store?.sweep();
    }, 1000);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener('hashchange', this.#route);
    clearInterval(this.#ticking);
    this.#unsubscribe?.();
    this.#unsubscribe = null;
  }

  /** The address says which session is open. */
  #route = (): void => {
    this.store?.select(new URLSearchParams(location.hash.slice(1)).get('session'));
  };

  async ask(question: Question): Promise<boolean> {
    const dialog = this.renderRoot.querySelector('clippy-confirm');
    return dialog instanceof Confirm ? dialog.ask(question) : false;
  }

  #showDevices(): void {
    const dialog = this.renderRoot.querySelector('clippy-devices');
    if (dialog instanceof Devices) dialog.show();
  }

  override willUpdate(changed: PropertyValues): void {
    if (changed.has('store') && this.store) {
      this.#unsubscribe?.();
      this.#unsubscribe = this.store.subscribe(() => this.#stateChanged());
      this.#stateChanged();
    }
  }

  #stateChanged(): void {
    const state = this.store?.state;
    if (state?.phase === 'signedIn') {
      this.#lostAt = state.connection.state === 'connected' ? null : (this.#lostAt ?? Date.now());
      this.#chooseFirst(state);
      const gone = state.selected.at === 'gone' && state.system?.sessions.every(({ id }) => state.selected.at === 'gone' && id !== state.selected.id);
      if (gone && location.hash !== '') history.replaceState(null, '', location.pathname);
    }
    const open = state?.phase === 'signedIn' && state.selected.at === 'open' ? state.selected.view.session : null;
    document.title = open ? `${titleOf(open)} · Clippy` : 'Clippy';
    this.requestUpdate();
  }

  /** On a wide page the newest session opens by itself, once; a phone shows the list. */
  #chooseFirst(state: SignedIn): void {
    if (this.#chosen || !state.system) return;
    if (state.selected.at !== 'none') {
      this.#chosen = true;
      return;
    }
    const newest = state.system.sessions.find(({ status }) => status === 'live') ?? state.system.sessions[0];
    if (!newest || !matchMedia(WIDE).matches) return;
    this.#chosen = true;
    location.replace(`#session=${encodeURIComponent(newest.id)}`);
  }

  override updated(): void {
    const state = this.store?.state;
    const id = state?.phase === 'signedIn' && state.selected.at === 'open' ? state.selected.id : null;
    if (id === this.#shownId) return;
    this.#shownId = id;
    if (id !== null && !matchMedia(WIDE).matches) scrollTo(0, 0);
  }

  #banner({ connection }: SignedIn): TemplateResult | string {
    if (connection.state === 'connected' || this.#lostAt === null || this.nowMs - this.#lostAt < QUIET_LOSS_MS) return '';
    const seconds = connection.state === 'waiting' ? Math.max(0, Math.ceil((connection.retryAt - this.nowMs) / 1000)) : 0;
    return html`
      <div class="banner" role="status">
        ${alertIcon()}<span>No connection to the server. <span aria-live="off">${connection.state === 'waiting' && seconds > 0 ? `Trying again in ${plural(seconds, 'second')}.` : 'Trying again…'}</span> Streams keep what they cannot send meanwhile.</span>
        <button @click=${() => this.store?.reconnect()}>Try now</button>
      </div>
    `;
  }

  #main({ selected, system }: SignedIn, actions: Actions): TemplateResult {
    switch (selected.at) {
      case 'open':
        return html`<clippy-session-page .view=${selected.view} .actions=${actions}></clippy-session-page>`;
      case 'loading':
        return html`<div class="welcome" role="status">Opening…</div>`;
      case 'gone':
        return html`<div class="welcome"><h1>Nothing here</h1><p>${selected.reason}</p></div>`;
      case 'none':
        return system?.sessions.length === 0
          ? html`<div class="welcome">${logo()}<h1>Ready when you are</h1><p>Start a stream, and its best moments gather here while it runs.</p></div>`
          : html`<div class="welcome"><p>Choose a session.</p></div>`;
      default:
        return selected satisfies never;
    }
  }

  #signedIn(state: SignedIn, actions: Actions): TemplateResult {
    const connected = state.connection.state === 'connected';
    const id = state.selected.at === 'none' ? null : state.selected.id;
    return html`
      <a class="btn skip" href="#main" @click=${(event: Event) => { event.preventDefault(); this.renderRoot.querySelector<HTMLElement>('main')?.focus(); }}>Skip to the session</a>
      ${this.#banner(state)}
      <div class="top">
        <a class="brand" href="#">${logo()}Clippy</a>
        <span class="state ${connected ? '' : 'off'}"><span class="dot"></span>${connected ? 'Connected' : 'Reconnecting'}</span>
        <button class="quiet devices" aria-haspopup="dialog" @click=${() => this.#showDevices()}>${devicesIcon()}<span>Devices</span></button>
        <button class="quiet" @click=${() => this.onSignOut()}>Sign out</button>
      </div>
      <div class="columns ${id === null ? '' : 'open'}">
        <nav aria-label="Sessions">
          <clippy-session-list .sessions=${state.system?.sessions ?? null} .lags=${state.lags} .selectedId=${id} .nowMs=${this.nowMs} .actions=${actions}></clippy-session-list>
          ${state.system ? html`<clippy-providers .providers=${state.system.providers}></clippy-providers>` : ''}
        </nav>
        <main tabindex="-1"><a class="btn back" href="#">${backIcon()}All sessions</a>${this.#main(state, actions)}</main>
      </div>
      <clippy-devices .actions=${actions}></clippy-devices>
    `;
  }

  override render(): TemplateResult {
    const state = this.store?.state;
    if (!state || !this.actions) return html``;
    return html`
      ${state.phase === 'signedOut' ? html`<clippy-login .reason=${state.reason} .onSignIn=${this.onSignIn}></clippy-login>` : this.#signedIn(state, this.actions)}
      <clippy-confirm></clippy-confirm>
      <clippy-toasts .notices=${state.notices} .onDismiss=${(id: number) => this.store?.dismiss(id)}></clippy-toasts>
    `;
  }
}
