// Sessions in PostgreSQL, and the small rows that hang on them.
import type { Sql } from 'postgres';
import type { Gap, Page, Region } from '../../shared/model.ts';
import { codeOf, Refused } from '../errors.ts';
import type { ColdSegment, Cursor, Repository, SessionPatch, StoredSession } from '../ports.ts';
import { parsePage } from './page.ts';
import { transaction } from './transaction.ts';

export const unknownSession = (sessionId: string): Refused => new Refused('unknown_session', `there is no session ${sessionId}; it may have been deleted`);

/** For `.catch()` of a write that names a session: its missing row is an answer, not a failure. */
export const ifUnknown = (sessionId: string) => (error: unknown): never => {
  throw codeOf(error) === '23503' ? unknownSession(sessionId) : error;
};

const COLUMNS = [
  ['title', 'title'], ['sourceUrl', 'source_url'], ['status', 'status'], ['endedAt', 'ended_at'], ['durationMs', 'duration_ms'], ['bytes', 'bytes'], ['chunks', 'chunks'],
  ['missing', 'missing'], ['lastSequence', 'last_sequence'], ['pinned', 'pinned'], ['note', 'note'], ['mime', 'mime'],
] as const satisfies [keyof SessionPatch, string][];

type SessionRows = Pick<
  Repository,
  'openSession' | 'raiseEpoch' | 'updateSession' | 'session' | 'sessions' | 'deleteSession' | 'addGap' | 'gaps' | 'addRegion' | 'regions' | 'addPage' | 'pages' | 'addColdSegment' | 'coldSegments' | 'dropColdSegments' | 'cursor'
>;

export const sessionRows = (sql: Sql, newId: (at: number) => string): SessionRows => {
  const columns = sql`
    s.id, s.key, s.owner as "user", s.epoch, s.title, s.source_url as "sourceUrl", s.mime, s.status, s.tier, s.started_at as "startedAt", s.ended_at as "endedAt",
    s.duration_ms as "durationMs", s.bytes, s.chunks, s.missing, s.last_sequence as "lastSequence", s.pinned, s.note, s.transcript,
    (select count(*) from clips c where c.session_id = s.id) as clips,
    (select count(*) from dead_letters d where d.session_id = s.id) as "deadLetters"`;

  return {
    openSession: async ({ key, user, title, sourceUrl, mime, tier, startedAt, transcript }) => {
      await sql`
        insert into sessions (id, owner, key, title, source_url, mime, status, tier, started_at, transcript)
        values (${newId(startedAt)}, ${user}, ${key}, ${title}, ${sourceUrl}, ${mime}, 'live', ${tier}, ${startedAt}, ${transcript})
        on conflict (owner, key) do nothing`;
      const [stored] = await sql<StoredSession[]>`select ${columns} from sessions s where owner = ${user} and key = ${key}`;
      if (!stored) throw unknownSession(key); // deleted between the two statements
      return stored;
    },
    raiseEpoch: async (sessionId) => {
      const [raised] = await sql<{ epoch: number }[]>`update sessions set epoch = epoch + 1 where id = ${sessionId} returning epoch`;
      if (!raised) throw unknownSession(sessionId);
      return raised.epoch;
    },
    updateSession: async (sessionId, patch) => {
      const set: Record<string, string | number | boolean | null> = { id: sessionId };
      for (const [name, column] of COLUMNS) {
        const value = patch[name];
        if (value !== undefined) set[column] = value;
      }
      const { count } = await sql`update sessions set ${sql(set)} where id = ${sessionId}`;
      if (count === 0) throw unknownSession(sessionId);
    },
    session: async (sessionId) => (await sql<StoredSession[]>`select ${columns} from sessions s where id = ${sessionId}`)[0] ?? null,
    sessions: async ({ limit, before, status }) => {
      const from = await parsePage(before, async (id) => (await sql<{ at: number }[]>`select started_at as at from sessions where id = ${id}`)[0]?.at);
      return sql<StoredSession[]>`
        select ${columns} from sessions s
        where true ${status ? sql`and status = any(${status})` : sql``} ${from ? sql`and (started_at, id) < (${from.at}, ${from.id})` : sql``}
        order by started_at desc, id desc limit ${limit}`;
    },
    deleteSession: async (sessionId) =>
      transaction(sql, async (tx) => {
        await tx`select from sessions where id = ${sessionId} for update`; // no clip may slip in between the two statements
        const keys = await tx<{ key: string }[]>`
          select o.object_key as key from clip_objects o join clips c on c.id = o.clip_id where c.session_id = ${sessionId}
          union select object_key from cold_segments where session_id = ${sessionId}`;
        await tx`delete from sessions where id = ${sessionId}`;
        return keys.map(({ key }) => key);
      }),

    addGap: async (sessionId, { fromSequence, toSequence, startMs, endMs, reason }) => {
      await sql`
        insert into gaps values (${sessionId}, ${fromSequence}, ${toSequence}, ${startMs}, ${endMs}, ${reason})
        on conflict (session_id, from_sequence) do update set to_sequence = excluded.to_sequence, end_ms = excluded.end_ms where gaps.to_sequence < excluded.to_sequence`.catch(ifUnknown(sessionId));
    },
    gaps: (sessionId) => sql<Gap[]>`
      select from_sequence as "fromSequence", to_sequence as "toSequence", start_ms as "startMs", end_ms as "endMs", reason
      from gaps where session_id = ${sessionId} order by from_sequence`,
    addRegion: async (sessionId, atMs, rect) => {
      await sql`
        insert into regions values (${sessionId}, ${atMs}, ${rect ? sql.json(rect) : null})
        on conflict (session_id, at_ms) do update set rect = excluded.rect`.catch(ifUnknown(sessionId));
    },
    regions: (sessionId) => sql<Region[]>`select at_ms as "atMs", rect from regions where session_id = ${sessionId} order by at_ms`,
    addPage: async (sessionId, { atMs, title, sourceUrl, playing }) => {
      await sql`
        insert into pages values (${sessionId}, ${atMs}, ${title}, ${sourceUrl}, ${playing})
        on conflict (session_id, at_ms) do update set title = excluded.title, source_url = excluded.source_url, playing = excluded.playing`.catch(ifUnknown(sessionId));
    },
    pages: (sessionId) => sql<Page[]>`select at_ms as "atMs", title, source_url as "sourceUrl", playing from pages where session_id = ${sessionId} order by at_ms`,
    addColdSegment: async ({ sessionId, index, objectKey, fileBytes, storedAt }) => {
      await sql`
        insert into cold_segments values (${sessionId}, ${index}, ${objectKey}, ${fileBytes}, ${storedAt})
        on conflict (session_id, index) do update set object_key = excluded.object_key, file_bytes = excluded.file_bytes, stored_at = excluded.stored_at`.catch(ifUnknown(sessionId));
    },
    coldSegments: (sessionId) => sql<ColdSegment[]>`
      select session_id as "sessionId", index, object_key as "objectKey", file_bytes as "fileBytes", stored_at as "storedAt"
      from cold_segments where session_id = ${sessionId} order by index`,
    dropColdSegments: async (sessionId, indexes) => {
      await sql`delete from cold_segments where session_id = ${sessionId} and index = any(${indexes}::bigint[])`;
    },
    cursor: async (sessionId) => {
      const [cursor] = await sql<Cursor[]>`select signals_until_ms as "signalsUntilMs", words_until_ms as "wordsUntilMs" from sessions where id = ${sessionId}`;
      if (!cursor) throw unknownSession(sessionId);
      return cursor;
    },
  };
};
