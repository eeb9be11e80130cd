import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import type { Settings } from '../settings.ts';
import { base } from '../ui/base.ts';
import { fields } from './fields.ts';
import type { Change } from './recording-section.ts';

type Access = { at: 'unasked' } | { at: 'granted'; devices: { id: string; name: string }[] } | { at: 'denied'; message: string };

const REMEDY: Record<string, string> = {
  NotAllowedError: 'Chrome does not let Clippy use the microphone. Click the icon left of this page’s address, allow the microphone, and turn this on again.',
  NotFoundError: 'No microphone was found. Plug one in and turn this on again.',
  NotReadableError: 'The microphone is in use by another program, or it failed. Free it and turn this on again.',
};

/** Your voice as a second track. Chrome asks for permission on a page only, so it is asked here and used by the recorder later. */
export class MicrophoneSection extends LitElement {
  static override properties = { settings: { attribute: false }, onChange: { attribute: false }, access: { state: true }, asking: { state: true } };
  declare settings: Settings;
  declare onChange: Change;
  declare access: Access;
  declare asking: boolean;
  static override styles = [
    base, fields,
    css`
      :host { display: grid; gap: 12px; }
    `,
  ];

  constructor() {
    super();
    this.access = { at: 'unasked' };
    this.asking = false;
  }

  #devicesChanged = (): void => {
    if (this.access.at === 'granted') void this.#list();
  };

  override connectedCallback(): void {
    super.connectedCallback();
    navigator.mediaDevices.addEventListener('devicechange', this.#devicesChanged);
    void navigator.permissions.query({ name: 'microphone' }).then(({ state }) => {
      if (state === 'granted') return this.#list();
      if (state === 'denied') this.access = { at: 'denied', message: REMEDY['NotAllowedError'] ?? '' };
      return undefined;
    });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    navigator.mediaDevices.removeEventListener('devicechange', this.#devicesChanged);
  }

  async #list(): Promise<void> {
    const found = (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === 'audioinput');
    this.access = { at: 'granted', devices: found.map(({ deviceId, label }, index) => ({ id: deviceId, name: label || `Microphone ${index + 1}` })) };
  }

  async #toggle(event: Event): Promise<void> {
    const box = event.currentTarget;
    if (!(box instanceof HTMLInputElement) || this.asking) return;
    if (!box.checked) return this.onChange({ microphone: false });
    this.asking = true;
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      for (const track of stream.getTracks()) track.stop();
      await this.#list();
      this.onChange({ microphone: true });
    } catch (error) {
      box.checked = false;
      const name = error instanceof DOMException ? error.name : '';
      this.access = { at: 'denied', message: REMEDY[name] ?? `The microphone cannot be used: ${error instanceof Error ? error.message : String(error)}` };
    } finally {
      this.asking = false;
    }
  }

  #choice(devices: { id: string; name: string }[]): TemplateResult {
    const { microphoneId } = this.settings;
    const gone = microphoneId !== '' && !devices.some(({ id }) => id === microphoneId);
    return html`
      <div class="field">
        <label for="device">Which one</label>
        <select id="device" @change=${(event: Event) => { if (event.currentTarget instanceof HTMLSelectElement) this.onChange({ microphoneId: event.currentTarget.value }); }}>
          <option value="" ?selected=${microphoneId === ''}>The system’s choice</option>
          ${devices.filter(({ id }) => id !== '' && id !== 'default').map(({ id, name }) => html`<option value=${id} ?selected=${id === microphoneId}>${name}</option>`)}
          ${gone ? html`<option value=${microphoneId} selected>Not plugged in now</option>` : nothing}
        </select>
      </div>
    `;
  }

  override render(): TemplateResult {
    const { access, settings } = this;
    return html`
      <label class="check">
        <input type="checkbox" .checked=${settings.microphone} @change=${this.#toggle} />
        <span class="text"><b>Record my microphone too</b><span class="faint">As a second sound track beside the tab’s. Chrome asks you once, here; the microphone is open only while a recording runs.</span></span>
      </label>
      <div role="alert">${access.at === 'denied' ? html`<p class="note bad">${access.message}</p>` : nothing}</div>
      ${settings.microphone && access.at === 'granted' ? this.#choice(access.devices) : nothing}
    `;
  }
}
