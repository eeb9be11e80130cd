// What the pipeline heard, second by second and word by word, and the cursors that say how far it is.
import type { Sql, TransactionSql } from 'postgres';
import type { SignalBin, Word } from '../../shared/model.ts';
import type { Repository } from '../ports.ts';
import { unknownSession } from './session-rows.ts';
import { transaction } from './transaction.ts';

/** The words, and the search text of the clips they are said in. */
const insertWords = async (tx: TransactionSql, sessionId: string, words: Word[]): Promise<void> => {
  if (words.length === 0) return;
  await tx`
    insert into words (session_id, start_ms, end_ms, text, confidence)
    select ${sessionId}, start_ms, end_ms, text, confidence
    from unnest(${words.map(({ startMs }) => startMs)}::double precision[], ${words.map(({ endMs }) => endMs)}::double precision[],
                ${words.map(({ text }) => text)}::text[], ${words.map(({ confidence }) => confidence)}::double precision[])
         with ordinality as t (start_ms, end_ms, text, confidence, n)
    order by n
    on conflict do nothing`;
  const startMs = Math.min(...words.map((word) => word.startMs));
  const endMs = Math.max(...words.map((word) => word.endMs));
  await tx`
    update clips set search = clip_search(title, session_id, start_ms, end_ms)
    where session_id = ${sessionId} and start_ms <= ${endMs} and end_ms >= ${startMs}`;
};

export const transcriptRows = (sql: Sql): Pick<Repository, 'commitBins' | 'commitWords' | 'fillWords' | 'rewindSignals' | 'bins' | 'words'> => ({
  commitBins: async (sessionId, bins, signalsUntilMs) => {
    await transaction(sql, async (tx) => {
      const { count } = await tx`update sessions set signals_until_ms = greatest(signals_until_ms, ${signalsUntilMs}) where id = ${sessionId}`;
      if (count === 0) throw unknownSession(sessionId);
      // each row of values travels as text: unnest() would flatten an array of arrays
      const latest = [...new Map(bins.map((bin) => [bin.second, bin])).values()];
      await tx`
        insert into bins (session_id, second, values, speech)
        select ${sessionId}, second, v::real[], speech
        from unnest(${latest.map(({ second }) => second)}::integer[], ${latest.map(({ values }) => `{${values.join(',')}}`)}::text[], ${latest.map(({ speech }) => speech)}::smallint[]) as t (second, v, speech)
        on conflict (session_id, second) do update set values = excluded.values, speech = excluded.speech`;
    });
  },
  commitWords: async (sessionId, words, wordsUntilMs) => {
    await transaction(sql, async (tx) => {
      const [cursor] = await tx<{ untilMs: number }[]>`select words_until_ms as "untilMs" from sessions where id = ${sessionId} for no key update`;
      if (!cursor) throw unknownSession(sessionId);
      await insertWords(tx, sessionId, words.filter(({ startMs }) => startMs >= cursor.untilMs));
      await tx`update sessions set words_until_ms = greatest(words_until_ms, ${wordsUntilMs}) where id = ${sessionId}`;
    });
  },
  fillWords: async (sessionId, hole, words) => {
    await transaction(sql, async (tx) => {
      const { count } = await tx`select 1 from sessions where id = ${sessionId} for no key update`;
      if (count === 0) throw unknownSession(sessionId);
      const [{ said } = { said: 0 }] = await tx<{ said: number }[]>`select count(*)::integer as said from words where session_id = ${sessionId} and start_ms >= ${hole.startMs} and start_ms < ${hole.endMs}`;
      if (said === 0) await insertWords(tx, sessionId, words.filter(({ startMs }) => startMs >= hole.startMs && startMs < hole.endMs));
    });
  },
  rewindSignals: async (sessionId, signalsUntilMs) => {
    await sql`update sessions set signals_until_ms = least(signals_until_ms, ${signalsUntilMs}) where id = ${sessionId}`;
  },
  bins: (sessionId, range) => sql<SignalBin[]>`
    select second, values, speech from bins
    where session_id = ${sessionId} ${range ? sql`and second >= ${Math.floor(range.startMs / 1000)} and second < ${Math.ceil(range.endMs / 1000)}` : sql``}
    order by second`,
  // no word lasts a minute: the bound lets the index start near the range
  words: (sessionId, range) => sql<Word[]>`
    select start_ms as "startMs", end_ms as "endMs", text, confidence from words
    where session_id = ${sessionId} ${range ? sql`and start_ms > ${range.startMs - 60_000} and start_ms < ${range.endMs} and (end_ms > ${range.startMs} or start_ms >= ${range.startMs})` : sql``}
    order by start_ms, n`,
});
