"""The programs, one in each folder here: what each needs, and how it is built and started."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from tests.processes import ROOT

PROGRAMS = ROOT / "tests" / "clients"
WORK = ROOT / ".local" / "clients"

STEPS = (
    *("system tables", "partitioner", "keyspace", "table", "custom properties", "prepared write", "prepared read"),
    *("pages", "token range", "filters", "unlogged batch", "user-defined type", "nested types", "blob", "default TTL"),
    *("TTL", "conditional write", "alter", "delete", "drop"),
)
SPARK_STEPS = (
    *("system tables", "partitioner", "keyspace", "table", "write", "read", "filter", "group", "export", "import"),
    *("compress", "TTL", "conditional write", "delete", "drop"),
)

_MAVEN = [["mvn", "--batch-mode", "--quiet", "package", "dependency:copy-dependencies"]]
_JAVA = ["java", "-cp", "target/client-1.jar:target/packages/*", "Client"]


@dataclass(frozen=True, kw_only=True)
class Client:
    """A program in `folder`, copied to a folder below `.local/clients` and built there.

    source, manifest: files in the folder. tool: the command that the machine must have. driver, plugin: packages as the
    manifest names them; without a plugin for SigV4, the program authenticates only with a password. build, start:
    commands that run in the copy; the program's arguments follow `start`. environment: of these commands, besides the
    machine's own.
    """

    folder: str
    language: str
    source: str
    manifest: str
    tool: str
    driver: str
    plugin: str | None
    build: Sequence[Sequence[str]]
    start: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    steps: Sequence[str] = STEPS

    @property
    def sign_ins(self) -> Sequence[str]:
        return ("sigv4", "password") if self.plugin else ("password",)

    @property
    def work(self) -> Path:
        return WORK / self.folder

    def version(self, package: str) -> str:
        """The version that the manifest pins; each kind of manifest gives it after the name."""
        text = (PROGRAMS / self.folder / self.manifest).read_text()
        (version,) = re.findall(rf"(?<![\w-]){re.escape(package)}(?![\w-])\D{{1,40}}(\d[\w.]*)", text)
        return str(version)


CLIENTS = (
    Client(
        folder="node",
        language="Node.js",
        source="client.js",
        manifest="package.json",
        tool="npm",
        driver="cassandra-driver",
        plugin="aws-sigv4-auth-cassandra-plugin",
        build=[["npm", "ci"]],
        start=["node", "client.js"],
    ),
    Client(
        folder="python",
        language="Python",
        source="client.py",
        manifest="requirements.txt",
        tool="python3",
        driver="cassandra-driver",
        plugin="cassandra-sigv4",
        build=[
            ["python3", "-m", "venv", ".venv"],
            [".venv/bin/pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"],
        ],
        start=[".venv/bin/python", "client.py"],
    ),
    Client(
        folder="go",
        language="Go",
        source="main.go",
        manifest="go.mod",
        tool="go",
        driver="github.com/gocql/gocql",
        plugin="github.com/aws/aws-sigv4-auth-cassandra-gocql-driver-plugin",
        build=[["go", "build", "-buildvcs=false", "-modcacherw", "-o", "client", "."]],
        start=["./client"],
        environment={"GOPATH": str(WORK / "go-packages")},
        # gocql prepares each UPDATE, and the guide changes the partitioner by cqlsh, which does not.
        steps=[step for step in STEPS if step != "partitioner"],
    ),
    Client(
        folder="java4",
        language="Java, driver 4",
        source="src/main/java/Client.java",
        manifest="pom.xml",
        tool="mvn",
        driver="java-driver-core",
        plugin="aws-sigv4-auth-cassandra-java-driver-plugin",
        build=_MAVEN,
        start=_JAVA,
    ),
    Client(
        folder="java3",
        language="Java, driver 3",
        source="src/main/java/Client.java",
        manifest="pom.xml",
        tool="mvn",
        driver="cassandra-driver-core",
        plugin="aws-sigv4-auth-cassandra-java-driver-plugin_3",
        build=_MAVEN,
        start=_JAVA,
    ),
    Client(
        folder="spring",
        language="Java, Spring Boot",
        source="src/main/java/shop/Client.java",
        manifest="pom.xml",
        tool="mvn",
        driver="spring-boot-starter-data-cassandra",
        plugin="aws-sigv4-auth-cassandra-java-driver-plugin",
        build=_MAVEN,
        start=[*_JAVA[:-1], "shop.Client"],
    ),
    Client(
        folder="scala",
        language="Scala",
        source="src/main/scala/Client.scala",
        manifest="pom.xml",
        tool="mvn",
        driver="java-driver-core",
        plugin="aws-sigv4-auth-cassandra-java-driver-plugin",
        build=_MAVEN,
        start=_JAVA,
    ),
    Client(
        folder="spark",
        language="Glue, by Spark in Scala",
        source="src/main/scala/Client.scala",
        manifest="pom.xml",
        tool="mvn",
        driver="spark-cassandra-connector_2.13",
        plugin="aws-sigv4-auth-cassandra-java-driver-plugin",
        build=_MAVEN,
        start=["java", "@java.options", *_JAVA[1:]],
        environment={"SPARK_LOCAL_IP": "127.0.0.1"},
        steps=SPARK_STEPS,
    ),
    Client(
        folder="ruby",
        language="Ruby",
        source="client.rb",
        manifest="Gemfile",
        tool="bundle",
        driver="cassandra-driver",
        plugin=None,  # AWS has none
        build=[["sh", "-c", "bundle check || bundle install"]],  # installed gems need no registry
        start=["bundle", "exec", "ruby", "client.rb"],
        environment={"GEM_HOME": str(WORK / "ruby-packages")},
    ),
)
