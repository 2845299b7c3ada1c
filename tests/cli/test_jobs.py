from academy import Academy, Parts
from cli.test_imports import MakeTenant, harka
from harka.ids import new_id
from harka.runtime import Runtime
from harka.storage.statement import Statement

BURY = Statement(
    "test.bury",
    """UPDATE {schema}.job SET state = 'dead', attempts = 3, error = 'no luck', finished_at = now()
    WHERE tenant_id = $1""",
)


async def test_jobs_are_listed_cancelled_and_tried_again(runtime: Runtime, make_tenant: MakeTenant) -> None:
    academy = Academy(
        Parts(runtime.databases, runtime.cache, runtime.pubsub, runtime.outside), await make_tenant()
    )
    async with academy.work() as work:
        id_ = str(await work.enqueue("test", {}))

    async def jobs(*arguments: str) -> tuple[int, str, str]:
        return await harka(runtime.settings, "jobs", *arguments, "--tenant", academy.organization.slug)

    _, listed, _ = await jobs("list")
    assert (id_ in listed, "queued" in listed) == (True, True)
    assert id_ not in (await jobs("list", "--state", "done"))[1]
    assert "is cancelled" in (await jobs("cancel", id_))[2]
    assert "is queued" in (await jobs("retry", id_))[2]
    async with academy.work() as work:
        await work.session.execute(BURY)
    _, dead, _ = await jobs("dead")
    assert (id_ in dead, "no luck" in dead, "3/3" in dead) == (True, True, True)
    code, _, said = await jobs("cancel", str(new_id()))
    assert (code, said) == (1, "error: There is no such job here.\n")
    assert (await jobs("cancel", id_))[0] == 1, "it is over"
