// The server this browser is paired with: one client for all recordings, made anew when the pairing changes.
import { createClient } from '../../shared/client.ts';
import type { Client } from '../../shared/client.ts';
import type { ConnectionStatus } from '../../shared/connection.ts';
import type { RingLimits } from '../../shared/intake.ts';
import { AUDIO_BITS_PER_SECOND, QUALITIES } from '../settings.ts';
import type { Pairing, Settings } from '../settings.ts';
import type { ServerView } from '../view.ts';

/** Room for the ring's time at the full bit rate, and half as much again for what encoders add to busy pictures. */
export const ringLimits = ({ ringMinutes, quality }: Settings): RingLimits => ({
  ringMs: ringMinutes * 60_000,
  ringBytes: Math.ceil(((QUALITIES[quality].videoBitsPerSecond + 2 * AUDIO_BITS_PER_SECOND) / 8) * ringMinutes * 60 * 1.5),
});

export const serverView = (pairing: Pairing | null, status: ConnectionStatus | null): ServerView => {
  if (!pairing || !status) return { state: 'unpaired' };
  const { url, user } = pairing;
  switch (status.state) {
    case 'connecting':
      return { state: 'connecting', url, user };
    case 'connected':
      return { state: 'online', url, user: status.user };
    case 'waiting':
      return { state: 'offline', url, user, reason: status.reason, retryAt: status.retryAt };
    case 'ended':
      return { state: 'refused', url, reason: status.error.message };
    default:
      return status satisfies never;
  }
};

export class Server {
  readonly #version: string;
  readonly #onChange: () => void;
  #pairing: Pairing | null = null;
  #client: Client | null = null;

  constructor(options: { version: string; onChange: () => void }) {
    this.#version = options.version;
    this.#onChange = options.onChange;
  }

  get client(): Client | null {
    return this.#client;
  }
  /** '' = none */
  get url(): string {
    return this.#pairing?.url ?? '';
  }
  view(): ServerView {
    return serverView(this.#pairing, this.#client?.status ?? null);
  }

  /** A new connection, also for the same pairing. The old client is to be closed once nothing uses it. */
  use(pairing: Pairing | null, settings: Settings): { old: Client | null } {
    const old = this.#client;
    this.#pairing = pairing;
    this.#client = pairing
      ? createClient({ url: pairing.url, token: pairing.token, client: 'extension', clientVersion: this.#version, ...ringLimits(settings), onStatus: this.#onChange })
      : null;
    this.#onChange();
    return { old };
  }
}
