"""Load balancers, listeners and rules: the way of requests to the tasks of a service."""
