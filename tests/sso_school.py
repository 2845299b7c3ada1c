"""A school with a connection to a provider of the tests' own, and how a browser goes there and back."""

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest

from entering import Visitor
from harka.auth import totp
from harka.crypto import envelope
from harka.ids import NodeKind
from harka.learning import sso
from harka.learning.sso_draft import SsoDraft
from harka.learning.work import UnitOfWork, unit_of_work
from harka.repositories import totp as totp_rows
from harka.repositories.sso import SsoConnection
from harka.repositories.user import User
from harka.tenancy.context import TenantContext, operator_context
from harka.tenancy.entitling import Wanted, change
from harka.tenancy.plan import Plan
from harka.tenancy.provisioning import get_by_slug
from provider import CLIENT, SECRET, Provider, serving
from school import School

CHANGE = (
    "mutation($id: ID!) {{ {}(input: {{id: $id}}) "
    "{{ ssoConnection {{ state }} errors {{ code message }} }} }}"
)
TEST, ENFORCE, DISABLE = (CHANGE.format(each) for each in ("testSsoConnection", "enforceSso", "disableSso"))
ATTEMPTS = "{ ssoAttempts(first: 1) { nodes { outcome detail user { email } connection { name } } } }"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Provider]:
    with serving() as provider:
        yield provider


@pytest.fixture
def provider(issuer: Provider) -> Provider:
    """As if it had never misbehaved."""
    key, fresh = issuer.key, Provider(issuer.issuer)
    issuer.__dict__.update({**fresh.__dict__, "key": key, "shown": [key], "sign": issuer.signed})
    return issuer


@pytest.fixture
async def connection(school: School, provider: Provider) -> SsoConnection:
    async with working(school) as work:
        draft = SsoDraft(
            name="Example & Co",
            issuer=provider.issuer,
            client_id=CLIENT,
            client_secret=SECRET,
            role_claim="roles",
        )
        made = await sso.create(work, school.runtime.keyring, draft)
        return await sso.tested(work, made)


def working(school: School, context: TenantContext | None = None) -> AbstractAsyncContextManager[UnitOfWork]:
    runtime = school.runtime
    return unit_of_work(
        runtime.databases,
        runtime.cache,
        runtime.pubsub,
        context or operator_context(school.organization),
        read_only=False,
        timeout=20.0,
        outside=runtime.outside,
    )


async def without_sso(school: School) -> None:
    """Its plan has none from now on, whatever is there."""
    catalog = school.runtime.catalog
    before = await get_by_slug(catalog, school.organization.slug)
    await change(catalog, before, Wanted(plan=Plan.STARTER), actor="test")
    await school.runtime.directory.reread(before.id)


async def begin(browser: Visitor, school: School, connection: SsoConnection, next_: str = "/graphql") -> str:
    """The address of the provider to which a browser is sent."""
    path = f"/auth/sso/{school.id(NodeKind.SSO_CONNECTION, connection)}/start?next={next_}"
    sent = await browser.get(path)
    assert sent.status_code == 303, sent.text
    return str(sent.headers["location"])


async def come_back(
    browser: Visitor, school: School, connection: SsoConnection, said: dict[str, str]
) -> httpx2.Response:
    """As a link of another site brings a browser back."""
    id_ = school.id(NodeKind.SSO_CONNECTION, connection)
    return await browser.get(f"/auth/sso/{id_}/callback?{urlencode(said)}", sec_fetch_site="cross-site")


async def attempt(school: School) -> dict[str, Any]:
    (last,) = (await school.ask(ATTEMPTS)).data["ssoAttempts"]["nodes"]
    return dict(last)


async def give_second_factor(school: School, person: User) -> bytes:
    """Confirmed; answers the secret."""
    secret = totp.new_secret()
    sealed = envelope.seal(
        school.runtime.keyring.seal, secret, tenant=school.organization.id, purpose=f"totp:{person.id}"
    )
    async with school.work() as work:
        await totp_rows.propose(work.session, person.id, sealed)
        await totp_rows.confirm(work.session, person.id, 1, [])
    return secret
