"""The HTTP server: all that subclasses uvicorn's internals, and nothing else."""
