import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { missing, plural, STATUS_TEXT, timecode } from '../../shared/format.ts';
import type { SessionView } from '../../shared/model.ts';
import { base } from '../ui/base.ts';
import { sessionLink } from '../ui/dashboard-link.ts';
import { alertIcon, logo, openIcon } from '../ui/icons.ts';
import { viewOf, type Seen } from '../ui/view-client.ts';
import type { RecorderView } from '../view.ts';
import { chosenOf, followable, type Followed } from './choice.ts';

const nameOf = ({ title }: { title: string }): string => title.trim() || 'Untitled page';

/** The live monitor: one recording as the server sees it. */
export class PanelPage extends LitElement {
  static override properties = { seen: { attribute: false }, watch: { attribute: false }, chosen: { state: true }, problem: { state: true } };
  declare seen: Seen;
  /** asks the recorder to tell of this session, or of none */
  declare watch: (session: string | null) => Promise<unknown>;
  declare chosen: string | null;
  declare problem: string;
  /** the session asked for last */
  #asked: string | null = null;
  static override styles = [
    base,
    css`
      :host { padding: 12px 14px 24px; }
      header { display: flex; align-items: center; gap: 8px; min-height: 32px; margin-bottom: 10px; }
      header h1 { font-size: 16px; }
      main { --gap: 14px; display: grid; gap: var(--gap); grid-template-columns: minmax(0, 1fr); }
      .field { display: grid; gap: 5px; }
      .field select { width: 100%; }
      .title { display: grid; gap: 6px; }
      .banner { display: flex; gap: 8px; align-items: flex-start; }
      .banner span { flex: 1; }
      section { display: grid; gap: 8px; grid-template-columns: minmax(0, 1fr); }
      .blank { padding: 48px 20px; text-align: center; display: grid; gap: 8px; justify-items: center; color: var(--soft); }
      .blank h2 { color: var(--ink); }
      .lost { color: var(--bad); font-weight: 600; }
    `,
  ];

  constructor() {
    super();
    this.seen = { at: 'waiting' };
    this.chosen = null;
    this.problem = '';
  }

  get #followed(): Followed | null {
    return chosenOf(followable(viewOf(this.seen)?.recordings ?? []), this.chosen);
  }

  /** Asks when another recording is followed, and again when the recorder has begun anew and follows nothing. */
  override updated(changed: PropertyValues): void {
    const view = viewOf(this.seen);
    if (!view || this.seen.at !== 'live') return;
    const session = this.#followed?.session ?? null;
    const forgotten = changed.has('seen') && session !== null && view.watched === null && document.visibilityState === 'visible';
    if (session !== this.#asked || forgotten) void this.#ask(session);
  }

  async #ask(session: string | null): Promise<void> {
    this.#asked = session;
    try {
      await this.watch(session);
      this.problem = '';
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
    }
  }

  /** The panel was hidden or replaced meanwhile: what it shows is asked for again. */
  again(): void {
    const session = this.#followed?.session ?? null;
    if (session !== null) void this.#ask(session);
  }

  #banner(view: RecorderView | null, followed: Followed | null): TemplateResult | typeof nothing {
    const note = (text: unknown, tone = 'warn'): TemplateResult => html`<p class="note ${tone} banner">${alertIcon()}<span>${text}</span></p>`;
    if (this.seen.at === 'gone') return note('Clippy was updated. Close this panel and open it again.');
    if (this.seen.at === 'silent') return note(`The recorder does not answer (${this.seen.reason}). Trying again…`);
    if (followed?.trouble) return note(followed.trouble.message, 'bad');
    if (view?.server.state === 'offline') return note(`No connection: ${view.server.reason}. What is below is what was known last.`);
    if (view?.server.state === 'refused') return note(`${view.server.reason}. Pair again in the popup.`, 'bad');
    return nothing;
  }

  #choose(list: Followed[], followed: Followed): TemplateResult | typeof nothing {
    if (list.length < 2) return nothing;
    return html`
      <div class="field">
        <label for="session" class="faint">Recording</label>
        <select id="session" @change=${(event: Event) => { if (event.currentTarget instanceof HTMLSelectElement) this.chosen = event.currentTarget.value; }}>
          ${list.map((each) => html`<option value=${each.session} ?selected=${each.session === followed.session}>${nameOf(each)}</option>`)}
        </select>
      </div>
    `;
  }

  #session(view: SessionView, recorder: RecorderView): TemplateResult {
    const thumbnails = new Map(recorder.clips.map(({ id, thumbnail }) => [id, thumbnail]));
    const live = view.session.status === 'live';
    return html`
      <p class="faint num ${view.session.missing > 0 ? 'lost' : ''}">${missing(view.session)}</p>
      ${view.session.note === '' ? nothing : html`<p class="note warn">${view.session.note}</p>`}
      <clippy-stage-list .stages=${view.stages}></clippy-stage-list>
      <section aria-labelledby="words"><h2 id="words">Transcript</h2><clippy-live-words .words=${view.words} .stage=${view.stages.transcribe} ?live=${live}></clippy-live-words></section>
      <section aria-labelledby="clips"><h2 id="clips">Clips <span class="faint">${view.clips.length > 0 ? view.clips.length : ''}</span></h2><clippy-found-clips .clips=${view.clips} .thumbnails=${thumbnails}></clippy-found-clips></section>
      <span class="sr" role="status">${plural(view.clips.length, 'clip')} found</span>
      <clippy-trouble-list .gaps=${view.gaps} .deadLetters=${view.deadLetters}></clippy-trouble-list>
    `;
  }

  #followedPart(view: RecorderView, followed: Followed): TemplateResult {
    const { watched, server } = view;
    const told = watched?.session === followed.session ? watched.view : null;
    const elsewhere = watched !== null && watched.session !== followed.session && this.#asked === followed.session;
    return html`
      <div class="title">
        <h2 class="two" dir="auto" title=${nameOf(followed)}>${nameOf(followed)}</h2>
        <div class="row wrap num">
          <span class="badge ${followed.state === 'recording' ? 'live' : ''}">${followed.state === 'recording' ? html`<span class="dot"></span>Recording` : told ? STATUS_TEXT[told.session.status] : 'Ended'}</span>
          <span class="soft">${timecode(followed.durationMs)}</span>
          <span class="grow"></span>
          ${server.state === 'unpaired' ? nothing : html`<a class="btn" href=${sessionLink(server.url, followed.session)} target="_blank" rel="noreferrer">${openIcon()}Dashboard<span class="sr"> (new tab)</span></a>`}
        </div>
      </div>
      ${told ? this.#session(told, view) : html`<div class="card blank" role="status"><p>${elsewhere ? 'The panel of another window follows another recording.' : 'Waiting for the server to tell of this recording…'}</p>${elsewhere ? html`<button @click=${() => this.again()}>Follow here</button>` : nothing}</div>`}
    `;
  }

  #nothing(view: RecorderView): TemplateResult {
    const unpaired = view.server.state === 'unpaired';
    return html`<div class="card blank">${logo(36)}<h2>Nothing to follow</h2><p>${unpaired ? 'Pair this browser with your server in the popup: stages, words and clips of a recording come from there.' : 'Open a page that plays a stream and press Record in Clippy’s popup. Stages, words and clips appear here.'}</p></div>`;
  }

  override render(): TemplateResult {
    const view = viewOf(this.seen);
    const list = followable(view?.recordings ?? []);
    const followed = chosenOf(list, this.chosen);
    return html`
      <header>${logo()}<h1>Live monitor</h1></header>
      <main>
        <div role="status">${this.#banner(view, followed)}</div>
        <div role="alert">${this.problem === '' ? nothing : html`<p class="note bad">${this.problem}</p>`}</div>
        ${!view ? html`<div class="card blank" aria-busy="true"><p>Asking the recorder…</p></div>` : followed ? html`${this.#choose(list, followed)}${this.#followedPart(view, followed)}` : this.#nothing(view)}
      </main>
    `;
  }
}
