import { css, html, LitElement, type PropertyValues, type TemplateResult } from 'lit';
import type { SessionView } from '../../shared/model.ts';
import type { Actions } from '../actions.ts';
import { base } from '../base.ts';
import { bytes, hostOf, missing, plural, span, timecode, titleOf, webLink, worstLag } from '../../shared/format.ts';
import { alertIcon, binIcon, checkIcon, downloadIcon, pinIcon, restartIcon, stopIcon } from '../icons.ts';
import { RecordingPlayer } from './recording-player.ts';
import { statusBadge } from './session-list.ts';

/** One session, whole: what it is, how the work on it stands, its clips, its recording with words and signals, its troubles. */
export class SessionPage extends LitElement {
  static override properties = { view: { attribute: false }, actions: { attribute: false }, playMs: { state: true } };
  declare view: SessionView;
  declare actions: Actions;
  declare playMs: number | null;
  #seek = (ms: number): void => {
    const player = this.renderRoot.querySelector('clippy-recording-player');
    if (!(player instanceof RecordingPlayer)) return;
    player.scrollIntoView({ block: 'nearest', behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
    void player.seek(ms);
  };
  #playing = (ms: number | null): void => {
    this.playMs = ms;
  };
  static override styles = [
    base,
    css`
      :host { display: grid; gap: 28px; grid-template-columns: minmax(0, 1fr); align-content: start; }
      header { display: grid; gap: 12px; }
      .title { display: flex; gap: 10px 16px; align-items: flex-start; flex-wrap: wrap; }
      .title > div:first-child { flex: 1 1 300px; min-width: 0; display: grid; gap: 5px; justify-items: start; }
      .facts { display: flex; flex-wrap: wrap; gap: 4px 26px; }
      .facts div { display: grid; }
      .facts dt { font-size: 12.5px; color: var(--faint); }
      .facts dd { font-weight: 600; }
      .loss { display: inline-flex; align-items: center; gap: 5px; }
      .loss.none { color: var(--good); }
      .loss.some { color: var(--bad); }
      .note { background: var(--warn-soft); color: var(--warn); border-radius: 10px; padding: 9px 14px; overflow-wrap: anywhere; }
      .note.bad { background: var(--bad-soft); color: var(--bad); }
      .stage { display: grid; gap: 16px; grid-template-columns: minmax(0, 1.25fr) minmax(0, 1fr); }
      .side { position: relative; min-height: 300px; }
      .side > .card { position: absolute; inset: 0; display: flex; flex-direction: column; overflow: hidden; }
      .side h2 { padding: 12px 16px 8px; border-bottom: 1px solid var(--line); }
      clippy-transcript { flex: 1; }
      section { display: grid; gap: 12px; grid-template-columns: minmax(0, 1fr); }
      @media (max-width: 1080px) { .stage { grid-template-columns: minmax(0, 1fr); } .side { height: 380px; } .side.still { height: auto; min-height: 0; } .side.still > .card { position: static; } }
      @media (max-width: 600px) { .facts { gap: 8px 20px; } .actions { width: 100%; } }
    `,
  ];

  constructor() {
    super();
    this.playMs = null;
  }

  override willUpdate(changed: PropertyValues<{ view: SessionView }>): void {
    if (changed.has('view') && changed.get('view')?.session.id !== this.view.session.id) this.playMs = null;
  }

  #buttons(): TemplateResult {
    const { session } = this.view;
    const { actions } = this;
    const running = session.status === 'live' || session.status === 'interrupted';
    return html`
      <div class="row actions">
        ${running ? html`<button @click=${() => actions.endSession(session)}>${stopIcon()}End</button>` : ''}
        ${session.status === 'failed' || session.status === 'interrupted' ? html`<button class="primary" @click=${() => actions.restartSession(session)}>${restartIcon()}Restart</button>` : ''}
        <button class="icon" aria-pressed=${session.pinned} aria-label="Keep this session" title=${session.pinned ? 'Kept: it never expires' : 'Keep: it will not expire'} @click=${() => actions.pinSession(session)}>${pinIcon()}</button>
        <button class="icon" aria-label="Download the recording" title="Download the recording" @click=${() => actions.downloadRecording(session)}>${downloadIcon()}</button>
        <button class="icon danger" aria-label="Delete session" title="Delete session" @click=${() => actions.deleteSession(session)}>${binIcon()}</button>
      </div>
    `;
  }

  #header(): TemplateResult {
    const { session, stages } = this.view;
    const link = webLink(session.sourceUrl);
    const lag = worstLag(stages);
    return html`
      <header>
        <div class="title">
          <div>
            <div class="row">${statusBadge(session)}${link ? html`<a class="faint" href=${link} target="_blank" rel="noopener noreferrer">${hostOf(link)}</a>` : session.sourceUrl ? html`<span class="faint">${session.sourceUrl}</span>` : ''}</div>
            <h1 tabindex="-1">${titleOf(session)}</h1>
          </div>
          ${this.#buttons()}
        </div>
        <dl class="facts num">
          <div><dt>Length</dt><dd>${timecode(session.durationMs)}</dd></div>
          ${session.status === 'closed' || lag === null ? '' : html`<div><dt>Behind</dt><dd>${span(lag)}</dd></div>`}
          <div><dt>Found</dt><dd>${plural(this.view.clips.length, 'clip')}</dd></div>
          <div><dt>Recorded</dt><dd>${bytes(session.bytes)}</dd></div>
          <div><dt>Loss</dt><dd class="loss ${session.missing === 0 ? 'none' : 'some'}">${session.missing === 0 ? checkIcon() : alertIcon()}${missing(session)}</dd></div>
        </dl>
        ${session.note ? html`<p class="note ${session.status === 'failed' ? 'bad' : ''}">${session.note}</p>` : ''}
      </header>
    `;
  }

  override render(): TemplateResult {
    const { view, actions } = this;
    const { session } = view;
    const live = session.status === 'live' || session.status === 'interrupted';
    return html`
      ${this.#header()}
      <clippy-pipeline-strip .stages=${view.stages}></clippy-pipeline-strip>
      <clippy-clip-grid .clips=${view.clips} ?live=${live} .actions=${actions} .onSeek=${this.#seek}></clippy-clip-grid>
      <clippy-trouble .deadLetters=${view.deadLetters} .gaps=${view.gaps} .actions=${actions} ?hidden=${view.deadLetters.length === 0 && view.gaps.length === 0}></clippy-trouble>
      <section>
        <div class="head"><h2>Recording</h2></div>
        <div class="stage">
          <clippy-recording-player .sessionId=${session.id} .durationMs=${session.durationMs} ?live=${live} .gaps=${view.gaps} .actions=${actions} .onPlayMs=${this.#playing}></clippy-recording-player>
          <div class="side ${view.words.length === 0 ? 'still' : ''}"><div class="card"><h2>Transcript</h2><clippy-transcript .words=${view.words} .stage=${view.stages.transcribe} ?live=${live} .playMs=${this.playMs} .onSeek=${this.#seek}></clippy-transcript></div></div>
        </div>
      </section>
      <clippy-signal-lanes .bins=${view.bins} .highlights=${view.highlights} .gaps=${view.gaps} ?live=${live} .playMs=${this.playMs} .onSeek=${this.#seek}></clippy-signal-lanes>
      <clippy-page-list .session=${session} .actions=${actions}></clippy-page-list>
      <clippy-highlight-list .highlights=${view.highlights} .onSeek=${this.#seek}></clippy-highlight-list>
    `;
  }
}
