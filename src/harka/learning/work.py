"""The unit of work: everything one request or job does, in one transaction that is committed at the edge.

What the world hears of it (events, forgotten cache entries, signals to workers) waits until the commit has
succeeded, and keeps its order. A failure there is logged and never fails what is already committed.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final, TypeVar, Unpack
from uuid import UUID

import msgspec

from harka import logs
from harka.cache.tenant import Namespace, TenantCache
from harka.errors import InternalError, QueueLimitError
from harka.ids import new_id
from harka.learning.outside import Outside
from harka.pubsub import PubSub
from harka.queue import enqueue as queue
from harka.queue.enqueue import How
from harka.queue.message import FIGURES_TOPIC, JOB_CHANGES_TOPIC, PLATFORM
from harka.repositories import event as events
from harka.repositories.event import EventType, NewEvent
from harka.storage.databases import Databases
from harka.storage.session import ShardSession, open_session
from harka.tenancy.context import TenantContext
from harka.tenancy.entitlement import is_shadow, limits_for
from harka.tenancy.plan import Resource

T = TypeVar("T")
Action = Callable[[], Awaitable[object]]

log = logs.logger("work")

LONGEST: Final = 10.0
"""Seconds for a unit whose context has no deadline, where its caller does not know better."""
_MOST_SCOPES: Final = 20
"""Beyond, all that is cached of the tenant is forgotten."""
_CALLED: Final = {
    "category_id": "category",
    "course_ids": "courses",
    "parent_id": "parent",
    "role_id": "custom_role",
}
"""What rows call otherwise than who reads the object."""

# tasks that outlive a cancelled request; asyncio itself holds them weakly
_finishing: Final[set[asyncio.Task[None]]] = set()


class UnitOfWork:
    """`context`: who acts, where. `session`: the open transaction, for repositories only."""

    def __init__(
        self,
        context: TenantContext,
        session: ShardSession,
        cache: TenantCache,
        pubsub: PubSub,
        outside: Outside | None = None,
    ) -> None:
        self.context = context
        self.session = session
        self._cache = cache
        self._pubsub = pubsub
        self._outside = outside
        self._actions: list[Action] = []
        self._forgets: set[str] | None = None
        self._signals = False
        self._events: list[NewEvent] = []

    @property
    def outside(self) -> Outside:
        """Raise `InternalError` in a unit that was begun without."""
        if self._outside is None:
            raise InternalError
        return self._outside

    @property
    def may_end_early(self) -> bool:
        """Whether `end_with_next_read` makes a difference."""
        return self.session.may_end_early

    def end_with_next_read(self, tasks: Iterable[asyncio.Task[Any]] = ()) -> None:
        """The next statement is the last, where that may be; see `ShardSession.end_with_next`."""
        self.session.end_with_next(tasks)

    def after_commit(self, action: Action) -> None:
        """Run `action` once the commit has succeeded, after those given before."""
        self._actions.append(action)

    def publish(self, topic: str, payload: Mapping[str, Any]) -> None:
        """Tell the tenant's subscribers of `topic`, after the commit."""
        self.after_commit(partial(self._pubsub.publish, self.context.id, topic, payload))

    def announce(self, topic: str, payload: Mapping[str, Any]) -> None:
        """Tell every process of the platform, after the commit; `payload` names the tenant."""
        self.after_commit(partial(self._pubsub.publish, PLATFORM, topic, payload))

    def record(
        self,
        type_: EventType,
        subject_id: UUID,
        *,
        user_id: UUID | None = None,
        course_id: UUID | None = None,
        fields: Iterable[str] = (),
    ) -> None:
        """What has happened, for the tenant's stream of events: written with the commit, by one statement.

        `subject_id`: of what the type's first word names. `user_id`, `course_id`: whom and what it concerns
        beside that. `fields`: what was changed, in the words of its row.
        """
        event = NewEvent(
            id=new_id(),
            type=str(type_),
            subject_id=subject_id,
            user_id=user_id,
            course_id=course_id,
            fields=",".join(_CALLED.get(name, name) for name in fields),
        )
        self._events.append(event)

    @property
    def reads_cache(self) -> bool:
        """Whether the cache may be asked, and is worth it.

        What a writing unit has changed is in no cache. Once a snapshot is open, a statement costs what a
        lookup costs, and what it finds cannot be kept: the generation may be a later one.
        """
        return self.session.read_only and self.session.statements == 0

    async def read_through(
        self,
        namespace: Namespace[T],
        keys: Sequence[UUID],
        fetch: Callable[[Sequence[UUID]], Awaitable[Mapping[UUID, T]]],
    ) -> Mapping[UUID, T]:
        """Values by key, from the cache or else from `fetch`; see `reads_cache`.

        For whoever may see every row of this kind alone: the cache knows tenants, not people.
        """
        lookup = await self._cache.get_many(self.context.id, namespace, keys)
        if lookup.missing is None or not self.reads_cache:
            # nowhere to store it, or a snapshot that may be older than the lookup
            left = [key for key in keys if key not in lookup.found]
            fetched = await fetch(left) if left else {}
        else:
            fetched = await self._cache.fetch(
                self.context.id, namespace, lookup, fetch, budget=self._cache_budget
            )
        return {**lookup.found, **fetched}

    @property
    def _cache_budget(self) -> int:
        return limits_for(self.context.organization).cache_bytes

    def invalidate(self, scope: str | None = None) -> None:
        """Forget what is cached of the tenant, or only of `scope` (`course:<id>`), around the commit."""
        if scope is None:
            self._forgets = set()
        elif self._forgets is None:
            self._forgets = {scope}
        elif self._forgets:
            self._forgets.add(scope)
            if len(self._forgets) > _MOST_SCOPES:
                self._forgets = set()

    def lets_pass(self, lacking: Resource) -> bool:
        """Count what is beyond a limit of the plan: whether it passes all the same (shadow mode)."""
        passes = is_shadow(self.context.organization)
        if self._outside is not None:
            self._outside.refused[lacking, passes] += 1
        return passes

    async def require_room(self) -> None:
        """Hold the queue until this unit ends; one more job is to wait.

        Raise `QueueLimitError` when as many do as the plan allows, unless they are only counted.
        """
        try:
            await queue.require_room(self.session, 1, most=limits_for(self.context.organization).queued_jobs)
        except QueueLimitError:
            if not self.lets_pass(Resource.QUEUED_JOBS):
                raise

    async def enqueue(self, type_: str, payload: Mapping[str, Any], **how: Unpack[How]) -> UUID:
        """Put a job into the queue: it exists when this unit is committed, and only then. Answers its id."""
        job = await queue.enqueue(self.session, type_, payload, **how)
        self.signal()
        return job

    def signal(self) -> None:
        """There is something for workers to do, once this is committed."""
        self._signals = True

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """An error inside undoes what was done inside, what it would have told the world included."""
        kept, signals, recorded = len(self._actions), self._signals, len(self._events)
        try:
            async with self.session.savepoint():
                yield
        except BaseException:
            del self._actions[kept:]
            self._signals = signals
            del self._events[recorded:]
            raise

    async def commit(self) -> None:
        """Commit, then tell the world. Cancelled meanwhile, the telling still runs to its end."""
        try:
            if self._forgets is not None:
                await self._cache.begin_write(self.context.id, sorted(self._forgets))
            if self._events:
                await self._write_events()
            await self.session.commit()
        except BaseException:
            # an interrupted commit may have happened, or be about to: forgetting too much is harmless, too
            # little is not
            self._actions.clear()
            self._signals = False
            self._finish(is_certain=False)
            # the cache comes before the session: without this, an interruption there would leave it open
            await self.session.rollback()
            raise
        task = self._finish()
        if task is not None:
            await asyncio.shield(task)

    async def rollback(self) -> None:
        """Undo everything; the world hears nothing."""
        self._actions.clear()
        self._events.clear()
        self._forgets, self._signals = None, False
        await self.session.rollback()

    async def _write_events(self) -> None:
        # within a transaction ids are in the order in which it happened
        ids = sorted(each.id for each in self._events)
        new = [msgspec.structs.replace(each, id=id_) for each, id_ in zip(self._events, ids, strict=True)]
        self._events.clear()
        actor = self.context.actor
        await events.insert_last(self.session, new, actor_kind=str(actor.kind), actor_id=actor.id)

    def _finish(self, *, is_certain: bool = True) -> asyncio.Task[None] | None:
        actions, self._actions = self._actions, []
        if self._forgets is not None:
            forget = self._cache.invalidate if is_certain else self._cache.invalidate_uncertain
            # first, so that whoever hears of the change reads it
            actions.insert(0, partial(forget, self.context.id, sorted(self._forgets)))
        if self._signals:
            actions.append(partial(queue.signal, self._pubsub, self.context.id))
            self._pubsub.publish_soon(self.context.id, JOB_CHANGES_TOPIC)
        if not self.session.read_only and self.session.statements:
            # whatever was written: nearly all of it counts for something
            self._pubsub.publish_soon(self.context.id, FIGURES_TOPIC)
        self._forgets, self._signals = None, False
        if not actions:
            return None
        task = asyncio.create_task(_run(actions, self.context), name="after commit")
        _finishing.add(task)
        task.add_done_callback(_finishing.discard)
        return task


def begin_work(
    databases: Databases,
    cache: TenantCache,
    pubsub: PubSub,
    context: TenantContext,
    *,
    read_only: bool,
    timeout: float = LONGEST,
    single: bool = False,
    outside: Outside | None = None,
) -> UnitOfWork:
    """A unit of work that the caller must commit or roll back, whatever happens.

    It may take as long as the context has until its deadline; `timeout`: seconds from now for everything that
    touches the database, where it has none. `single`: of reads that need not see one snapshot, as where there
    is one statement: see `open_session`. `outside`: for rules that reach there.
    """
    session = open_session(
        databases,
        context.organization.location,
        context.organization.id,
        read_only=read_only,
        timeout=context.seconds_left(timeout),
        single=single,
    )
    return UnitOfWork(context, session, cache, pubsub, outside)


@asynccontextmanager
async def unit_of_work(
    databases: Databases,
    cache: TenantCache,
    pubsub: PubSub,
    context: TenantContext,
    *,
    read_only: bool,
    timeout: float = LONGEST,  # noqa: ASYNC109 - the session keeps it, across several calls
    outside: Outside | None = None,
) -> AsyncIterator[UnitOfWork]:
    """One transaction in the context's tenant: committed at the end of the block, rolled back by an error.

    It holds the context's place, and raises like that. `timeout`: see `begin_work`.
    """
    async with context.place():
        work = begin_work(
            databases, cache, pubsub, context, read_only=read_only, timeout=timeout, outside=outside
        )
        try:
            yield work
        except BaseException:
            await work.rollback()
            raise
        await work.commit()


async def _run(actions: list[Action], context: TenantContext) -> None:
    for action in actions:
        try:
            await action()
        except Exception as error:
            log.warning(
                "after-commit action failed",
                tenant=str(context.id),
                request_id=context.request_id,
                exc_info=error,
            )
