import type { Sql, TransactionSql } from 'postgres';
import { codeOf } from '../errors.ts';

const LOST = new Set(['CONNECTION_CLOSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH']);

/** The connection is gone, or PostgreSQL has said that it is about to close it. */
const isLost = (error: unknown): boolean => LOST.has(codeOf(error)) || (error instanceof Error && 'severity' in error && (error.severity === 'FATAL' || error.severity === 'PANIC'));

/**
 * `sql.begin`, for a server whose connections may break inside it: postgres.js 3.4 writes its `rollback` also when the connection
 * has gone, from a timer and into nothing (`Cannot read properties of null (reading 'write')`), which ends the whole process. So
 * what fails by the loss is left unsettled; `begin` rejects by itself when the connection closes.
 */
export const transaction = <T>(sql: Sql, work: (tx: TransactionSql) => Promise<T>): Promise<T> =>
  sql.begin((tx) => work(tx).catch((error: unknown) => (isLost(error) ? new Promise<never>(() => {}) : Promise.reject(error)))) as Promise<T>; // its own type unwraps arrays of queries, which `work` never gives
