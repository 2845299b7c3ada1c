"""People come in by a directory: through GraphQL, the pages and the app's way, against a real OpenLDAP."""

from collections.abc import Iterator
from typing import Any

import pytest

from entering import PASSWORD as OWN_PASSWORD
from entering import Visitor, give_password, visiting
from harka.auth.saml_metadata import certificates_of, ends_at
from harka.ids import NodeKind
from harka.learning import user
from harka.repositories import sso as connections
from harka.repositories.user import User
from school import School, school
from slapd import BASE, PASSWORD, READER, READER_PASSWORD, TEACHERS, Directory, needs_slapd, serving
from sso_school import TEST, attempt

__all__ = ["school"]

CREATE = """mutation ($input: CreateSsoConnectionInput!) { createSsoConnection(input: $input) {
  errors { code field message } ssoConnection { id kind version startPath
    directory { baseDn loginAttribute userFilter startTls caCertificates } } } }"""
UPDATE = """mutation ($input: UpdateSsoConnectionInput!) { updateSsoConnection(input: $input) {
  errors { code field } ssoConnection { state version directory { userFilter caCertificates } } } }"""
WHO = {"query": "{ viewer { user { email name role } } }"}


@pytest.fixture(scope="module")
def slapd() -> Iterator[Directory]:
    with serving() as directory:
        yield directory


def given(slapd: Directory, **more: Any) -> dict[str, Any]:
    return {
        "name": "The Directory",
        "issuer": slapd.plain,
        "clientId": READER,
        "clientSecret": READER_PASSWORD,
        "roleClaim": "memberOf",
        "roleMappings": [{"value": TEACHERS.upper(), "role": "INSTRUCTOR"}],
        "directory": {"baseDn": BASE, "caCertificates": slapd.ca},
        **more,
    }


async def proven(school: School, slapd: Directory, **more: Any) -> dict[str, Any]:
    """A connection by which people may come in."""
    reply = await school.ask(CREATE, {"input": given(slapd, **more)})
    made = dict(reply.data["createSsoConnection"]["ssoConnection"])
    reply = await school.ask(TEST, {"id": made["id"]})
    assert reply.data["testSsoConnection"] == {"ssoConnection": {"state": "TESTED"}, "errors": []}
    return made


async def show(browser: Visitor, made: dict[str, Any], login: str, password: str = PASSWORD) -> Any:
    """What comes of somebody's typing in."""
    fields = await browser.form(f"{made['startPath']}?next=/graphql")
    path = made["startPath"].removesuffix("start") + "sign-in"
    return await browser.post(path, {**fields, "login": login, "password": password})


@needs_slapd
@pytest.mark.parametrize("way", ["plain", "start-tls", "ldaps"])
async def test_somebody_comes_in_by_their_password_there(school: School, slapd: Directory, way: str) -> None:
    asked = {**given(slapd)["directory"], "startTls": way == "start-tls"}
    issuer = slapd.ldaps if way == "ldaps" else slapd.plain
    made = await proven(school, slapd, issuer=issuer, directory=asked)
    assert (made["kind"], made["directory"]["loginAttribute"]) == ("LDAP", "uid")
    async with visiting(school) as browser:
        wrong = await show(browser, made, "ann", "another")
        assert (wrong.status_code, "harka" in browser.cookies) == (401, False)
        seen = await attempt(school)
        assert (seen["outcome"], seen["detail"]) == ("WRONG_PASSWORD", "The directory refuses this password.")
        assert 'value="ann"' in wrong.text
        entered = await show(browser, made, " Ann ")
        assert (entered.status_code, entered.headers["location"]) == (303, "/graphql")
        who = (await browser.ask(WHO)).json()["data"]["viewer"]["user"]
        assert who == {"email": "person0@directory.example", "name": "Ann", "role": "INSTRUCTOR"}
        out = await browser.post("/auth/sign-out", await browser.form("/auth/sign-out"))
        assert "Sign out of" not in (await browser.get(out.headers["location"])).text
        # nor is it a provider to come back from
        assert (await browser.get(f"{made['startPath'].removesuffix('start')}callback")).status_code == 404
    seen = await attempt(school)
    assert (seen["outcome"], seen["user"]["email"]) == ("SIGNED_IN", "person0@directory.example")


@needs_slapd
async def test_what_they_are_called_stands_where_the_connection_says(
    school: School, slapd: Directory
) -> None:
    made = await proven(school, slapd, emailClaim="mail", nameClaim="employeeNumber")
    async with visiting(school) as browser:
        assert (await show(browser, made, "ann")).status_code == 303
        who = (await browser.ask(WHO)).json()["data"]["viewer"]["user"]
    assert who == {"email": "person0@directory.example", "name": "0", "role": "INSTRUCTOR"}


@needs_slapd
async def test_an_app_comes_in_by_a_directory(school: School, slapd: Directory) -> None:
    made = await proven(school, slapd)

    async def token(login: str, password: str, connection: str) -> Any:
        body = {"email": login, "password": password, "connection": connection}
        async with visiting(school) as app:
            return await app.http.post("/auth/token", json=body)

    granted = await token("ben", PASSWORD, made["id"])
    assert (granted.status_code, "refresh_token" in granted.json()) == (200, True)
    assert (await token("ben", "", made["id"])).status_code == 401
    assert (await token("*", PASSWORD, made["id"])).status_code == 401
    assert (await token("ben", PASSWORD, "x")).status_code == 404
    for _ in range(10):
        refused = await token("zoë", "wrong", made["id"])
    assert refused.status_code == 401
    assert (await token("ZOË", PASSWORD, made["id"])).status_code == 429


@needs_slapd
async def test_who_is_here_already_is_linked_by_their_password_here(school: School, slapd: Directory) -> None:
    made = await proven(school, slapd)
    reply = await school.ask(
        "mutation ($input: CreateUserInput!) { createUser(input: $input) { user { id } } }",
        {"input": {"email": "person2@directory.example", "name": "Here"}},
    )
    id_ = reply.data["createUser"]["user"]["id"]
    person = await person_of(school, id_)
    await give_password(school, person)
    async with visiting(school) as browser:
        asked = await show(browser, made, "a*b(c)\\d")
        assert (asked.status_code, "harka" in browser.cookies) == (200, False)
        fields = {**await browser.form("/auth/sign-in"), "email": person.email, "password": OWN_PASSWORD}
        assert (await browser.post("/auth/sso/link", fields)).status_code == 303
    async with visiting(school) as browser:
        assert (await show(browser, made, "a*b(c)\\d")).status_code == 303
        assert (await browser.ask(WHO)).json()["data"]["viewer"]["user"]["name"] == "Here"


async def person_of(school: School, id_: str) -> User:
    row = school.runtime.node_ids.open_as(school.organization.id, NodeKind.USER, id_)
    async with school.work() as work:
        return await user.hold(work, row)


@needs_slapd
async def test_how_it_is_asked_makes_it_a_draft(school: School, slapd: Directory) -> None:
    made = await proven(school, slapd)
    ends = [await _end(school, made)]
    asked = {"id": made["id"], "version": 2, "directory": {"userFilter": "(cn=*)", "caCertificates": None}}
    changed = (await school.ask(UPDATE, {"input": asked})).data["updateSsoConnection"]["ssoConnection"]
    assert changed == {
        "state": "DRAFT",
        "version": 3,
        "directory": {"userFilter": "(cn=*)", "caCertificates": None},
    }
    ends.append(await _end(school, made))
    assert ends == [ends_at(certificates_of(slapd.ca)), None], "of whose end admins are warned"
    reply = await school.ask(TEST, {"id": made["id"]})
    assert reply.code == "VALIDATION_FAILED"
    async with visiting(school) as browser:
        assert (await browser.get(made["startPath"])).status_code == 404


async def _end(school: School, made: dict[str, Any]) -> Any:
    id_ = school.runtime.node_ids.open_as(school.organization.id, NodeKind.SSO_CONNECTION, made["id"])
    async with school.work() as work:
        (found,) = await connections.find_by_ids(work.session, [id_])
    return found.certificates_end_at


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"issuer": "https://x.example"}, "issuer"),
        ({"issuer": "ldap://"}, "issuer"),
        ({"issuer": "ldaps://u:p@x.example"}, "issuer"),
        ({"issuer": "ldaps://x.example/dc=x??sub"}, "issuer"),
        ({"clientId": "reader"}, "clientId"),
        ({"roleClaim": "member of"}, "roleClaim"),
        ({"emailClaim": "mail)(x"}, "emailClaim"),
        ({"nameClaim": "a.b"}, "nameClaim"),
        ({"directory": {"baseDn": "x"}}, "baseDn"),
        ({"directory": {"baseDn": BASE, "loginAttribute": "uid)(x"}}, "loginAttribute"),
        ({"directory": {"baseDn": BASE, "userFilter": "(a=b"}}, "userFilter"),
        ({"directory": {"baseDn": BASE, "caCertificates": "no PEM"}}, "caCertificates"),
    ],
    ids=str,
)
async def test_what_is_no_directory_is_refused(school: School, changed: dict[str, Any], field: str) -> None:
    plain = given(Directory("ldap://localhost", "", ""), directory={"baseDn": BASE})
    reply = await school.ask(CREATE, {"input": {**plain, **changed}})
    assert (reply.code, reply.field) == ("VALIDATION_FAILED", field)


async def test_no_password_goes_without_encryption_to_the_public_internet(school: School) -> None:
    public = school.with_settings(outbound_private=False)
    plain = given(Directory("ldap://ldap.example.com", "", ""), directory={"baseDn": BASE, "startTls": False})
    reply = await public.ask(CREATE, {"input": plain})
    assert (reply.code, reply.field) == ("VALIDATION_FAILED", "startTls")
    asked = {**plain, "directory": {"baseDn": BASE}, "issuer": "ldap://ldap.example.com:25"}
    assert (await public.ask(CREATE, {"input": asked})).field == "issuer"
    asked = {**asked, "directory": None, "issuer": "https://login.example.com"}
    made = (await public.ask(CREATE, {"input": asked})).data["createSsoConnection"]["ssoConnection"]
    turned = {"id": made["id"], "version": 1, "directory": {"baseDn": BASE}}
    assert (await public.ask(UPDATE, {"input": turned})).field == "directory"
