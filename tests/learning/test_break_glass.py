"""Where sign-in by a provider is enforced, two owners can come in without it, and are kept."""

import msgspec

from entering import PASSWORD, give_password, visiting
from harka import clock
from harka.auth import totp
from harka.ids import NodeKind
from harka.learning import entrance, user
from harka.learning import totp as second_factors
from harka.learning.entrance import Shown
from harka.learning.session import Device
from harka.learning.user import UserChanges
from harka.repositories import sso as connections
from harka.repositories.sso import SsoConnection
from harka.storage.statement import Statement
from harka.tenancy.context import ANONYMOUS, TenantContext
from provider import Provider
from school import School, school
from sso_school import (
    DISABLE,
    ENFORCE,
    attempt,
    begin,
    come_back,
    connection,
    give_second_factor,
    issuer,
    provider,
)

__all__ = ["connection", "issuer", "provider", "school"]


FEWER = (
    "deactivateUser(input: {id: $id})",
    "updateUser(input: {id: $id, version: $version, role: ADMIN})",
    "removeTotp(input: {userId: $id})",
)


TOLD = Statement(
    "test.told",
    """SELECT payload->>'about' AS about, payload->>'person' AS person FROM {schema}.job
    WHERE tenant_id = $1 AND payload->>'kind' = 'break_glass'""",
)


async def _told(school: School) -> list[tuple[str, str]]:
    """To whom, and of whom."""
    async with school.work() as work:
        return [(row["about"], row["person"]) for row in await work.session.fetch(TOLD)]


async def _is_kept(school: School) -> None:
    """The second of two owners, by another; an operator may help one who has lost everything."""
    async with school.work() as work:
        other = await user.hold(work, school.other.id)
    given = {"id": school.id(NodeKind.USER, other), "version": other.version}
    for way in FEWER:
        named = "$id: ID!, $version: Int!" if "$version" in way else "$id: ID!"
        document = f"mutation ({named}) {{ {way} {{ errors {{ code message }} }} }}"
        told = {name: given[name] for name in given if f"${name}" in way}
        reply = await school.ask(document, told, caller=school.owner)
        ((payload),) = reply.data.values()
        assert reply.code == "CONFLICT", way
        assert "two owners" in payload["errors"][0]["message"]
    async with school.work() as work:
        assert await user.hold(work, school.other.id) == other
        assert await connections.count_break_glass(work.session) == 2
        await second_factors.remove_of(work, school.other.id)


async def test_nobody_is_locked_out(school: School, connection: SsoConnection, provider: Provider) -> None:
    id_ = {"id": school.id(NodeKind.SSO_CONNECTION, connection)}

    async def refusal(document: str) -> str:
        ((payload),) = (await school.ask(document, id_)).data.values()
        return "" if not payload["errors"] else payload["errors"][0].get("message", "")

    assert "Nobody has come in" in await refusal(ENFORCE)
    async with visiting(school) as browser:
        said = provider.authorize(
            await begin(browser, school, connection),
            connection.id.hex,
            email=f"first-{connection.id.hex}@example.com",
            email_verified=True,
        )
        assert (await come_back(browser, school, connection, said)).status_code == 303
    assert "Two owners" in await refusal(ENFORCE)
    owners = [school.owner, school.other]
    async with school.work() as work:
        held = await user.hold(work, school.other.id)
        await user.update(work, held.id, UserChanges(role="owner"), version=held.version)
    secrets = {}
    for owner in owners:
        await give_password(school, owner)
        secrets[owner.id] = await give_second_factor(school, owner)
    assert await refusal(ENFORCE) == ""
    await give_password(school, school.learner)
    async with visiting(school) as browser:
        answers = [
            (await browser.sign_in(email, secret)).text
            for email, secret in (
                (school.learner.email, PASSWORD),
                (school.learner.email, "wrong"),
                ("nobody@example.com", PASSWORD),
                (school.owner.email, "wrong"),
            )
        ]
        assert all("own sign-in" in each for each in answers)
        code = totp.code_at(secrets[school.owner.id], int(clock.now().timestamp()) // totp.STEP_SECONDS)
        assert (await browser.sign_in(school.owner.email, code=code)).status_code == 303
    seen = await attempt(school)
    assert (seen["outcome"], seen["user"]["email"]) == ("BREAK_GLASS", school.owner.email)
    assert await _told(school) == [(str(school.other.id), str(school.owner.id))]
    # a plan that lost the feature locks nobody out
    plain = msgspec.structs.replace(school.organization, plan="STARTER")
    stranger = TenantContext(organization=plain, actor=ANONYMOUS, request_id="test")
    shown = Shown(school.learner.email, PASSWORD)
    begun = await entrance.sign_in(school.runtime.entrance, stranger, shown, Device("app", "203.0.113.9"))
    assert begun.session.user_id == school.learner.id
    await _is_kept(school)
    assert await refusal(DISABLE) == ""
    async with visiting(school) as browser:
        assert (await browser.sign_in(school.learner.email)).status_code == 303
        path = f"/auth/sso/{school.id(NodeKind.SSO_CONNECTION, connection)}/start"
        assert (await browser.get(path)).status_code == 404
