"""Jobs as people of an organization see them: what waits, runs and failed, and what they put in."""

import enum
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from harka import clock
from harka.errors import ConflictError, NotFoundError, ValidationError
from harka.learning import course, path
from harka.learning.moment import accept_moment
from harka.learning.text import accept_line
from harka.learning.work import UnitOfWork
from harka.queue import cron
from harka.queue.enqueue import find_waiting
from harka.queue.message import MEASURE_USAGE, RECHECK_DOMAINS, RECOUNT_COURSE, RECOUNT_PATH
from harka.queue.retry import MAX_ATTEMPTS
from harka.repositories import job as jobs
from harka.repositories.job import Job, JobState, Rank
from harka.repositories.page import OLDEST_FIRST, Order, Position
from harka.rows import ByKey
from harka.storage.session import UniqueError
from harka.tenancy.entitlement import limits_for
from harka.tenancy.permission import Permission

LONGEST_KEY: Final = 200
_ASKED: Final = "asked:"
"""Before people's keys: those of rules are of their own, and what people put in for later holds up none."""
MOST_DAYS: Final = 366
"""How far ahead a job may be put in."""
LONGEST_TYPE: Final = 100


class JobKind(enum.StrEnum):
    """What people may put in themselves; the values are types of jobs."""

    RECOUNT_COURSE = RECOUNT_COURSE
    RECOUNT_PATH = RECOUNT_PATH
    MEASURE_USAGE = MEASURE_USAGE
    RECHECK_DOMAINS = RECHECK_DOMAINS


class JobPriority(enum.StrEnum):
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"

    @property
    def rank(self) -> Rank:
        return Rank[self.name]


class JobDraft(msgspec.Struct, frozen=True, kw_only=True):
    """`kind`: a `JobKind`. `priority`: a `JobPriority`.

    `course_id`, `path_id`: what it is about, where it is about one. `run_at`: None for at once. `cron`: in
    the organization's time zone, instead of `run_at`.
    """

    kind: str
    course_id: UUID | None = None
    path_id: UUID | None = None
    priority: str = JobPriority.NORMAL
    run_at: datetime | None = None
    cron: str | None = None
    dedupe_key: str | None = None


class Forecast(msgspec.Struct, frozen=True):
    """`position`: in the line, from 1. `ends_at`: when it should be done. Each None when nobody knows."""

    position: int | None
    ends_at: datetime | None


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[Job]:
    work.context.require(Permission.JOB_READ)
    return ByKey(await jobs.find_by_ids(work.session, ids))


async def list_page(
    work: UnitOfWork,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    state: str | None = None,
    type_: str | None = None,
) -> Sequence[Job]:
    """The next `first`, of this state and type."""
    work.context.require(Permission.JOB_READ)
    return await jobs.list_page(work.session, after=after, first=first, order=order, state=state, type_=type_)


async def count(work: UnitOfWork, *, state: str | None = None, type_: str | None = None) -> int:
    work.context.require(Permission.JOB_READ)
    return await jobs.count(work.session, state=state, type_=type_)


async def forecasts(work: UnitOfWork, found: Sequence[Job]) -> dict[UUID, Forecast]:
    """By id, of jobs that wait or run; one statement however many."""
    open_ = [each for each in found if each.state in {JobState.QUEUED, JobState.RUNNING}]
    if not open_:
        return {}
    places = await jobs.places(work.session, [each.id for each in open_])
    slots = limits_for(work.context.organization).running_jobs
    by_id, now = {place.id: place for place in places}, clock.now()
    return {each.id: _forecast(each, by_id[each.id], slots, now) for each in open_}


async def enqueue(work: UnitOfWork, draft: JobDraft) -> Job:
    """Put in a job. While one of the kind and `dedupe_key` waits, that is answered instead.

    Raise `ValidationError` naming the field, `NotFoundError` for what it is about, `QueueLimitError` when as
    many wait as the plan allows.
    """
    work.context.require(Permission.JOB_WRITE)
    payload = await _accept_payload(work, draft)
    run_at = _accept_start(work, draft)
    key = None
    if draft.dedupe_key is not None:
        key = _ASKED + accept_line(draft.dedupe_key, "dedupeKey", longest=LONGEST_KEY)
        waiting = await find_waiting(work.session, str(draft.kind), key)
        if waiting is not None:
            return (await jobs.find_by_ids(work.session, [waiting]))[0]
    await work.require_room()
    id_ = await work.enqueue(
        str(draft.kind),
        payload,
        priority=JobPriority(draft.priority).rank,
        run_at=run_at,
        cron=draft.cron,
        dedupe_key=key,
    )
    return (await jobs.find_by_ids(work.session, [id_]))[0]


async def cancel(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> Job:
    """One that waits is cancelled at once; one that runs ends at its worker's next heartbeat, undone.

    Parts that committed for themselves stay, as those of a change to very many people.

    Nothing changes when that was asked already. Raise `ConflictError` for one that is over, and for another
    `version`; `NotFoundError`.
    """
    work.context.require(Permission.JOB_WRITE)
    cancelled = await jobs.cancel(work.session, id_, version)
    if cancelled is not None:
        work.signal()
        return cancelled
    found = await _existing(work, id_)
    if not (found.cancelling or found.state == JobState.CANCELLED):
        raise ConflictError(_stale(found, version) or f"This job is {found.state}.", field="id")
    return found


async def retry(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> Job:
    """Have one that was given up or cancelled tried again, up to three times.

    Raise `ConflictError` for any other, for another `version`, and while one of its key waits;
    `QueueLimitError`, `NotFoundError`.
    """
    work.context.require(Permission.JOB_WRITE)
    await work.require_room()
    try:
        again = await jobs.retry(work.session, id_, version, attempts=MAX_ATTEMPTS)
    except UniqueError as error:
        raise ConflictError("Another job of the same key waits.", field="id") from error
    if again is None:
        found = await _existing(work, id_)
        raise ConflictError(_stale(found, version) or f"This job is {found.state}.", field="id")
    work.signal()
    return again


async def _accept_payload(work: UnitOfWork, draft: JobDraft) -> dict[str, UUID | bool]:
    about_course, about_path = draft.kind == JobKind.RECOUNT_COURSE, draft.kind == JobKind.RECOUNT_PATH
    if about_course != (draft.course_id is not None):
        raise ValidationError("A course is for this kind only, and needed for it.", field="courseId")
    if about_path != (draft.path_id is not None):
        raise ValidationError("A path is for this kind only, and needed for it.", field="learningPathId")
    if draft.course_id is not None:
        if draft.course_id not in await course.find_many(work, [draft.course_id]):
            raise NotFoundError("There is no such course here.", field="courseId")
        return {"course_id": draft.course_id}
    if draft.path_id is not None:
        if draft.path_id not in await path.find_many(work, [draft.path_id]):
            raise NotFoundError("There is no such learning path here.", field="learningPathId")
        return {"path_id": draft.path_id}
    # whoever asks wants to know how it is now, whenever the routine looked last
    return {"asked": True} if draft.kind == JobKind.RECHECK_DOMAINS else {}


def _accept_start(work: UnitOfWork, draft: JobDraft) -> datetime | None:
    now = clock.now()
    if draft.cron is not None:
        if draft.run_at is not None:
            raise ValidationError("Give either this or `cron`.", field="runAt")
        try:
            return cron.next_after(cron.parse(draft.cron), now, ZoneInfo(work.context.organization.timezone))
        except ValueError as error:
            raise ValidationError(f"This is no cron expression: {error}.", field="cron") from error
    if draft.run_at is None or accept_moment(draft.run_at, "runAt") <= now:
        return None
    if draft.run_at > now + timedelta(days=MOST_DAYS):
        raise ValidationError(f"This must be within the next {MOST_DAYS} days.", field="runAt")
    return draft.run_at


def _forecast(job: Job, place: jobs.Place, slots: int, now: datetime) -> Forecast:
    if job.state == JobState.RUNNING:
        return Forecast(None, _end_of_running(job, place.seconds, now))
    if place.seconds is None or (place.position is None and job.run_at <= now):
        return Forecast(place.position, None)
    rounds = -(-(place.position or 1) // slots)
    return Forecast(place.position, max(job.run_at, now) + timedelta(seconds=rounds * place.seconds))


def _end_of_running(job: Job, usual: float | None, now: datetime) -> datetime | None:
    """By how far it says it is, or else by what the last jobs took."""
    began = job.started_at or now
    if job.done and job.total:
        return began + (now - began) * (job.total / job.done)
    return None if usual is None else max(now, began + timedelta(seconds=usual))


async def _existing(work: UnitOfWork, id_: UUID) -> Job:
    found = await jobs.find_by_ids(work.session, [id_])
    if not found:
        raise NotFoundError("There is no such job here.", field="id")
    return found[0]


def _stale(found: Job, version: int | None) -> str | None:
    """What is said when it is the version that does not fit."""
    return None if version in {None, found.version} else ConflictError.default_message()
