"""Prices of on-demand capacity units in us-east-1, in US dollars. A test checks that `costs` has the same prices."""

READS = 0.125 / 1e6
WRITES = 0.625 / 1e6
