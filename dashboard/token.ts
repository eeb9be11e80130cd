// Where the admin token is kept: for this tab, or on this device when asked to. A `#token=…` link signs in once; the
// fragment leaves the address bar (and the history entry) before anything else happens.
const KEY = 'clippy.token';

export type TokenStore = { read(): string | null; write(token: string, remember: boolean): void; clear(): void };

export const createTokenStore = (tab: Storage, device: Storage): TokenStore => ({
  read: () => tab.getItem(KEY) ?? device.getItem(KEY),
  write: (token, remember) => {
    tab.setItem(KEY, token);
    if (remember) device.setItem(KEY, token);
    else device.removeItem(KEY);
  },
  clear: () => {
    tab.removeItem(KEY);
    device.removeItem(KEY);
  },
});

/** What a link's fragment asks for: `#token=…`, `#session=…`, or both; `rest` is the fragment without the token. */
export const readFragment = (fragment: string): { token: string | null; session: string | null; rest: string } => {
  const params = new URLSearchParams(fragment.replace(/^#/, ''));
  const token = params.get('token');
  const session = params.get('session');
  return { token: token === '' ? null : token, session: session === '' ? null : session, rest: session ? `#session=${encodeURIComponent(session)}` : '' };
};
