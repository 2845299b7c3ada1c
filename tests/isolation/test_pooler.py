"""The whole application through a transaction-pooling PgBouncer: four server connections for everybody."""

import asyncio
import contextlib
import random

import httpx2
import msgspec
from worlds import World

from harka.config import Settings
from harka.opening import open_runtime
from harka.web.middleware.draining import Draining
from harka.web.routes import build
from pgbouncer import needs_pgbouncer, pooled

pytestmark = needs_pgbouncer

CLIENTS = 64
ROUNDS = 8
SHORT = 0.03  # seconds: about what an answer takes under this load, so that some are late anywhere
READ = """{ viewer { user { name } } users(first: 10) { edges { node { name email } } }
  courses(first: 10) { edges { node { title description modules { title lessons { title } } } } } }"""
WRITE = """mutation { createCourse(input: {code: "STORM-%s", title: "Storm %s"}) { course { code } } }"""


async def test_storm_of_tenants_aborts_and_deadlines_never_mixes(
    settings: Settings, worlds: dict[str, World]
) -> None:
    dice = random.Random(11)  # noqa: S311 - the same storm every time
    with pooled(msgspec.structs.replace(settings, pool_size=CLIENTS)) as through:
        hurried = msgspec.structs.replace(through, request_timeout=SHORT)
        async with open_runtime(through) as patient_rooms, open_runtime(hurried) as hurried_rooms:
            apps = [build(patient_rooms, Draining()), build(hurried_rooms, Draining())]
            storm = [
                _client(number, apps, settings, worlds, dice.randrange(2**32)) for number in range(CLIENTS)
            ]
            served = sum(await asyncio.gather(*storm))
    # half of it the gate does not let in, and as many again are cut off
    assert served >= CLIENTS * ROUNDS // 16


async def _client(
    number: int, apps: list[object], settings: Settings, worlds: dict[str, World], seed: int
) -> int:
    """Alternates between two tenants of one schema; answers how many of its requests were served."""
    dice, served = random.Random(seed), 0  # noqa: S311 - the same storm every time
    for turn in range(ROUNDS):
        mine, other = worlds["pool-a"], worlds["pool-b"]
        if (number + turn) % 2:
            mine, other = other, mine
        transport = httpx2.ASGITransport(apps[dice.random() < 0.2])  # type: ignore[arg-type] - an ASGI application
        document = WRITE % (f"{number}-{turn}", mine.canary) if dice.random() < 0.2 else READ
        async with httpx2.AsyncClient(transport=transport, base_url="http://harka.localhost") as http:
            request = asyncio.ensure_future(
                http.post(
                    "/graphql",
                    json={"query": document},
                    headers={
                        "host": f"{mine.organization.slug}.{settings.platform_domain}",
                        "authorization": f"Bearer {mine.owner}",
                    },
                )
            )
            if dice.random() < 0.25:
                await asyncio.wait([request], timeout=dice.random() * 2 * SHORT)
                request.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                text = (await request).text
                assert other.canary not in text
                if document == READ and '"errors"' not in text:
                    assert mine.canary in text
                    served += 1
    return served
