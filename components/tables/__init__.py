"""Keyspaces tables: declaration, schema guard and capacity."""
