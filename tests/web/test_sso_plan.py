"""A plan that no longer has single sign-on: whoever comes by a connection is told so."""

from entering import PASSWORD, give_password, visiting
from harka.ids import NodeKind, new_id
from harka.repositories.sso import SsoConnection
from provider import Provider
from school import OpenSchool, School, open_school, school
from sso_school import begin, come_back, connection, issuer, provider, without_sso

__all__ = ["connection", "issuer", "open_school", "provider", "school"]


async def test_under_a_plan_without_it_a_connection_says_so_and_which_has_it(
    school: School, connection: SsoConnection, provider: Provider, open_school: OpenSchool
) -> None:
    other = await open_school()
    path = f"/auth/sso/{school.id(NodeKind.SSO_CONNECTION, connection)}"
    address = f"{path}/start"
    async with visiting(school) as browser:
        begun = await begin(browser, school, connection)
        said = provider.authorize(begun, "theirs", email="late@example.com", email_verified=True)
        await without_sso(school)
        for told in (await browser.get(address), await come_back(browser, school, connection, said)):
            assert (told.status_code, told.json()["errors"][0]["extensions"] | {"requestId": ""}) == (
                403,
                {"code": "FEATURE_NOT_IN_PLAN", "feature": "sso", "plan": "GROWTH", "requestId": ""},
            )
        shown = await browser.get(address, accept="text/html,*/*;q=0.8")
        assert (shown.status_code, shown.headers["content-type"].partition(";")[0]) == (403, "text/html")
        assert "the plan GROWTH has it" in shown.text
        assert "A password still lets you in, and so may a passkey" in shown.text
        assert "harka" not in browser.cookies
        assert "You are signed out here" in (await browser.get(f"{path}/end")).text

        none = school.runtime.node_ids.seal(school.organization.id, NodeKind.SSO_CONNECTION, new_id())
        assert (await browser.get(f"/auth/sso/{none}/start")).status_code == 404
    await without_sso(other)
    elsewhere = other.runtime.node_ids.seal(other.organization.id, NodeKind.SSO_CONNECTION, connection.id)
    async with visiting(other) as browser:
        for theirs in (address, f"/auth/sso/{elsewhere}/start"):
            assert (await browser.get(theirs)).status_code == 404, "another organization's"


async def test_who_is_to_link_themselves_as_the_plan_loses_it_is_not_asked_again(
    school: School, connection: SsoConnection, provider: Provider
) -> None:
    await give_password(school, school.learner)
    email = school.learner.email
    async with visiting(school) as browser:
        said = provider.authorize(
            await begin(browser, school, connection), "theirs", email=email, email_verified=True
        )
        assert (await come_back(browser, school, connection, said)).status_code == 200
        hidden = await browser.form("/auth/sign-in")
        await without_sso(school)
        form = {**hidden, "email": email, "password": PASSWORD}
        told = await browser.post("/auth/sso/link", form)
        assert (told.status_code, told.json()["errors"][0]["extensions"]["code"]) == (
            403,
            "FEATURE_NOT_IN_PLAN",
        )
        shown = await browser.post("/auth/sso/link", form, accept="text/html")
        assert (shown.status_code, "the plan GROWTH has it" in shown.text) == (403, True)
        assert 'type="password"' not in shown.text
        assert "harka" not in browser.cookies
