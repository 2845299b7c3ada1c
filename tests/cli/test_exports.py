import json
from collections.abc import AsyncIterator
from pathlib import Path

from cli.test_imports import MakeTenant, harka, teach
from harka.ids import new_id
from harka.learning import course, file, file_record
from harka.learning.file import UploadDraft
from harka.learning.work import unit_of_work
from harka.onboarding.export import PARTS
from harka.repositories.file import FileFilter
from harka.runtime import Runtime
from harka.tenancy.context import operator_context

FILES = [*PARTS]


async def test_a_tenant_is_written_to_a_directory(
    runtime: Runtime, make_tenant: MakeTenant, tmp_path: Path
) -> None:
    tenant = await make_tenant()
    await teach(runtime, tenant)
    code, out, _ = await harka(runtime.settings, "export", tenant.slug, "--out", str(tmp_path / "out"))
    assert (code, out.split()) == (0, [str(tmp_path / "out" / name) for name in FILES])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(FILES)
    row = json.loads((tmp_path / "out" / "courses.jsonl").read_text())
    assert (row["code"], row["modules"][0]["lessons"][0]["title"]) == ("MATH-1", "One")
    assert (tmp_path / "out" / "users.jsonl").read_bytes() == b""


async def test_by_default_it_goes_to_the_tenants_own_files(runtime: Runtime, make_tenant: MakeTenant) -> None:
    tenant, other = await make_tenant(), await make_tenant()
    await teach(runtime, tenant)
    code, out, _ = await harka(runtime.settings, "export", tenant.slug)
    assert code == 0
    path = out.split()[0]
    assert path.startswith("exports/")
    content = b"".join([piece async for piece in runtime.files.read(tenant.id, path)])
    assert json.loads(content)["code"] == "MATH-1"
    assert await runtime.files.find(other.id, path) is None


async def test_an_unknown_organization_is_one_line(runtime: Runtime) -> None:
    code, out, notes = await harka(runtime.settings, "export", "nowhere")
    assert (code, out, notes) == (1, "", "error: There is no such organization.\n")


async def test_an_export_is_imported_by_another_tenant(
    runtime: Runtime, make_tenant: MakeTenant, tmp_path: Path
) -> None:
    ours, theirs = await make_tenant(), await make_tenant()
    await teach(runtime, ours)
    out = str(tmp_path / "out")
    async with unit_of_work(
        *(runtime.databases, runtime.cache, runtime.pubsub, operator_context(ours)),
        read_only=False,
        timeout=20.0,
    ) as work:
        notes = UploadDraft(name="Notes.txt", size=5, media_type="text/plain")
        kept = await file_record.record(work, runtime.files, notes, _hello(), id_=new_id(), owner=None)
    await harka(runtime.settings, "export", ours.slug, "--out", out)
    assert (Path(out) / "files" / str(kept.id)).read_bytes() == b"Hello"
    asked = ("import", "archive", "--tenant", theirs.slug, out)
    for more, count in ((("--dry-run",), 0), ((), 1)):
        code, _, notes = await harka(runtime.settings, *asked, *more)
        assert (code, "1 courses" in notes) == (0, True)
        async with unit_of_work(
            *(runtime.databases, runtime.cache, runtime.pubsub, operator_context(theirs)),
            read_only=True,
            timeout=20.0,
        ) as work:
            assert await course.count(work) == count
            found = await file.list_page(work, FileFilter(), after=None, first=9)
        assert len(found) == count
        for each in found:
            assert await runtime.files.find(theirs.id, file.path_of(each.id)) is not None


async def _hello() -> AsyncIterator[bytes]:
    yield b"Hello"
