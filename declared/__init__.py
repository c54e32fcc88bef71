"""The Pulumi program evaluated without an engine: every declared resource with its resolved inputs."""
