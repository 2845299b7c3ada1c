from collections.abc import Awaitable, Sequence
from typing import Annotated, Final

import strawberry

from harka.errors import ValidationError
from harka.graph.context import Info
from harka.graph.enums import SearchKind
from harka.graph.field import field, graph_type, leaf
from harka.graph.loaders.course import CourseByIdLoader
from harka.graph.loaders.lesson import LessonByIdLoader
from harka.graph.loaders.path import LearningPathByIdLoader
from harka.graph.loaders.user import UserByIdLoader
from harka.graph.pagination import After, Connection, First, Slice, paginate
from harka.graph.permission import Access
from harka.graph.types import later
from harka.learning import search
from harka.learning.search import LONGEST_QUERY, MOST_HITS, MOST_WORDS, Hit
from harka.repositories.course import Course as CourseRow
from harka.repositories.lesson import Lesson as LessonRow
from harka.repositories.page import Order, Position
from harka.repositories.path import LearningPath as PathRow
from harka.repositories.user import User as UserRow

_BEST_FIRST: Final = Order("place")


def _user(root: Hit, info: Info) -> Awaitable[UserRow | None] | None:
    return info.context.loaders.of(UserByIdLoader).want(root.id) if root.kind == SearchKind.USER else None


def _course(root: Hit, info: Info) -> Awaitable[CourseRow | None] | None:
    return info.context.loaders.of(CourseByIdLoader).want(root.id) if root.kind == SearchKind.COURSE else None


def _lesson(root: Hit, info: Info) -> Awaitable[LessonRow | None] | None:
    return info.context.loaders.of(LessonByIdLoader).want(root.id) if root.kind == SearchKind.LESSON else None


def _path(root: Hit, info: Info) -> Awaitable[PathRow | None] | None:
    if root.kind != SearchKind.LEARNING_PATH:
        return None
    return info.context.loaders.of(LearningPathByIdLoader).want(root.id)


@graph_type
class SearchHit:
    """Something that was found; the field of its kind holds it, the others are null."""

    kind: SearchKind = leaf("What was found.")
    score: float = leaf("How well it fits: above 0, and 1 when it has every word exactly as it was typed.")
    user: later.User | None = field(_user, "The person who was found.")
    course: later.Course | None = field(_course, "The course that was found.")
    lesson: later.Lesson | None = field(_lesson, "The lesson that was found.")
    learning_path: later.LearningPath | None = field(_path, "The learning path that was found.")


def _total_count(root: Slice) -> Awaitable[int]:
    return root.count()


async def _is_capped(root: Slice) -> bool:
    return await root.count() >= MOST_HITS


@strawberry.type(name="SearchHitConnection", description="One page of what was found, the best first.")
class SearchHits(Connection[SearchHit]):
    total_count: int = field(
        _total_count, f"How many were found, the {MOST_HITS} best at the most: see `isCapped`."
    )
    is_capped: bool = field(
        _is_capped,
        f"Whether as many were found as are kept, {MOST_HITS}. Then more may match: type more of the words.",
    )


async def _search(
    info: Info,
    query: Annotated[
        str,
        strawberry.argument(
            description=f"What was typed, at most {LONGEST_QUERY} characters. Of more than {MOST_WORDS} "
            "words the longest count. Nothing is found without a letter or digit."
        ),
    ],
    first: First,
    after: After = None,
    kinds: Annotated[
        list[SearchKind] | None, strawberry.argument(description="Only these; omit it for all.")
    ] = None,
) -> Slice:
    asked = sorted(set(SearchKind if kinds is None else map(SearchKind, kinds)))
    if not asked:
        raise ValidationError("Name at least one kind, or omit it.", field="kinds")
    hits = await search.find(info.context.work, query, kinds=asked)

    async def fetch(position: Position | None, limit: int) -> Sequence[Hit]:
        return search.page(hits, after=position, first=limit)

    async def count() -> int:
        return len(hits)

    return await paginate(
        info.context,
        "search",
        filters=(query, *asked),
        order=_BEST_FIRST,
        first=first,
        after=after,
        fetch=fetch,
        count=count,
    )


@strawberry.type
class SearchQuery:
    search: SearchHits | None = field(
        _search,
        "People by name and address, courses by title and code, lessons and learning paths by title: those "
        "that have every word, the best first. A word may be begun only, and have a typing mistake or two. "
        "Callers find what their lists show them: nobody without `user:read`. No more than the "
        f"{MOST_HITS} best are kept.",
        requires=Access.SIGNED_IN,
        several=True,
    )
