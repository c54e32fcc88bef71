"""Runs a declared bulk load in Spark's local mode, with the same program, arguments, jars and role."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12Certificate, serialize_java_truststore
from cryptography.x509 import load_pem_x509_certificate

from local.errors import LocalError
from local.stack_model import BulkLoad
from local.state import StackState
from local_keyspaces.java import find_java
from local_keyspaces.state import Running

_PASSWORD = b"changeit"  # of a file with one public certificate; the program expects it


def become_bulk_load(load: BulkLoad, source: Path, state: StackState, running: Running) -> NoReturn:
    """Replaces this process by Spark, which fills the running stack's table from `source`, a file or a folder.

    Raises LocalError if Spark is not installed, or if the source does not exist.
    """
    spark = find_spec("pyspark")
    if spark is None or spark.origin is None:
        raise LocalError("Spark is not installed; run .venv/bin/uv pip install 'pyspark==3.5.7' (370 MB)")
    if not source.exists():
        raise LocalError(f"{source} does not exist")
    truststore = state.keyspaces / "ca.p12"
    certificate = PKCS12Certificate(load_pem_x509_certificate(state.ca_file.read_bytes()), b"endpoint")
    truststore.write_bytes(serialize_java_truststore([certificate], BestAvailableEncryption(_PASSWORD)))
    arguments = {
        **load.arguments,
        "--source": str(source.absolute()),
        "--endpoint": f"localhost:{running.keyspaces_port}",
        "--truststore": str(truststore),
        "--workers": "1",
    }
    command = [
        str(Path(spark.origin).parent / "bin" / "spark-submit"),
        "--master=local[*]",
        f"--jars={','.join(map(str, load.jars))}",
        "--conf=spark.ui.enabled=false",
        "--conf=spark.log.level=WARN",  # so that the reason of a failure is in the last lines
        "--conf=spark.driver.host=127.0.0.1",
        "--conf=spark.driver.bindAddress=127.0.0.1",
        str(load.program),
        *(part for each in arguments.items() for part in each),
    ]
    environment = {
        **os.environ,
        "JAVA_HOME": str(Path(find_java()).parent.parent),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "AWS_SHARED_CREDENTIALS_FILE": str(state.profiles),
        "AWS_PROFILE": load.role.arn.rpartition("/")[2],
    }
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        environment.pop(name, None)  # they would take precedence over the profile
    sys.stdout.flush()
    os.execve(command[0], command, environment)
