/** The session's page on the server's dashboard (dashboard/token.ts reads the fragment). */
export const sessionLink = (serverUrl: string, session: string): string => `${serverUrl.replace(/\/+$/, '')}/#session=${encodeURIComponent(session)}`;
