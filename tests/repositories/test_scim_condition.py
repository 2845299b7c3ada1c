"""Whatever a directory looks for is one statement that names the tenant, and answers the right rows."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from academy import Academy, academy, academy_settings, parts
from harka.ids import new_id
from harka.learning import group, group_member, user
from harka.learning.user import UserDraft
from harka.repositories import scim_group, scim_user
from harka.repositories.scim_condition import (
    OPERATORS,
    Comparison,
    Condition,
    Fixed,
    Joined,
    Kind,
    Negated,
    Operator,
    compiled,
)
from harka.repositories.scim_list import OLDEST_FIRST, Asked, ScimList
from harka.repositories.scim_user import Known
from repositories.test_statements import unfiltered

__all__ = ["academy", "academy_settings", "parts"]

LISTS: dict[str, ScimList[Any]] = {"user": scim_user.LISTED, "group": scim_group.LISTED}
SHAPES = [
    pytest.param(noun, name, operator, id=f"{noun}.{name}.{operator}")
    for noun, listed in LISTS.items()
    for name, column in listed.columns.items()
    for operator in sorted(OPERATORS[column.kind])
]
VALUES: dict[Kind, Any] = {
    Kind.TEXT: "x",
    Kind.EXACT: "x",
    Kind.BOOLEAN: True,
    Kind.MOMENT: datetime(2026, 1, 1, tzinfo=UTC),
    Kind.ID: new_id(),
    Kind.MEMBER: new_id(),
}


@pytest.mark.parametrize(("noun", "name", "operator"), SHAPES)
async def test_every_column_by_every_operator_runs_and_names_the_tenant(
    academy: Academy, noun: str, name: str, operator: Operator
) -> None:
    listed = LISTS[noun]
    asked = Comparison(name, operator, VALUES[listed.columns[name].kind])
    found = compiled(asked, listed.columns, 4)
    page = listed.page_statement(found.sql, OLDEST_FIRST, descending=True)
    for statement in (page, listed.count_statement(compiled(asked, listed.columns, 2).sql)):
        assert unfiltered(statement.text) == []
        assert "'x'" not in statement.text
    async with academy.work(read_only=True) as work:
        some = await listed.find(work.session, Asked(condition=asked, first=50))
        assert some.total >= len(some.rows)
        nothing = Joined((asked, Fixed(holds=False)), every=True)
        none = await listed.find(work.session, Asked(condition=nothing, first=50))
    assert (list(none.rows), none.total) == ([], 0)


async def test_people_are_found_as_they_should_be(academy: Academy) -> None:
    async with academy.work() as work:
        ada, bob, cyd = await user.create_many(
            work,
            [
                UserDraft(email=f"{name}@found.example", name=f"{name.title()} Found", role=role)
                for name, role in (("ada", "manager"), ("bob", "learner"), ("cyd", "learner"))
            ],
        )
        await user.deactivate(work, cyd.id)
        team = await group.create(work, name="Found Team")
        await group_member.add(work, team.id, [ada.id, cyd.id])
        await scim_user.write_many(
            work.session,
            [Known(ada.id, "Ada.Löv", "X-1", "home", "{}"), Known(bob.id, None, None, "work", "{}")],
        )
    ours = Comparison("emails.value", Operator.ENDS, "@FOUND.example")

    async def found(asked: Condition) -> str:
        async with academy.work(read_only=True) as work:
            both = Joined((ours, asked), every=True)
            people = await scim_user.LISTED.find(
                work.session, Asked(condition=both, first=9, by="emails.value")
            )
            assert people.total == len(people.rows)
        return " ".join(row.email.partition("@")[0] for row in people.rows)

    def by(name: str, operator: str, value: Any = None) -> Comparison:
        return Comparison(name, Operator(operator), value)

    assert await found(by("username", "eq", "ada.löv")) == "ada"
    # whoever has a name is not called by their address, whoever has none is
    assert await found(by("username", "eq", "ADA@found.example")) == ""
    assert await found(by("username", "eq", "BOB@found.example")) == "bob"
    assert await found(by("username", "ne", "bob@found.example")) == "ada cyd"
    assert await found(by("username", "sw", "ADA.")) == "ada"
    assert await found(by("username", "co", "FOUND")) == "bob cyd"
    assert await found(by("externalid", "eq", "X-1")) == "ada"
    assert await found(by("externalid", "eq", "x-1")) == ""
    assert await found(by("externalid", "ne", "X-1")) == "bob cyd"
    assert await found(by("externalid", "pr")) == "ada"
    assert await found(by("externalid", "eq")) == "bob cyd"
    assert await found(Negated(by("externalid", "eq", "X-1"))) == "bob cyd"
    assert await found(by("active", "eq", value=False)) == "cyd"
    assert await found(by("roles.value", "eq", "MANAGER")) == "ada"
    assert await found(by("emails.type", "eq", "Home")) == "ada"
    assert await found(by("groups.value", "eq", team.id)) == "ada cyd"
    assert await found(by("groups.value", "ne", team.id)) == "bob"
    assert await found(by("id", "eq", bob.id)) == "bob"
    assert await found(by("meta.created", "gt", ada.created_at + timedelta(hours=1))) == ""
    assert await found(by("displayname", "gt", "bob")) == "bob cyd"
    # what a pattern would read as anything is itself
    assert await found(by("displayname", "co", "%")) == ""
    assert (
        await found(Joined((by("username", "sw", "bob"), by("active", "eq", value=False)), every=False))
        == "bob cyd"
    )
