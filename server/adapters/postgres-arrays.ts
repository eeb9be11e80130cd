import { cleanText } from './clean-text.ts';

const arrayOf = <T>(oid: number, write: (value: T) => string, read: (text: string) => T) => ({
  to: oid, from: [oid],
  serialize: (values: T[]) => `{${values.map(write).join(',')}}`,
  parse: (text: string) => (text === '{}' ? [] : text.slice(1, -1).split(',').map(read)),
});
const quoted = (value: string): string => `"${cleanText(value).replace(/["\\]/g, '\\$&')}"`;
const notRead = (): never => {
  throw new Error('arrays of texts are written, and read by nobody');
};

/**
 * The arrays our SQL takes and gives, by their types' oids. Left to itself postgres.js asks every new connection which there are, and
 * nobody can catch the failure of that where the connection is lost.
 */
export const ARRAYS = {
  int2s: arrayOf(1005, String, Number), int4s: arrayOf(1007, String, Number), int8s: arrayOf(1016, String, Number),
  float4s: arrayOf(1021, String, Number), float8s: arrayOf(1022, String, Number),
  texts: { ...arrayOf<string>(1009, quoted, notRead), parse: notRead },
};
