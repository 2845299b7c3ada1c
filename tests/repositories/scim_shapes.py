"""What directories look for by a column that has an index, as statements."""

from collections.abc import Iterator
from typing import Any

from harka.repositories import scim_group, scim_user
from harka.repositories.scim_condition import Comparison, Operator, compiled
from harka.repositories.scim_list import OLDEST_FIRST, ScimList
from harka.storage.statement import Statement


def by_index(listed: ScimList[Any], *names: str) -> Iterator[Statement]:
    """What a directory looks for by a column that has an index: one page of it, and how many there are."""
    for name in names:
        asked = Comparison(name, Operator.EQUAL, "x")
        yield listed.page_statement(compiled(asked, listed.columns, 4).sql, OLDEST_FIRST, descending=False)
        yield listed.count_statement(compiled(asked, listed.columns, 2).sql)


BY_INDEX = (
    *by_index(scim_user.LISTED, "id", "username", "externalid", "emails.value", "groups.value"),
    *by_index(scim_group.LISTED, "id", "displayname", "externalid", "members.value"),
)
