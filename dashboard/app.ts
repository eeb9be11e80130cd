// Joins the parts: token, store, requests, page. Everything with rules lives in the files it names.
import { createClient } from '../shared/client.ts';
import { createActions } from './actions.ts';
import { createApi } from './api.ts';
import { createStore } from './store.ts';
import { createTokenStore, readFragment } from './token.ts';
import { ClipCard } from './views/clip-card.ts';
import { ClipGrid } from './views/clip-grid.ts';
import { Confirm } from './views/confirm.ts';
import { Devices } from './views/devices.ts';
import { HighlightList } from './views/highlight-list.ts';
import { Login } from './views/login.ts';
import { PageList } from './views/page-list.ts';
import { PipelineStrip } from './views/pipeline-strip.ts';
import { Providers } from './views/providers.ts';
import { RecordingPlayer } from './views/recording-player.ts';
import { SessionList } from './views/session-list.ts';
import { SessionPage } from './views/session-page.ts';
import { SignalLanes } from './views/signal-lanes.ts';
import { Toasts } from './views/toasts.ts';
import { Transcript } from './views/transcript.ts';
import { Trouble } from './views/trouble.ts';
import { Shell } from './views/shell.ts';

const ELEMENTS = {
  'clippy-clip-card': ClipCard,
  'clippy-clip-grid': ClipGrid,
  'clippy-confirm': Confirm,
  'clippy-devices': Devices,
  'clippy-highlight-list': HighlightList,
  'clippy-login': Login,
  'clippy-page-list': PageList,
  'clippy-pipeline-strip': PipelineStrip,
  'clippy-providers': Providers,
  'clippy-recording-player': RecordingPlayer,
  'clippy-session-list': SessionList,
  'clippy-session-page': SessionPage,
  'clippy-signal-lanes': SignalLanes,
  'clippy-toasts': Toasts,
  'clippy-transcript': Transcript,
  'clippy-trouble': Trouble,
};
for (const [tag, element] of Object.entries(ELEMENTS)) customElements.define(tag, element);
customElements.define('clippy-app', Shell);

const tokens = createTokenStore(sessionStorage, localStorage);

/** A link with a token, followed or typed: the token leaves the address bar before anything else. */
const takeToken = (): boolean => {
  const { token, rest } = readFragment(location.hash);
  if (token === null) return false;
  history.replaceState(null, '', `${location.pathname}${location.search}${rest}`);
  tokens.write(token, false);
  return true;
};
takeToken();

const store = createStore({
  url: location.origin,
  connect: createClient,
  now: () => Date.now(),
  // a hidden page draws no frames, but its title and notices go on
  schedule: (run) => void (document.hidden ? setTimeout(run, 500) : requestAnimationFrame(run)),
  onRefused: () => tokens.clear(),
});

const start = (shell: Shell): void => {
  const api = createApi({
    token: () => tokens.read(),
    fetch: (input, init) => fetch(input, init),
    onUnauthorized: () => {
      tokens.clear();
      store.signOut('The server did not accept this token.');
    },
  });
  shell.actions = createActions({
    api, store,
    confirm: (question) => shell.ask(question),
    download: (url) => {
      const link = document.createElement('a');
      link.href = url;
      link.download = '';
      link.click();
    },
    copy: (text) => navigator.clipboard.writeText(text),
    origin: location.origin,
  });
  const signIn = (token: string): void => {
    store.signIn(token);
    store.select(readFragment(location.hash).session);
  };
  shell.onSignIn = (token, remember) => {
    tokens.write(token, remember);
    signIn(token);
  };
  shell.onSignOut = () => {
    tokens.clear();
    store.signOut();
  };
  const signInAgain = (): void => {
    const token = tokens.read();
    if (token !== null) signIn(token);
  };
  addEventListener('hashchange', () => {
    if (takeToken()) signInAgain();
  });
  shell.store = store;
  signInAgain();
};

const shell = document.querySelector('clippy-app');
if (shell instanceof Shell) start(shell);
