from academy import Academy
from harka.ids import new_id
from harka.repositories import sso_attempt as attempts


async def test_attempts_are_listed_by_what_is_asked_and_forgotten_when_they_are_old(
    academy: Academy, rival: Academy
) -> None:
    person, other = await academy.user(), await academy.user()
    async with academy.work() as work:
        first, second, third = [new_id() for _ in range(3)]
        await attempts.insert(work.session, first, None, person.id, "no_seat", "Full.")
        await attempts.insert(work.session, second, None, person.id, "signed_in", "")
        await attempts.insert(work.session, third, None, other.id, "no_seat", "Full.")

    async with academy.work() as work:
        of_person = await attempts.list_page(work.session, after=None, first=10, user_id=person.id)
        assert {each.id for each in of_person} == {first, second}
        (refused,) = await attempts.list_page(
            work.session, after=None, first=10, user_id=person.id, outcome="no_seat"
        )
        assert (refused.id, refused.detail, refused.connection_id) == (first, "Full.", None)
        assert await attempts.count(work.session, user_id=other.id) == 1
        assert await attempts.count(work.session, connection_id=new_id()) == 0
        assert await attempts.delete_old(work.session, older_than=3600.0) == 0

    async with rival.work() as work:
        assert list(await attempts.find_by_ids(work.session, [first])) == []
        # as if in an hour: of this organization alone
        assert await attempts.delete_old(work.session, older_than=-3600.0) == 0

    async with academy.work() as work:
        assert len(await attempts.find_by_ids(work.session, [first, second, third])) == 3
        assert await attempts.delete_old(work.session, older_than=-3600.0) >= 3
        assert list(await attempts.find_by_ids(work.session, [first])) == []
