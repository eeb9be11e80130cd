import { css, html, LitElement, type TemplateResult } from 'lit';
import { timecode } from '../../shared/format.ts';
import { GOP_MS } from '../settings.ts';
import { base } from '../ui/base.ts';
import { saveLabel } from '../ui/format.ts';
import { checkIcon } from '../ui/icons.ts';

const LENGTHS = [30, 120, 300];
const DONE_MS = 4_000;
type Saving = { at: 'rest' } | { at: 'busy' | 'done'; seconds: number } | { at: 'failed'; message: string };

/** Saves the end of a recording as a file, from this browser alone. Lengths beyond what is kept cannot be chosen. */
export class SaveRow extends LitElement {
  static override properties = { savableMs: { attribute: false }, name: { attribute: false }, onSave: { attribute: false }, saving: { state: true } };
  declare savableMs: number;
  /** the recording's title, for readers */
  declare name: string;
  declare onSave: (seconds: number) => Promise<unknown>;
  declare saving: Saving;
  #timer: ReturnType<typeof setTimeout> | undefined;
  static override styles = [
    base,
    css`
      :host { --gap: 0px; }
      fieldset { display: grid; grid-template-columns: auto repeat(3, minmax(0, 1fr)); gap: 6px; align-items: center; }
      legend { float: left; padding: 0 4px 0 0; font-size: 13px; color: var(--soft); }
      button { padding: 5px 4px; }
      .done { color: var(--good); }
      .note { margin-top: 8px; }
    `,
  ];

  constructor() {
    super();
    this.savableMs = 0;
    this.name = '';
    this.saving = { at: 'rest' };
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
  }

  async #save(seconds: number): Promise<void> {
    if (this.saving.at === 'busy') return;
    clearTimeout(this.#timer);
    this.saving = { at: 'busy', seconds };
    try {
      await this.onSave(seconds);
      this.saving = { at: 'done', seconds };
      this.#timer = setTimeout(() => { this.saving = { at: 'rest' }; }, DONE_MS);
    } catch (error) {
      this.saving = { at: 'failed', message: error instanceof Error ? error.message : String(error) };
    }
  }

  #button(seconds: number): TemplateResult {
    const { saving } = this;
    // the ring ends on a keyframe: what is kept of "5 minutes" is up to one group of pictures short
    const kept = this.savableMs + GOP_MS >= seconds * 1000;
    const mine = (saving.at === 'busy' || saving.at === 'done') && saving.seconds === seconds ? saving.at : 'rest';
    const label = saveLabel(seconds);
    return html`
      <button class="num" ?disabled=${!kept} aria-disabled=${saving.at === 'busy' ? 'true' : 'false'} aria-label="Save the last ${label}${this.name === '' ? '' : ` of ${this.name}`}"
        title=${kept ? 'Saves an MP4 to your downloads' : `Only ${timecode(this.savableMs)} is kept in this browser`} @click=${() => this.#save(seconds)}>
        ${mine === 'busy' ? 'Saving…' : mine === 'done' ? html`<span class="row done">${checkIcon()}Saved</span>` : label}
      </button>
    `;
  }

  override render(): TemplateResult {
    const { saving } = this;
    return html`
      <fieldset><legend>Save last</legend>${LENGTHS.map((seconds) => this.#button(seconds))}</fieldset>
      <span class="sr" role="status">${saving.at === 'busy' ? `Saving the last ${saveLabel(saving.seconds)}` : saving.at === 'done' ? `Saved the last ${saveLabel(saving.seconds)} to your downloads` : ''}</span>
      <div role="alert">${saving.at === 'failed' ? html`<p class="note bad">${saving.message}</p>` : ''}</div>
    `;
  }
}
