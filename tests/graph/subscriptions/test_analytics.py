from branches import branch_of
from harka.learning import enrollment, group_manager, user
from harka.learning.user import UserChanges, UserDraft
from harka.pubsub import RESYNC
from harka.queue.message import FIGURES_TOPIC
from school import School, Stream

CHANGED = """subscription { tenantAnalyticsChanged { resync analytics { metrics { totalUsers } } } }"""


async def listening(stream: Stream) -> None:
    assert await stream.opened() == 200
    assert await stream.event() == ("heartbeat", None)


def figures(told: object) -> object:
    assert isinstance(told, tuple)
    name, answer = told
    assert name == "next", told
    return answer["data"]["tenantAnalyticsChanged"]


async def test_changes_at_one_time_are_told_once_with_the_figures_after_them(school: School) -> None:
    async with school.stream(CHANGED, caller=school.owner) as stream:
        await listening(stream)
        for number in range(3):
            async with school.work() as work:
                await user.create(work, UserDraft(email=f"new{number}@example.com", name="New"))
        assert figures(await stream.event()) == {
            "resync": False,
            "analytics": {"metrics": {"totalUsers": 7}},
        }
        async with school.work() as work:
            await enrollment.unenroll(work, school.enrollments[0].id)
        assert figures(await stream.event()) == {
            "resync": False,
            "analytics": {"metrics": {"totalUsers": 7}},
        }


async def test_what_is_only_read_is_not_told(school: School) -> None:
    async with school.runtime.pubsub.subscribe(school.organization.id, FIGURES_TOPIC) as events:
        for _ in range(3):
            await school.ask("{ users(first: 3) { nodes { name } } }")
        async with school.work() as work:
            await user.create(work, UserDraft(email="new@example.com", name="New"))
        event = await anext(events)
        assert not event.resync


async def test_lost_events_are_stood_for_by_the_present_figures(school: School) -> None:
    async with school.stream(CHANGED, caller=school.owner) as stream:
        await listening(stream)
        (channel,) = [
            each
            for name, each in school.runtime.pubsub._channels.items()
            if name.endswith(f":{FIGURES_TOPIC}")
        ]
        for subscription in channel.subscriptions:
            subscription.put(RESYNC)
        assert figures(await stream.event()) == {"resync": True, "analytics": {"metrics": {"totalUsers": 4}}}


async def test_who_may_not_listen_is_told_why_at_once(school: School) -> None:
    async with school.stream(CHANGED, caller=school.instructor) as stream:
        await listening(stream)
        name, answer = await stream.event()
        assert name == "next"
        assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_who_manages_some_groups_is_refused_before_anything_changes(school: School) -> None:
    branch = await branch_of(school)
    # not even that there is something to tell
    asked = "subscription { tenantAnalyticsChanged { resync } }"
    async with school.stream(asked, caller=branch.manager) as stream:
        await listening(stream)
        name, answer = await stream.event()
        assert (name, answer["errors"][0]["extensions"]["code"]) == ("next", "FORBIDDEN")
        assert await stream.event() == ("complete", None)


async def test_who_is_bound_meanwhile_hears_nothing_more(school: School) -> None:
    branch = await branch_of(school)
    async with school.work() as work:
        boss = await user.create(work, UserDraft(email="boss@example.com", name="Boss", role="manager"))
    async with school.stream("subscription { tenantAnalyticsChanged { resync } }", caller=boss) as stream:
        await listening(stream)
        async with school.work() as work:
            await group_manager.assign(work, branch.top.id, boss.id)
        name, answer = await stream.event()
        assert (name, answer["errors"][0]["extensions"]["code"]) == ("next", "FORBIDDEN")


async def test_who_is_demoted_hears_nothing_more(school: School) -> None:
    async with school.work() as work:
        admin = await user.create(work, UserDraft(email="admin@example.com", name="Admin", role="admin"))
    # not even that there is something to tell
    async with school.stream("subscription { tenantAnalyticsChanged { resync } }", caller=admin) as stream:
        await listening(stream)
        async with school.work() as work:
            await user.update(work, admin.id, UserChanges(role="learner"), version=1)
        name, answer = await stream.event()
        assert (name, answer["errors"][0]["extensions"]["code"]) == ("next", "FORBIDDEN")
        assert await stream.event() == ("complete", None)
