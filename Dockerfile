# syntax=docker/dockerfile:1
# keyseam as a small image that runs as nobody, with the system's certificates for registries:
# docker run --rm keyseam scan docker://ghcr.io/acme/app:1, or docker save app | docker run -i --rm keyseam scan -
FROM rust:1-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock build.rs ./
COPY src ./src
COPY deploy/kubernetes ./deploy/kubernetes
COPY benches ./benches
COPY tests ./tests
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin keyseam && cp target/release/keyseam /keyseam

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /keyseam /usr/local/bin/keyseam
# By number: a kubelet does not know names (runAsNonRoot).
USER 65532:65532
ENTRYPOINT ["keyseam"]
CMD ["--help"]
