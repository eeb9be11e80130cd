// Joins the popup's parts: the recorder's view, the tab in front, what can be done.
import { Confirm } from '../ui/confirm.ts';
import { PairForm } from '../ui/pair-form.ts';
import { takeStartRequest } from '../start-request.ts';
import { followTheme } from '../ui/theme.ts';
import { chromeSource, createViewClient } from '../ui/view-client.ts';
import { actions } from './actions.ts';
import { ClipList } from './clip-list.ts';
import { PopupPage } from './popup-page.ts';
import { RecordingCard } from './recording-card.ts';
import { RecordingList } from './recording-list.ts';
import { SaveRow } from './save-row.ts';

const ELEMENTS = { 'clippy-confirm': Confirm, 'clippy-pair-form': PairForm, 'clippy-save-row': SaveRow, 'clippy-recording-card': RecordingCard, 'clippy-recording-list': RecordingList, 'clippy-clip-list': ClipList, 'clippy-popup': PopupPage };
for (const [tag, element] of Object.entries(ELEMENTS)) customElements.define(tag, element);

followTheme();

const page = document.querySelector('clippy-popup');
if (page instanceof PopupPage) {
  const client = createViewClient(chromeSource);
  page.client = client;
  page.actions = actions;
  page.seen = client.seen;
  client.subscribe((seen) => { page.seen = seen; });
  // a pairing stored by the options page, or by this one, changes what the recorder will say
  chrome.storage.onChanged.addListener(() => client.refresh());
  const [tab] = await chrome.tabs.query({ active: true, currentWindow: true });
  const asked = await takeStartRequest();
  page.tab = tab?.id === undefined ? null : { id: tab.id, windowId: tab.windowId, url: tab.url, title: tab.title ?? '' };
  if (asked !== null) page.start(asked);
}
