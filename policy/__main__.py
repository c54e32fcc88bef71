"""The policy pack that `pulumi preview --policy-pack policy` and `pulumi up --policy-pack policy` run."""

from pulumi_policy import EnforcementLevel, PolicyPack

from rules import POLICIES

PolicyPack(name="keyspaces-platform", policies=POLICIES, enforcement_level=EnforcementLevel.MANDATORY)
