"""Examples for rules/containers.py."""

import json
from typing import Any

from tests.policy.examples import Example
from tests.policy.validation import UNKNOWN, Given

# Python's case folding also maps the long s, here in a keyword.
_FOLDED = {"user": None, "u\u017fer": "0"}
_DIGEST = "repository@sha256:" + "0123456789abcdef" * 4
_CONTAINER = {
    "name": "api",
    "image": _DIGEST,
    "user": "10001:10001",
    "readonlyRootFilesystem": True,
    "environment": [{"name": "AWS_REGION", "value": "us-east-1"}],
}


def _definition(**changes: Any) -> Given:
    """Two containers; the changes apply to the second, and a change to None removes the key."""
    second = {key: value for key, value in {**_CONTAINER, "name": "sidecar", **changes}.items() if value is not None}
    return Given(
        type="aws:ecs/taskDefinition:TaskDefinition",
        inputs={"family": "orders", "containerDefinitions": json.dumps([_CONTAINER, second])},
        name="orders",
    )


def _linux(**parameters: Any) -> Given:
    return _definition(linuxParameters=parameters)


def _environment(name: str, value: str) -> Given:
    return _definition(environment=[{"name": "PORT", "value": "8080"}, {"name": name, "value": value}])


def _partly_known(**container: Any) -> Given:
    """A definition as a list, which can be known in part; as JSON, it is known completely or not at all."""
    return Given(
        type="aws:ecs/taskDefinition:TaskDefinition",
        inputs={"family": "orders", "containerDefinitions": [UNKNOWN, {"name": "sidecar", **container}]},
        name="orders",
    )


_IMAGES = "containers-run-images-by-digest"
_IMAGE_EXAMPLES = [
    Example(
        rule=_IMAGES,
        case="not JSON, which the provider refuses",
        given=Given(
            type="aws:ecs/taskDefinition:TaskDefinition", inputs={"family": "orders", "containerDefinitions": "[{"}
        ),
    ),
    Example(rule=_IMAGES, case="a digest", given=_definition()),
    Example(
        rule=_IMAGES,
        case="a tag and a digest",
        given=_definition(image=_DIGEST.replace("@", ":v1@")),
    ),
    *(
        Example(
            rule=_IMAGES,
            case=image or "none",
            given=_definition(image=image),
            says=("orders", "container sidecar", str(image), "digest"),
        )
        for image in (None, "nginx", "repository:latest", "repository@sha256:0123", f"{_DIGEST}ff")
    ),
    Example(rule=_IMAGES, case="a tag, in part", given=_partly_known(image="nginx"), says=("nginx",)),
]

_ROOT = "containers-have-read-only-root"
_ROOT_EXAMPLES = [
    Example(rule=_ROOT, case="read-only", given=_definition()),
    Example(
        rule=_ROOT,
        case="read-only, written as the provider takes it too",
        given=_definition(readonlyRootFilesystem=None, ReadonlyRootFilesystem=True),
    ),
    *(
        Example(
            rule=_ROOT,
            case=f"readonlyRootFilesystem {value}",
            given=_definition(readonlyRootFilesystem=value),
            says=("orders", "container sidecar", "set readonlyRootFilesystem"),
        )
        for value in (None, False)
    ),
    Example(
        rule=_ROOT,
        case="writable, in part",
        given=_partly_known(readonlyRootFilesystem=False, image=UNKNOWN),
        says=("sidecar",),
    ),
]

_PRIVILEGES = "containers-run-without-privileges"
_PRIVILEGE_EXAMPLES = [
    Example(rule=_PRIVILEGES, case="a number", given=_definition(privileged=False)),
    Example(rule=_PRIVILEGES, case="a name", given=_definition(user="nobody")),
    *(
        Example(
            rule=_PRIVILEGES,
            case=f"user {user}",
            given=_definition(user=user),
            says=("orders", "container sidecar", "root", "set user"),
        )
        for user in (
            *(None, "", "root", "0", "0:0", "root:10001", "root:root", "Root"),
            *("00", "+0", "-0", " 0", "0 ", "0x0", "0_0", "\u0660", "000:10001", ":10001", "4294967296000"),
        )
    ),
    Example(
        rule=_PRIVILEGES,
        case="privileged",
        given=_definition(privileged=True),
        says=("orders", "container sidecar", "is privileged", "remove privileged"),
    ),
    Example(
        rule=_PRIVILEGES,
        case="a user whose key the provider folds",
        given=_definition(**_FOLDED),
        says=("root (user 0)",),
    ),
    Example(rule=_PRIVILEGES, case="dropped capabilities", given=_linux(capabilities={"drop": ["ALL"], "add": []})),
    *(
        Example(rule=_PRIVILEGES, case=f"{linux}", given=_linux(**linux), says=("container sidecar", says))
        for linux, says in (
            ({"capabilities": {"add": ["SYS_PTRACE"]}}, "SYS_PTRACE"),
            ({"Capabilities": {"Add": ["ALL"]}}, "ALL"),
            ({"devices": [{"hostPath": "/dev/fuse"}]}, "devices"),
        )
    ),
    Example(
        rule=_PRIVILEGES,
        case="no new privileges",
        given=_definition(dockerSecurityOptions=["no-new-privileges"]),
    ),
    Example(
        rule=_PRIVILEGES,
        case="unconfined",
        given=_definition(dockerSecurityOptions=["apparmor:unconfined"]),
        says=("apparmor:unconfined",),
    ),
    Example(
        rule=_PRIVILEGES,
        case="privileged, in part",
        given=_partly_known(privileged=True, user=UNKNOWN),
        says=("is privileged",),
    ),
]

_HOST = "tasks-are-isolated-from-hosts"
_HOST_EXAMPLES = [
    *(
        Example(
            rule=_HOST,
            case=f"{inputs}",
            given=Given(type="aws:ecs/taskDefinition:TaskDefinition", inputs={"family": "orders", **inputs}),
            says=says,
        )
        for inputs, says in (
            ({"networkMode": "awsvpc", "pidMode": "task"}, ()),
            ({"volumes": [{"name": "scratch"}]}, ()),
            ({"pidMode": "host"}, ("pid", "remove pidMode")),
            ({"ipcMode": "host"}, ("ipc",)),
            ({"networkMode": "host"}, ("network", "awsvpc")),
            ({"volumes": [{"name": "a"}, {"name": "docker", "hostPath": "/var/run/docker.sock"}]}, ("docker.sock",)),
            (
                {"volumes": [{"name": "a", "dockerVolumeConfiguration": {"driverOpts": {"o": "bind", "device": "/"}}}]},
                ("mounts /",),
            ),
        )
    ),
]

_SECRETS = "containers-have-no-plain-secrets"
_SECRET_EXAMPLES = [
    *(
        Example(rule=_SECRETS, case=f"{name}={value}", given=_environment(name, value))
        for name, value in {
            "KEYSPACES_TABLE_TOKENS": "tokens",
            "TOKEN_URL": "https://example.com/token",
            "PASSWORD_FILE": "/run/secrets/password",
            "DB_PASSWORD_NAME": "/prod/db",
            "DB_PASSWORD_PARAMETER": "/prod/db",
            "SECRET_ARN": "arn:aws:secretsmanager:us-east-1:000000000000:secret:a",
            "DB_SECRET": "arn:aws:secretsmanager:us-east-1:000000000000:secret:a",
            "TLS_PRIVATE_KEY": "/etc/key.pem",
            "REQUIRE_PASSWORD": "true",
            "PARTITION_KEY": "id",
            "MAX_TOKENS": "100",
            "SECRETARY": "Ann",
            "KEYSPACES_ENDPOINT": "cassandra.us-east-1.amazonaws.com:9142",
            "CALLBACK": "https://user@example.com/a:b",
            "PWD": "/app",
            "QUERY": "SELECT token FROM users WHERE id = 7",
            "DSN": "postgres://app:${DB_PASSWORD}@db/orders",
            "JAVA_OPTS": "-Djavax.net.ssl.trustStore=/etc/ssl/store -Xmx512m",
        }.items()
    ),
    *(
        Example(
            rule=_SECRETS,
            case=f"{name}={value}",
            given=_environment(name, value),
            says=("orders", "container sidecar", f"given {name} ", "valueFrom", "end in _NAME"),
        )
        for name, value in {
            "DB_PASSWORD": "hunter2",
            "password": "hunter2",
            "apiKey": "abc",
            "STRIPE_API_KEY": "abc",
            "AWS_SECRET_ACCESS_KEY": "abc",
            "AWS_ACCESS_KEY_ID": "abc",
            "GITHUB_TOKEN": "abc",
            "client-secret": "abc",
            "WHO": "AKIAIOSFODNN7EXAMPLE",
            "DATABASE_URL": "postgres://app:hunter2@db/orders",
            "PEM": "-----BEGIN RSA PRIVATE KEY-----\nabc",
            "SLASHED_PASSWORD": "/hunter2",
            "PATH_OR_PASSWORD": "/prod/db",  # a path outside the conventional directories may be a password
            "SECRET_KEY": "/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "NAMED_SECRET": "arn:hunter2",
            "DB_PASS": "hunter2",
            "DB_PASSWORD_2": "hunter2",
            "REDIS_URL": "redis://:hunter2@cache:6379",
            "MYSQL_DSN": "app:hunter2@tcp(db:3306)/orders",
            "PG_DSN": "host=db user=app password=hunter2",
            "JDBC_URL": "jdbc:postgresql://db/orders?user=app&password=hunter2",
            "ODBC": "Server=db;Uid=app;Pwd=hunter2;Db_Pwd=hunter2",
            "STORAGE": "AccountName=shop;AccountKey=abc==",
            "JAVA_TOOL_OPTIONS": "-Djavax.net.ssl.keyStorePassword=hunter2",
            "HEADER": "Authorization: Bearer abcdefgh12345",
            "GITHUB": "ghp_0123456789abcdef",
        }.items()
    ),
    Example(
        rule=_SECRETS,
        case="keys written as the provider takes them too",
        given=_definition(environment=None, Environment=[{"Name": "DB_PASSWORD", "Value": "hunter2"}]),
        says=("DB_PASSWORD",),
    ),
    *(
        Example(rule=_SECRETS, case=f"{change}", given=_definition(**change), says=says)
        for change, says in (
            ({"command": ["--port", "8080", "--token-url", "https://example.com"]}, ()),
            ({"command": ["sh", "-c", "migrate --password $DB_PASSWORD && exec api"]}, ()),
            ({"healthCheck": {"command": ["CMD-SHELL", "curl -f http://localhost:8080/health || exit 1"]}}, ()),
            ({"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "orders"}}}, ()),
            ({"command": ["--password=hunter2"]}, ("password", "in command")),
            ({"Command": ["migrate", "--db-password", "hunter2"]}, ("--db-password", "in command")),
            ({"entryPoint": ["sh", "-c", "DB_PASSWORD=hunter2 exec api"]}, ("DB_PASSWORD", "in entryPoint")),
            ({"command": ["psql", "postgres://app:hunter2@db/orders"]}, ("a key, token or password",)),
            ({"healthCheck": {"command": ["CMD", "ping", "--password=hunter2"]}}, ("in healthCheck",)),
            ({"logConfiguration": {"options": {"splunk-token": "abc"}}}, ("splunk-token", "in logConfiguration")),
            ({"dockerLabels": {"api-key": "abc"}}, ("api-key", "in dockerLabels")),
        )
    ),
    Example(
        rule=_SECRETS,
        case="one beside what is not yet known",
        given=_partly_known(environment=[UNKNOWN, {"name": "DB_PASSWORD", "value": "hunter2"}]),
        says=("DB_PASSWORD",),
    ),
]

_PARTLY_KNOWN_EXAMPLES = [
    Example(rule=rule, case="what is known is right", given=_partly_known(**_CONTAINER))
    for rule in (_IMAGES, _ROOT, _PRIVILEGES, _SECRETS)
]

EXAMPLES = [
    *_PARTLY_KNOWN_EXAMPLES,
    *_IMAGE_EXAMPLES,
    *_ROOT_EXAMPLES,
    *_PRIVILEGE_EXAMPLES,
    *_SECRET_EXAMPLES,
    *_HOST_EXAMPLES,
]
