"""The grammar of filters, and what cannot be looked for."""

from typing import Any
from uuid import UUID

import pytest

from harka.errors import ScimRequestError
from harka.ids import NodeIds, NodeKind
from harka.repositories.scim_condition import Comparison, Condition, Fixed, Joined, Negated, Operator
from harka.web.scim.filter import condition_of
from harka.web.scim.names import Names
from harka.web.scim.users import FILTERABLE

NAMES = Names(NodeIds(b"k" * 32), UUID(int=1), "http://a.example/scim/v2")
SOMEBODY = UUID(int=2)
ID = NAMES.id(NodeKind.USER, SOMEBODY)
FOREIGN = Names(NAMES.ids, UUID(int=3), "").id(NodeKind.USER, SOMEBODY)


def by(name: str, operator: str, value: Any = None) -> Comparison:
    return Comparison(name, Operator(operator), value)


def both(*terms: Condition) -> Joined:
    return Joined(terms, every=True)


def either(*terms: Condition) -> Joined:
    return Joined(terms, every=False)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ('userName eq "bjensen"', by("username", "eq", "bjensen")),
        ('USERNAME Eq "bjensen"', by("username", "eq", "bjensen")),
        ('urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J"', by("username", "sw", "J")),
        ('displayName co "a \\"quoted\\" b"', by("displayname", "co", 'a "quoted" b')),
        ("externalId pr", by("externalid", "pr")),
        ("externalId eq null", by("externalid", "eq")),
        ("active eq true", by("active", "eq", value=True)),
        ('active eq "False"', by("active", "eq", value=False)),
        ('emails eq "a@b.example"', by("emails.value", "eq", "a@b.example")),
        ('emails.value ew "b.example"', by("emails.value", "ew", "b.example")),
        (
            'emails[type eq "work" and value co "@b"]',
            both(by("emails.type", "eq", "work"), by("emails.value", "co", "@b")),
        ),
        (
            'userName eq "a" or userName eq "b" and not (active eq true)',
            either(
                by("username", "eq", "a"),
                both(by("username", "eq", "b"), Negated(by("active", "eq", value=True))),
            ),
        ),
        (
            '(userName eq "a" or userName eq "b") and active eq true',
            both(
                either(by("username", "eq", "a"), by("username", "eq", "b")), by("active", "eq", value=True)
            ),
        ),
        (f'id eq "{ID}"', by("id", "eq", SOMEBODY)),
        (f'id eq "{FOREIGN}"', Fixed(holds=False)),
        ('id ne "nobody"', Fixed(holds=True)),
        ('groups eq "nothing"', Fixed(holds=False)),
        ('roles[value eq "manager"]', by("roles.value", "eq", "manager")),
        ('meta.resourceType eq "user"', Fixed(holds=True)),
        ('meta.resourceType ne "User"', Fixed(holds=False)),
    ],
)
def test_a_filter_is_read_as_what_it_means(text: str, condition: Condition) -> None:
    read = condition_of(text, FILTERABLE, NAMES)
    assert _plain(read) == _plain(condition)


def test_a_time_is_a_moment() -> None:
    read = condition_of('meta.lastModified gt "2026-05-13T04:42:34Z"', FILTERABLE, NAMES)
    assert isinstance(read, Comparison)
    assert str(read.value) == "2026-05-13 04:42:34+00:00"


@pytest.mark.parametrize(
    "text",
    [
        "userName",
        'userName eq "a',
        'userName xx "a"',
        'userName eq "a" and',
        '(userName eq "a"',
        "userName eq 5",
        'userName eq "a\\u0000"',
        'active gt "true"',
        "active eq 5",
        'active eq "perhaps"',
        'id sw "a"',
        'groups co "a"',
        "groups pr",
        'title eq "a"',
        'name.familyName eq "a"',
        'password eq "a"',
        'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "a"',
        'meta.created gt "yesterday"',
        'meta.created gt "2026-05-13T04:42:34"',
        "userName gt null",
        'emails[display eq "a"]',
        'userName eq "' + "a" * 4000 + '"',
        "(" * 30 + 'userName eq "a"' + ")" * 30,
        " or ".join(["active eq true"] * 101),
        "emails[" * 25,
    ],
)
def test_what_cannot_be_looked_for_is_refused(text: str) -> None:
    with pytest.raises(ScimRequestError) as refused:
        condition_of(text, FILTERABLE, NAMES)
    assert refused.value.kind == "invalidFilter"


def _plain(condition: Condition) -> Any:
    match condition:
        case Joined(terms, every):
            return every, [_plain(each) for each in terms]
        case Negated(term):
            return "not", _plain(term)
        case Comparison(name, operator, value):
            return name, operator, value.hex if isinstance(value, UUID) else value
        case Fixed(holds):
            return holds
