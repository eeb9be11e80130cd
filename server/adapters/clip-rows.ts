// Highlights and clips in PostgreSQL.
import type { Sql } from 'postgres';
import type { Highlight } from '../../shared/model.ts';
import type { Repository, StoredClip } from '../ports.ts';
import { cleanText } from './clean-text.ts';
import { parsePage } from './page.ts';
import { ifUnknown } from './session-rows.ts';
import { transaction } from './transaction.ts';

type ClipRows = Pick<Repository, 'saveHighlight' | 'highlights' | 'saveClip' | 'mendClip' | 'clip' | 'clips' | 'pinClip' | 'deleteClip' | 'expiredClips'>;

export const clipRows = (sql: Sql): ClipRows => {
  const columns = sql`
    id, session_id as "sessionId", version, state, start_ms as "startMs", end_ms as "endMs", handle_before_ms as "handleBeforeMs", handle_after_ms as "handleAfterMs",
    score, title, reasons, mime, bytes, width, height, pinned, created_at as "createdAt", expires_at as "expiresAt", media_key as "mediaKey", thumbnail_key as "thumbnailKey", sums`;

  return {
    saveHighlight: async ({ id, sessionId, version, state, startMs, endMs, peakMs, score, title, reasons }) => {
      const saved = await sql`
        insert into highlights (id, session_id, version, state, start_ms, end_ms, peak_ms, score, title, reasons)
        values (${id}, ${sessionId}, ${version}, ${state}, ${startMs}, ${endMs}, ${peakMs}, ${score}, ${title}, ${sql.json(reasons)})
        on conflict (id) do update set version = excluded.version, state = excluded.state, start_ms = excluded.start_ms, end_ms = excluded.end_ms,
          peak_ms = excluded.peak_ms, score = excluded.score, title = excluded.title, reasons = excluded.reasons
        where highlights.version < excluded.version and highlights.session_id = excluded.session_id`.catch(ifUnknown(sessionId));
      return saved.count === 1;
    },
    highlights: (sessionId) => sql<Highlight[]>`
      select id, session_id as "sessionId", version, state, start_ms as "startMs", end_ms as "endMs", peak_ms as "peakMs", score, title, reasons
      from highlights where session_id = ${sessionId} order by start_ms, id`,

    // A pin set on an earlier version, and the time the clip first appeared, outlive new versions.
    saveClip: (clip) =>
      transaction(sql, async (tx) => {
          // the row lock keeps the words still while the search text is made from them
          await tx`select from sessions where id = ${clip.sessionId} for no key update`;
          const saved = await tx`
            insert into clips (id, session_id, version, state, start_ms, end_ms, handle_before_ms, handle_after_ms, score, title, reasons,
              mime, bytes, width, height, pinned, created_at, expires_at, media_key, thumbnail_key, sums, search)
            select ${clip.id}, ${clip.sessionId}, ${clip.version}::bigint, ${clip.state}, ${clip.startMs}::double precision, ${clip.endMs}::double precision, ${clip.handleBeforeMs}::double precision,
              ${clip.handleAfterMs}::double precision, ${clip.score}::double precision, ${clip.title}, ${tx.json(clip.reasons)}, ${clip.mime}, ${clip.bytes}::bigint, ${clip.width}::integer,
              ${clip.height}::integer, ${clip.pinned}::boolean, ${clip.createdAt}::bigint, ${clip.expiresAt}::bigint, ${clip.mediaKey}, ${clip.thumbnailKey}, ${clip.sums === null ? null : tx.json(clip.sums)}::jsonb,
              clip_search(${clip.title}, ${clip.sessionId}, ${clip.startMs}, ${clip.endMs})
            where not exists (select from deleted_clips where id = ${clip.id})
            on conflict (id) do update set version = excluded.version, state = excluded.state, start_ms = excluded.start_ms, end_ms = excluded.end_ms,
              handle_before_ms = excluded.handle_before_ms, handle_after_ms = excluded.handle_after_ms, score = excluded.score, title = excluded.title, reasons = excluded.reasons,
              mime = excluded.mime, bytes = excluded.bytes, width = excluded.width, height = excluded.height, pinned = clips.pinned or excluded.pinned,
              expires_at = case when clips.pinned then clips.expires_at else excluded.expires_at end,
              media_key = excluded.media_key, thumbnail_key = excluded.thumbnail_key, sums = excluded.sums, search = excluded.search
            where clips.version < excluded.version and clips.session_id = excluded.session_id`;
          if (saved.count === 0) return false;
          await tx`insert into clip_objects select ${clip.id}, unnest(${[clip.mediaKey, clip.thumbnailKey]}::text[]) on conflict do nothing`;
          return true;
        })
        .catch(ifUnknown(clip.sessionId)),
    mendClip: async (clipId, version, { bytes, sums }) => (await sql`update clips set bytes = ${bytes}, sums = ${sql.json(sums)} where id = ${clipId} and version = ${version}`).count === 1,
    clip: async (clipId) => (await sql<StoredClip[]>`select ${columns} from clips where id = ${clipId}`)[0] ?? null,
    clips: async ({ sessionId, before, limit, pinned, minScore, text }) => {
      const from = await parsePage(before, async (id) => (await sql<{ at: number }[]>`select created_at as at from clips where id = ${id}`)[0]?.at);
      const wanted = cleanText(text ?? '').trim();
      return sql<StoredClip[]>`
        select ${columns} from clips
        where true
          ${sessionId === undefined ? sql`` : sql`and session_id = ${sessionId}`}
          ${pinned === undefined ? sql`` : sql`and pinned = ${pinned}`}
          ${minScore === undefined ? sql`` : sql`and score >= ${minScore}`}
          ${wanted === '' ? sql`` : sql`and (lexemes @@ plainto_tsquery('simple', lower(${wanted})) or search like '%' || lower(${wanted.replace(/[\\%_]/g, '\\$&')}) || '%')`}
          ${from ? sql`and (created_at, id) < (${from.at}, ${from.id})` : sql``}
        order by created_at desc, id desc limit ${limit}`;
    },
    pinClip: async (clipId, pinned, expiresAt) =>
      (await sql<StoredClip[]>`update clips set pinned = ${pinned}, expires_at = ${expiresAt} where id = ${clipId} returning ${columns}`)[0] ?? null,
    deleteClip: (clipId) =>
      transaction(sql, async (tx) => {
        const [clip] = await tx<StoredClip[]>`select ${columns} from clips where id = ${clipId} for update`;
        if (!clip) return null;
        const keys = await tx<{ key: string }[]>`select object_key as key from clip_objects where clip_id = ${clipId}`;
        await tx`insert into deleted_clips values (${clipId}, ${clip.sessionId}) on conflict do nothing`;
        await tx`delete from clips where id = ${clipId}`;
        return { ...clip, objectKeys: keys.map(({ key }) => key) };
      }),
    expiredClips: (at, limit) => sql<StoredClip[]>`
      select ${columns} from clips where not pinned and expires_at <= ${at} order by expires_at, id limit ${limit}`,
  };
};
