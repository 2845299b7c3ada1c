import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from harka.cli.embedded import directory
from harka.cli.embedded.directory import DataDirectoryError, DataDirectoryInUseError, claim, holder, secret

HOLD = "import sys; from pathlib import Path; from harka.cli.embedded.directory import claim\n"


def test_a_second_process_is_told_who_uses_it(data: Path) -> None:
    script = HOLD + "with claim(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    other = subprocess.Popen(
        [sys.executable, "-c", script, str(data)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(DataDirectoryInUseError, match=f"in use by process {other.pid}"), claim(data):
            pass
        assert holder(data) == other.pid
        other.kill()
    # the kernel drops the lock of a killed process, so nothing has to be cleaned up
    assert holder(data) is None
    with claim(data):
        assert holder(data) == os.getpid()


def test_it_is_free_again_afterwards(data: Path) -> None:
    with claim(data) as path:
        assert path.is_dir()
    assert holder(data) is None
    with claim(data):
        pass


def test_one_deleted_while_a_second_process_waits_for_it_is_made_anew(data: Path) -> None:
    with claim(data) as path:
        (path / directory.LOCK_NAME).unlink()
    with claim(data) as path:
        assert (path / directory.LOCK_NAME).read_text() == f"{os.getpid()}\n"


def test_nobody_holds_what_is_not_there(data: Path) -> None:
    assert holder(data) is None


def test_a_place_that_cannot_be_made_is_an_error_with_its_reason(data: Path) -> None:
    data.parent.write_text("")
    with pytest.raises(DataDirectoryError, match="Not a directory"), claim(data):
        pass


def test_the_secret_is_made_once_and_is_private(data: Path) -> None:
    data.mkdir(parents=True)
    first = secret(data)
    assert len(bytes.fromhex(first)) == 32
    assert secret(data) == first
    assert stat.S_IMODE((data / "secret").stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has somebody else run PostgreSQL")
def test_root_keeps_data_where_the_other_user_can_reach_them(data: Path) -> None:
    data.mkdir(parents=True, mode=0o700)
    elsewhere = directory.locate(data / "data")
    assert elsewhere.parent == directory._SHARED_TEMPORARY
    assert directory.locate(data / "data") == elsewhere
    assert directory.locate(data / "other") != elsewhere


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_directory_of_somebody_else_in_a_shared_place_is_refused(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    squatted = data.parents[1] / "harka-squatted"
    squatted.mkdir()
    monkeypatch.setattr(directory, "_SHARED_TEMPORARY", squatted.parent)
    os.chown(squatted, 65534, 65534)
    monkeypatch.setattr(directory, "locate", lambda _: squatted)
    with pytest.raises(DataDirectoryError, match="belongs to somebody else"), claim(data):
        pass
