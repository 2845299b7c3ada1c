"""Our key with a SAML provider is replaced while people come in by it."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from entering import visiting
from harka import clock
from harka.auth.saml_metadata import certificates_of
from harka.ids import NodeKind
from harka.repositories import sso as connections
from harka.repositories import sso_key as keys
from harka.repositories.sso import SsoConnection
from saml_idp import ISSUER, KEY, Said, changed, encrypted, needs_xmlsec1, posted, response, signed
from saml_school import UPDATE, asked, come, made
from school import School, school

__all__ = ["school"]

pytestmark = needs_xmlsec1
FIELDS = """errors { code field } ssoConnection { state version saml {
  ownCertificate { pem } nextCertificate { pem } keyChangesAt } }"""
ROTATE = f"mutation ($input: RotateSsoKeyInput!) {{ change: rotateSsoKey(input: $input) {{ {FIELDS} }} }}"
FINISH = f"""mutation ($input: FinishSsoKeyRotationInput!) {{
  change: finishSsoKeyRotation(input: $input) {{ {FIELDS} }} }}"""


async def row_of(school: School, connection: dict[str, Any]) -> SsoConnection:
    id_ = school.runtime.node_ids.open_as(school.organization.id, NodeKind.SSO_CONNECTION, connection["id"])
    async with school.work() as work:
        (found,) = await connections.find_by_ids(work.session, [id_])
    return found


async def change(school: School, document: str, connection: dict[str, Any], **more: Any) -> Any:
    version = (await row_of(school, connection)).version
    reply = await school.ask(document, {"input": {"id": connection["id"], "version": version, **more}})
    assert reply.data["change"]["errors"] == []
    return reply.data["change"]["ssoConnection"]


def in_days(days: int) -> str:
    return (clock.now() + timedelta(days=days)).isoformat()


async def pass_the_day(school: School, connection: dict[str, Any]) -> None:
    """As if the key had been to change a minute ago."""
    row = await row_of(school, connection)
    async with school.work() as work:
        since = clock.now() - timedelta(minutes=1)
        assert await keys.follow(
            work.session, row.id, row.version, pair=None, since=since, ends_at=row.certificates_end_at
        )


async def enforced(school: School) -> dict[str, Any]:
    connection = await made(school)
    row = await row_of(school, connection)
    async with school.work() as work:
        await connections.prove(work.session, row)
        (row,) = await connections.find_by_ids(work.session, [row.id])
        assert await connections.update(work.session, msgspec.structs.replace(row, state="enforced"))
    return connection


async def enters(school: School, connection: dict[str, Any], signing: str, *encrypting: str) -> list[int]:
    """What comes of requests that `signing` signs, and assertions for each of `encrypting`."""
    signer = {**connection, "saml": {**connection["saml"], "ownCertificate": {"pem": signing}}}
    answers = []
    for number, certificate in enumerate(encrypting):
        async with visiting(school) as browser:
            request = (await asked(browser, signer)).get("ID")
            acs = f"{browser.origin}{connection['saml']['acsPath']}"
            one = changed(
                Said(ISSUER, connection["clientId"], acs, request),
                name_id=f"subject {number}",
                attributes={"mail": [f"person{number}@rotated.example"]},
            )
            box = encrypted(signed(one.xml(), KEY), certificate)
            said = posted(response(box, issuer=ISSUER, destination=acs, in_response_to=request))
            answers.append((await come(browser, connection, said)).status_code)
    return answers


async def shown(school: School, connection: dict[str, Any]) -> list[str]:
    """Which certificates our metadata show for signing and for encryption, each in PEM's body."""
    async with visiting(school) as provider:
        text = (await provider.get(connection["saml"]["metadataPath"])).text
    return [part.partition("</ds:X509Certificate>")[0] for part in text.split("<ds:X509Certificate>")[1:]]


def body(pem: str) -> str:
    assert len(certificates_of(pem)) == 1
    return "".join(pem.splitlines()[1:-1])


async def test_a_key_rolls_over_while_everybody_must_come_in_by_it(school: School) -> None:
    connection = await enforced(school)
    old = connection["saml"]["ownCertificate"]["pem"]
    # at once is a lock-out: the provider knows the old one alone
    refused = await school.ask(
        UPDATE, {"input": {"id": connection["id"], "version": 3, "saml": {"newKey": True}}}
    )
    assert refused.code == "CONFLICT"
    begun = await change(school, ROTATE, connection, switchAt=in_days(7))
    new = begun["saml"]["nextCertificate"]["pem"]
    assert (begun["state"], begun["saml"]["ownCertificate"]["pem"]) == ("ENFORCED", old)
    assert await shown(school, connection) == [body(old), body(new)] * 2
    assert await enters(school, connection, old, old, new) == [303, 303]
    # the day is put off, and the key is the same
    moved = await change(school, ROTATE, connection, switchAt=in_days(9))
    assert moved["saml"]["nextCertificate"]["pem"] == new
    assert moved["saml"]["keyChangesAt"] > begun["saml"]["keyChangesAt"]
    await pass_the_day(school, connection)
    assert await shown(school, connection) == [body(new), body(old)] * 2
    assert await enters(school, connection, new, old, new) == [303, 303]
    again = {"id": connection["id"], "version": 6, "switchAt": in_days(7)}
    assert (await school.ask(ROTATE, {"input": again})).code == "CONFLICT"
    done = await change(school, FINISH, connection)
    assert done["saml"] == {"ownCertificate": {"pem": new}, "nextCertificate": None, "keyChangesAt": None}
    assert done["state"] == "ENFORCED"
    assert await shown(school, connection) == [body(new)] * 2
    assert await enters(school, connection, new, new, old) == [303, 401]


async def test_a_key_that_does_not_sign_yet_is_given_up(school: School) -> None:
    connection = await enforced(school)
    old = connection["saml"]["ownCertificate"]["pem"]
    begun = await change(school, ROTATE, connection, switchAt=in_days(1))
    new = begun["saml"]["nextCertificate"]["pem"]
    # a pair made at once beside it would leave one that nobody knows
    row = await row_of(school, connection)
    given = {"id": connection["id"], "version": row.version, "saml": {"newKey": True}}
    assert (await school.ask(UPDATE, {"input": given})).code == "CONFLICT"
    left = await change(school, FINISH, connection)
    assert left["saml"] == {"ownCertificate": {"pem": old}, "nextCertificate": None, "keyChangesAt": None}
    assert await enters(school, connection, old, old, new) == [303, 401]
    # nothing follows: nothing changes
    assert (await change(school, FINISH, connection))["version"] == left["version"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"switchAt": "2020-01-01T00:00:00Z"}, "VALIDATION_FAILED"),
        ({"switchAt": "9999-01-01T00:00:00Z"}, "VALIDATION_FAILED"),
        ({"version": 1}, "CONFLICT"),
    ],
    ids=["past", "never", "stale"],
)
async def test_what_is_no_rotation_is_refused(school: School, given: dict[str, Any], code: str) -> None:
    connection = await made(school)
    before = await row_of(school, connection)
    asked = {"id": connection["id"], "version": before.version, "switchAt": in_days(1), **given}
    assert (await school.ask(ROTATE, {"input": asked})).code == code
    assert await row_of(school, connection) == before
