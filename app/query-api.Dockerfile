FROM public.ecr.aws/docker/library/python:3.13-slim-bookworm@sha256:01f42367a0a94ad4bc17111776fd66e3500c1d87c15bbd6055b7371d39c124fb

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app

COPY query-api.requirements.txt .
RUN pip install --no-cache-dir --require-hashes -r query-api.requirements.txt

COPY keyspaces keyspaces
COPY query_api query_api

# The one place that stays writable when the root file system is not; as a VOLUME it keeps its mode on Fargate.
VOLUME /tmp
USER 10001:10001
CMD ["python", "-m", "query_api"]
