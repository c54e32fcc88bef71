"""The state directory of a running local Keyspaces."""

import os
from pathlib import Path

import pytest

from local_keyspaces.errors import LocalKeyspacesError
from local_keyspaces.files import write_atomically
from local_keyspaces.state import State


def test_refuses_a_directory_that_others_may_write_to(tmp_path: Path) -> None:
    """Another user of the machine could put a link in the place of a key, and read or replace the key."""
    tmp_path.chmod(0o777)
    with pytest.raises(LocalKeyspacesError, match="chmod go-w"), State(tmp_path, stop="Ctrl-C").lock():
        pass
    tmp_path.chmod(0o755)
    with State(tmp_path, stop="Ctrl-C").lock():
        assert (tmp_path / "lock").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_refuses_a_directory_of_another_user(tmp_path: Path) -> None:
    """The directory's owner could read the keys and credentials that are written there."""
    os.chown(tmp_path, 54321, -1)
    with pytest.raises(LocalKeyspacesError, match="belongs to another user"), State(tmp_path, stop="Ctrl-C").lock():
        pass


def test_writes_through_no_link_and_for_its_owner_only(tmp_path: Path) -> None:
    """Another user's link would receive the content, or another user could read it."""
    target, file = tmp_path / "target", tmp_path / "file"
    target.write_text("theirs")
    (tmp_path / "file.part").symlink_to(target)
    file.symlink_to(target)
    write_atomically(file, "ours")
    assert target.read_text() == "theirs"
    assert file.read_text() == "ours"
    assert not file.is_symlink()
    assert file.stat().st_mode & 0o777 == 0o600
