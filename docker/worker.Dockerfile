# poolmq's image: every command of `poolmq`, by default `poolmq worker` for the tasks module that you mount at /srv/app or copy there.
#
#   docker build -f docker/worker.Dockerfile -t poolmq-worker .          (from the root of the repository)
#   docker run -e REDIS_URL=redis://… -v "$PWD/tasks.ts:/srv/app/tasks.ts:ro" poolmq-worker
#
# or, for a module with dependencies of its own:
#
#   FROM poolmq-worker
#   COPY node_modules node_modules
#   COPY tasks.ts ./
#
# It needs no writable file system, no capability and no root. BuildKit and the classic builder can both build it.

# ── build: compiles the packages ────────────────────────────────────────────────────────────────────────────────────
FROM node:24-bookworm-slim AS build
RUN npm install --global --no-audit --no-fund --loglevel=error pnpm@12
WORKDIR /build
# Dependencies change less often than sources: these layers are reused while dependencies stay the same. The lockfile was
# checked against the registry where it was made; checking it here again takes longer than everything else.
COPY package.json pnpm-lock.yaml pnpm-workspace.yaml ./
COPY packages/shared/package.json packages/shared/
COPY packages/worker/package.json packages/worker/
COPY packages/producer/package.json packages/producer/
# The image's production dependencies, by the lockfile, as one folder of real files.
RUN cp -r /build /production \
 && cd /production \
 && pnpm install --prod --no-optional --frozen-lockfile --trust-lockfile --ignore-scripts \
      --config.node-linker=hoisted --filter './packages/*' \
 && rm -rf node_modules/.bin node_modules/.pnpm* node_modules/.modules.yaml node_modules/@poolmq \
 && find node_modules -type f \( -name '*.map' -o -name '*.ts' -o -name '*.mts' -o -name '*.cts' -o -iname '*.md' -o -name '*.tsbuildinfo' \) -delete
# The dependencies for compiling.
RUN pnpm install --frozen-lockfile --trust-lockfile --ignore-scripts --filter poolmq-workspace --filter './packages/*'
COPY tsconfig.base.json ./
COPY scripts scripts
COPY packages packages
RUN set -eu; \
    node scripts/build.mjs shared worker producer; \
    for package in shared worker producer; do \
      installed="/production/node_modules/@poolmq/$package"; \
      mkdir -p "$installed"; \
      cp -a "packages/$package/package.json" "packages/$package/dist" "$installed/"; \
      if [ -d "packages/$package/page" ]; then \
        mkdir "$installed/page"; \
        find "packages/$package/page" -type f ! -name '*.ts' ! -name '*.json' -exec cp {} "$installed/page/" \;; \
      fi; \
      find "$installed" -type f \( -name '*.map' -o -name '*.d.ts' -o -name '.tsbuildinfo' \) -delete; \
      find "$installed" -type d -empty -delete; \
    done; \
    chmod 755 /production/node_modules/@poolmq/worker/dist/cli.js; \
    chmod -R go+rX /production/node_modules

# ── worker: the image ───────────────────────────────────────────────────────────────────────────────────────────────
FROM node:24-bookworm-slim AS worker
# PID 1: passes signals on to the supervisor, and reaps processes that tasks leave behind. Not every scheduler has an
# `--init`.
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends tini >/dev/null \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/cache/debconf/*-old /var/log/apt /var/log/dpkg.log
# In the folder above the app, where imports of poolmq by a tasks module are found even if the module has a node_modules
# of its own. With the producer, for tasks that use a pool on another queue; it is a few hundred KiB.
COPY --from=build /production/node_modules /srv/node_modules
RUN ln -s /srv/node_modules/@poolmq/worker/dist/cli.js /usr/local/bin/poolmq
WORKDIR /srv/app
# Nothing that Node compiles is kept: a container that is replaced has lost it.
ENV NODE_ENV=production \
    NODE_DISABLE_COMPILE_CACHE=1 \
    POOLMQ_HEALTH_PORT=9090 \
    POOLMQ_HEALTH_HOST=0.0.0.0
EXPOSE 9090
# As a number, so that a cluster can see that it is not root.
USER 1000:1000
# Healthy means: a worker takes work, or a dashboard or scale-signal reaches Redis. So other services can wait for that.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["poolmq", "healthcheck"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["tini", "--", "poolmq"]
CMD ["worker", "tasks.ts"]

# ── example: the image with the tasks and the producer of docker/compose.yaml ───────────────────────────────────────
FROM worker AS example
COPY examples/containers ./

# ── the default stage ─────────────────────────────────────────────────────────────────────────────────────────────────
FROM worker
