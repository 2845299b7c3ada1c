import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from cli import running
from harka.config import Settings
from harka.learning import enrollment, user
from harka.learning.course import CourseDraft, create
from harka.learning.outline import LessonOutline, ModuleOutline
from harka.learning.work import unit_of_work
from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.tenancy.context import operator_context

MakeTenant = Callable[..., Awaitable[Organization]]
USERS = "email,name,role\nada@example.com,Ada,instructor\ngrace@example.com,Grace,\n"
ENROLLMENTS = "email,course\nada@example.com,MATH-1\ngrace@example.com,MATH-1\n"


async def harka(settings: Settings, *arguments: str) -> tuple[int | None, str, str]:
    done = await asyncio.to_thread(running.harka, settings, *arguments)
    return done.returncode, done.stdout, done.stderr


async def teach(runtime: Runtime, tenant: Organization) -> None:
    outline = (ModuleOutline("Numbers", (LessonOutline("One"),)),)
    async with unit_of_work(
        *(runtime.databases, runtime.cache, runtime.pubsub, operator_context(tenant)),
        read_only=False,
        timeout=20.0,
    ) as work:
        await create(work, CourseDraft(title="Mathematics", code="MATH-1", modules=outline, published=True))


async def counts(runtime: Runtime, tenant: Organization) -> tuple[int, int]:
    async with unit_of_work(
        *(runtime.databases, runtime.cache, runtime.pubsub, operator_context(tenant)),
        read_only=True,
        timeout=20.0,
    ) as work:
        return await user.count(work), await enrollment.count(work)


async def test_users_and_enrollments_come_in_together_and_again(
    runtime: Runtime, make_tenant: MakeTenant, tmp_path: Path
) -> None:
    tenant = await make_tenant()
    await teach(runtime, tenant)
    (tmp_path / "users.csv").write_text("\ufeff" + USERS)
    (tmp_path / "enrollments.csv").write_text(ENROLLMENTS)
    command = (
        *("import", "csv", "--tenant", tenant.slug),
        *("--users", str(tmp_path / "users.csv"), "--enrollments", str(tmp_path / "enrollments.csv")),
    )

    code, _, notes = await harka(runtime.settings, *command, "--dry-run")
    assert (code, await counts(runtime, tenant)) == (0, (0, 0))
    assert "2 would be created" in notes

    code, out, _ = await harka(runtime.settings, *command)
    assert (code, out, await counts(runtime, tenant)) == (0, "", (2, 2))

    code, _, notes = await harka(runtime.settings, *command)
    assert (code, await counts(runtime, tenant)) == (0, (2, 2))
    assert "2 were there" in notes


async def test_one_refused_row_keeps_all_others_out(
    runtime: Runtime, make_tenant: MakeTenant, tmp_path: Path
) -> None:
    tenant = await make_tenant()
    path = tmp_path / "users.csv"
    path.write_text(USERS + "nobody,Nobody,\n")

    code, out, notes = await harka(
        runtime.settings, "import", "csv", "--tenant", tenant.slug, "--users", str(path)
    )

    assert (code, await counts(runtime, tenant)) == (1, (0, 0))
    assert out.startswith(f"{path}:4: email: VALIDATION_FAILED: ")
    assert "nothing was kept" in notes


async def test_an_unknown_organization_is_one_line(runtime: Runtime, tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_text(USERS)
    code, out, notes = await harka(
        runtime.settings, "import", "csv", "--tenant", "nowhere", "--users", str(path)
    )
    assert (code, out) == (1, "")
    assert notes == "error: There is no such organization.\n"


async def test_nothing_to_read_is_a_usage_error(runtime: Runtime) -> None:
    code, _, notes = await harka(runtime.settings, "import", "csv", "--tenant", "nowhere")
    assert code == 2
    assert "--enrollments" in notes
