import asyncio
from collections.abc import AsyncIterator, Iterator
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from harka.codec import packed
from harka.errors import TenantRequiredError
from harka.pubsub import RESYNC, Event, PubSub
from own_valkey import OwnValkey
from waiting import until

PATIENCE = 5.0


@pytest.fixture(scope="module")
def shared_valkey() -> Iterator[OwnValkey]:
    valkey = OwnValkey()
    valkey.start()
    yield valkey
    valkey.remove()


@pytest.fixture
def own_valkey() -> Iterator[OwnValkey]:
    valkey = OwnValkey()
    valkey.start()
    yield valkey
    valkey.remove()


@pytest.fixture
async def pubsub(shared_valkey: OwnValkey) -> AsyncIterator[PubSub]:
    opened = PubSub(shared_valkey.url)
    yield opened
    await opened.close()


async def next_event(events: AsyncIterator[Event]) -> Event:
    async with asyncio.timeout(PATIENCE):
        return await anext(events)


async def until_published(pubsub: PubSub, tenant: UUID, topic: str) -> None:
    await until(lambda: pubsub.publish(tenant, topic, {"ready": True}))


async def test_an_event_reaches_the_subscriber(pubsub: PubSub) -> None:
    tenant = uuid4()
    async with pubsub.subscribe(tenant, "progress:1") as events:
        assert await pubsub.publish(tenant, "progress:1", {"fraction": 0.5, "id": tenant})
        assert await next_event(events) == Event({"fraction": 0.5, "id": str(tenant)})


async def test_an_event_reaches_every_process(pubsub: PubSub, shared_valkey: OwnValkey) -> None:
    tenant, other = uuid4(), PubSub(shared_valkey.url)
    async with other.subscribe(tenant, "t") as there, pubsub.subscribe(tenant, "t") as here:
        await pubsub.publish(tenant, "t", {"n": 1})
        assert (await next_event(there)).payload == (await next_event(here)).payload == {"n": 1}
    await other.close()


async def test_another_tenant_with_the_same_topic_hears_nothing(pubsub: PubSub) -> None:
    ours, theirs = uuid4(), uuid4()
    async with pubsub.subscribe(ours, "t") as events:
        await pubsub.publish(theirs, "t", {"n": "theirs"})
        await pubsub.publish(ours, "t", {"n": "ours"})
        assert (await next_event(events)).payload == {"n": "ours"}


async def test_a_message_of_another_tenant_on_our_channel_is_dropped(
    pubsub: PubSub, shared_valkey: OwnValkey
) -> None:
    ours, theirs = uuid4(), uuid4()
    redis = Redis.from_url(shared_valkey.url)
    async with pubsub.subscribe(ours, "t") as events:
        for forged in (packed((theirs, "t", {"n": "theirs"})), packed((ours, "u", {})), b"", b"\xff", b"{}"):
            await redis.publish(f"harka:event:{ours.hex}:t", forged)
        await pubsub.publish(ours, "t", {"n": "ours"})
        assert (await next_event(events)).payload == {"n": "ours"}
    await redis.aclose()


@pytest.mark.parametrize("tenant", [None, "", "x", b"1"])
async def test_without_a_tenant_it_refuses(pubsub: PubSub, tenant: object) -> None:
    with pytest.raises(TenantRequiredError):
        await pubsub.publish(tenant, "t", {})  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(TenantRequiredError):
        async with pubsub.subscribe(tenant, "t"):  # type: ignore[arg-type]  # the mistake under test
            pass


async def test_whoever_left_is_not_kept_and_may_come_back(pubsub: PubSub) -> None:
    tenant = uuid4()
    for number in range(50):
        async with pubsub.subscribe(tenant, "t") as events:
            await pubsub.publish(tenant, "t", {"n": number})
            assert (await next_event(events)).payload == {"n": number}
    assert pubsub._channels == {}


async def test_two_subscribers_of_one_topic_leave_one_by_one(pubsub: PubSub) -> None:
    tenant = uuid4()
    async with pubsub.subscribe(tenant, "t") as first:
        async with pubsub.subscribe(tenant, "t"):
            pass
        await pubsub.publish(tenant, "t", {"n": 1})
        assert (await next_event(first)).payload == {"n": 1}


async def test_a_hundred_topics_share_one_connection(pubsub: PubSub, shared_valkey: OwnValkey) -> None:
    tenant = uuid4()

    async def listen(number: int) -> object:
        async with pubsub.subscribe(tenant, f"t{number}") as events:
            await pubsub.publish(tenant, f"t{number}", {"n": number})
            return (await next_event(events)).payload["n"]

    assert await asyncio.gather(*(listen(number) for number in range(100))) == list(range(100))
    redis = Redis.from_url(shared_valkey.url)
    clients = await redis.client_list()
    assert len([client for client in clients if client["cmd"] == "unsubscribe" or client["sub"] != "0"]) == 1
    await redis.aclose()


async def test_a_slow_subscriber_is_told_to_resync_and_memory_stays_bounded(shared_valkey: OwnValkey) -> None:
    pubsub, tenant = PubSub(shared_valkey.url, queue_size=10), uuid4()
    async with pubsub.subscribe(tenant, "t") as slow, pubsub.subscribe(tenant, "t") as quick:
        for number in range(25):
            await pubsub.publish(tenant, "t", {"n": number})
            assert (await next_event(quick)).payload == {"n": number}
        seen = [await next_event(slow)]
        while seen[-1].payload != {"n": 24}:
            seen.append(await next_event(slow))
    assert seen[0] == RESYNC
    assert len(seen) <= 10
    await pubsub.close()


async def test_after_a_reconnection_comes_a_resync_then_events_again(own_valkey: OwnValkey) -> None:
    pubsub, tenant = PubSub(own_valkey.url), uuid4()
    async with pubsub.subscribe(tenant, "t") as events:
        own_valkey.stop()
        own_valkey.start()
        assert await next_event(events) == RESYNC
        await until_published(pubsub, tenant, "t")
        assert (await next_event(events)).payload == {"ready": True}
    await pubsub.close()


async def test_subscribed_while_valkey_is_down_a_resync_comes_when_it_is_back(own_valkey: OwnValkey) -> None:
    pubsub, tenant = PubSub(own_valkey.url), uuid4()
    own_valkey.stop()
    async with pubsub.subscribe(tenant, "t") as events:
        own_valkey.start()
        assert await next_event(events) == RESYNC
    await pubsub.close()


async def test_publishing_to_a_valkey_that_is_down_says_so_and_does_not_raise(own_valkey: OwnValkey) -> None:
    pubsub, tenant = PubSub(own_valkey.url), uuid4()
    own_valkey.stop()
    assert [await pubsub.publish(tenant, "t", {}) for _ in range(3)] == [False, False, False]
    own_valkey.start()
    await until_published(pubsub, tenant, "t")
    await pubsub.close()


async def test_a_frozen_valkey_delays_only_the_first_writer(own_valkey: OwnValkey) -> None:
    pubsub, tenant = PubSub(own_valkey.url), uuid4()
    await pubsub.publish(tenant, "t", {})
    own_valkey.freeze()
    async with asyncio.timeout(2.0):
        assert [await pubsub.publish(tenant, "t", {}) for _ in range(100)] == [False] * 100
    await pubsub.close()


async def test_what_valkey_did_not_take_is_made_up_for_by_a_resync(own_valkey: OwnValkey) -> None:
    writer, listener, tenant = PubSub(own_valkey.url), PubSub(own_valkey.url), uuid4()
    async with listener.subscribe(tenant, "t") as events, listener.subscribe(tenant, "u") as others:
        own_valkey.freeze()
        assert not await writer.publish(tenant, "t", {"in": "vain"})
        own_valkey.thaw()
        while await next_event(events) != RESYNC:
            pass
        await writer.publish(tenant, "u", {"other": True})
        assert (await next_event(others)).payload == {"other": True}
    for each in (writer, listener):
        await each.close()


async def test_subscriptions_end_when_the_process_stops(pubsub: PubSub) -> None:
    async with pubsub.subscribe(uuid4(), "t") as events:
        pubsub.end_subscriptions()
        async with asyncio.timeout(PATIENCE):
            assert [event async for event in events] == []
            assert [event async for event in events] == []
    async with pubsub.subscribe(uuid4(), "t") as events, asyncio.timeout(PATIENCE):
        assert [event async for event in events] == []


async def test_a_cancelled_subscriber_leaves_no_channel(pubsub: PubSub) -> None:
    tenant = uuid4()

    async def listen() -> None:
        async with pubsub.subscribe(tenant, "t") as events:
            await anext(events)

    for pause in range(6):
        task = asyncio.create_task(listen())
        for _ in range(pause):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert pubsub._channels == {}
    async with pubsub.subscribe(tenant, "t") as events:
        await pubsub.publish(tenant, "t", {"n": 1})
        assert (await next_event(events)).payload == {"n": 1}


async def test_without_a_url_events_stay_in_the_process() -> None:
    pubsub, tenant = PubSub(None), uuid4()
    async with pubsub.subscribe(tenant, "t") as events:
        assert await pubsub.publish(tenant, "t", {"n": 1})
        assert (await next_event(events)).payload == {"n": 1}
    await pubsub.close()


@pytest.mark.parametrize("topic", ["", "x" * 201])
async def test_a_topic_has_a_sane_length(pubsub: PubSub, topic: str) -> None:
    with pytest.raises(ValueError, match="topic"):
        await pubsub.publish(uuid4(), topic, {})
