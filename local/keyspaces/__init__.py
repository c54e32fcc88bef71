"""A local Amazon Keyspaces endpoint in front of a real Apache Cassandra. Imports nothing else of `local/`."""
