# Bundles only, as a user without rights: no npm, no sources, no development packages.
FROM node:24-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
# V8's code cache holds for the flags that it was made with: those of the entry point.
RUN node scripts/build.mjs && node --max-semi-space-size=4 --v8-pool-size=2 scripts/lib/warm-proxy.mjs dist/proxy.js && rm -rf dist/types

FROM node:24-bookworm-slim
ENV NODE_ENV=production SIDEKEY_HOME=/var/lib/sidekey
# For `sidekey redirect` in an init container; nothing else here runs it.
RUN apt-get update && apt-get install -y --no-install-recommends nftables && rm -rf /var/lib/apt/lists/*
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack \
  && groupadd --gid 10001 sidekey \
  && useradd --uid 10001 --gid sidekey --home-dir /var/lib/sidekey --create-home --skel /dev/null --shell /usr/sbin/nologin sidekey
COPY --from=build /build/dist /opt/sidekey
# The bundles are ES modules.
RUN echo '{"type":"module"}' > /opt/sidekey/package.json && ln -s /opt/sidekey/sidekey.js /usr/local/bin/sidekey
USER 10001:10001
# A young generation of 16 MB a half, V8's own bound, costs a proxy 20 MB after load, four threads of V8 instead of two 3 MB: neither
# saves anything that shows (docs/performance.md).
ENTRYPOINT ["node", "--max-semi-space-size=4", "--v8-pool-size=2", "/opt/sidekey/sidekey.js"]
CMD ["--help"]
