"""A microservice that keeps running."""
