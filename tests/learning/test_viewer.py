"""What people change of themselves."""

import pytest

from academy import Academy
from harka.errors import ConflictError, ValidationError
from harka.learning import viewer
from harka.learning.viewer import ViewerChanges
from harka.tenancy.permission import Permission


async def test_a_person_changes_their_own_name_and_language(academy: Academy) -> None:
    me, other = await academy.user(), await academy.user()
    async with academy.work(academy.acting(me)) as work:
        changes = ViewerChanges(name="  Ada ", locale="pt-BR", timezone="Europe/Berlin")
        changed = await viewer.update(work, changes, version=1)
    assert (changed.id, changed.name, changed.locale, changed.timezone) == (
        *(me.id, "Ada"),
        *("pt-BR", "Europe/Berlin"),
    )
    assert (changed.role, changed.email, changed.version) == (me.role, me.email, 2)
    rows = {row["id"]: row["name"] for row in await academy.rows('"user"')}
    assert rows == {str(me.id): "Ada", str(other.id): other.name}
    (told,) = [row for row in await academy.rows("event") if row["type"] == "user.updated"]
    assert (told["subject_id"], told["actor_id"]) == (str(me.id), str(me.id))


async def test_what_is_wrong_changes_nothing(academy: Academy) -> None:
    me = await academy.user()
    state = await academy.state()
    for changes, field in (
        (ViewerChanges(name=""), "name"),
        (ViewerChanges(name="a\0"), "name"),
        (ViewerChanges(locale="klingon!"), "locale"),
        (ViewerChanges(timezone="Mars/Base"), "timezone"),
    ):
        with pytest.raises(ValidationError) as refused:
            async with academy.work(academy.acting(me)) as work:
                await viewer.update(work, changes, version=1)
        assert refused.value.field == field
    with pytest.raises(ConflictError):
        async with academy.work(academy.acting(me)) as work:
            await viewer.update(work, ViewerChanges(name="Late"), version=2)
    with pytest.raises(ValidationError):
        async with academy.work(academy.key(*Permission)) as work:
            await viewer.update(work, ViewerChanges(name="X"), version=1)
    assert await academy.state() == state
