"""A microservice that runs on a schedule."""
