"""A microservice that runs once."""
