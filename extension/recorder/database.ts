// The IndexedDB behind the recorder: schema, connection, and errors a person can act on.
import { openDB } from 'idb';
import type { IDBPDatabase, IDBPTransaction, StoreNames } from 'idb';
import type { ChunkMeta } from '../../shared/ring.ts';
import { ExtensionError } from '../messages.ts';
import type { RecordingRecord } from './ports.ts';

type At = [key: string, seq: number];

/** `init`: nothing but a container's header, which has no time of its own. `start`: a byte stream begins, with its media. */
export type PieceRow = ChunkMeta & { key: string; head: 'init' | 'start' | 'none' };
/** `start`: a byte stream begins here; otherwise more of one whose header may not be whole yet. */
export type HeadRow = { key: string; seq: number; start: boolean; bytes: ArrayBuffer };

/** Bytes lie apart from `pieces`, so that a restart or a look at the clock does not read megabytes. */
export type Schema = {
  records: { key: string; value: RecordingRecord };
  pieces: { key: At; value: PieceRow };
  bytes: { key: At; value: ArrayBuffer };
  heads: { key: At; value: HeadRow };
  rings: { key: string; value: { key: string; through: number; hash: number } };
};
type Name = StoreNames<Schema>;
type Connection = IDBPDatabase<Schema>;
export type Transaction<N extends Name, M extends IDBTransactionMode> = IDBPTransaction<Schema, N[], M>;

const VERSION = 1;
const BLOCKED_MS = 5_000;

const upgrade = (db: Connection): void => {
  db.createObjectStore('records', { keyPath: 'key' });
  db.createObjectStore('pieces', { keyPath: ['key', 'seq'] });
  db.createObjectStore('bytes');
  db.createObjectStore('heads', { keyPath: ['key', 'seq'] });
  db.createObjectStore('rings', { keyPath: 'key' });
};

const nameOf = (cause: unknown): string => (cause instanceof Error ? cause.name : '');
export const isFull = (error: unknown): boolean => error instanceof ExtensionError && nameOf(error.cause) === 'QuotaExceededError';

const storageError = (doing: string, cause: unknown): ExtensionError => {
  if (cause instanceof ExtensionError) return cause;
  const why: Record<string, string> = {
    QuotaExceededError: `the browser's storage is full (${doing}); free disk space, or delete recordings that Clippy still keeps here`,
    VersionError: `what Clippy stored here was written by a newer version of it (${doing}); update the extension`,
  };
  const other = `the browser's storage failed (${doing}): ${cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)}; restart the browser, and if that does not help, reinstall Clippy (what was not uploaded is lost then)`;
  return new ExtensionError('storage', why[nameOf(cause)] ?? other, { cause });
};

type Events = { lost: () => void; replaced: () => void };

const connect = (name: string, { lost, replaced }: Events): Promise<Connection> =>
  new Promise((resolve, reject) => {
    let late: ReturnType<typeof setTimeout> | null = null;
    let gaveUp = false;
    openDB<Schema>(name, VERSION, {
      upgrade: (db, oldVersion) => {
        if (oldVersion < 1) upgrade(db);
      },
      blocked: (older) => {
        late = setTimeout(() => {
          gaveUp = true;
          reject(new ExtensionError('storage', `another window of Clippy still uses version ${older} of the storage; close Clippy's pages or restart the browser`));
        }, BLOCKED_MS);
      },
      blocking: (_current, _wanted, event) => {
        (event.target as IDBDatabase).close();
        replaced();
      },
      terminated: lost,
    }).then(
      (db) => {
        if (late !== null) clearTimeout(late);
        if (gaveUp) db.close();
        else resolve(db);
      },
      (cause: unknown) => reject(storageError('opening it', cause)),
    );
  });

/** One connection, opened again when the browser took it away. Everything rejects with ExtensionError `storage`. */
export class Database {
  readonly #name: string;
  #connection: Promise<Connection> | null = null;
  #ended: string | null = null;

  constructor(name: string) {
    this.#name = name;
  }

  open(): Promise<Connection> {
    if (this.#ended !== null) return Promise.reject(new ExtensionError('storage', this.#ended));
    if (this.#connection) return this.#connection;
    const connection = connect(this.#name, {
      lost: () => this.#forget(connection),
      replaced: () => void (this.#ended = 'Clippy was updated while it recorded and the new version has taken the storage over; start the recording again'),
    });
    connection.catch(() => this.#forget(connection));
    return (this.#connection = connection);
  }

  read<N extends Name, T>(stores: N[], doing: string, work: (tx: Transaction<N, 'readonly'>) => Promise<T>): Promise<T> {
    return this.#run(stores, 'readonly', {}, doing, work);
  }

  /** Resolves when it is committed: `strict` when it is on the disk, `relaxed` when the operating system has it. */
  write<N extends Name, T>(stores: N[], durability: 'strict' | 'relaxed', doing: string, work: (tx: Transaction<N, 'readwrite'>) => Promise<T>): Promise<T> {
    return this.#run(stores, 'readwrite', { durability }, doing, work);
  }

  close(): void {
    this.#ended ??= 'the storage was closed; open it again';
    this.#connection?.then((connection) => connection.close(), () => undefined);
  }

  async #run<N extends Name, M extends 'readonly' | 'readwrite', T>(stores: N[], mode: M, options: IDBTransactionOptions, doing: string, work: (tx: Transaction<N, M>) => Promise<T>): Promise<T> {
    let tx: Transaction<N, M> | null = null;
    try {
      tx = await this.#begin(stores, mode, options);
      tx.done.catch(() => undefined); // looked at below, also when a request failed first
      const result = await work(tx);
      await tx.done;
      return result;
    } catch (cause) {
      if (tx && tx.error === null) abort(tx);
      throw storageError(doing, tx?.error ?? cause);
    }
  }

  async #begin<N extends Name, M extends 'readonly' | 'readwrite'>(stores: N[], mode: M, options: IDBTransactionOptions): Promise<Transaction<N, M>> {
    const connection = this.open();
    const db = await connection;
    try {
      return db.transaction(stores, mode, options);
    } catch (cause) {
      if (nameOf(cause) !== 'InvalidStateError') throw cause; // the connection is closing; `terminated` comes later
      this.#forget(connection);
      return (await this.open()).transaction(stores, mode, options);
    }
  }

  #forget(connection: Promise<Connection>): void {
    if (this.#connection === connection) this.#connection = null;
  }
}

/** What was half done must not be committed. */
const abort = (tx: { abort(): void }): void => {
  try {
    tx.abort();
  } catch (error) {
    if (nameOf(error) !== 'InvalidStateError') throw error; // it had ended by itself
  }
};

/** All of one recording in a store whose keys are [key, seq]. */
export const rangeOf = (key: string, through = Number.MAX_SAFE_INTEGER): IDBKeyRange => IDBKeyRange.bound([key, 0], [key, through]);
