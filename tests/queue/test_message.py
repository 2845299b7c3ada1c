from harka.queue import message
from harka.tenancy.snapshot import Snapshot


def test_the_platform_is_no_tenant() -> None:
    assert Snapshot.empty("harka.localhost").organization(message.PLATFORM) is None
    assert message.PLATFORM.int == 0
