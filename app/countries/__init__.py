"""A REST API that reads a table of countries."""
