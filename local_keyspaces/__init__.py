"""A local Amazon Keyspaces endpoint in front of a real Apache Cassandra. Imports nothing else of `local/`.

In the order a statement meets them:

service      everything below, started
endpoint     the listener with TLS (certificates)
sign_in      until it is known who asks (sigv4, credentials)
connection   a client's requests (frames, requests), answered here or passed on
plans        what becomes of a statement (cql: its grammar)
gate         whether it is let through: permissions (iam), the service's rules (rules), tables there are (catalog)
suffering    faults that are on (faults)
relay        to Cassandra and back (results; prepared)
consumption  what it consumed (metering: the service's rules), added to the meter (metered, meter_report: to ask it)
ddl, schema  what changes keyspaces, tables and types (tables), asynchronously (changes), in Cassandra
             (cassandra_session) and where clients look for it (catalog, system_tables); what WITH may say
             (options, replication), and how much there may be (quotas)
refusals     the answers to what is not run
"""
