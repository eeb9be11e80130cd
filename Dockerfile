# Clippy in one container: server, dashboard, FFmpeg and a real PostgreSQL. It needs a port and a volume, nothing else:
#   docker build -t clippy . && docker run -d --name clippy -p 7070:7070 -v clippy:/data clippy && docker logs clippy
# The log shows the admin token once. A host folder instead of a named volume must belong to user 10001.

FROM node:22-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
COPY scripts/postinstall.mjs scripts/
RUN npm ci --omit=dev --no-audit --no-fund
COPY . .
RUN node scripts/build.ts

# Debian without Node: the pinned Node 22 comes with the packages. tini is there to bury what a killed PostgreSQL leaves.
FROM debian:bookworm-slim AS base
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates ffmpeg tini \
 && rm -rf /var/lib/apt/lists/*
RUN groupadd --gid 10001 clippy \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin clippy \
 && install -d -o clippy -g clippy -m 0700 /data
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/shared shared
COPY --from=build /app/server server
COPY --from=build /app/scripts scripts
COPY --from=build /app/dist dist
ENV PATH=/app/node_modules/.bin:$PATH NODE_ENV=production CLIPPY_DATA_DIR=/data CLIPPY_HOST=0.0.0.0 CLIPPY_PORT=7070 NODE_COMPILE_CACHE=/data/compiled
EXPOSE 7070
VOLUME /data
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.CLIPPY_PORT + '/readyz').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["tini", "--"]

# For hosts that hand out volumes owned by root and cannot be told otherwise (fly.io): takes the folder over, then drops root.
FROM base AS fly
CMD ["sh", "-c", "chown clippy:clippy /data && exec setpriv --reuid=clippy --regid=clippy --init-groups --no-new-privs node server/main.ts"]

FROM base
USER clippy
CMD ["node", "server/main.ts"]
