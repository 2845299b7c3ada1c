"""Who is compared, and how each is started: one process, the same database, the same role, the same pool."""

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import msgspec
from questions import Bodies, Opening, as_written, graphql_bodies, postgraphile_bodies, raw_bodies
from stage import LOOPBACK, Stage, free_port

from harka.config import Settings
from harka.web.middleware.access_log import CLIENT_GONE
from node import Node

SERVERS: Final = Path(__file__).resolve().parent / "servers"
NAMES: Final = {
    "harka": "HARKA",
    "vanilla": "Strawberry, vanilla",
    "cached": "Strawberry, caches and orjson",
    "mercurius": "Mercurius, JIT and loaders",
    "postgraphile": "PostGraphile 5",
    "raw": "raw ASGI, one statement",
}
NEEDS_NODE: Final = frozenset({"mercurius", "postgraphile"})
_TOLD: Final = 10
_UVICORN: Final = (sys.executable, "-m", "uvicorn", "--no-access-log", "--log-level", "warning")


class Place(msgspec.Struct, frozen=True):
    """Where the data are: tenant and schema. `key`: HARKA's credential for the same tenant."""

    tenant: str
    schema: str
    key: str


class Peer(msgspec.Struct, frozen=True):
    """A running server.

    `header`: says who asks. `pid`: of its first process. `opening`: turns its ids into row ids.
    """

    name: str
    url: str
    header: tuple[str, str]
    pid: int
    bodies: Bodies = graphql_bodies
    opening: Opening = as_written


@contextlib.contextmanager
def harka(
    stage: Stage, place: Place, bodies: Bodies, opening: Opening, *, workers: int = 1
) -> Iterator[Peer]:
    port = free_port()
    # like its peers it makes each answer anew
    fresh = msgspec.structs.replace(
        stage, settings=msgspec.structs.replace(stage.settings, cache_answers=False)
    )
    with fresh.serving(port, workers=workers) as server:
        header = "X-API-Key", place.key
        try:
            yield Peer("harka", _url(port), header, server.process.pid, bodies, opening)
        except Exception as error:
            # the log goes with the stage
            error.add_note(_unwell(server.program.log))
            raise


@contextlib.contextmanager
def other(name: str, stage: Stage, place: Place, node: Node | None) -> Iterator[Peer]:
    """Any peer but HARKA."""
    port = free_port()
    environment = {**_environment(stage.settings, place), "PEER_PORT": str(port)}
    with stage.running(name, _command(name, port, node), environment, ready=_url(port)) as server:
        bodies = {"postgraphile": postgraphile_bodies, "raw": raw_bodies}.get(name, graphql_bodies)
        header = "X-Tenant", place.tenant
        yield Peer(name, _url(port), header, server.process.pid, bodies)


def _unwell(log: Path) -> str:
    """Of the log of a server of ours: the latest lines of requests that were refused."""
    lines = log.read_text(errors="replace").splitlines()
    answered = '"status":200,', f'"status":{CLIENT_GONE},'
    return "\n".join([line for line in lines if not any(status in line for status in answered)][-_TOLD:])


def _command(name: str, port: int, node: Node | None) -> Sequence[str]:
    if name in NEEDS_NODE:
        assert node is not None
        return str(node.program), str(node.directory / f"{name}.mjs")
    app = {"raw": "raw_app:app"}.get(name, f"strawberry_app:{name}")
    return *_UVICORN, "--app-dir", str(SERVERS), "--host", LOOPBACK, "--port", str(port), app


def _environment(settings: Settings, place: Place) -> Mapping[str, str]:
    url = settings.app_database_url
    assert url is not None
    parts = urlsplit(url)
    return {
        **os.environ,
        "NODE_ENV": "production",
        "GRAPHILE_ENV": "production",
        "PEER_DATABASE_URL": url,
        "PEER_SOCKETS": parse_qs(parts.query)["host"][0],
        "PEER_DATABASE": parts.path.removeprefix("/"),
        "PEER_ROLE": parts.username or "",
        "PEER_SCHEMA": place.schema,
        "PEER_POOL_SIZE": str(settings.pool_size),
    }


def _url(port: int) -> str:
    return f"http://{LOOPBACK}:{port}/graphql"
