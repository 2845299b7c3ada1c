from pathlib import Path

import pytest

from harka.cli.embedded.attach import NoDataError, NotStartedError, connected, running_settings
from harka.cli.embedded.directory import claim, holder
from harka.cli.embedded.servers import Embedded
from harka.config import Settings

COMPLETE = Settings(database_url="postgresql://db/harka", redis_url="redis://cache", secret="ab" * 32)


def test_configured_servers_are_taken_as_they_are(data: Path) -> None:
    with connected(data, COMPLETE) as settings:
        assert settings == COMPLETE
    assert not data.exists()


def test_the_servers_of_a_running_stack_are_shared(data: Path) -> None:
    with claim(data) as directory, Embedded(COMPLETE, directory) as embedded:
        # `harka up` in another process would hold the lock: within one, the lock is not asked again
        found = running_settings(Settings(), data)
        assert found is not None
        assert found.database_url == f"postgresql://harka_control@/harka?host={embedded.sockets}/pg"


def test_a_stack_that_is_still_starting_is_an_error(data: Path) -> None:
    with claim(data), pytest.raises(NotStartedError):
        running_settings(Settings(), data)


def test_nothing_runs_on_a_directory_that_nobody_holds(data: Path) -> None:
    assert running_settings(Settings(), data) is None


def test_otherwise_servers_of_its_own_run_for_a_while(data: Path) -> None:
    with pytest.raises(NoDataError, match=f"There is no data in {data}: "), connected(data, Settings()):
        pass
    assert not data.exists()
    for begins in (True, False):
        with connected(data, Settings(), begins=begins) as settings:
            assert settings.database_url is not None
            assert holder(data) is not None
        assert holder(data) is None
