"""Asks a real OpenLDAP: whoever is not there, or shows something else than their password, is nobody."""

from collections.abc import AsyncIterator, Iterator

import msgspec
import pytest

from harka.auth import ldap
from harka.auth.ldap import Directories, Place
from harka.errors import SsoRefusedError, UnavailableError, ValidationError, WrongPasswordError
from harka.ids import new_id
from slapd import BASE, PASSWORD, READER, READER_PASSWORD, TEACHERS, Directory, needs_slapd, serving

INJECTED = (
    "*",
    "a*",
    "ann)(uid=*",
    "ann)(|(uid=*",
    "*)(uid=*))(|(uid=*",
    "*)(userPassword=*",
    "ann))(|(cn=*",
    "\\2a",
    "a\\6e\\6e",
    "ann\\",
    "ann)",
    "(ann",
    "!(uid=x)",
    "ann,ou=people",
    f"employeeNumber=0,ou=people,{BASE}",
    "anon ymous",
    "💥",
    "ann\0",
    "a\nb",
    "x" * 300,
    "",
)


WHY = {"ann": "The directory refuses this password.", "nobody": "No entry has the uid that was typed."}


@pytest.fixture(scope="module")
def slapd() -> Iterator[Directory]:
    with serving() as directory:
        yield directory


@pytest.fixture
async def directories() -> AsyncIterator[Directories]:
    made = Directories()
    yield made
    made.close()


@pytest.fixture
def place(slapd: Directory) -> Place:
    return Place(
        tenant=new_id(),
        url=slapd.plain,
        start_tls=False,
        bind_dn=READER,
        bind_password=READER_PASSWORD,
        base_dn=BASE,
        login_attribute="uid",
        user_filter=None,
        email_attribute=None,
        name_attribute=None,
        group_attribute="memberOf",
        ca_certificates=slapd.ca,
        private=True,
    )


@needs_slapd
@pytest.mark.parametrize("way", ["plain", "start-tls", "ldaps"])
async def test_a_person_is_found_and_shows_who_they_are(
    directories: Directories, place: Place, slapd: Directory, way: str
) -> None:
    url = slapd.ldaps if way == "ldaps" else slapd.plain
    asked = msgspec.structs.replace(place, url=url, start_tls=way == "start-tls")
    await directories.probe(asked)
    who = await directories.identity(asked, "ann", PASSWORD)
    assert who.subject.startswith("entryUUID:")
    assert (who.issuer, who.email, who.name) == (url, "person0@directory.example", "Ann")
    assert who.roles == [TEACHERS]
    assert (await directories.identity(asked, "ben", PASSWORD)).roles == []
    with pytest.raises(WrongPasswordError):
        await directories.identity(asked, "ann", "another")


@needs_slapd
async def test_what_somebody_is_called_stands_where_the_connection_says(
    directories: Directories, place: Place
) -> None:
    named = msgspec.structs.replace(place, email_attribute="UID", name_attribute="employeeNumber")
    who = await directories.identity(named, "ann", PASSWORD)
    assert (who.email, who.name, who.roles) == ("ann", "0", [TEACHERS])
    absent = msgspec.structs.replace(place, email_attribute="title", name_attribute="title")
    who = await directories.identity(absent, "ann", PASSWORD)
    assert (who.email, who.name) == (None, None)


@needs_slapd
@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"ca_certificates": None}, "certificate"),
        ({"url": "127.0.0.1"}, "certificate"),
        ({"bind_password": "x"}, "Credentials"),
        ({"base_dn": "dc=nobody"}, "NoSuchObject"),
        ({"base_dn": f"ou=nowhere,{BASE}"}, "NoSuchObject"),
        ({"url": "ldap://localhost:1"}, "does not answer"),
    ],
    ids=["authority", "host", "password", "base", "below", "nobody"],
)
async def test_a_directory_that_is_not_as_it_should_be_is_told(
    directories: Directories, place: Place, slapd: Directory, changed: dict[str, str], told: str
) -> None:
    if told == "certificate":
        for url, start_tls in ((slapd.ldaps, False), (slapd.plain, True)):
            named = url.replace("localhost", changed.get("url", "localhost"))
            asked = msgspec.structs.replace(place, **{**changed, "url": named, "start_tls": start_tls})
            with pytest.raises(UnavailableError, match=told):
                await directories.probe(asked)
    else:
        with pytest.raises((SsoRefusedError, UnavailableError)) as caught:
            await directories.probe(msgspec.structs.replace(place, **changed))
        assert told in (getattr(caught.value, "detail", "") or str(caught.value))


@needs_slapd
async def test_nothing_that_is_typed_is_more_than_a_name(directories: Directories, place: Place) -> None:
    for typed in INJECTED:
        with pytest.raises(WrongPasswordError):
            await directories.identity(place, typed, PASSWORD)
    # what looks like it and is a name finds its own
    odd = await directories.identity(place, "a*b(c)\\d", PASSWORD)
    assert odd.email == "person2@directory.example"
    assert (await directories.identity(place, "zoë", PASSWORD)).name == "Zoë"


@needs_slapd
@pytest.mark.parametrize("password", ["", "\0", "x\0", "x" * 600, "*", "wrong"], ids=len)
async def test_no_password_and_a_wrong_one_are_nobodys(
    directories: Directories, place: Place, password: str
) -> None:
    for who in ("ann", "nobody"):
        with pytest.raises(WrongPasswordError) as caught:
            await directories.identity(place, who, password)
        # an admin sees what it was, and nobody else
        expected = WHY[who] if password in {"*", "wrong"} else "no password"
        assert expected in caught.value.detail
        assert caught.value.message == WrongPasswordError.default_message()


@needs_slapd
async def test_who_is_not_one_alone_or_not_let_through_is_nobody(
    directories: Directories, place: Place
) -> None:
    with pytest.raises(SsoRefusedError) as caught:
        await directories.identity(place, "twin", PASSWORD)
    assert "More than one" in caught.value.detail
    filtered = msgspec.structs.replace(place, user_filter="(cn=Ben)")
    with pytest.raises(WrongPasswordError, match="is not right") as nobody:
        await directories.identity(filtered, "ann", PASSWORD)
    assert "filter" in nobody.value.detail
    assert (await directories.identity(filtered, "ben", PASSWORD)).name == "Ben"


async def test_an_inner_address_is_not_asked(directories: Directories) -> None:
    asked = Place(
        tenant=new_id(),
        url="ldaps://127.0.0.1",
        start_tls=True,
        bind_dn="cn=x",
        bind_password="x",
        base_dn="dc=x",
        login_attribute="uid",
        user_filter=None,
        email_attribute=None,
        name_attribute=None,
        group_attribute=None,
        ca_certificates=None,
        private=False,
    )
    assert "cn=x" not in repr(asked)
    with pytest.raises(UnavailableError, match="public internet"):
        await directories.probe(asked)


@pytest.mark.parametrize("text", ["", "x", "(", "(a=b", "(a=b))", "(a=b)(c=d)", "(&)", "(" * 900, "(a=b)\0"])
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        ldap.accept_filter(text, "userFilter")


@pytest.mark.parametrize("text", ["", "x", ",", "cn=\\", "=x"])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        ldap.accept_dn(text, "baseDn")
    with pytest.raises(ValidationError):
        ldap.accept_certificates(text, "caCertificates")


@pytest.mark.parametrize("text", ["", "1a", "a b", "uid)(x", "x" * 65, "üid"])
def test_what_is_no_attribute_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        ldap.accept_attribute(text, "loginAttribute")
    assert ldap.accept_attribute("sAMAccountName", "loginAttribute") == "sAMAccountName"


def test_active_directory_hides_why_in_what_it_says() -> None:
    said = "80090308: LdapErr: DSID-0C09041C, comment: AcceptSecurityContext error, data {}, v4563"
    assert ldap.why_not(said.format("533")) == "Their account is disabled there."
    for other in (said.format("52e"), "", "data", "53 data 5333"):
        assert ldap.why_not(other) == WHY["ann"]
