"""How requests reach the tasks of a service."""
