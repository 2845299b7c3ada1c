import asyncio
from pathlib import Path

import pytest

from harka import name_lookup
from harka.errors import UnavailableError
from harka.name_lookup import addresses_of
from harka.outbound import resolve
from nameserver import NameServer, asking, name_server
from waiting import until

__all__ = ["asking", "name_server"]


async def test_addresses_of_both_kinds_are_found(asking: NameServer) -> None:
    asking.addresses["two.example"] = ["::1", "127.0.0.1", "127.0.0.2"]
    found = await addresses_of("Two.example.")
    assert set(found[:2]) == {"127.0.0.1", "127.0.0.2"}
    assert set(found) == {"::1", "127.0.0.1", "127.0.0.2"}


async def test_an_address_that_no_way_leads_to_goes_last(asking: NameServer) -> None:
    # what ends at this machine's own border: a broadcast, which a socket must ask for
    asking.addresses["two.example"] = ["255.255.255.255", "127.0.0.1"]
    assert await addresses_of("two.example") == ["127.0.0.1", "255.255.255.255"]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "fe80::1%lo"])
async def test_an_address_is_itself(asking: NameServer, host: str) -> None:
    assert await addresses_of(host) == [host]
    assert asking.asked == []


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "acme.localhost"])
async def test_this_machine_needs_no_name_server(asking: NameServer, host: str) -> None:
    assert list(await addresses_of(host)) == ["127.0.0.1", "::1"]
    assert asking.asked == []


async def test_the_file_of_hosts_goes_first_and_is_read_again(
    asking: NameServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = tmp_path / "hosts"
    monkeypatch.setattr(name_lookup, "_HOSTS", hosts)
    asking.addresses["mail.example"] = ["127.0.0.9"]
    assert await addresses_of("mail.example") == ["127.0.0.9"]
    hosts.write_text("# ours\n\n127.0.0.2 other Mail.example # and more\nnonsense mail.example\n")
    assert await addresses_of("mail.example") == ["127.0.0.2"]


@pytest.mark.parametrize("host", ["nobody.example", "broken.example", "x" * 300, "a..b"])
async def test_a_name_that_is_none_is_not_found(asking: NameServer, host: str) -> None:
    asking.broken.add("broken.example")
    with pytest.raises(OSError, match=r"^(There is no )?(nobody|broken|x|a)"):
        await addresses_of(host)
    with pytest.raises(UnavailableError, match="not found"):
        await resolve(host, private=True)


async def test_names_whose_servers_hang_hold_up_no_other(
    asking: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than the pool of threads has which the loop's own look-up waits in."""
    monkeypatch.setattr(name_lookup, "PATIENCE", 60.0)
    hanging = [f"hangs-{n}.example" for n in range(20)]
    asking.silent.update(hanging)
    asking.addresses["fine.example"] = ["127.0.0.1"]
    waiting = [asyncio.create_task(addresses_of(name)) for name in hanging]

    async def all_hang() -> bool:
        return len(set(asking.asked)) == len(hanging)

    await until(all_hang)
    assert await addresses_of("fine.example") == ["127.0.0.1"]
    assert not any(task.done() for task in waiting)
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)


async def test_who_waits_for_a_server_that_hangs_gives_up(
    asking: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(name_lookup, "PATIENCE", 0.2)
    asking.silent.add("hangs.example")
    with pytest.raises(OSError, match="LifetimeTimeout"):
        await addresses_of("hangs.example")
