// The HTTP requests of the dashboard. The token travels only in the Authorization header; media elements get signed URLs.
import type { Clip, Device, Page } from '../shared/model.ts';

/** `status` 0: the server could not be reached. */
export class ApiError extends Error {
  readonly status: number;
  constructor(status: number, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = 'ApiError';
    this.status = status;
  }
}

export type Api = {
  clip(id: string): Promise<Clip>;
  pinClip(id: string, pinned: boolean): Promise<void>;
  deleteClip(id: string): Promise<void>;
  pinSession(id: string, pinned: boolean): Promise<void>;
  endSession(id: string): Promise<void>;
  restartSession(id: string): Promise<void>;
  deleteSession(id: string): Promise<void>;
  retryDeadLetter(id: string): Promise<void>;
  /** what the recorded page was over time */
  pages(sessionId: string): Promise<Page[]>;
  devices(): Promise<Device[]>;
  /** A code that pairs one device; `expiresAt` by the server's clock. */
  makeCode(): Promise<{ code: string; expiresAt: number }>;
  revokeDevice(id: string): Promise<void>;
  /** A short-lived URL a media element or a download can use without the token. */
  signed(path: string): Promise<string>;
};

const field = (value: unknown, name: string): unknown => (typeof value === 'object' && value !== null ? Object.entries(value).find(([key]) => key === name)?.[1] : undefined);

/** The server says what was wrong as `{ error: { message } }`. */
const reasonOf = (body: unknown, response: Response): string => {
  const message = field(field(body, 'error'), 'message');
  return typeof message === 'string' && message !== '' ? message : `the server answered ${response.status} ${response.statusText}`.trim();
};

const isClip = (value: unknown): value is Clip => typeof field(value, 'id') === 'string' && typeof field(value, 'mediaUrl') === 'string';

const isDevice = (value: unknown): value is Device => typeof field(value, 'id') === 'string' && typeof field(value, 'name') === 'string' && typeof field(value, 'createdAt') === 'number';

const isPage = (value: unknown): value is Page => typeof field(value, 'atMs') === 'number' && typeof field(value, 'title') === 'string' && typeof field(value, 'sourceUrl') === 'string';

export const createApi = (options: { token: () => string | null; fetch: typeof fetch; onUnauthorized: () => void }): Api => {
  const request = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    let response: Response;
    try {
      response = await options.fetch(path, {
        method,
        headers: { Authorization: `Bearer ${options.token() ?? ''}`, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    } catch (cause) {
      throw new ApiError(0, 'the server cannot be reached; try again when the connection is back', { cause });
    }
    const text = await response.text();
    let answer: unknown = null;
    try {
      answer = text === '' ? null : JSON.parse(text);
    } catch {
      answer = null; // not ours: a proxy's page; the status line says enough
    }
    if (response.status === 401) options.onUnauthorized();
    if (!response.ok) throw new ApiError(response.status, reasonOf(answer, response));
    return answer;
  };
  const id = encodeURIComponent;
  return {
    clip: async (clipId) => {
      const answer = await request('GET', `/api/clips/${id(clipId)}`);
      if (!isClip(answer)) throw new ApiError(502, `the answer for clip ${clipId} is not a clip`);
      return answer;
    },
    pinClip: async (clipId, pinned) => void (await request('POST', `/api/clips/${id(clipId)}/${pinned ? 'pin' : 'unpin'}`)),
    deleteClip: async (clipId) => void (await request('DELETE', `/api/clips/${id(clipId)}`)),
    pinSession: async (sessionId, pinned) => void (await request('POST', `/api/sessions/${id(sessionId)}/${pinned ? 'pin' : 'unpin'}`)),
    endSession: async (sessionId) => void (await request('POST', `/api/sessions/${id(sessionId)}/end`)),
    restartSession: async (sessionId) => void (await request('POST', `/api/sessions/${id(sessionId)}/restart`)),
    deleteSession: async (sessionId) => void (await request('DELETE', `/api/sessions/${id(sessionId)}`)),
    retryDeadLetter: async (deadLetterId) => void (await request('POST', `/api/dead-letters/${id(deadLetterId)}/retry`)),
    pages: async (sessionId) => {
      const pages = await request('GET', `/api/sessions/${id(sessionId)}/pages`);
      if (!Array.isArray(pages) || !pages.every(isPage)) throw new ApiError(502, 'the answer is not a list of pages');
      return pages;
    },
    devices: async () => {
      const devices = field(await request('GET', '/api/devices'), 'devices');
      if (!Array.isArray(devices) || !devices.every(isDevice)) throw new ApiError(502, 'the answer is not a list of devices');
      return devices;
    },
    makeCode: async () => {
      const answer = await request('POST', '/api/pairing-codes');
      const [code, expiresAt] = [field(answer, 'code'), field(answer, 'expiresAt')];
      if (typeof code !== 'string' || typeof expiresAt !== 'number') throw new ApiError(502, 'the answer is not a pairing code');
      return { code, expiresAt };
    },
    revokeDevice: async (deviceId) => void (await request('DELETE', `/api/devices/${id(deviceId)}`)),
    signed: async (path) => {
      const url = field(await request('POST', '/api/media-url', { path }), 'url');
      if (typeof url !== 'string') throw new ApiError(502, `no signed URL came back for ${path}`);
      return url;
    },
  };
};

/** The recording of a session, all of it or a range in ms. */
export const recordingPath = (sessionId: string, range?: { startMs: number; endMs: number }): string =>
  `/api/sessions/${encodeURIComponent(sessionId)}/recording${range ? `?startMs=${Math.floor(range.startMs)}&endMs=${Math.ceil(range.endMs)}` : ''}`;

export const clipPath = (clipId: string): string => `/api/clips/${encodeURIComponent(clipId)}/media`;
export const downloadPath = (clipId: string, exact: boolean): string => `${clipPath(clipId)}?${exact ? 'exact=1&' : ''}download=1`;
