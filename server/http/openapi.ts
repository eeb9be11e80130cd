// OpenAPI 3.1 from the route table: what it says is what is checked.
import { z } from 'zod';
import { RULES } from './auth.ts';
import { NONE, route, takesBody, type Route } from './route.ts';
import { json } from './respond.ts';
import { failure, noParams, noQuery } from './schemas.ts';

type Schema = Record<string, unknown>;

const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): Schema => {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
};

const parameters = (schema: z.ZodType, place: 'path' | 'query'): Schema[] => {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return Object.entries(properties).map(([name, each]) => ({ name, in: place, required: place === 'path' || required.includes(name), schema: each }));
};

const contentOf = ({ gives }: Route): Schema =>
  'mimes' in gives
    ? Object.fromEntries(gives.mimes.map((mime) => [mime, { schema: /^(text|application)\//.test(mime) ? { type: 'string' } : { type: 'string', format: 'binary' } }]))
    : { 'application/json': { schema: schemaOf(gives, 'output') } };

const operation = (row: Route): Schema => {
  const rule = RULES[row.action];
  return {
    summary: row.doc,
    operationId: `${row.method.toLowerCase()}${row.path.replaceAll(/[/:.-]+(\w?)/g, (_all, next: string) => next.toUpperCase())}`,
    'x-action': row.action,
    security: rule === 'anyone' ? [] : [{ token: [] }, ...(rule === 'link' ? [{ link: [] }] : []), ...(rule === 'local' ? [{}] : [])],
    parameters: [...parameters(row.params, 'path'), ...parameters(row.query, 'query')],
    ...(takesBody(row) ? { requestBody: { required: true, content: { 'application/json': { schema: schemaOf(row.body, 'input') } } } } : {}),
    responses: {
      200: { description: row.doc, content: contentOf(row) },
      ...(row.action === 'media.read' ? { 206: { description: 'The range asked for' }, 304: { description: 'Unchanged' }, 416: { description: 'No such range' } } : {}),
      default: { description: 'Refused, and why', content: { 'application/json': { schema: schemaOf(failure, 'output') } } },
    },
  };
};

export const openapi = (routes: readonly Route[]): Schema => {
  const paths: Record<string, Schema> = {};
  for (const row of routes) {
    const path = row.path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [row.method.toLowerCase()]: operation(row) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Clippy', version: '1', description: 'Times in a stream are milliseconds since it began (…Ms); wall-clock times are milliseconds since 1970 (…At).' },
    paths,
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        link: { type: 'apiKey', in: 'query', name: 'sig', description: 'exp and sig as given by POST /api/media-url' },
      },
    },
  };
};

export const openapiRoute = (routes: () => readonly Route[]): Route =>
  route({
    method: 'GET', path: '/api/openapi.json', action: 'api.describe', doc: 'This description',
    params: noParams, query: noQuery, body: NONE, gives: z.record(z.string(), z.unknown()),
    run: () => Promise.resolve(json(openapi(routes()))),
  });
