"""Secrets that nobody has to know: made once, kept in Parameter Store, handed to containers by ECS."""
