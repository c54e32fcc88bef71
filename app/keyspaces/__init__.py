"""What the programs here share: how to reach a table in Amazon Keyspaces."""
