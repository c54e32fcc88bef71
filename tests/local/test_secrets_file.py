"""Generated secrets on this machine: their owners, lifetime and file mode."""

import stat
from pathlib import Path

from local.secrets_file import SecretsFile

KEY, OTHER = "arn:aws:ssm:us-east-1:0:parameter/p/dev/api/KEY", "arn:aws:ssm:us-east-1:0:parameter/p/dev/api/OTHER"


def test_keeps_a_random_value_for_each_parameter(tmp_path: Path) -> None:
    """Each `up` would make another key, or one key would serve two purposes."""
    first = SecretsFile(tmp_path / "secrets" / "dev.json").values([KEY, KEY])
    second = SecretsFile(tmp_path / "secrets" / "dev.json").values([OTHER])
    third = SecretsFile(tmp_path / "secrets" / "dev.json").values([OTHER, KEY])
    assert third == {**first, **second}
    assert len({*third.values(), *SecretsFile(tmp_path / "secrets" / "prod.json").values([KEY]).values()}) == 3
    assert all(len(value) >= 43 for value in third.values())


def test_files_with_values_are_private(tmp_path: Path) -> None:
    """Another user of this machine could sign cursors."""
    SecretsFile(tmp_path / "secrets" / "dev.json").values([KEY])
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert modes == {"secrets": 0o700, "dev.json": 0o600}


def test_writes_nothing_for_a_stack_without_secrets(tmp_path: Path) -> None:
    """A user would wonder about a file without content."""
    assert SecretsFile(tmp_path / "secrets" / "dev.json").values([]) == {}
    assert list(tmp_path.iterdir()) == []
