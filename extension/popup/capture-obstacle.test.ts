import { expect, it } from 'vitest';
import { captureObstacle } from './capture-obstacle.ts';

it.each(['chrome://settings/', 'chrome://newtab/', 'about:blank', 'devtools://devtools/x', 'view-source:https://example.org', 'chrome-extension://abc/options.html', 'edge://flags', 'https://chromewebstore.google.com/detail/x', 'https://chrome.google.com/webstore/detail/x'])('%s cannot be recorded', (address) => expect(captureObstacle(address)).not.toBe(''));
it.each([undefined, '', 'https://www.twitch.tv/example', 'http://localhost:8080/', 'https://chrome.google.com/intl', 'file:///tmp/a.html'])('%s is tried', (address) => expect(captureObstacle(address)).toBe(''));
