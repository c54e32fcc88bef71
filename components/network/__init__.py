"""The network the tasks run in."""
