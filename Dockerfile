# The hoga command with Apache Kafka. docker-compose.yml runs it; by itself: docker build -t hoga . && docker run --rm hoga help
FROM rust:1.95-slim-bookworm AS build
# librdkafka is built from source: a C++ compiler, make, OpenSSL's headers.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends g++ libssl-dev make pkg-config \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /hoga
COPY . .
# What cargo fetched and built is kept between builds; the binary leaves the cache with the same step.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/hoga/target \
    cargo build --release --locked --package hoga --features kafka \
 && cp target/release/hoga /usr/local/bin/hoga

FROM debian:bookworm-slim
# Certificates: of brokers with TLS.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates libssl3 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --create-home --home-dir /var/lib/hoga hoga
COPY --from=build /usr/local/bin/hoga /usr/local/bin/hoga
USER hoga
WORKDIR /var/lib/hoga
ENV HOGA_DATA_DIR=/var/lib/hoga/data
# Memory in pages of 2 MB (docs/configuration.md).
ENV GLIBC_TUNABLES=glibc.malloc.hugetlb=1
# Snapshots: may be lost, and save the replay of the whole log.
VOLUME /var/lib/hoga
# The first asks for a clean end: hand over, deliver, mark, snapshot.
STOPSIGNAL SIGTERM
ENTRYPOINT ["hoga"]
CMD ["help"]
