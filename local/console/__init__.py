"""The console: the running stack in a browser on this machine.

Pages are made on the server (Jinja) and kept current by htmx, which is vendored in `static/` with its licence.
"""
