import json
from typing import Any

import pytest

from entering import PASSWORD, Visitor, give_password, visiting
from harka.learning import user
from harka.repositories import signing_key as signing_keys
from harka.tenancy import signing_key as signing
from school import School, school

__all__ = ["school"]


async def entered(app: Visitor, school: School, **more: Any) -> Any:
    body = {"email": school.learner.email, "password": PASSWORD, **more}
    return await app.http.post("/auth/token", json=body)


async def refreshed(app: Visitor, token: str) -> Any:
    return await app.http.post("/auth/refresh", json={"refresh_token": token})


async def asked(app: Visitor, access: str) -> int:
    query = {"query": "{ viewer { user { id } } }"}
    return (
        await app.http.post("/graphql", json=query, headers={"authorization": f"Bearer {access}"})
    ).status_code


async def test_an_app_signs_in_and_goes_on(school: School) -> None:
    await give_password(school, school.learner)
    async with visiting(school) as app:
        first = (await entered(app, school)).json()
        assert {name: first[name] for name in ("token_type", "expires_in")} == {
            "token_type": "Bearer",
            "expires_in": 600,
        }
        assert await asked(app, first["access_token"]) == 200
        second = (await refreshed(app, first["refresh_token"])).json()
        assert second["refresh_token"] != first["refresh_token"]
        assert await asked(app, second["access_token"]) == 200


async def test_a_device_that_somebody_came_in_on_is_theirs(school: School) -> None:
    await give_password(school, school.learner)
    async with visiting(school) as app:
        device = (await entered(app, school)).json()["device_token"]
        for _ in range(11):
            refused = await entered(app, school, password="wrong")
        assert refused.status_code == 429
        assert (await entered(app, school)).status_code == 429
        again = (await entered(app, school, device_token=device)).json()
        assert "device_token" not in (await refreshed(app, again["refresh_token"])).json()


async def test_who_shows_a_spent_token_ends_the_session_for_both(school: School) -> None:
    await give_password(school, school.learner)
    async with visiting(school) as app:
        first = (await entered(app, school)).json()
        other = (await entered(app, school)).json()
        second = (await refreshed(app, first["refresh_token"])).json()
        assert (await refreshed(app, first["refresh_token"])).status_code == 401
        assert (await refreshed(app, second["refresh_token"])).status_code == 401
        for access in (first["access_token"], second["access_token"]):
            assert await asked(app, access) == 401
        assert await asked(app, other["access_token"]) == 200


async def test_a_deactivated_person_is_out_everywhere(school: School) -> None:
    await give_password(school, school.learner)
    async with visiting(school) as app, visiting(school) as browser:
        tokens = (await entered(app, school)).json()
        await browser.sign_in(school.learner.email)
        async with school.work() as work:
            await user.deactivate(work, school.learner.id)
        assert await asked(app, tokens["access_token"]) == 401
        assert (await browser.ask()).status_code == 401
        assert (await refreshed(app, tokens["refresh_token"])).status_code == 401
        async with school.work() as work:
            await user.reactivate(work, school.learner.id)
        # who is let in again signs in again
        assert await asked(app, tokens["access_token"]) == 401
        assert (await browser.ask()).status_code == 401


@pytest.mark.parametrize("token", ["", "hr_", "hs_" + "A" * 80, "😀", "\0", "x" * 5000])
async def test_what_is_no_token_is_refused(school: School, token: str) -> None:
    async with visiting(school) as app:
        answer = await refreshed(app, token)
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (
            401,
            "UNAUTHENTICATED",
        )


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"email": 1, "password": "x"}', '{"email": "x"', "\xff"])
async def test_a_malformed_request_is_told_so(school: School, body: str) -> None:
    async with visiting(school) as app:
        for path in ("/auth/token", "/auth/refresh"):
            headers = {"content-type": "application/json"}
            answer = await app.http.post(path, content=body.encode("latin-1"), headers=headers)
            assert answer.status_code == 400
            form = await app.http.post(path, data={"email": "x"})
            assert form.status_code == 415


async def test_wrong_credentials_and_a_wrong_address_say_so(school: School) -> None:
    await give_password(school, school.learner)
    async with visiting(school) as app:
        answer = await entered(app, school, password="wrong")
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (
            401,
            "WRONG_CREDENTIALS",
        )
    async with visiting(school, host="harka.localhost") as app:
        assert (await entered(app, school)).status_code == 404


async def test_the_keys_are_public_also_those_that_sign_no_more(school: School) -> None:
    runtime, tenant = school.runtime, school.organization.id
    async with visiting(school) as app:
        await signing_keys.insert(runtime.catalog, signing.make(runtime.keyring, tenant))
        await runtime.directory.reread(tenant)
        answer = await app.http.get("/.well-known/jwks.json")
        keys = answer.json()["keys"]
        # whoever keeps it so long knows a key before it signs
        kept = int(answer.headers["cache-control"].removeprefix("public, max-age="))
        assert kept < signing_keys.KNOWN_AFTER.total_seconds()
        assert len(keys) == 2
        assert all({*each} == {"kty", "crv", "x", "kid", "alg", "use"} for each in keys)
        assert '"d"' not in json.dumps(keys)
    async with visiting(school, host="harka.localhost") as app:
        assert (await app.http.get("/.well-known/jwks.json")).status_code == 404
