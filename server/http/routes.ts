import { clipRoutes } from './clip-routes.ts';
import { deviceRoutes } from './device-routes.ts';
import { openapiRoute } from './openapi.ts';
import type { Route } from './route.ts';
import { sessionRoutes } from './session-routes.ts';
import { systemRoutes } from './system-routes.ts';

/** Every route of the server but the dashboard's files. A test holds each to a rule of auth.ts. */
export const ROUTES: readonly Route[] = [...sessionRoutes, ...clipRoutes, ...deviceRoutes, ...systemRoutes, openapiRoute(() => ROUTES)];
