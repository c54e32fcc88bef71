"""Prices of capacity units on demand in us-east-1, in US dollars. `costs` has the same prices, as a test holds."""

READS = 0.125 / 1e6
WRITES = 0.625 / 1e6
