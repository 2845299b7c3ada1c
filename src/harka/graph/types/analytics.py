from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import strawberry

from harka.analytics import course as courses
from harka.analytics import tenant
from harka.analytics.course import CourseAnalytics as CourseAnalyticsRow
from harka.analytics.health import MOST_NAMED, Issue
from harka.analytics.tenant import TenantAnalytics as TenantAnalyticsRow
from harka.graph.context import Info, RequestContext
from harka.graph.enums import HealthStatus, IssueCode
from harka.graph.field import field, graph_type, leaf, related
from harka.graph.loaders.course import CourseByIdLoader
from harka.graph.loaders.lesson import LessonByIdLoader
from harka.graph.types.course import Course
from harka.graph.types.lesson import Lesson
from harka.ids import NodeKind
from harka.repositories import domain as domains
from harka.repositories.course_analytics import Funnel, LessonFigures
from harka.tenancy.permission import Permission


@graph_type
class ApiUsage:
    """Requests of this calendar month, in the organization's time zone, of people and of programs."""

    requests: float = leaf("How many were admitted: a whole number, which may be beyond 32 bits.")
    quota: float | None = leaf("How many the plan includes; null for as many as they like.")
    as_of: datetime = leaf("When they were counted: some ten seconds ago.")


@graph_type
class StorageUsage:
    """What is stored of an organization, in bytes: whole numbers, which may be beyond 32 bits."""

    used: float = leaf("Of all rows, without indexes, and of all files, those that are being uploaded too.")
    limit: float = leaf("How much the plan includes.")
    as_of: datetime | None = leaf(
        "When rows were measured: once a minute; files are counted now. Null before the first time."
    )


@graph_type
class BandwidthUsage:
    """What was downloaded of files this calendar month, in bytes: whole numbers, perhaps beyond 32 bits."""

    used: float = leaf("How much was sent; of what broke off, as much as was sent.")
    limit: float | None = leaf("How much the plan includes; null for as much as they like.")
    as_of: datetime = leaf("When it was counted: some ten seconds ago.")


@graph_type
class TenantMetrics:
    """Exact figures, true at `asOf` of the analytics unless they name a moment of their own."""

    active_users: int = leaf("How many people got further in a lesson within the window.")
    total_users: int = leaf("How many people there are, deactivated ones included.")
    courses_completed: int = leaf("How many enrollments are completed.")
    average_progress: float = leaf("Of all enrollments that are not withdrawn: 0 to 1; 0 without one.")
    api_usage: ApiUsage = leaf("Requests of this month.")
    storage: StorageUsage = leaf("What is stored.")
    bandwidth: BandwidthUsage = leaf("What was downloaded this month.")


def _object_ids(root: Issue, info: Info) -> list[str]:
    context = info.context
    return [context.runtime.node_ids.seal(context.tenant.id, kind, id_) for kind, id_ in root.objects]


@graph_type
class HealthIssue:
    """Something that is wrong, or soon will be."""

    code: IssueCode = leaf("What it is, for programs.")
    severity: HealthStatus = leaf("How bad it is.")
    message: str = leaf("What it is, for people.")
    advice: str = leaf("What to do about it.")
    measured: float = leaf("The figure that shows it.")
    limit: float | None = leaf("What that figure is held to; null where any is too much.")
    object_ids: list[strawberry.ID] = field(
        _object_ids,
        f"The ids of what it is about, at most {MOST_NAMED}, the most urgent first; empty where it is about "
        "the organization as a whole. `nodes` answers those that the caller may see.",
    )


@graph_type
class TenantHealth:
    """How an organization is doing."""

    status: HealthStatus = leaf("As bad as its worst issue.")
    issues: list[HealthIssue] = leaf("What is wrong, the worst first.")


def _tenant_id(root: TenantAnalyticsRow, info: Info) -> str:
    context = info.context
    return context.runtime.node_ids.seal(context.tenant.id, NodeKind.ORGANIZATION, root.tenant_id)


@graph_type
class TenantAnalytics:
    """What an organization's people do, what it uses, and how it is doing."""

    tenant_id: strawberry.ID = field(_tenant_id, "The id of the organization.")
    as_of: datetime = leaf("The moment that the figures are true of.")
    window_days: int = leaf("Who got further within so many days (UTC), today among them, is active.")
    metrics: TenantMetrics = leaf("The figures.")
    health: TenantHealth = leaf("Whether something is wrong.")


@graph_type
class CourseFunnel:
    """How many enrollments in a course got how far."""

    enrolled: int = leaf("All that are not withdrawn.")
    started: int = leaf("Of these, those with some progress.")
    halfway: int = leaf("Of these, those with half of the course or more.")
    completed: int = leaf("Of these, those that are completed.")
    withdrawn: int = leaf("Those that were withdrawn.")
    median_seconds: float | None = leaf("How long half of those who completed it took; null without one.")
    slow_seconds: float | None = leaf("How long nine in ten of them took at the most; null without one.")


@graph_type
class LessonDropOff:
    """How many people took a lesson, and how many stopped there."""

    lesson: Lesson | None = related(LessonByIdLoader, "lesson_id", "The lesson.")
    begun: int = leaf("How many began it.")
    finished: int = leaf("How many did all of it.")
    stopped: int = leaf("How many began it and no later lesson, and have not completed the course.")


def _funnel(root: CourseAnalyticsRow) -> Funnel:
    return root.funnel


def _as_of(root: CourseAnalyticsRow) -> datetime:
    return root.funnel.as_of


def _lessons(root: CourseAnalyticsRow) -> Sequence[LessonFigures]:
    return root.lessons


@graph_type
class CourseAnalytics:
    """How far the people of a course get, and where they stop."""

    course: Course | None = related(CourseByIdLoader, "course_id", "The course.")
    as_of: datetime = field(_as_of, "The moment that the figures are true of.")
    funnel: CourseFunnel = field(_funnel, "How many got how far.")
    lessons: list[LessonDropOff] = field(_lessons, "Every lesson, in the order of the outline.")


async def tenant_analytics(context: RequestContext) -> TenantAnalyticsRow:
    requests = await context.runtime.requests.this_month(context.tenant.organization)
    unproven = await domains.find_missing(context.runtime.catalog, context.tenant.id)
    return await tenant.read(context.work, requests, unproven=unproven)


async def _analytics(info: Info) -> TenantAnalyticsRow:
    return await tenant_analytics(info.context)


CourseId = Annotated[strawberry.ID, strawberry.argument(description="The id of the course.")]


async def _course_analytics(info: Info, course_id: CourseId) -> CourseAnalyticsRow | None:
    return await courses.read(info.context.work, info.context.open_id(NodeKind.COURSE, course_id))


@strawberry.type
class AnalyticsQuery:
    analytics: TenantAnalytics | None = field(
        _analytics,
        "What the organization's people do, what it uses, and how it is doing. Not for who manages some "
        "groups only.",
        requires=Permission.ANALYTICS_READ,
        several=True,
    )
    course_analytics: CourseAnalytics | None = field(
        _course_analytics,
        "How far the people of one course get; null for one that the caller may not see. Needs the feature "
        "`advancedAnalytics`. Not for who manages some groups only.",
        requires=Permission.ENROLLMENT_READ,
        several=True,
    )
