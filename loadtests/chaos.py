"""Kills workers, the API, PostgreSQL and Valkey (-9) under load.

`./harka run python loadtests/chaos.py [--rounds 100]`

Then: every acknowledged job ran to its end, no effect happened twice, no job is stuck, one that kills its
workers ended dead after its attempts, and a receiver of webhooks was told every event, each once but for what
`webhook-id` says it had already. It ends with 1 otherwise. Everything is of the run's own.
"""

import argparse
import asyncio
import contextlib
import math
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import asyncpg
import chaos_webhooks
import httpx2
import msgspec
from chaos_webhooks import Receiver
from queue_worker import EFFECT, POISON
from rich.console import Console
from stage import LOOPBACK, SERVE, free_port

from harka import config
from harka.auth import api_key
from harka.cli.embedded.prepare import prepare
from harka.cli.embedded.process import ServerError
from harka.cli.embedded.servers import Embedded
from harka.config import Settings
from harka.errors import HarkaError
from harka.learning import job as jobs
from harka.learning.work import unit_of_work
from harka.opening import open_runtime
from harka.queue.enqueue import signal as wake
from harka.queue.message import MEASURE_USAGE
from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.storage.location import app_url, database_name, with_database
from harka.tenancy.context import operator_context
from harka.tenancy.permission import Permission
from harka.tenancy.plan import Plan
from harka.tenancy.provisioning import create_tenant

LEASE: Final = 3.0
WORKERS: Final = 2
_SLOTS: Final = 8
_LONGEST_JOB: Final = 0.05
_PAUSE: Final = (0.2, 1.2)
"""Seconds between two kills, at random."""
_WRITERS: Final = 4
_WRITE_EVERY: Final = 0.01
_ASK_EVERY: Final = 0.1
_REVIVE_EVERY: Final = 0.1
_BACK: Final = 60.0
_DRAIN: Final = 120.0
"""Seconds without any progress: on a machine with much else to do a worker takes half a minute to begin."""
_LOG_SHOWN: Final = 4_000
ENQUEUE: Final = "mutation { enqueueJob(input: {kind: MEASURE_USAGE}) { job { id } errors { code } } }"
_COUNTED: Final = (EFFECT, POISON, MEASURE_USAGE)
out: Final = Console(highlight=False, soft_wrap=True)


class Told(msgspec.Struct):
    """What was acknowledged: numbers of effects, how many jobs of the API, and people that were made."""

    tried: int = 0
    effects: set[int] = msgspec.field(default_factory=set)
    asked: int = 0
    people: set[str] = msgspec.field(default_factory=set)


class Programs:
    """Workers and the API; a killed one is started again."""

    def __init__(self, settings: Settings, directory: Path) -> None:
        self.port = free_port()
        here = Path(__file__).with_name("queue_worker.py")
        worker = [sys.executable, "-P", str(here), str(_SLOTS), str(LEASE)]
        api = [*SERVE, "--host", LOOPBACK, "--port", str(self.port)]
        self._commands = {**{f"worker {n}": worker for n in range(WORKERS)}, "api": api}
        self._environment = config.environment(settings)
        self._log = (directory / "programs.log").open("ab")
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def names(self) -> list[str]:
        return list(self._commands)

    def start(self) -> None:
        """Whatever does not run."""
        for name, command in self._commands.items():
            known = self._running.get(name)
            if known is None or known.poll() is not None:
                self._running[name] = subprocess.Popen(  # noqa: S603 - our own programs
                    command, env=self._environment, stdout=self._log, stderr=self._log
                )

    def kill(self, name: str) -> None:
        self._running[name].kill()
        self._running[name].wait()

    def stop(self) -> None:
        for child in self._running.values():
            child.terminate()
        for child in self._running.values():
            child.wait(30)
        self._log.close()


async def put_in(runtime: Runtime, tenant: Organization, type_: str, payload: dict[str, Any]) -> bool:
    """Whether it was acknowledged; otherwise nobody knows."""
    context = operator_context(tenant)
    try:
        async with unit_of_work(
            runtime.databases, runtime.cache, runtime.pubsub, context, read_only=False, timeout=5
        ) as work:
            await work.enqueue(type_, payload)
    except HarkaError:
        return False
    return True


async def write(runtime: Runtime, tenant: Organization, told: Told) -> None:
    while True:
        number = told.tried = told.tried + 1
        payload = {"number": number, "seconds": random.uniform(0, _LONGEST_JOB)}  # noqa: S311 - load
        if await put_in(runtime, tenant, EFFECT, payload):
            told.effects.add(number)
        await asyncio.sleep(_WRITE_EVERY)


async def ask(client: httpx2.AsyncClient, told: Told) -> None:
    while True:
        with contextlib.suppress(httpx2.HTTPError, KeyError, TypeError):
            answer = (await client.post("/graphql", json={"query": ENQUEUE})).json()
            told.asked += answer["data"]["enqueueJob"]["job"] is not None
        await asyncio.sleep(_ASK_EVERY)


def kill_server(embedded: Embedded, name: str) -> None:
    for child in embedded._children:  # noqa: SLF001 - nobody else may kill them
        if child.program.name == name:
            child.process.kill()
            child.process.wait()


def victims(names: Sequence[str], rounds: int) -> list[str]:
    """Whom to kill, by chance, and nobody twice before everybody once: few rounds leave nobody out."""
    decks = (random.sample(names, len(names)) for _ in range(math.ceil(rounds / len(names))))
    return [name for deck in decks for name in deck][:rounds]


async def disturb(embedded: Embedded, programs: Programs, rounds: int) -> Counter[str]:
    killed: Counter[str] = Counter()
    for name in victims([*programs.names, "postgres", "valkey"], rounds):
        await asyncio.sleep(random.uniform(*_PAUSE))  # noqa: S311 - chance
        # whatever poison has killed meanwhile, too
        programs.start()
        killed[name] += 1
        if name in programs.names:
            programs.kill(name)
            programs.start()
        else:
            kill_server(embedded, name)
            # as `harka up` does, more often
            said = list[str]()
            try:
                async with asyncio.timeout(_BACK):
                    while not embedded.ready:
                        said = embedded.revive() or said
                        await asyncio.sleep(_REVIVE_EVERY)
            except TimeoutError:
                raise ServerError(f"{name} did not come back: {said}") from None
    return killed


async def states(connection: asyncpg.Connection, tenant: Organization) -> dict[tuple[str, str], int]:
    rows = await connection.fetch(
        f"""SELECT type, state, count(*) FROM {tenant.location.schema}.job
        WHERE tenant_id = $1 GROUP BY type, state""",  # noqa: S608 - a name out of the catalog
        tenant.id,
    )
    return {(row[0], row[1]): row[2] for row in rows}


async def drained(
    connection: asyncpg.Connection, runtime: Runtime, tenant: Organization, programs: Programs
) -> float | None:
    """Seconds until nothing that is counted waits or runs; None when it did not become less for a while."""
    began = moved = time.monotonic()
    least: float = math.inf
    while time.monotonic() - moved < _DRAIN:
        programs.start()
        found = await states(connection, tenant)
        open_ = [found.get((type_, state), 0) for type_ in _COUNTED for state in ("queued", "running")]
        if not any(open_):
            return time.monotonic() - began
        # a machine that is busy with other things is slow, not stuck
        if sum(open_) < least:
            least, moved = sum(open_), time.monotonic()
        await wake(runtime.pubsub, tenant.id)
        await asyncio.sleep(0.2)
    return None


async def heard(
    connection: asyncpg.Connection,
    runtime: Runtime,
    tenant: Organization,
    programs: Programs,
    receiver: Receiver,
) -> dict[str, str]:
    """The events, once the receiver was told all of them, or nothing for a while."""
    happened = await chaos_webhooks.events(connection, runtime, tenant)
    began = moved = time.monotonic()
    told = -1
    while receiver.subjects.keys() < happened.keys() and time.monotonic() - moved < _DRAIN:
        programs.start()
        if len(receiver.subjects) > told:
            told, moved = len(receiver.subjects), time.monotonic()
        await chaos_webhooks.hurry(connection, tenant)
        await asyncio.sleep(1.0)
    told, twice = len(receiver.subjects), receiver.taken - len(receiver.subjects)
    out.print(
        f"{told:,} of {len(happened):,} events told, {twice} again, {len(receiver.refused)} refused first; "
        f"the last after {time.monotonic() - began:.1f} s"
    )
    return happened


async def try_again(connection: asyncpg.Connection, runtime: Runtime, tenant: Organization) -> None:
    """What lost its worker at all three attempts is a dead letter: nothing of it was done, nor is it lost."""
    dead = await connection.fetch(
        f"""SELECT id, type, attempts, error FROM {tenant.location.schema}.job
        WHERE tenant_id = $1 AND type <> $2 AND state = 'dead'""",  # noqa: S608 - a name out of the catalog
        tenant.id,
        POISON,
    )
    for id_, type_, attempts, error in dead:
        out.print(f"{type_} dead after {attempts} attempts ({error}), tried again")
        async with unit_of_work(
            runtime.databases,
            runtime.cache,
            runtime.pubsub,
            operator_context(tenant),
            read_only=False,
            timeout=5,
        ) as work:
            await jobs.retry(work, id_)


async def judge(connection: asyncpg.Connection, tenant: Organization, told: Told) -> list[str]:
    """What is wrong."""
    schema = tenant.location.schema
    rows = await connection.fetch(
        f"""SELECT metric, sum(value)::int FROM (
          SELECT metric, value FROM {schema}.rollup WHERE tenant_id = $1
          UNION ALL SELECT metric, change FROM {schema}.rollup_change WHERE tenant_id = $1
        ) AS either WHERE metric LIKE 'effect %' GROUP BY metric""",  # noqa: S608 - a name out of the catalog
        tenant.id,
    )
    times = {int(row[0].removeprefix("effect ")): row[1] for row in rows}
    acknowledged = f"{len(told.effects):,} acknowledged of {told.tried:,}"
    out.print(f"{acknowledged}, {len(times):,} effects, {told.asked} by the API")
    return faults(times, await states(connection, tenant), told)


def faults(times: Mapping[int, int], found: Mapping[tuple[str, str], int], told: Told) -> list[str]:
    """`times`: how often each effect happened. `found`: how many jobs there are, by type and state."""
    wrong = [f"effect {number} happened {n} times" for number, n in times.items() if n != 1]
    wrong += [
        f"effect {number} was acknowledged and never happened" for number in told.effects - times.keys()
    ]
    if found.get((POISON, "dead"), 0) != 1:
        wrong.append("the job that kills its workers is not dead")
    of_api = {state: n for (type_, state), n in found.items() if type_ == MEASURE_USAGE}
    if of_api.get("done", 0) < told.asked:
        wrong.append(f"{told.asked} jobs were acknowledged by the API, there are {of_api}")
    return wrong


async def run(embedded: Embedded, directory: Path, rounds: int) -> Sequence[str]:
    settings = msgspec.structs.replace(
        embedded.settings, metrics_port=0, outbound_private=True, webhook_timeout=chaos_webhooks.PATIENCE
    )
    await prepare(settings, embedded.admin_url)
    programs, told = Programs(settings, directory), Told()
    async with open_runtime(settings) as runtime, chaos_webhooks.receiving() as receiver:
        tenant = await create_tenant(
            runtime.catalog, settings, name="Chaos", slug="chaos", plan=Plan.ENTERPRISE, users_expected=10
        )
        key = await api_key.create(runtime.catalog, tenant.id, name="chaos", scopes=list(Permission))
        headers = {"host": f"{tenant.slug}.{settings.platform_domain}", "x-api-key": key.text}
        address = f"http://{LOOPBACK}:{programs.port}"
        programs.start()
        try:
            async with httpx2.AsyncClient(base_url=address, headers=headers, timeout=2) as client:
                load = [asyncio.create_task(write(runtime, tenant, told)) for _ in range(_WRITERS)]
                load.append(asyncio.create_task(ask(client, told)))
                while not told.asked:  # noqa: ASYNC110 - another process comes up
                    await asyncio.sleep(0.1)
                await chaos_webhooks.subscribe(client, receiver)
                load.append(asyncio.create_task(chaos_webhooks.tell(runtime, tenant, told.people)))
                assert await put_in(runtime, tenant, POISON, {})
                killed = await disturb(embedded, programs, rounds)
                for task in load:
                    task.cancel()
                await asyncio.wait(load)
            assert embedded.admin_url is not None
            url = with_database(embedded.admin_url, database_name(app_url(settings, "app")))
            connection = await asyncpg.connect(url)
            seconds = await drained(connection, runtime, tenant, programs)
            out.print(f"killed: {dict(killed)}")
            if seconds is None:
                return [f"something is stuck: {await states(connection, tenant)}"]
            out.print(f"nothing left after {seconds:.1f} s, with leases of {LEASE:g} s")
            await try_again(connection, runtime, tenant)
            await drained(connection, runtime, tenant, programs)
            wrong = await judge(connection, tenant, told)
            happened = await heard(connection, runtime, tenant, programs, receiver)
            wrong += chaos_webhooks.judge(receiver, happened, told.people)
            await connection.close()
        finally:
            programs.stop()
    return wrong


def main(rounds: int) -> int:
    directory = Path(tempfile.mkdtemp(prefix="harka-chaos-", dir="/var/tmp"))
    # PostgreSQL runs as another user when we are root
    directory.chmod(0o755)
    given = config.load()
    try:
        # durable: what was acknowledged is on the disk
        with Embedded(Settings(pg_bin=given.pg_bin, valkey_bin=given.valkey_bin), directory) as embedded:
            embedded.wait()
            wrong = asyncio.run(run(embedded, directory, rounds))
        if wrong:
            # its log goes with the folder
            out.print((directory / "programs.log").read_text(errors="replace")[-_LOG_SHOWN:], markup=False)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    for each in wrong:
        out.print(f"wrong: {each}")
    out.print("held" if not wrong else "not held")
    return 1 if wrong else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help="how often something is killed")
    sys.exit(main(parser.parse_args().rounds))
