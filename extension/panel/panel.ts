// Joins the side panel's parts.
import { ask } from '../messages.ts';
import { followTheme } from '../ui/theme.ts';
import { chromeSource, createViewClient } from '../ui/view-client.ts';
import { FoundClips } from './found-clips.ts';
import { LiveWords } from './live-words.ts';
import { PanelPage } from './panel-page.ts';
import { StageList } from './stage-list.ts';
import { TroubleList } from './trouble-list.ts';

const ELEMENTS = { 'clippy-stage-list': StageList, 'clippy-live-words': LiveWords, 'clippy-found-clips': FoundClips, 'clippy-trouble-list': TroubleList, 'clippy-panel': PanelPage };
for (const [tag, element] of Object.entries(ELEMENTS)) customElements.define(tag, element);

followTheme();

const page = document.querySelector('clippy-panel');
if (page instanceof PanelPage) {
  const client = createViewClient(chromeSource);
  page.watch = (session) => ask({ to: 'recorder', type: 'watch', session });
  page.seen = client.seen;
  client.subscribe((seen) => { page.seen = seen; });
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) return;
    client.refresh();
    page.again();
  });
  // nobody looks any more: the server need not tell
  addEventListener('pagehide', () => void page.watch(null).catch((error: unknown) => console.info('the recorder was not told that the panel closes:', error)));
}
