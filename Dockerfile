# The image of the api, the processor and the worker (docs/decisions/040-containers.md). test/integration/containers.test.ts goes through
# these steps outside of Docker, so every RUN keeps to paths below its WORKDIR.

# Node is the one that local/node/package.json locks for Linux.
FROM node:24.21.0-trixie-slim AS packages
WORKDIR /tallyman
COPY .npmrc package.json package-lock.json ./
# With the development packages first, for patch-package is one of them and locked like the rest. Install scripts stay off, as
# everywhere in Tallyman; the optional package is a PostgreSQL for machines without containers.
RUN npm ci --omit=optional --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error
COPY patches/ patches/
RUN node node_modules/patch-package/index.js --error-on-fail \
 && npm prune --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error

FROM node:24.21.0-trixie-slim AS tallyman
LABEL org.opencontainers.image.title="Tallyman" \
      org.opencontainers.image.description="An actor-style stream processor for orders and stock: no unit is sold twice or lost." \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT"
# A container's own 127.0.0.1 is reached by nobody else; what is published, and where, is said where it is run. The loader that
# node-pg-migrate brings would lay a cache into node_modules, which may be read-only and is not asked twice. Node's
# own option keeps its young generation small (docs/decisions/064).
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    JITI_FS_CACHE=false \
    NODE_OPTIONS=--max-semi-space-size=16
WORKDIR /tallyman
COPY --from=packages /tallyman/node_modules/ node_modules/
COPY package.json LICENSE ./
COPY avro/ avro/
COPY shop/ shop/
COPY src/ src/
# The image's user node, by number: some orchestrators refuse a name, for it may hide root.
USER 1000:1000
EXPOSE 8080 9091 9191
# Whether the api's process answers, and nothing about other systems, for some orchestrators restart on this. A processor and a worker have
# it on their own ports: docker-compose.yml.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 8080}/livez`).then(({ ok }) => process.exit(ok ? 0 : 1))"]
# Node itself gets the signal: src/main.ts answers SIGTERM, and starts no children that an init would have to bury.
CMD ["node", "src/main.ts", "api"]
