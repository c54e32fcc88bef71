ARG PYTHON=public.ecr.aws/docker/library/python:3.13-slim-bookworm@sha256:01f42367a0a94ad4bc17111776fd66e3500c1d87c15bbd6055b7371d39c124fb

FROM --platform=$BUILDPLATFORM ${PYTHON} AS packages
ARG TARGETARCH
COPY wheels wheels
RUN case "$TARGETARCH" in amd64) machine=x86_64 ;; arm64) machine=aarch64 ;; esac; \
    pip install --no-cache-dir --only-binary=:all: --target /packages --find-links wheels \
        --platform "manylinux_2_28_$machine" --platform "manylinux_2_17_$machine" \
        "keyspaces-microservices[service]==1.0.0"

FROM ${PYTHON}
ENV PYTHONPATH=/packages PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
COPY --from=packages /packages /packages
COPY orders orders
VOLUME /tmp
USER 10001:10001
CMD ["python", "-m", "orders"]
