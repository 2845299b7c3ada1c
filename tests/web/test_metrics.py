import asyncio
import socket

import httpx2
import msgspec
import pytest
import websockets

from harka.config import ConfigurationError
from harka.metrics import Metrics
from harka.runtime import Runtime
from harka.web.metrics import serve_metrics, watch


async def test_the_page_is_served_on_its_own_port() -> None:
    metrics = Metrics(tenants=1)
    async with (
        serve_metrics(metrics, host="127.0.0.1", port=0) as port,
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
    ):
        answer = await http.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=")
        assert "http_request_duration_seconds" in answer.text
        assert (await http.get("/")).status_code == 404
        assert (await http.post("/metrics")).status_code == 404


async def test_a_taken_port_is_no_reason_not_to_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        async with serve_metrics(Metrics(tenants=1), host="127.0.0.1", port=number) as port:
            assert port != number
            async with httpx2.AsyncClient() as http:
                assert (await http.get(f"http://127.0.0.1:{port}/metrics")).status_code == 200


async def test_an_address_that_is_not_ours_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match=r"HARKA_METRICS_HOST: .*assign"):
        async with serve_metrics(Metrics(tenants=1), host="203.0.113.9", port=0):
            pass


async def test_the_port_is_closed_afterwards() -> None:
    async with serve_metrics(Metrics(tenants=1), host="127.0.0.1", port=0) as port:
        pass
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection("127.0.0.1", port)


async def test_sockets_are_not_spoken_there() -> None:
    async with serve_metrics(Metrics(tenants=1), host="127.0.0.1", port=0) as port:
        with pytest.raises(websockets.InvalidStatus):
            await websockets.connect(f"ws://127.0.0.1:{port}/metrics")


async def test_pools_and_cache_are_watched(runtime: Runtime) -> None:
    metrics = Metrics(tenants=1)
    watch(msgspec.structs.replace(runtime, metrics=metrics))
    page = metrics.exposition().decode()
    assert 'database_connections{state="idle"}' in page
    assert 'cache_lookups_total{outcome="hit"}' in page
