"""The console: the running stack in a browser on this machine.

The server renders pages with Jinja; htmx, which is vendored in `static/` with its licence, keeps them up to date.
"""
