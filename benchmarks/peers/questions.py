"""The three questions, as each peer is asked them, and what makes two answers to them equal."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from harka.ids import NodeIds

COURSES: Final = 20
ENROLLMENTS: Final = 50

_USER: Final = "query User($id: ID!) { user(id: $id) { id name email role status createdAt } }"
_COURSES: Final = f"""query Courses {{ courses(first: {COURSES}) {{ nodes {{ id code title status
  modules {{ id title lessons {{ id title kind durationMinutes weight }} }} }} }} }}"""
_ENROLLMENTS: Final = f"""query Enrollments {{ enrollments(first: {ENROLLMENTS}) {{ totalCount nodes {{
  id status progress enrolledAt user {{ id name email }} course {{ id code title }} }} }} }}"""

# the same selection in the shape that PostGraphile gives these tables: `rowId` is the column `id`,
# and a list of children is a connection
_POSTGRAPHILE_USER: Final = """query User($tenant: UUID!, $id: UUID!) {
  user: userByTenantIdAndRowId(tenantId: $tenant, rowId: $id) {
    id: rowId name email role status createdAt } }"""
_POSTGRAPHILE_COURSES: Final = f"""query Courses {{
  courses: allCourses(first: {COURSES}, orderBy: [CREATED_AT_ASC, ROW_ID_ASC]) {{ nodes {{
    id: rowId code title status
    modules: modulesByTenantIdAndCourseId(orderBy: [POSITION_ASC, ROW_ID_ASC]) {{ nodes {{ id: rowId title
      lessons: lessonsByTenantIdAndCourseIdAndModuleId(orderBy: [POSITION_ASC, ROW_ID_ASC]) {{ nodes {{
        id: rowId title kind durationMinutes weight }} }} }} }} }} }} }}"""
_POSTGRAPHILE_ENROLLMENTS: Final = f"""query Enrollments {{
  enrollments: allEnrollments(first: {ENROLLMENTS}, orderBy: [CREATED_AT_ASC, ROW_ID_ASC]) {{
    totalCount nodes {{
    id: rowId status progress enrolledAt
    user: userByTenantIdAndUserId {{ id: rowId name email }}
    course: courseByTenantIdAndCourseId {{ id: rowId code title }} }} }} }}"""

_MOMENTS: Final = frozenset({"createdAt", "enrolledAt"})
_ENUMERATIONS: Final = frozenset({"role", "status", "kind"})
_CONNECTIONS: Final = frozenset({"modules", "lessons"})


class Question(msgspec.Struct, frozen=True):
    name: str
    title: str


QUESTIONS: Final = (
    Question("q1", "Q1 one user by id"),
    Question("q2", f"Q2 {COURSES} courses of 10 lessons"),
    Question("q3", f"Q3 {ENROLLMENTS} enrollments, user, course, total"),
)


class Asked(msgspec.Struct, frozen=True):
    """Whose data are asked for: some users of one tenant; Q1 is asked about one after the other."""

    tenant: UUID
    users: Sequence[UUID]


Bodies = Callable[[str, Asked], list[str]]
"""Question name, data → the request bodies to send in turn."""


def graphql_bodies(question: str, asked: Asked) -> list[str]:
    """By row id, as every peer but HARKA names a user."""
    return _graphql(question, [str(user) for user in asked.users])


def sealed_bodies(node_ids: Callable[[UUID], str]) -> Bodies:
    """`node_ids`: a user's id as HARKA writes it."""
    return lambda question, asked: _graphql(question, [node_ids(user) for user in asked.users])


def postgraphile_bodies(question: str, asked: Asked) -> list[str]:
    if question == "q1":
        tenant = str(asked.tenant)
        return [_body(_POSTGRAPHILE_USER, {"tenant": tenant, "id": str(user)}) for user in asked.users]
    return [_body({"q2": _POSTGRAPHILE_COURSES, "q3": _POSTGRAPHILE_ENROLLMENTS}[question])]


def raw_bodies(question: str, asked: Asked) -> list[str]:
    if question == "q1":
        return [json.dumps({"query": "q1", "id": str(user)}) for user in asked.users]
    return [json.dumps({"query": question, "first": {"q2": COURSES, "q3": ENROLLMENTS}[question]})]


Opening = Callable[[str], str]


def as_written(text: str) -> str:
    return text


def opened(node_ids: NodeIds, tenant: UUID) -> Opening:
    """HARKA's ids are sealed to their tenant: the row id inside."""
    return lambda text: str(node_ids.open(tenant, text)[1])


def normal(answer: Any, opening: Opening = as_written) -> Any:
    """An answer without what peers may differ in: shape of lists, case of enumerations, text of moments.

    Moments are cut to milliseconds, for JavaScript has no finer ones.
    """
    match answer:
        case dict():
            return {name: _normal_field(name, value, opening) for name, value in answer.items()}
        case list():
            return [normal(item, opening) for item in answer]
        case _:
            return answer


def _normal_field(name: str, value: Any, opening: Opening) -> Any:
    if name == "id":
        return opening(value)
    if name in _MOMENTS:
        moment = datetime.fromisoformat(value).astimezone(UTC)
        return moment.isoformat(timespec="milliseconds")
    if name in _ENUMERATIONS:
        return value.upper()
    if name in _CONNECTIONS and isinstance(value, dict):
        return normal(value["nodes"], opening)
    return normal(value, opening)


def _graphql(question: str, users: Sequence[str]) -> list[str]:
    if question == "q1":
        return [_body(_USER, {"id": user}) for user in users]
    return [_body({"q2": _COURSES, "q3": _ENROLLMENTS}[question])]


def _body(document: str, variables: dict[str, str] | None = None) -> str:
    return json.dumps({"query": document, **({"variables": variables} if variables else {})})
