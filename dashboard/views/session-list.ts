import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { SessionSummary } from '../../shared/model.ts';
import type { Actions } from '../actions.ts';
import { base } from '../base.ts';
import { ago, bytes, missing, plural, span, STATUS_TEXT, timecode, titleOf } from '../../shared/format.ts';
import { alertIcon, checkIcon, copyIcon, pinIcon } from '../icons.ts';

type Filter = 'all' | 'live' | 'ended';
const RUNNING = new Set<SessionSummary['status']>(['live', 'interrupted', 'draining']);
const PAGE = 60;

const STATUS_CLASS: Record<SessionSummary['status'], string> = { live: 'live', interrupted: 'warn', draining: 'accent', closed: '', failed: 'bad' };
export const statusBadge = (session: SessionSummary): TemplateResult =>
  html`<span class="badge ${STATUS_CLASS[session.status]}">${session.status === 'live' ? html`<span class="dot"></span>` : ''}${STATUS_TEXT[session.status]}</span>`;

/** All sessions, searched by title and told apart by whether they run. Links, so that routing is the address. */
export class SessionList extends LitElement {
  static override properties = {
    sessions: { attribute: false }, lags: { attribute: false }, selectedId: { attribute: false }, nowMs: { attribute: false }, actions: { attribute: false },
    search: { state: true }, filter: { state: true }, shown: { state: true },
  };
  declare sessions: readonly SessionSummary[] | null;
  declare lags: ReadonlyMap<string, number>;
  declare selectedId: string | null;
  declare nowMs: number;
  declare actions: Actions;
  declare search: string;
  declare filter: Filter;
  declare shown: number;
  static override styles = [
    base,
    css`
      :host { display: grid; gap: 12px; align-content: start; }
      input { width: 100%; }
      .list { display: grid; gap: 8px; }
      a { display: grid; gap: 5px; padding: 12px 14px; color: inherit; text-decoration: none; border-radius: var(--radius); border: 1px solid transparent; }
      a:hover { background: var(--surface); border-color: var(--line); }
      a[aria-current] { background: var(--surface); border-color: var(--line); box-shadow: var(--shadow); }
      .title { font-weight: 600; overflow: hidden; text-overflow: ellipsis; display: -webkit-box; -webkit-line-clamp: 2; -webkit-box-orient: vertical; overflow-wrap: anywhere; }
      .facts { display: flex; flex-wrap: wrap; gap: 2px 10px; font-size: 13px; color: var(--soft); }
      .loss { display: inline-flex; align-items: center; gap: 4px; }
      .loss.none { color: var(--good); }
      .loss.some { color: var(--bad); }
      .loss svg { width: 14px; height: 14px; }
      .top { display: flex; align-items: center; gap: 8px; font-size: 13px; color: var(--soft); }
      .top .time { margin-left: auto; }
      .top svg { width: 15px; height: 15px; color: var(--accent); }
      .teach { text-align: left; display: grid; gap: 10px; padding: 20px; }
      .command { display: flex; gap: 6px; align-items: center; }
      .command code { flex: 1; padding: 6px 10px; }
      .skeleton { height: 86px; border-radius: var(--radius); background: var(--sunk); }
    `,
  ];

  constructor() {
    super();
    this.sessions = null;
    this.lags = new Map();
    this.selectedId = null;
    this.nowMs = 0;
    this.search = '';
    this.filter = 'all';
    this.shown = PAGE;
  }

  #matching(sessions: readonly SessionSummary[]): SessionSummary[] {
    const wanted = this.search.trim().toLocaleLowerCase();
    return sessions.filter(
      (session) => (this.filter === 'all' || RUNNING.has(session.status) === (this.filter === 'live')) && (wanted === '' || titleOf(session).toLocaleLowerCase().includes(wanted)),
    );
  }

  #item(session: SessionSummary): TemplateResult {
    const lag = RUNNING.has(session.status) ? this.lags.get(session.id) : undefined;
    return html`
      <li>
        <a href="#session=${encodeURIComponent(session.id)}" aria-current=${session.id === this.selectedId ? 'page' : nothing}>
          <span class="top">${statusBadge(session)}${session.pinned ? html`${pinIcon()}<span class="sr">pinned</span>` : ''}
            <span class="time num">${RUNNING.has(session.status) ? timecode(session.durationMs) : `${timecode(session.durationMs)} · ${ago(session.endedAt ?? session.startedAt, this.nowMs)}`}</span></span>
          <span class="title">${titleOf(session)}</span>
          <span class="facts num">
            <span>${plural(session.clips, 'clip')}</span><span>${bytes(session.bytes)}</span>${lag === undefined ? '' : html`<span>${span(lag)} behind</span>`}
            ${session.deadLetters > 0 ? html`<span>${plural(session.deadLetters, 'problem')}</span>` : ''}
            <span class="loss ${session.missing === 0 ? 'none' : 'some'}">${session.missing === 0 ? checkIcon() : alertIcon()}${missing(session)}</span>
          </span>
        </a>
      </li>
    `;
  }

  #teach(): TemplateResult {
    const command = 'npm run stream -- FILE';
    return html`
      <div class="card teach">
        <h2>No sessions yet</h2>
        <p class="soft">Play any video into Clippy as if it were live. On the server's machine, in its folder:</p>
        <div class="command"><code>${command}</code><button class="icon" aria-label="Copy the command" @click=${() => this.actions.copyText(command, 'Command copied.')}>${copyIcon()}</button></div>
        <p class="faint">Or <code>npm run demo</code> for a stream made for trying out. It appears here by itself.</p>
      </div>
    `;
  }

  override render(): TemplateResult {
    if (this.sessions === null) return html`<p class="sr" role="status">Loading sessions</p><div class="skeleton"></div><div class="skeleton"></div><div class="skeleton"></div>`;
    if (this.sessions.length === 0) return this.#teach();
    const found = this.#matching(this.sessions);
    const filters: [Filter, string][] = [['all', 'All'], ['live', 'Live'], ['ended', 'Ended']];
    return html`
      <input type="search" placeholder="Search by title" aria-label="Search sessions by title" .value=${this.search} @input=${(event: InputEvent) => { if (event.target instanceof HTMLInputElement) this.search = event.target.value; }} />
      <div class="row">
        <div class="segments" role="group" aria-label="Show sessions">
          ${filters.map(([filter, name]) => html`<button aria-pressed=${this.filter === filter} @click=${() => { this.filter = filter; }}>${name}</button>`)}
        </div>
        <span class="faint num" role="status">${plural(found.length, 'session')}</span>
      </div>
      ${found.length === 0 ? html`<p class="empty">Nothing matches.</p>` : html`<ul class="list">${repeat(found.slice(0, this.shown), ({ id }) => id, (session) => this.#item(session))}</ul>`}
      ${found.length > this.shown ? html`<button @click=${() => { this.shown += PAGE; }}>Show ${Math.min(PAGE, found.length - this.shown)} more</button>` : ''}
    `;
  }
}
