import pytest

from harka.errors import UnavailableError
from harka.tenancy.dns import Dns
from nameserver import NameServer

NAME = "_harka-challenge.learn.example.com"


async def test_all_texts_of_a_name_are_told(name_server: NameServer) -> None:
    name_server.records[NAME] = ['"one"', '"two " "parts"', '"\\195\\188"']
    assert sorted(await Dns(name_server.address).texts(NAME)) == ["one", "two parts", "ü"]
    # the name as it is, without the machine's own domain after it
    assert name_server.asked == [NAME]


async def test_a_name_that_is_not_there_or_has_no_text_has_none(name_server: NameServer) -> None:
    name_server.records[NAME] = []
    dns = Dns(name_server.address)
    assert await dns.texts(NAME) == []
    assert await dns.texts("nobody.example.com") == []


async def test_who_does_not_know_or_does_not_answer_says_nothing(name_server: NameServer) -> None:
    name_server.broken.add("broken.example.com")
    name_server.silent.add("silent.example.com")
    dns = Dns(name_server.address, patience=0.05)
    for name in ("broken.example.com", "silent.example.com"):
        with pytest.raises(UnavailableError):
            await dns.texts(name)


async def test_the_next_server_is_asked(name_server: NameServer) -> None:
    name_server.records[NAME] = ['"one"']
    # nobody listens on the discard port
    assert await Dns(f"127.0.0.1:9, {name_server.address}").texts(NAME) == ["one"]


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(ValueError, match="does not appear"):
        Dns("ns.example.com")
