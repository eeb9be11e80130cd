// A few checks that compose: each answers `null`, or where and why a value is not of its shape. A path is only built
// when something is wrong, so that a snapshot of 40,000 bins costs no strings.

export type Fault = { path: string; value: unknown; want: string };
export type Test = (value: unknown) => Fault | null;
/** `type` is never set; it carries T so that the compiler compares a check with the type it guards. */
export type Check<T> = Test & { readonly type?: (value: T) => T };
export type Fields<T> = { [K in keyof T]-?: Check<T[K]> };

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);

const fault = (value: unknown, want: string): Fault => ({ path: '', value, want });
const under = (name: string, inner: Fault): Fault => ({ ...inner, path: inner.path === '' ? name : `${name}.${inner.path}` });

const within =
  (min: number, max: number, whole: boolean): Check<number> =>
  (value) =>
    typeof value === 'number' && value >= min && value <= max && (!whole || Number.isInteger(value))
      ? null
      : fault(value, `${whole ? 'an integer' : 'a number'} in ${min}..${max}`);

export const number = (min = -Number.MAX_VALUE, max = Number.MAX_VALUE): Check<number> => within(min, max, false);
export const integer = (min: number, max = Number.MAX_SAFE_INTEGER): Check<number> => within(min, max, true);

/** Well-formed Unicode without NUL (PostgreSQL has no room for it). `max` counts UTF-16 units. */
export const text =
  (max: number, min = 0): Check<string> =>
  (value) =>
    typeof value === 'string' && value.length >= min && value.length <= max && !value.includes('\0') && value.isWellFormed()
      ? null
      : fault(value, `well-formed text of ${min}..${max} characters without NUL`);

export const pattern =
  <T extends string = string>(expression: RegExp, want: string): Check<T> =>
  (value) =>
    typeof value === 'string' && expression.test(value) ? null : fault(value, want);

export const boolean: Check<boolean> = (value) => (typeof value === 'boolean' ? null : fault(value, 'true or false'));

export const binary: Check<Uint8Array> = (value) => (value instanceof Uint8Array && value.length > 0 ? null : fault(value, 'binary of at least one byte'));

export const oneOf =
  <const T extends string | number>(values: readonly T[]): Check<T> =>
  (value) =>
    values.some((known) => known === value) ? null : fault(value, `one of ${values.join(', ')}`);

export const nullable =
  <T>(check: Check<T>): Check<T | null> =>
  (value) =>
    value === null ? null : check(value);

export const list =
  <T>(check: Check<T>, length?: number): Check<T[]> =>
  (value) => {
    if (!Array.isArray(value) || (length !== undefined && value.length !== length)) return fault(value, length === undefined ? 'a list' : `a list of ${length}`);
    for (let at = 0; at < value.length; at++) {
      const inner = check(value[at]);
      if (inner) return under(String(at), inner);
    }
    return null;
  };

/** `exact` refuses fields the shape does not name. */
export const object = <T>(fields: Fields<T>, exact = false): Check<T> => {
  const checks: [string, Test][] = Object.entries(fields);
  const names = new Set(checks.map(([name]) => name));
  return (value) => {
    if (!isRecord(value)) return fault(value, 'a map');
    for (const [name, check] of checks) {
      const inner = check(value[name]);
      if (inner) return under(name, inner);
    }
    if (exact) for (const name of Object.keys(value)) if (!names.has(name)) return under(name.slice(0, 40), fault(value[name], 'no such field'));
    return null;
  };
};

/** A union told apart by the text field `tag`; the compiler asks for every member. */
export const union = <T extends Record<K, string>, K extends string>(tag: K, cases: { [N in T[K]]: Check<Extract<T, Record<K, N>>> }): Check<T> => {
  const known = new Map<string, Test>(Object.entries(cases));
  return (value) => {
    if (!isRecord(value)) return fault(value, 'a map');
    const name = value[tag];
    const check = typeof name === 'string' ? known.get(name) : undefined;
    return check ? check(value) : under(tag, fault(name, `one of ${[...known.keys()].join(', ')}`));
  };
};

export const either =
  <A, B>(first: Check<A>, second: Check<B>): Check<A | B> =>
  (value) =>
    first(value) === null ? null : second(value);

/** Shortened for a message: user text and binaries may be megabytes. */
export const show = (value: unknown): string => {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return isRecord(value) ? 'a map' : String(value);
};
