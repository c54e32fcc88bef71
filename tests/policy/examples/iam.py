"""Examples for rules/iam.py."""

import json
from typing import Any

from tests.policy.examples import Example
from tests.policy.validation import UNKNOWN, Given

_TABLE = "arn:aws:cassandra:us-east-1:000000000000:/keyspace/shop/table/orders"
_READ: dict[str, Any] = {"Effect": "Allow", "Action": ["cassandra:Select"], "Resource": _TABLE}
_COGNITO = "cognito-identity.amazonaws.com"
_GITHUB_SUB = "token.actions.githubusercontent.com:sub"
_GITHUB = "arn:aws:iam::000000000000:oidc-provider/token.actions.githubusercontent.com"


def _document(*statements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _grant(*statements: Any) -> Given:
    return Given(
        type="aws:iam/rolePolicy:RolePolicy",
        inputs={"role": "orders", "policy": json.dumps(_document(*statements))},
        name="orders",
    )


def _opening(principal: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more}


def _trust(*statements: Any) -> Given:
    return Given(
        type="aws:iam/role:Role",
        inputs={"assumeRolePolicy": json.dumps(_document(*statements))},
        name="orders",
    )


_ACTIONS = "iam-names-actions"
_ACTION_EXAMPLES = [
    Example(
        rule=_ACTIONS,
        case="not JSON, which the provider refuses",
        given=Given(type="aws:iam/rolePolicy:RolePolicy", inputs={"role": "orders", "policy": "{"}),
    ),
    Example(rule=_ACTIONS, case="named actions", given=_grant(_READ)),
    Example(
        rule=_ACTIONS,
        case="wildcards in what is denied",
        given=_grant({"Effect": "Deny", "NotAction": "s3:*", "Action": "*", "Resource": "*"}),
    ),
    Example(
        rule=_ACTIONS,
        case="all actions of a service",
        given=_grant(_READ, {"Sid": "Tables", "Effect": "Allow", "Action": "cassandra:*", "Resource": _TABLE}),
        says=("orders", "Tables", "cassandra:*", "list the actions"),
    ),
    Example(
        rule=_ACTIONS,
        case="a wildcard within an action, in a statement that is not in a list",
        given=Given(
            type="aws:iam/policy:Policy",
            inputs={
                "policy": json.dumps(
                    {"Statement": {"Effect": "Allow", "Action": ["s3:Get?bject", "s3:PutObject"], "Resource": _TABLE}}
                )
            },
        ),
        says=("statement 1", "s3:Get?bject"),
    ),
    Example(
        rule=_ACTIONS,
        case="all actions but some",
        given=_grant({"Effect": "Allow", "NotAction": "iam:*", "Resource": _TABLE}),
        says=("statement 1", "NotAction", "list the needed actions"),
    ),
    Example(
        rule=_ACTIONS,
        case="an inline policy of a role",
        given=Given(
            type="aws:iam/role:Role",
            inputs={
                "assumeRolePolicy": json.dumps(_document()),
                "inlinePolicies": [
                    {"name": "good", "policy": json.dumps(_document(_READ))},
                    {"name": "bad", "policy": json.dumps(_document({**_READ, "Action": "*"}))},
                ],
            },
        ),
        says=("allows *:",),
    ),
    Example(
        rule=_ACTIONS,
        case="a known action beside unknown ones",
        given=Given(
            type="aws:iam/userPolicy:UserPolicy",
            inputs={
                "user": "someone",
                "policy": _document(UNKNOWN, {"Effect": "Allow", "Action": [UNKNOWN, "s3:*"], "Resource": UNKNOWN}),
            },
        ),
        says=("statement 2", "s3:*"),
    ),
]

_RESOURCES = "iam-names-resources"
_RESOURCE_EXAMPLES = [
    Example(rule=_RESOURCES, case="an ARN", given=_grant(_READ)),
    Example(
        rule=_RESOURCES,
        case="an ARN with a wildcard in it",
        given=_grant({**_READ, "Resource": "arn:aws:cassandra:us-east-1:000000000000:/keyspace/system*"}),
    ),
    Example(
        rule=_RESOURCES,
        case="actions that take no ARN",
        given=_grant(
            {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"},
            {
                "Effect": "Allow",
                "Action": ["ec2:DescribeNetworkInterfaces", "ec2:DescribeVpcEndpoints", "ssmmessages:OpenDataChannel"],
                "Resource": ["*"],
            },
        ),
    ),
    Example(
        rule=_RESOURCES,
        case="an action that the settings add",
        given=_grant({"Effect": "Allow", "Action": "thing:List", "Resource": "*"}),
        settings={"unscopedActions": ["Thing:List"]},
    ),
    Example(
        rule=_RESOURCES,
        case="everything",
        given=_grant({**_READ, "Action": ["ecr:GetAuthorizationToken", "s3:GetObject"], "Resource": "*"}),
        says=("orders", "statement 1", "allows s3:GetObject on every resource", "give the ARNs"),
    ),
    Example(
        rule=_RESOURCES,
        case="everything, written as an ARN beside another",
        given=_grant({**_READ, "Resource": [_TABLE, "arn:aws:*:*:*:*"]}),
        says=("cassandra:Select", "every resource"),
    ),
    *(
        Example(rule=_RESOURCES, case=f"{arn}", given=_grant({**_READ, "Resource": arn}))
        for arn in (
            "arn:aws:s3:::orders/*",
            "arn:aws:sqs:us-east-1:000000000000:orders-*",
            "arn:aws:ssm:us-east-1:000000000000:parameter/shop/*",
            "arn:aws:iam::000000000000:role/orders-*",
            "arn:aws:ecs:us-east-1:000000000000:task/shop/*",
            "arn:aws:execute-api:us-east-1:000000000000:abc/*",
        )
    ),
    *(
        Example(
            rule=_RESOURCES,
            case=f"{arn}",
            given=_grant({**_READ, "Action": "iam:PassRole", "Resource": arn}),
            says=("iam:PassRole", "every resource"),
        )
        for arn in (
            *("arn:aws:s3:::*", "arn:aws:s3:::*/*", "arn:aws:iam::000000000000:role/*", "arn:aws:iam::*:role/*"),
            *("arn:aws:iam::000000000000:role/?*", "arn:aws:iam::000000000000:*", "**", "?*", "arn:*", "arn:aws:s3*"),
            "arn:aws:cassandra:us-east-1:000000000000:/keyspace/*",
            "arn:aws:cassandra:us-east-1:000000000000:/keyspace/*/table/*",
            "arn:aws:secretsmanager:us-east-1:000000000000:secret:*",
            "arn:aws:logs:*:*:log-group:*:*",
            "arn:aws:kms:us-east-1:000000000000:key/*",
        )
    ),
    Example(
        rule=_RESOURCES,
        case="all resources but some",
        given=_grant({"Effect": "Allow", "Action": "s3:GetObject", "NotResource": _TABLE}),
        says=("NotResource", "list the needed ones in Resource"),
    ),
    Example(
        rule=_RESOURCES,
        case="everything, with actions of which one is known",
        given=Given(
            type="aws:iam/groupPolicy:GroupPolicy",
            inputs={
                "group": UNKNOWN,
                "policy": _document({"Effect": "Allow", "Action": [UNKNOWN, "s3:GetObject"], "Resource": "*"}),
            },
        ),
        says=("s3:GetObject",),
    ),
]


def _attachment(arn: str) -> Given:
    return Given(
        type="aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        inputs={"role": "orders", "policyArn": arn},
        name="orders",
    )


_ATTACHMENTS = "iam-attaches-no-administrator"
_AWS = "arn:aws:iam::aws:policy/"
_ATTACHMENT_EXAMPLES = [
    Example(
        rule=_ATTACHMENTS,
        case="a policy of a service's role",
        given=_attachment("arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"),
    ),
    Example(
        rule=_ATTACHMENTS,
        case="an own policy, whatever its name",
        given=_attachment("arn:aws:iam::000000000000:policy/ReportsFullAccess"),
    ),
    Example(rule=_ATTACHMENTS, case="a policy not yet known", given=_attachment(UNKNOWN)),
    *(
        Example(
            rule=_ATTACHMENTS,
            case=name,
            given=_attachment(f"arn:aws:iam::aws:policy/{name}"),
            says=("orders", f"policy/{name}", "write a policy of its own"),
        )
        for name in (
            "AdministratorAccess",
            "PowerUserAccess",
            "AmazonECS_FullAccess",
            "job-function/SystemAdministrator",
            "SecretsManagerReadWrite",
            "ReadOnlyAccess",
            "job-function/DataScientist",
        )
    ),
    Example(rule=_ATTACHMENTS, case="of a service, to read", given=_attachment(f"{_AWS}AmazonKeyspacesReadOnlyAccess")),
    Example(
        rule=_ATTACHMENTS,
        case="to a permission set",
        given=Given(
            type="aws:ssoadmin/managedPolicyAttachment:ManagedPolicyAttachment",
            inputs={"instanceArn": "i", "permissionSetArn": UNKNOWN, "managedPolicyArn": f"{_AWS}AdministratorAccess"},
        ),
        says=("AdministratorAccess",),
    ),
    Example(
        rule=_ATTACHMENTS,
        case="one of a permission set's list",
        given=Given(
            type="aws:ssoadmin/managedPolicyAttachmentsExclusive:ManagedPolicyAttachmentsExclusive",
            inputs={"instanceArn": "i", "permissionSetArn": UNKNOWN, "managedPolicyArns": [f"{_AWS}PowerUserAccess"]},
        ),
        says=("PowerUserAccess",),
    ),
    Example(
        rule=_ATTACHMENTS,
        case="one of a role's list",
        given=Given(
            type="aws:iam/role:Role",
            inputs={
                "assumeRolePolicy": UNKNOWN,
                "managedPolicyArns": [UNKNOWN, "arn:aws-cn:iam::aws:policy/IAMFullAccess"],
            },
        ),
        says=("IAMFullAccess",),
    ),
]

_PRINCIPALS = "iam-trusts-named-principals-only"
_PRINCIPAL_EXAMPLES = [
    Example(
        rule=_PRINCIPALS,
        case="a service of this account",
        given=_trust(
            _opening(
                {"Service": "ecs-tasks.amazonaws.com"},
                Condition={"StringEquals": {"aws:SourceAccount": "000000000000"}},
            )
        ),
    ),
    Example(
        rule=_PRINCIPALS,
        case="everyone, to be kept out",
        given=Given(
            type="aws:s3/bucketPolicy:BucketPolicy",
            inputs={
                "bucket": "logs",
                "policy": json.dumps(_document({"Effect": "Deny", "Principal": "*", "Action": "s3:*"})),
            },
        ),
    ),
    Example(
        rule=_PRINCIPALS,
        case="everyone of one organization",
        given=_trust(_opening({"AWS": "*"}, Condition={"StringEquals": {"aws:PrincipalOrgID": "o-abc"}})),
    ),
    Example(
        rule=_PRINCIPALS,
        case="everyone through the alarms of one account",
        given=_trust(
            _opening("*", Condition={"ArnLike": {"aws:SourceArn": "arn:aws:cloudwatch:eu-west-1:000000000000:alarm:*"}})
        ),
    ),
    Example(
        rule=_PRINCIPALS,
        case="one repository at GitHub",
        given=_trust(
            _opening(
                {"Federated": _GITHUB},
                Condition={"StringLike": {"token.actions.githubusercontent.com:sub": "repo:us/this:*"}},
            )
        ),
    ),
    *(
        Example(
            rule=_PRINCIPALS,
            case=f"a condition known only in part, {condition}",
            given=Given(
                type="aws:s3/bucketPolicy:BucketPolicy",
                inputs={"bucket": UNKNOWN, "policy": _document(_opening(principal, Condition=condition))},
            ),
        )
        for principal, condition in (
            ("*", {"StringEquals": {"aws:SourceVpc": "vpc-1"}}),
            ("*", {"StringEquals": {"aws:SourceVpc": ["vpc-1", "vpc-2"]}, "Bool": {"aws:SecureTransport": "true"}}),
            (
                {"Federated": _GITHUB},
                {"StringEquals": {"token.actions.githubusercontent.com:sub": "repo:us/this:ref:refs/heads/main"}},
            ),
        )
    ),
    Example(
        rule=_PRINCIPALS,
        case="every repository at GitHub",
        given=_trust(
            _opening(
                {"Federated": _GITHUB},
                Condition={"StringEquals": {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"}},
            )
        ),
        says=("orders", "statement 1", "token.actions.githubusercontent.com:sub"),
    ),
    Example(
        rule=_PRINCIPALS,
        case="every repository at GitHub, by a wildcard",
        given=_trust(
            _opening(
                {"Federated": _GITHUB},
                Condition={"StringLike": {"token.actions.githubusercontent.com:sub": "repo:*"}},
            )
        ),
        says=("token.actions.githubusercontent.com:sub",),
    ),
    *(
        Example(
            rule=_PRINCIPALS,
            case=f"{provider} with {condition}",
            given=_trust(_opening({"Federated": provider}, Condition=condition)),
            says=says,
        )
        for provider, condition, says in (
            ("accounts.google.com", {"StringEquals": {"accounts.google.com:aud": "our-client"}}, ()),
            (_COGNITO, {"StringEquals": {f"{_COGNITO}:aud": "us-east-1:pool"}}, ()),
            ("arn:aws:iam::000000000000:saml-provider/ours", {}, ()),
            (_GITHUB, {"StringLike": {_GITHUB_SUB: "repo:us/*"}}, ()),
            ("accounts.google.com", {}, ("accounts.google.com:aud",)),
            ("www.amazon.com", {}, ("www.amazon.com:aud",)),
            (_COGNITO, {"ForAnyValue:StringLike": {f"{_COGNITO}:amr": "authenticated"}}, (f"{_COGNITO}:aud",)),
            (_COGNITO, {"StringLike": {f"{_COGNITO}:aud": "us-east-1:*"}}, (f"{_COGNITO}:aud",)),
            *(
                (_GITHUB, {"StringLike": {_GITHUB_SUB: subjects}}, (_GITHUB_SUB,))
                for subjects in ("r*", "repo:us*", "repo:?s/this:*", "*:ref:refs/heads/main", ["repo:us/*", "r*"], [])
            ),
        )
    ),
    *(
        Example(
            rule=_PRINCIPALS,
            case=f"everyone as {principal}, with {condition}",
            given=_trust(_opening(principal, Condition=condition)),
            says=("everyone (*)",),
        )
        for principal, condition in (
            ({"aws": "*"}, {}),
            ({"Service": "*"}, {}),
            (["*"], {}),
            ("*", {"StringLike": {"aws:PrincipalOrgID": "o-????"}}),
            ("*", {"StringEquals": {"aws:PrincipalOrgID": []}}),
        )
    ),
    *(
        Example(
            rule=_PRINCIPALS,
            case=f"everyone, by {type_}",
            given=Given(type=type_, inputs={input_: json.dumps(_document(_opening("*")))}),
            says=("everyone (*)",),
        )
        for type_, input_ in (
            ("aws:apigateway/restApiPolicy:RestApiPolicy", "policy"),
            ("aws:cloudwatch/eventBusPolicy:EventBusPolicy", "policy"),
            ("aws:cloudwatch/logDestinationPolicy:LogDestinationPolicy", "accessPolicy"),
            ("aws:dynamodb/resourcePolicy:ResourcePolicy", "policy"),
            ("aws:ecr/registryPolicy:RegistryPolicy", "policy"),
            ("aws:ecr/repositoryPolicy:RepositoryPolicy", "policy"),
            ("aws:efs/fileSystemPolicy:FileSystemPolicy", "policy"),
            ("aws:kinesis/resourcePolicy:ResourcePolicy", "policy"),
            ("aws:kms/keyPolicy:KeyPolicy", "policy"),
            ("aws:kms/replicaKey:ReplicaKey", "policy"),
            ("aws:opensearch/domainPolicy:DomainPolicy", "accessPolicies"),
            ("aws:secretsmanager/secretPolicy:SecretPolicy", "policy"),
        )
    ),
    Example(
        rule=_PRINCIPALS,
        case="everyone",
        given=_trust(_opening("*")),
        says=("orders", "statement 1", "everyone (*)", "name the account"),
    ),
    Example(
        rule=_PRINCIPALS,
        case="every account, to a topic",
        given=Given(
            type="aws:sns/topicPolicy:TopicPolicy",
            inputs={
                "arn": UNKNOWN,
                "policy": json.dumps(_document({**_opening({"AWS": ["000000000000", "*"]}), "Action": "sns:Publish"})),
            },
        ),
        says=("everyone (*)",),
    ),
    Example(
        rule=_PRINCIPALS,
        case="everyone in any VPC",
        given=_trust(_opening("*", Condition={"StringLike": {"aws:SourceVpc": "vpc-*"}})),
        says=("everyone (*)",),
    ),
    Example(
        rule=_PRINCIPALS,
        case="everyone without a source VPC",
        given=_trust(_opening("*", Condition={"StringEqualsIfExists": {"aws:SourceVpc": "vpc-1"}})),
        says=("everyone (*)",),
    ),
    Example(
        rule=_PRINCIPALS,
        case="everyone but one",
        given=_trust(
            {"Effect": "Allow", "NotPrincipal": {"AWS": "000000000000"}, "Action": "sts:AssumeRole"},
        ),
        says=("NotPrincipal", "list the intended ones"),
    ),
    Example(
        rule=_PRINCIPALS,
        case="everyone, beside a statement that is not yet known",
        given=Given(
            type="aws:sqs/queuePolicy:QueuePolicy",
            inputs={"queueUrl": UNKNOWN, "policy": _document(UNKNOWN, {**_opening("*"), "Resource": UNKNOWN})},
        ),
        says=("statement 2", "everyone (*)"),
    ),
]

_FUNCTIONS = "functions-allow-named-callers-only"
_PERMISSION = "aws:lambda/permission:Permission"
_FUNCTION_EXAMPLES = [
    *(
        Example(rule=_FUNCTIONS, case=f"{type_} {inputs}", given=Given(type=type_, inputs=inputs), says=says)
        for type_, inputs, says in (
            (_PERMISSION, {"principal": "events.amazonaws.com", "sourceArn": UNKNOWN}, ()),
            (_PERMISSION, {"principal": "*", "principalOrgId": "o-abc"}, ()),
            ("aws:lambda/functionUrl:FunctionUrl", {"authorizationType": "AWS_IAM"}, ()),
            (_PERMISSION, {"principal": "*"}, ("everyone (*)", "principalOrgId")),
            (_PERMISSION, {"principal": "*", "functionUrlAuthType": "NONE"}, ("everyone (*)",)),
            ("aws:lambda/functionUrl:FunctionUrl", {"authorizationType": "NONE"}, ("AWS_IAM",)),
            ("aws:lambda/layerVersionPermission:LayerVersionPermission", {"principal": "*"}, ("organizationId",)),
            ("aws:cloudwatch/eventPermission:EventPermission", {"principal": "*"}, ("condition",)),
        )
    ),
]

EXAMPLES = [
    *_ACTION_EXAMPLES,
    *_RESOURCE_EXAMPLES,
    *_ATTACHMENT_EXAMPLES,
    *_PRINCIPAL_EXAMPLES,
    *_FUNCTION_EXAMPLES,
]
