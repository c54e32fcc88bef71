"""Secrets in Parameter Store and Secrets Manager, generated or existing, which ECS passes to containers."""
