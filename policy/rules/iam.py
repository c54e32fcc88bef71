"""Permissions: identity policies, managed policies, trust policies and resource policies."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from rules.documents import allowing
from rules.rule import Resource, Schema, rule
from rules.values import items, objects, texts

# Identity policies, by resource type: the inputs that hold documents. `a.b`: b of each object in a.
_GRANTS: Mapping[str, tuple[str, ...]] = {
    "aws:iam/groupPolicy:GroupPolicy": ("policy",),
    "aws:iam/policy:Policy": ("policy",),
    "aws:iam/role:Role": ("inlinePolicies.policy",),
    "aws:iam/rolePolicy:RolePolicy": ("policy",),
    "aws:iam/userPolicy:UserPolicy": ("policy",),
    "aws:iot/policy:Policy": ("policy",),
    "aws:ssoadmin/permissionSetInlinePolicy:PermissionSetInlinePolicy": ("inlinePolicy",),
}
# Resource-based policies, and roles' trust policies; not the policies of VPC endpoints, which grant nothing.
_OPENINGS: Mapping[str, tuple[str, ...]] = {
    "aws:apigateway/restApi:RestApi": ("policy",),
    "aws:apigateway/restApiPolicy:RestApiPolicy": ("policy",),
    "aws:backup/vaultPolicy:VaultPolicy": ("policy",),
    "aws:cloudwatch/eventBusPolicy:EventBusPolicy": ("policy",),
    "aws:cloudwatch/logDestinationPolicy:LogDestinationPolicy": ("accessPolicy",),
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": ("policyDocument",),
    "aws:dynamodb/resourcePolicy:ResourcePolicy": ("policy",),
    "aws:ecr/registryPolicy:RegistryPolicy": ("policy",),
    "aws:ecr/repositoryPolicy:RepositoryPolicy": ("policy",),
    "aws:efs/fileSystemPolicy:FileSystemPolicy": ("policy",),
    "aws:iam/role:Role": ("assumeRolePolicy",),
    "aws:kinesis/resourcePolicy:ResourcePolicy": ("policy",),
    "aws:kms/externalKey:ExternalKey": ("policy",),
    "aws:kms/key:Key": ("policy",),
    "aws:kms/keyPolicy:KeyPolicy": ("policy",),
    "aws:kms/replicaKey:ReplicaKey": ("policy",),
    "aws:opensearch/domain:Domain": ("accessPolicies",),
    "aws:opensearch/domainPolicy:DomainPolicy": ("accessPolicies",),
    "aws:s3/accessPoint:AccessPoint": ("policy",),
    "aws:s3/bucket:Bucket": ("policy",),
    "aws:s3/bucketPolicy:BucketPolicy": ("policy",),
    "aws:s3/bucketV2:BucketV2": ("policy",),
    "aws:secretsmanager/secret:Secret": ("policy",),
    "aws:secretsmanager/secretPolicy:SecretPolicy": ("policy",),
    "aws:sns/topic:Topic": ("policy",),
    "aws:sns/topicPolicy:TopicPolicy": ("policy",),
    "aws:sqs/queue:Queue": ("policy",),
    "aws:sqs/queuePolicy:QueuePolicy": ("policy",),
}
_ATTACHMENTS: Mapping[str, tuple[str, ...]] = {
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment": ("policyArn",),
    "aws:iam/groupPolicyAttachmentsExclusive:GroupPolicyAttachmentsExclusive": ("policyArns",),
    "aws:iam/policyAttachment:PolicyAttachment": ("policyArn",),
    "aws:iam/role:Role": ("managedPolicyArns",),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": ("policyArn",),
    "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive": ("policyArns",),
    "aws:iam/userPolicyAttachment:UserPolicyAttachment": ("policyArn",),
    "aws:iam/userPolicyAttachmentsExclusive:UserPolicyAttachmentsExclusive": ("policyArns",),
    "aws:ssoadmin/managedPolicyAttachment:ManagedPolicyAttachment": ("managedPolicyArn",),
    "aws:ssoadmin/managedPolicyAttachmentsExclusive:ManagedPolicyAttachmentsExclusive": ("managedPolicyArns",),
}

# AWS's own policies whose wildcards allow everything, a whole service, or reading all data.
_ADMINISTRATOR = re.compile(
    r"arn:[^:]*:iam::aws:policy/(.*(Admin|PowerUser|Full_?Access|ReadWrite|DataScientist).*|ReadOnlyAccess)",
    re.IGNORECASE,
)

# Permissions without a document, by resource type: the inputs that limit the principal `*`.
_PERMISSIONS: Mapping[str, tuple[str, ...]] = {
    "aws:cloudwatch/eventPermission:EventPermission": ("condition",),
    "aws:lambda/layerVersionPermission:LayerVersionPermission": ("organizationId",),
    "aws:lambda/permission:Permission": ("principalOrgId", "sourceAccount", "sourceArn"),
}
_FUNCTION_URL = "aws:lambda/functionUrl:FunctionUrl"

# Actions without resource-level permissions: service authorization reference, "Actions, resources, and condition keys"
# of each service. Read the reference before you add an action here or in the setting.
_UNSCOPED = {
    "ec2:describenetworkinterfaces",
    "ec2:describevpcendpoints",
    "ecr:getauthorizationtoken",
    "elasticloadbalancing:describelisteners",
    "elasticloadbalancing:describerules",
    "elasticloadbalancing:describetargetgroups",
    "elasticloadbalancing:describetargethealth",
    "ssmmessages:createcontrolchannel",
    "ssmmessages:createdatachannel",
    "ssmmessages:opencontrolchannel",
    "ssmmessages:opendatachannel",
    "xray:getsamplingrules",
    "xray:getsamplingtargets",
    "xray:putspans",
    "xray:puttelemetryrecords",
    "xray:puttracesegments",
}
_UNSCOPED_SETTING: Schema = {
    "unscopedActions": {
        "type": "array",
        "items": {"type": "string"},
        "default": [],
        "description": "More actions that AWS offers no resource-level permissions for.",
    }
}


def _in(resource: Resource, where: Mapping[str, tuple[str, ...]]) -> Iterator[Any]:
    for path in where[resource.type]:
        outer, _, inner = path.partition(".")
        for value in items(resource.inputs.get(outer)):
            if not inner:
                yield value
            else:
                yield from (held.get(inner) for held in objects(value))


def _wildcard_actions(resource: Resource) -> Iterator[str]:
    for document in _in(resource, _GRANTS):
        for statement in allowing(document):
            if "notaction" in statement.elements:
                yield f"{statement.label} allows all but some actions (NotAction): list the needed actions in Action"
            for action in statement.actions:
                if "*" in action or "?" in action:
                    yield f"{statement.label} allows {action}: list the actions it needs"


def _star_resources(resource: Resource) -> Iterator[str]:
    unscoped = _UNSCOPED | {action.lower() for action in texts(resource.settings["unscopedActions"])}
    for document in _in(resource, _GRANTS):
        for statement in allowing(document):
            if "notresource" in statement.elements:
                yield f"{statement.label} allows all but some resources (NotResource): list the needed ones in Resource"
            scoped = [action for action in statement.actions if action.lower() not in unscoped]
            if statement.is_about_everything and scoped:
                yield (
                    f"{statement.label} allows {', '.join(scoped)} on every resource: give the ARNs it needs, in a"
                    " statement apart from actions that take none"
                )


def _administrators(resource: Resource) -> Iterator[str]:
    for value in _in(resource, _ATTACHMENTS):
        for arn in texts(value):
            if _ADMINISTRATOR.fullmatch(arn):
                yield f"attaches {arn}: write a policy of its own with the actions and resources it needs"


def _public_principals(resource: Resource) -> Iterator[str]:
    for document in _in(resource, _OPENINGS):
        for statement in allowing(document):
            if "notprincipal" in statement.elements:
                yield f"{statement.label} lets in all but some (NotPrincipal): list the intended ones in Principal"
            for principal in statement.public_principals():
                yield (
                    f"{statement.label} lets in everyone ({principal}): name the account, role or service it is for,"
                    " or add a condition such as aws:SourceAccount"
                )


def _public_permissions(resource: Resource) -> Iterator[str]:
    inputs = resource.inputs
    if resource.type == _FUNCTION_URL:
        if inputs.get("authorizationType") == "NONE":
            yield "answers everyone on the internet: set authorizationType to AWS_IAM"
    elif inputs.get("principal") == "*" and all(inputs.get(key) is None for key in _PERMISSIONS[resource.type]):
        yield f"lets in everyone (*): name the account or service in principal, or set {_PERMISSIONS[resource.type][0]}"


POLICIES = [
    rule(
        "iam-names-actions",
        "A role's actions are listed: a wildcard allows more than anyone has read, and actions that AWS adds later.",
        _wildcard_actions,
        types=_GRANTS,
    ),
    rule(
        "iam-names-resources",
        "A role reaches only the resources that it needs, so that a flaw in a program does not expose another's data.",
        _star_resources,
        types=_GRANTS,
        settings=_UNSCOPED_SETTING,
    ),
    rule(
        "iam-attaches-no-administrator",
        "AWS's administrator, power user and full access policies allow by wildcard, and AWS changes them.",
        _administrators,
        types=_ATTACHMENTS,
    ),
    rule(
        "iam-trusts-named-principals-only",
        "A role or resource that trusts everyone can be used from any AWS account, or without one.",
        _public_principals,
        types=_OPENINGS,
    ),
    rule(
        "functions-allow-named-callers-only",
        "A function that everyone may call can be used, and run up costs, from any AWS account or without one.",
        _public_permissions,
        types=(*_PERMISSIONS, _FUNCTION_URL),
    ),
]
