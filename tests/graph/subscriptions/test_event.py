from contextlib import AsyncExitStack

from harka.graph.subscriptions.event import Notice, Notices
from school import School


class Number(Notice, frozen=True):
    number: int

    async def is_visible(self, context: object) -> bool:
        return True


async def test_leaving_before_anything_was_heard_leaves_the_topic(school: School) -> None:
    pubsub, left = school.runtime.pubsub, []
    stack = AsyncExitStack()
    events = await stack.enter_async_context(pubsub.subscribe(school.organization.id, "numbers"))
    stack.callback(left.append, "left")
    notices = Notices(stack, events, lambda event: Number(event.payload["number"]))
    await pubsub.publish(school.organization.id, "numbers", {"number": 7})
    assert await anext(notices) == Number(7)
    await notices.aclose()
    await notices.aclose()
    assert left == ["left"]
