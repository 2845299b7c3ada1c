"""What directories look for by a column that has an index, as statements."""

from collections.abc import Callable, Iterator, Mapping

from harka.repositories import scim_group, scim_user
from harka.repositories.scim_condition import Column, Comparison, Operator, compiled
from harka.storage.statement import Statement


def by_index(
    columns: Mapping[str, Column],
    page: Callable[..., Statement],
    count: Callable[[str], Statement],
    *names: str,
) -> Iterator[Statement]:
    """What a directory looks for by a column that has an index: one page of it, and how many there are."""
    for name in names:
        asked = Comparison(name, Operator.EQUAL, "x")
        yield page(compiled(asked, columns, 4).sql, "meta.created", descending=False)
        yield count(compiled(asked, columns, 2).sql)


BY_INDEX = (
    *by_index(
        scim_user.COLUMNS,
        scim_user.page_statement,
        scim_user.count_statement,
        *("id", "username", "externalid", "emails.value", "groups.value"),
    ),
    *by_index(
        scim_group.COLUMNS,
        scim_group.page_statement,
        scim_group.count_statement,
        *("id", "displayname", "externalid", "members.value"),
    ),
)
