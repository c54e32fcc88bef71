"""Load balancers, listeners and rules: the path of requests to the tasks of a service."""
