"""The picture of a stack."""
