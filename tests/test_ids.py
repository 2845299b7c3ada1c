import time
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harka.errors import InvalidIdError
from harka.ids import NodeIds, NodeKind, earliest_id, new_id

IDS = NodeIds(b"k" * 32)
TENANT = uuid4()


def test_new_id_is_a_version_7_uuid_carrying_its_millisecond() -> None:
    before = time.time_ns() // 1_000_000
    made = new_id()
    after = time.time_ns() // 1_000_000
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert before <= made.int >> 80 <= after


def test_new_ids_do_not_repeat() -> None:
    assert len({new_id() for _ in range(10_000)}) == 10_000


def test_the_earliest_id_of_a_moment_divides_those_before_from_those_after() -> None:
    before = new_id()
    moment = datetime.fromtimestamp(((before.int >> 80) + 1) / 1000, UTC)
    while (after := new_id()).int >> 80 <= before.int >> 80:
        pass
    assert before < earliest_id(moment) < after


@given(st.uuids(), st.uuids(), st.sampled_from(NodeKind))
def test_a_sealed_id_opens_to_what_was_sealed(tenant: UUID, id_: UUID, kind: NodeKind) -> None:
    opened = IDS.open(tenant, IDS.seal(tenant, kind, id_))
    assert opened == (kind, id_)
    assert (str(opened[1]), opened[1].is_safe, hash(opened[1])) == (str(id_), id_.is_safe, hash(id_))


def test_another_tenant_cannot_open_an_id() -> None:
    sealed = IDS.seal(TENANT, NodeKind.COURSE, new_id())
    with pytest.raises(InvalidIdError):
        IDS.open(uuid4(), sealed)


def test_another_key_cannot_open_an_id() -> None:
    sealed = IDS.seal(TENANT, NodeKind.COURSE, new_id())
    with pytest.raises(InvalidIdError):
        NodeIds(b"j" * 32).open(TENANT, sealed)


def test_an_id_of_another_kind_is_refused() -> None:
    sealed = IDS.seal(TENANT, NodeKind.COURSE, new_id())
    with pytest.raises(InvalidIdError):
        IDS.open_as(TENANT, NodeKind.USER, sealed)


def test_every_single_changed_character_is_refused() -> None:
    sealed = IDS.seal(TENANT, NodeKind.LESSON, new_id())
    for place in range(len(sealed)):
        for other in "Az0_-":
            if sealed[place] != other:
                with pytest.raises(InvalidIdError):
                    IDS.open(TENANT, sealed[:place] + other + sealed[place + 1 :])


@given(st.text(max_size=80))
def test_garbled_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidIdError):
        IDS.open(TENANT, text)
