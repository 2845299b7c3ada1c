"""The same promises where files live in a bucket, and the bucket takes uploads itself."""

from collections.abc import Iterator
from uuid import uuid4

import httpx2
import pytest

from harka.errors import NotFoundError, UnavailableError
from harka.files.store import FileStore

KEY = bytes(range(32))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - a second, in every process that collects tests

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def store(address: str, monkeypatch: pytest.MonkeyPatch) -> FileStore:
    for name, value in {
        "ENDPOINT_URL": address,
        "ACCESS_KEY_ID": "test",
        "SECRET_ACCESS_KEY": "test",
        "REGION": "us-east-1",
        "ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    httpx2.put(f"{address}/lessons").raise_for_status()
    return FileStore("s3://lessons", KEY)


async def test_what_is_put_at_a_signed_address_is_the_tenants(store: FileStore, address: str) -> None:
    ours, theirs = uuid4(), uuid4()
    url = await store.upload_url(ours, "arriving/a", size=5, lifetime=60.0)
    assert url.startswith(f"{address}/lessons/{ours.hex}/arriving/a?")
    assert "X-Amz-Expires=60" in url
    httpx2.put(url, content=b"Hello").raise_for_status()
    assert await store.move(ours, "arriving/a", "uploads/a") is True
    assert await store.find(ours, "arriving/a") is None
    assert await store.move(ours, "arriving/a", "uploads/a") is False
    found = await store.find(ours, "uploads/a")
    assert found is not None
    assert found.size == 5
    assert b"".join([piece async for piece in store.read(ours, "uploads/a", (1, 3))]) == b"el"
    assert await store.find(theirs, "uploads/a") is None
    await store.delete(ours, "uploads/a")
    await store.delete(ours, "uploads/a")
    with pytest.raises(NotFoundError):
        assert [piece async for piece in store.read(ours, "uploads/a")]


async def test_files_of_a_bucket_are_read_by_way_of_us(store: FileStore) -> None:
    """Who reads them is told a name and a kind, and gets no address of the bucket."""
    tenant = uuid4()
    url = store.download_url(tenant, "uploads/a", name="A.pdf", media_type="application/pdf")
    assert store.open_link(tenant, url.removeprefix("/files/")).path == "uploads/a"


async def test_a_bucket_that_refuses_is_unavailable(store: FileStore) -> None:
    absent = FileStore("s3://nowhere", KEY)
    with pytest.raises(UnavailableError):
        await absent.write(uuid4(), "a.txt", b"x")
