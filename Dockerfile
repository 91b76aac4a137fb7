# syntax=docker/dockerfile:1
# The portal as an image: docker build -t jobportal .
# It runs `jobportal serve` as nobody in particular, with the production profile; settings come from the environment (config/default.toml).

FROM rust:1.90-bookworm AS build
RUN apt-get update && apt-get install -qy --no-install-recommends libpq-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked -p jobportal --no-default-features --features system-libpq \
    && install -D target/release/jobportal /out/jobportal

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -qy --no-install-recommends ca-certificates libpq5 && rm -rf /var/lib/apt/lists/* \
    && install -d -o 10001 -g 10001 -m 0700 /var/lib/jobportal/files
COPY --from=build /out/jobportal /usr/local/bin/jobportal
USER 10001:10001
WORKDIR /var/lib/jobportal
VOLUME /var/lib/jobportal/files
ENV JOBPORTAL_PROFILE=production \
    JOBPORTAL_SERVER__LISTEN=0.0.0.0:8000 \
    JOBPORTAL_SERVER__METRICS_BIND=0.0.0.0:9090 \
    JOBPORTAL_FILES__DIR=/var/lib/jobportal/files
# 9090 is for operators alone: publish it to nobody else.
EXPOSE 8000 9090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9090 && printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [ \"$status\" = 200 ]"]
ENTRYPOINT ["jobportal"]
CMD ["serve"]
