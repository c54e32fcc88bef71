"""The declared stack on this machine. `local.errors` lists the errors of its commands."""
