"""Keyspaces tables: declared, guarded, scaled."""
