"""What tests of sockets say on them, and await."""

from typing import Any

from harka.ids import NodeKind
from harka.learning import progress
from school import School, Socket, until

LISTEN = "subscription ($id: ID!) { progressChanged(enrollmentId: $id) { enrollment { progress } } }"


async def init(socket: Socket, payload: Any = None) -> None:
    message = await socket.receive()
    assert message["type"] == "websocket.accept"
    assert message["subprotocol"] == "graphql-transport-ws"
    socket.say("connection_init", **({} if payload is None else {"payload": payload}))
    assert await socket.hear() == {"type": "connection_ack"}


def listen(school: School) -> dict[str, Any]:
    enrollment = school.enrollment_of(school.learner, school.courses[0])
    return {"query": LISTEN, "variables": {"id": school.id(NodeKind.ENROLLMENT, enrollment)}}


async def is_listened_to(school: School, count: int = 1) -> None:
    topic = f"progress:{school.enrollment_of(school.learner, school.courses[0]).id}"
    channels = school.runtime.pubsub._channels

    async def is_so() -> bool:
        return sum(len(c.subscriptions) for name, c in channels.items() if name.endswith(topic)) == count

    await until(is_so)


async def advance(school: School, fraction: float) -> None:
    course = school.courses[0]
    async with school.work() as work:
        await progress.record(
            work,
            enrollment_id=school.enrollment_of(school.learner, course).id,
            lesson_id=school.lessons[course.id][0].id,
            fraction=fraction,
        )


async def opened(socket: Socket) -> None:
    assert (await socket.receive())["type"] == "websocket.accept"
