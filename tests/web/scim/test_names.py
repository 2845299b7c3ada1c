from typing import Any
from uuid import UUID

import pytest

from harka.errors import NotFoundError
from harka.ids import NodeIds, NodeKind
from harka.web.middleware.request_scope import RequestRecord, RequestScope
from harka.web.scim.names import Names, base_of

IDS = NodeIds(b"k" * 32)
OURS, THEIRS = (Names(IDS, UUID(int=number), "http://a.example/scim/v2") for number in (1, 2))
SOMEBODY = UUID(int=3)


def test_an_id_opens_where_it_was_sealed_and_as_what_it_is() -> None:
    id_ = OURS.id(NodeKind.USER, SOMEBODY)
    assert OURS.open(NodeKind.USER, id_) == SOMEBODY
    assert OURS.location(NodeKind.USER, SOMEBODY) == f"http://a.example/scim/v2/Users/{id_}"
    texts = set()
    for names, kind, text in (
        (THEIRS, NodeKind.USER, id_),
        (OURS, NodeKind.USER, "nothing"),
        (OURS, NodeKind.USER, OURS.id(NodeKind.GROUP, SOMEBODY)),
    ):
        assert names.find(kind, text) is None
        with pytest.raises(NotFoundError) as refused:
            names.open(kind, text)
        texts.add(refused.value.message)
    assert len(texts) == 1
    assert OURS.find(NodeKind.USER, 5) is None


def scope(*headers: tuple[bytes, bytes], trusted: bool = False) -> dict[str, Any]:
    request = RequestScope(id="r", deadline=0.0, trusted=trusted, record=RequestRecord(), address="")
    return {"scheme": "http", "headers": [(b"host", b"a.example"), *headers], "harka": request}


def test_the_address_is_the_one_that_was_asked_and_a_trusted_proxys_word() -> None:
    behind = ((b"x-forwarded-host", b"b.example"), (b"x-forwarded-proto", b"https"))
    assert base_of(scope()) == "http://a.example/scim/v2"
    assert base_of(scope(*behind)) == "http://a.example/scim/v2"
    assert base_of(scope(*behind, trusted=True)) == "https://b.example/scim/v2"
