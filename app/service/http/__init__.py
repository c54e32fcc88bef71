"""The HTTP server: all code that subclasses uvicorn's internals, and no other code."""
