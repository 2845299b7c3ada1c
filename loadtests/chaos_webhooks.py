"""The receiver in `chaos.py`, which nobody kills, and whether it was told everything, whoever was."""

import asyncio
import base64
import hashlib
import hmac
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
import httpx2
import msgspec
from stage import LOOPBACK

from harka.codec import from_json
from harka.errors import HarkaError
from harka.ids import NodeKind
from harka.learning import user
from harka.learning.user import UserDraft
from harka.learning.work import unit_of_work
from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.tenancy.context import operator_context

PATIENCE: Final = 2.0
"""Seconds; what a killed worker had taken is sent by another after six times that."""
_REFUSED: Final = 0.02
_TELL_EVERY: Final = 0.05
CREATE: Final = """mutation ($url: String!) { createWebhookEndpoint(
  input: {url: $url, types: [USER_CREATED], scopes: ["event:read"]}) { secret errors { code message } } }"""


class Receiver(msgspec.Struct):
    """Refuses a few of what it is sent, once. `subjects`: by `webhook-id`, of what it took.

    `taken`: messages, of whatever.
    """

    secret: bytes = b""
    url: str = ""
    taken: int = 0
    refused: set[str] = msgspec.field(default_factory=set)
    subjects: dict[str, set[str]] = msgspec.field(default_factory=dict)
    forged: int = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
            body = await reader.readexactly(int(headers["content-length"]))
            status = 204 if self._take(headers, body) else 500
            writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            # who sent it was killed
            pass
        finally:
            writer.close()

    def _take(self, headers: dict[str, str], body: bytes) -> bool:
        id_ = headers["webhook-id"]
        signed = f"{id_}.{headers['webhook-timestamp']}.".encode() + body
        expected = "v1," + base64.b64encode(hmac.digest(self.secret, signed, hashlib.sha256)).decode()
        if expected not in headers["webhook-signature"].split(" "):
            self.forged += 1
            return False
        if id_ not in self.refused and random.random() < _REFUSED:  # noqa: S311 - chance
            self.refused.add(id_)
            return False
        self.taken += 1
        told: Any = from_json(body)
        self.subjects.setdefault(id_, set()).add(told["data"]["event"]["subjectId"])
        return True


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    async with await asyncio.start_server(receiver.answer, LOOPBACK, 0) as server:
        receiver.url = f"http://{LOOPBACK}:{server.sockets[0].getsockname()[1]}/"
        yield receiver


async def subscribe(client: httpx2.AsyncClient, receiver: Receiver) -> None:
    answer = (
        await client.post("/graphql", json={"query": CREATE, "variables": {"url": receiver.url}})
    ).json()
    text = answer["data"]["createWebhookEndpoint"]["secret"]
    receiver.secret = base64.b64decode(text.removeprefix("whsec_"))


async def tell(runtime: Runtime, tenant: Organization, people: set[str]) -> None:
    """People are made, which is an event each; `people`: the ids of those whose commit was acknowledged."""
    number = 0
    while True:
        number += 1
        draft = UserDraft(email=f"p{number}@example.com", name="P")
        context = operator_context(tenant)
        try:
            async with unit_of_work(
                runtime.databases, runtime.cache, runtime.pubsub, context, read_only=False, timeout=5
            ) as work:
                made = await user.create(work, draft)
        except HarkaError:
            pass
        else:
            people.add(runtime.node_ids.seal(tenant.id, NodeKind.USER, made.id))
        await asyncio.sleep(_TELL_EVERY)


async def events(connection: asyncpg.Connection, runtime: Runtime, tenant: Organization) -> dict[str, str]:
    """The ids of all that are to be told, and of whom each is."""
    rows = await connection.fetch(
        f"""SELECT id, subject_id FROM {tenant.location.schema}.event
        WHERE tenant_id = $1 AND type = 'user.created'""",  # noqa: S608 - a name out of the catalog
        tenant.id,
    )
    seal = runtime.node_ids.seal
    return {seal(tenant.id, NodeKind.EVENT, row[0]): seal(tenant.id, NodeKind.USER, row[1]) for row in rows}


async def hurry(connection: asyncpg.Connection, tenant: Organization) -> None:
    """What waits to be tried again is due now: minutes and hours are not for this run to wait."""
    schema = tenant.location.schema
    await connection.execute(
        f"UPDATE {schema}.webhook_endpoint SET rest_until = NULL WHERE tenant_id = $1",  # noqa: S608 - see above
        tenant.id,
    )
    await connection.execute(
        f"""UPDATE {schema}.webhook_delivery SET next_attempt_at = now()
        WHERE tenant_id = $1 AND state = 'pending' AND next_attempt_at > now()""",  # noqa: S608 - see above
        tenant.id,
    )


def judge(receiver: Receiver, happened: dict[str, str], people: set[str]) -> list[str]:
    """What is wrong."""
    told = receiver.subjects
    wrong = [f"event {id_} was never told" for id_ in happened.keys() - told.keys()]
    wrong += [f"event {id_} was told and never happened" for id_ in told.keys() - happened.keys()]
    wrong += [f"{id_} was acknowledged, without an event" for id_ in people - set(happened.values())]
    # who leaves out what has a `webhook-id` that was there is told each once, and of whom it is
    wrong += [f"event {id_} was told of {of}" for id_, of in told.items() if of != {happened.get(id_)}]
    if receiver.forged:
        wrong.append(f"{receiver.forged} signatures were wrong")
    return wrong
