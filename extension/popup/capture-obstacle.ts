// Pages Chrome lets no extension record. An address it does not tell is tried; the start says what is wrong then.
const OWN = new Set(['chrome:', 'chrome-extension:', 'chrome-search:', 'chrome-untrusted:', 'devtools:', 'edge:', 'brave:', 'opera:', 'vivaldi:', 'about:', 'view-source:']);
const STORES = new Set(['chromewebstore.google.com', 'microsoftedge.microsoft.com', 'addons.opera.com']);

/** What to tell the person, or '' where the tab can be recorded. */
export const captureObstacle = (address: string | undefined): string => {
  if (!address || !URL.canParse(address)) return '';
  const { protocol, host, pathname } = new URL(address);
  if (OWN.has(protocol)) return 'Chrome lets no extension record its own pages, such as settings and new tabs. Go to the page that plays your stream, then open Clippy again.';
  if (STORES.has(host) || (host === 'chrome.google.com' && pathname.startsWith('/webstore'))) return 'Extension stores cannot be recorded. Go to the page that plays your stream, then open Clippy again.';
  return '';
};
