import re
import socket
import urllib.request
from pathlib import Path

import msgspec

from academy import Academy, Parts
from cli.running import harka, running
from cli.waiting import text, until, wait_until
from doors import MakeTenant
from harka.codec import from_json
from harka.config import Settings
from harka.learning import webhook_endpoint
from harka.learning.webhook_endpoint import EndpointDraft
from harka.queue.message import MEASURE_USAGE, RECOUNT_COURSE
from harka.repositories.event import EventType
from harka.runtime import Runtime
from harka.worker.units import Units
from receiver import receiving


def metrics_port(log: Path) -> int | None:
    """As the log says, once it does."""
    said = re.search(r'^.*"event":"metrics".*$', text(log), re.MULTILINE)
    return said and int(from_json(said[0])["port"])


def page(log: Path) -> str:
    port = metrics_port(log)
    if port is None:
        return ""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return str(answer.read(), "utf-8")


def jobs(page: str, type_: str, outcome: str) -> float | None:
    """None: there is no such series."""
    found = re.search(rf'^harka_jobs_total{{outcome="{outcome}",type="{type_}"}} (\S+)$', page, re.MULTILINE)
    return found and float(found[1])


def test_it_works_until_it_is_asked_to_stop(settings: Settings, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with running(settings, log, "worker") as process:
        wait_until(lambda: "working" in text(log) or process.poll() is not None)
        process.terminate()
        assert process.wait(30) == 0, text(log)
    lines = [from_json(line) for line in text(log).splitlines()]
    # what became of the jobs that other tests have left in the queue is not the matter here
    told = [line["event"] for line in lines if line["room"] == "worker" and "job" not in line["event"]]
    assert told == ["working", "stopping", "stopped"]


async def test_what_it_does_is_told_at_metrics(
    settings: Settings, make_tenant: MakeTenant, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    await make_tenant()
    with running(settings, log, "worker"):
        await until(lambda: (jobs(page(log), MEASURE_USAGE, "done") or 0) >= 1)
        told = page(log)
        assert f'harka_job_seconds_count{{type="{MEASURE_USAGE}"}}' in told
        assert jobs(told, RECOUNT_COURSE, "dead") == 0
        assert 'database_connections{state="idle"}' in told


async def test_it_tells_receivers_what_happens(
    runtime: Runtime, settings: Settings, make_tenant: MakeTenant, tmp_path: Path
) -> None:
    """As a process of its own, which executes the endpoint's document."""
    academy = Academy(
        Parts(runtime.databases, runtime.cache, runtime.pubsub, runtime.outside), await make_tenant()
    )
    person, units = await academy.user(), Units(runtime, academy.organization, "test")
    document = "query ($event: ID!) { event(id: $event) { type actorKind } }"
    async with receiving() as receiver:
        draft = EndpointDraft(url=receiver.url(), document=document, scopes=["event:read"])
        async with units.begin(academy.operator, timeout=10) as work:
            await webhook_endpoint.create(work, draft, seal_key=runtime.keyring.seal)
            work.record(EventType.USER_CREATED, person.id)
        with running(settings, tmp_path / "log", "worker"):
            # it begins by itself, and with what other tests have left to all their receivers
            (message,) = await receiver.until(1, patience=60.0)
    assert message.json["data"] == {"event": {"type": "USER_CREATED", "actorKind": "OPERATOR"}}


def test_a_taken_metrics_port_does_not_keep_it_from_working(settings: Settings, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running(msgspec.structs.replace(settings, metrics_port=port), log, "worker") as process:
            wait_until(lambda: "working" in text(log) or process.poll() is not None)
            assert "metrics port is taken" in text(log)
            assert metrics_port(log) != port
            assert "harka_jobs_total" in page(log)


def test_without_servers_it_says_what_is_missing() -> None:
    done = harka(Settings(), "worker")
    assert (done.returncode, done.stderr.partition(" is ")[0]) == (1, "harka: HARKA_DATABASE_URL")
