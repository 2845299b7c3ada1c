from collections import Counter
from uuid import UUID

from harka.ids import new_id
from harka.worker.rotation import Rotation


def anybody(_tenant: UUID) -> bool:
    return True


def served(rotation: Rotation, turn: int, free: int, *, more: bool = True) -> tuple[UUID, int]:
    """One claim of whose turn it is, with `free` slots."""
    tenant = rotation.take(anybody)
    assert tenant is not None
    used = min(rotation.credit(tenant, turn), free)
    rotation.settle(tenant, used, more=more)
    return tenant, used


def test_everybody_gets_a_turn_before_anybody_gets_two() -> None:
    rotation, (busy, calm, late) = Rotation(), (new_id(), new_id(), new_id())
    for _ in range(100):
        rotation.add(busy)
    rotation.add(calm)

    turns = [served(rotation, 1, 8)]
    rotation.add(late)
    turns += [served(rotation, 1, 8) for _ in range(3)]

    assert [tenant for tenant, _ in turns] == [busy, calm, busy, late]


def test_a_turn_is_as_long_as_it_weighs_however_few_slots_are_free() -> None:
    rotation, weights = Rotation(), {new_id(): 1, new_id(): 2, new_id(): 4}
    for tenant in weights:
        rotation.add(tenant)
    done: Counter[UUID] = Counter()
    for free in [1, 3, 2, 5] * 100:
        tenant = rotation.take(anybody)
        assert tenant is not None
        used = min(rotation.credit(tenant, 4 * weights[tenant]), free)
        done[tenant] += used
        rotation.settle(tenant, used, more=True)

    for tenant, weight in weights.items():
        assert abs(done[tenant] / done.total() - weight / 7) < 0.1 * weight / 7


def test_who_has_nothing_to_do_loses_the_rest_of_its_turn() -> None:
    rotation, (idle, busy) = Rotation(), (new_id(), new_id())
    rotation.add(idle)
    rotation.add(busy)

    assert served(rotation, 8, 2, more=False) == (idle, 2)
    assert served(rotation, 8, 8) == (busy, 8)
    rotation.add(idle)
    assert [served(rotation, 8, 8)[0] for _ in range(2)] == [busy, idle]
    assert rotation.waiting == [busy, idle]


def test_a_turn_that_was_interrupted_goes_on() -> None:
    rotation, (capped, other) = Rotation(), (new_id(), new_id())
    rotation.add(capped)
    rotation.add(other)
    assert rotation.take(anybody) == capped
    assert rotation.credit(capped, 8) == 8
    rotation.settle(capped, 3, more=False, capped=True)
    assert rotation.waiting == [other], "until a slot of its own is free"
    rotation.add(capped)
    assert rotation.waiting == [capped, other]
    assert rotation.take(anybody) == capped
    assert rotation.credit(capped, 8) == 5


def test_who_is_not_ready_keeps_its_place() -> None:
    rotation, (down, up) = Rotation(), (new_id(), new_id())
    rotation.add(down)
    rotation.add(up)

    assert rotation.take(lambda tenant: tenant == up) == up
    assert rotation.take(lambda tenant: tenant == up) is None
    assert rotation.take(anybody) == down


def test_work_that_comes_while_a_tenant_is_served_is_not_forgotten() -> None:
    rotation, tenant = Rotation(), new_id()
    rotation.add(tenant)
    assert rotation.take(anybody) == tenant
    rotation.add(tenant)
    assert rotation.waiting == []
    rotation.settle(tenant, 0, more=False)
    assert rotation.waiting == [tenant]
    served(rotation, 1, 1, more=False)
    assert rotation.waiting == []
