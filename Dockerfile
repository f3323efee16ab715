# syntax=docker/dockerfile:1
# docs/docker.md says how to run this image and what of it was tried.

FROM node:20-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# The dev dependencies carry PostgreSQL's binaries for the demo and the tests; only the compiler is needed here,
# but npm has no way to install a part of them. They stay behind in this stage.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npx tsc -p tsconfig.build.json --incremental false --sourceMap false

FROM node:20-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:20-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json LICENSE ./
COPY bin ./bin
# The spool is the only place that pgveil writes to. It belongs on a volume: it holds events that Redis does not have yet.
RUN mkdir -p /var/lib/pgveil/audit /etc/pgveil && chown -R node:node /var/lib/pgveil
# The environment goes before the file. A container's own loopback address can be reached by nobody, so the proxy listens
# on all of the container's; what is published outside is the engine's -p to say.
ENV PGVEIL_AUDIT_SPOOL=/var/lib/pgveil/audit PGVEIL_LISTEN_HOST=0.0.0.0
VOLUME /var/lib/pgveil
USER node
# Relative paths of the configuration count from here.
WORKDIR /etc/pgveil
EXPOSE 6432 9188
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PGVEIL_ADMIN_PORT ?? 9188}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node is process 1 here and handles SIGTERM itself: drain, then stop.
ENTRYPOINT ["node", "/app/bin/pgveil.js"]
CMD ["serve", "-c", "/etc/pgveil/pgveil.yaml"]
