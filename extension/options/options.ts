// Joins the options page's parts.
import { Confirm } from '../ui/confirm.ts';
import { PairForm } from '../ui/pair-form.ts';
import { followTheme } from '../ui/theme.ts';
import { chromeSource, createViewClient } from '../ui/view-client.ts';
import { EmbeddedSection } from './embedded-section.ts';
import { MicrophoneSection } from './microphone-section.ts';
import { OptionsPage } from './options-page.ts';
import { RecordingSection } from './recording-section.ts';
import { Section } from './section.ts';
import { ServerSection } from './server-section.ts';
import { ShortcutsSection } from './shortcuts-section.ts';
import { TranscriptionSection } from './transcription-section.ts';
import { TrustSection } from './trust-section.ts';

const ELEMENTS = {
  'clippy-confirm': Confirm, 'clippy-pair-form': PairForm, 'clippy-section': Section, 'clippy-server-section': ServerSection, 'clippy-recording-section': RecordingSection, 'clippy-embedded-section': EmbeddedSection, 'clippy-microphone-section': MicrophoneSection,
  'clippy-transcription-section': TranscriptionSection, 'clippy-shortcuts-section': ShortcutsSection, 'clippy-trust-section': TrustSection, 'clippy-options': OptionsPage,
};
for (const [tag, element] of Object.entries(ELEMENTS)) customElements.define(tag, element);

followTheme();

const page = document.querySelector('clippy-options');
if (page instanceof OptionsPage) {
  const client = createViewClient(chromeSource);
  page.version = chrome.runtime.getManifest().version;
  page.seen = client.seen;
  client.subscribe((seen) => { page.seen = seen; });
  // what is used changes while nobody looks
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) client.refresh();
  });
}
