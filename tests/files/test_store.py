import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from harka import clock
from harka.config import ConfigurationError
from harka.errors import NotFoundError, TenantRequiredError, UnavailableError, ValidationError
from harka.files.store import FileStore

KEY = bytes(range(32))


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore((tmp_path / "files").as_uri(), KEY)


async def content(store: FileStore, tenant: UUID, path: str) -> bytes:
    return b"".join([piece async for piece in store.read(tenant, path)])


def files_in(directory: Path) -> list[Path]:
    return [item for item in directory.rglob("*") if item.is_file()]


async def test_what_was_written_is_read(store: FileStore) -> None:
    tenant = uuid4()
    await store.write(tenant, "exports/2026/courses.csv", b"code,title\n")
    assert await content(store, tenant, "exports/2026/courses.csv") == b"code,title\n"
    found = await store.find(tenant, "exports/2026/courses.csv")
    assert found is not None
    assert (found.path, found.size) == ("exports/2026/courses.csv", 11)
    assert abs(found.modified_at - datetime.now(UTC)) < timedelta(minutes=1)


async def test_a_stream_is_written_in_one_step(store: FileStore) -> None:
    tenant = uuid4()

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(300):
            yield f"{number:04}".encode() * 1000
            assert await store.find(tenant, "large.bin") is None

    await store.write(tenant, "large.bin", pieces())
    assert len(await content(store, tenant, "large.bin")) == 1_200_000


async def test_a_stream_that_breaks_off_leaves_the_old_file(store: FileStore) -> None:
    tenant = uuid4()
    await store.write(tenant, "report.csv", b"old")

    async def broken() -> AsyncIterator[bytes]:
        yield b"new"
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await store.write(tenant, "report.csv", broken())
    assert await content(store, tenant, "report.csv") == b"old"


async def test_another_tenant_sees_nothing_of_it(store: FileStore) -> None:
    ours, theirs = uuid4(), uuid4()
    await store.write(ours, "a.txt", b"ours")
    assert await store.find(theirs, "a.txt") is None
    with pytest.raises(NotFoundError):
        await content(store, theirs, "a.txt")
    await store.delete(theirs, "a.txt")
    assert await content(store, ours, "a.txt") == b"ours"


async def test_deleted_is_gone_and_deleting_again_is_fine(store: FileStore) -> None:
    tenant = uuid4()
    await store.write(tenant, "a.txt", b"x")
    await store.delete(tenant, "a.txt")
    await store.delete(tenant, "a.txt")
    assert await store.find(tenant, "a.txt") is None


async def test_what_is_below_goes_and_what_is_called_alike_stays(store: FileStore) -> None:
    tenant, other = uuid4(), uuid4()
    for path in ("bulk/a/parts/1", "bulk/a/result", "bulk/ab"):
        for owner in (tenant, other):
            await store.write(owner, path, b"x")
    for _ in range(2):
        await store.delete_below(tenant, "bulk/a")
    there = [
        path for path in ("bulk/a/parts/1", "bulk/a/result", "bulk/ab") if await store.find(tenant, path)
    ]
    assert there == ["bulk/ab"]
    assert await store.find(other, "bulk/a/parts/1") is not None


@pytest.mark.parametrize("tenant", [None, "", "..", "00000000-0000-0000-0000-000000000001"])
async def test_without_a_tenant_it_refuses(store: FileStore, tenant: object) -> None:
    with pytest.raises(TenantRequiredError):
        await store.write(tenant, "a.txt", b"")  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(TenantRequiredError):
        await store.find(tenant, "a.txt")  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(TenantRequiredError):
        store.sign(tenant, "a.txt", lifetime=1.0)  # type: ignore[arg-type]  # the mistake under test


BAD_PATHS = [
    "",
    ".",
    "..",
    "../b/a.txt",
    "a/../../b",
    "/etc/passwd",
    "a//b",
    "a/",
    "/a",
    "a\\..\\b",
    ".hidden",
    "a/.hidden",
]
BAD_PATHS += ["a\x00b", "a\nb", "a b", "%2e%2e/a", "é.txt", "a/..", "~root", "C:a", "x" * 513]


@pytest.mark.parametrize("path", BAD_PATHS)
async def test_a_path_that_is_not_plain_is_refused_and_nothing_is_written(tmp_path: Path, path: str) -> None:
    store = FileStore((tmp_path / "files").as_uri(), KEY)
    for call in (store.write(uuid4(), path, b"x"), store.find(uuid4(), path), store.delete(uuid4(), path)):
        with pytest.raises(ValidationError):
            await call
    with pytest.raises(ValidationError):
        store.sign(uuid4(), path, lifetime=1.0)
    assert files_in(tmp_path) == []


def test_a_link_names_its_path(store: FileStore) -> None:
    tenant = uuid4()
    assert store.open_link(tenant, store.sign(tenant, "exports/a.csv", lifetime=60.0)).path == "exports/a.csv"


def test_a_link_to_read_is_equal_for_a_while_and_then_ends(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant, begin = uuid4(), datetime(2026, 1, 1, tzinfo=UTC)

    def url(seconds: int) -> str:
        monkeypatch.setattr(clock, "now", lambda: begin + timedelta(seconds=seconds))
        return store.download_url(tenant, "a.pdf", name="A.pdf", media_type="application/pdf")

    assert url(0) == url(299) != url(300)
    token = url(299).removeprefix("/files/")
    assert store.open_link(tenant, token).name == "A.pdf"
    url(600)
    with pytest.raises(NotFoundError):
        store.open_link(tenant, token)


async def test_a_link_to_write_reads_nothing_and_the_other_way_round(store: FileStore) -> None:
    tenant = uuid4()
    url = await store.upload_url(tenant, "a.txt", size=5, lifetime=60.0)
    token = url.removeprefix("/files/")
    assert (store.open_upload(tenant, token).path, store.open_upload(tenant, token).size) == ("a.txt", 5)
    with pytest.raises(NotFoundError):
        store.open_link(tenant, token)
    with pytest.raises(NotFoundError):
        store.open_upload(tenant, store.sign(tenant, "a.txt", lifetime=60.0))


async def test_a_part_is_read(store: FileStore) -> None:
    tenant = uuid4()
    await store.write(tenant, "a.txt", b"0123456789")
    assert b"".join([piece async for piece in store.read(tenant, "a.txt", (2, 5))]) == b"234"


async def test_what_is_moved_takes_the_place_of_what_was_there(store: FileStore) -> None:
    tenant = uuid4()
    await store.write(tenant, "a.txt", b"new")
    await store.write(tenant, "b.txt", b"old")
    assert await store.move(tenant, "a.txt", "b.txt") is True
    assert await content(store, tenant, "b.txt") == b"new"
    assert await store.find(tenant, "a.txt") is None
    assert await store.move(tenant, "a.txt", "b.txt") is False
    assert await store.move(uuid4(), "b.txt", "c.txt") is False


async def test_a_store_that_is_no_directory_keeps_the_same_promises() -> None:
    store, ours, theirs = FileStore("memory:///", KEY), uuid4(), uuid4()
    await store.write(ours, "a/b.txt", b"ours")
    assert await content(store, ours, "a/b.txt") == b"ours"
    assert await store.find(theirs, "a/b.txt") is None
    await store.delete(ours, "a/b.txt")
    with pytest.raises(NotFoundError):
        await content(store, ours, "a/b.txt")


@pytest.mark.parametrize("url", ["gopher://x", "nonsense", "/var/files"])
def test_a_url_that_names_no_store_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError, match="HARKA_FILES_URL"):
        FileStore(url, KEY)


async def test_without_a_store_files_are_unavailable() -> None:
    with pytest.raises(UnavailableError):
        await FileStore(None, KEY).write(uuid4(), "a.txt", b"")


async def test_two_writers_leave_one_whole_file(store: FileStore) -> None:
    tenant = uuid4()
    await asyncio.gather(*(store.write(tenant, "a.txt", bytes([65 + n]) * 100_000) for n in range(8)))
    assert len(set(await content(store, tenant, "a.txt"))) == 1
