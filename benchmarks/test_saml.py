"""What a sign-in by SAML costs: `pytest benchmarks/test_saml.py --benchmark-only`.

"an answer" is verified as it comes, in a thread and by the program `xmlsec1`. "8 sign-ins" are whole ones, at
once and in this process: sent away, come back, verified, let in as somebody new, each with its commits to an
embedded PostgreSQL; the provider, which signs its answers, is in this process, too.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx2
import pytest
from nowhere import logged_nowhere
from pytest_benchmark.fixture import BenchmarkFixture
from servers import Ground

from entering import Visitor
from harka.auth.saml import Assertions
from harka.ids import NodeKind, new_id
from harka.learning import sso, sso_saml
from harka.learning.sso_draft import SsoDraft
from harka.learning.sso_saml import SamlDraft
from harka.learning.work import unit_of_work
from harka.opening import open_runtime
from harka.runtime import Runtime
from harka.tenancy.context import operator_context
from harka.web import routes
from harka.web.middleware.draining import Draining
from saml_idp import (
    ACS,
    KEY,
    OWN,
    PEER,
    PROGRAM,
    around,
    encrypted,
    metadata,
    needs_xmlsec1,
    posted,
    said,
    signed,
)
from saml_school import answer, asked, come

pytestmark = needs_xmlsec1
AT_ONCE = 8
ONE = said(attributes={"mail": ["ann@example.com"], "groups": ["a", "b"]})
ANSWERS = {
    "assertion signed": around(signed(ONE.xml(), KEY)),
    "both signed": signed(around(signed(ONE.xml(), KEY)), KEY),
    "encrypted": around(encrypted(signed(ONE.xml(), KEY), OWN.certificate)),
}


@pytest.fixture
def assertions() -> Iterator[Assertions]:
    made = Assertions(PROGRAM)
    yield made
    made.close()


@pytest.mark.parametrize("kind", ANSWERS)
def test_an_answer(
    benchmark: BenchmarkFixture, loop: asyncio.AbstractEventLoop, assertions: Assertions, kind: str
) -> None:
    benchmark.group = "SAML: an answer"
    sent = posted(ANSWERS[kind])
    told = benchmark(lambda: loop.run_until_complete(assertions.answer(PEER, sent, ACS)))
    assert told.identity.subject == "subject"


async def connect(runtime: Runtime, ground: Ground) -> dict[str, Any]:
    """A connection that people may use, with what the graph shows of it."""
    draft = await sso_saml.prepared(
        runtime.assertions, ground.tenant.id, SamlDraft(metadata=metadata()), private=True
    )
    async with unit_of_work(
        runtime.databases,
        runtime.cache,
        runtime.pubsub,
        operator_context(ground.tenant),
        read_only=False,
        timeout=20.0,
        outside=runtime.outside,
    ) as work:
        made = await sso.create(work, runtime.keyring, SsoDraft(name="X", saml=draft))
        await sso.tested(work, made)
    id_ = runtime.node_ids.seal(ground.tenant.id, NodeKind.SSO_CONNECTION, made.id)
    return {
        "startPath": f"/auth/sso/{id_}/start",
        "clientId": made.client_id,
        "saml": {"acsPath": f"/auth/saml/{id_}/acs", "ownCertificate": {"pem": made.own_certificate}},
    }


@asynccontextmanager
async def serving(ground: Ground) -> AsyncIterator[tuple[httpx2.AsyncClient, dict[str, Any]]]:
    async with open_runtime(ground.settings) as runtime:
        await runtime.directory.refresh()
        connection = await connect(runtime, ground)
        transport = httpx2.ASGITransport(routes.build(runtime, Draining()))
        async with httpx2.AsyncClient(transport=transport, base_url=f"http://{ground.host}") as http:
            yield http, connection


async def sign_in(http: httpx2.AsyncClient, connection: dict[str, Any]) -> None:
    browser, who = Visitor(http), new_id().hex
    request = (await asked(browser, connection)).get("ID")
    sent = answer(browser, connection, request, name_id=who, attributes={"mail": [f"{who}@example.com"]})
    entered = await come(browser, connection, sent)
    assert entered.status_code == 303, entered.text


def test_sign_ins_at_once(
    benchmark: BenchmarkFixture, loop: asyncio.AbstractEventLoop, ground: Ground
) -> None:
    benchmark.group = f"SAML: {AT_ONCE} sign-ins"
    with logged_nowhere():
        stack = AsyncExitStack()
        http, connection = loop.run_until_complete(stack.enter_async_context(serving(ground)))

        async def many() -> None:
            await asyncio.gather(*(sign_in(http, connection) for _ in range(AT_ONCE)))

        benchmark(lambda: loop.run_until_complete(many()))
        loop.run_until_complete(stack.aclose())
