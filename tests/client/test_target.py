"""The default address of Keyspaces."""

import argparse

import pytest

from keyspaces.target import add_target_options, target_from


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-west-1", "cassandra.eu-west-1.amazonaws.com"),
        ("us-gov-east-1", "cassandra.us-gov-east-1.amazonaws.com"),
        ("cn-northwest-1", "cassandra.cn-northwest-1.amazonaws.com.cn"),
    ],
)
def test_finds_the_regions_endpoint_in_every_partition(region: str, host: str) -> None:
    """A program that is started by hand would connect to a host that does not exist."""
    parser = argparse.ArgumentParser()
    add_target_options(parser)
    options = parser.parse_args(["--region", region, "--keyspace", "shop"])
    target = target_from(parser, options, environment={})
    assert (target.host, target.port) == (host, 9142)
