# The digest of an image index with both architectures, according to public sources (UNVERIFIED).
ARG PYTHON=public.ecr.aws/docker/library/python:3.13-slim-bookworm@sha256:01f42367a0a94ad4bc17111776fd66e3500c1d87c15bbd6055b7371d39c124fb

# This stage runs on the build machine's architecture; pip selects wheels for the image's architecture.
FROM --platform=$BUILDPLATFORM ${PYTHON} AS packages
ARG TARGETARCH
COPY load-countries.requirements.txt .
RUN case "$TARGETARCH" in \
        amd64) machine=x86_64 ;; \
        arm64) machine=aarch64 ;; \
        *) echo "There are no packages for '$TARGETARCH'." >&2; exit 1 ;; \
    esac; \
    pip install --no-cache-dir --require-hashes --only-binary=:all: --target /packages \
        --platform "manylinux_2_28_$machine" --platform "manylinux_2_17_$machine" \
        -r load-countries.requirements.txt

# This stage only copies files, so that an image for another architecture needs no emulation.
FROM ${PYTHON}
ENV PYTHONPATH=/packages PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app

COPY --from=packages /packages /packages
COPY keyspaces keyspaces
COPY loader loader
COPY load_countries load_countries

# The only writable folder, since the root file system is read-only. As a VOLUME, it keeps its mode on Fargate.
VOLUME /tmp
USER 10001:10001
CMD ["python", "-m", "load_countries"]
