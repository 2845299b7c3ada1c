import enum
from collections.abc import Sequence
from uuid import UUID

import msgspec

from harka.repositories.scope import Scope, unless_beyond
from harka.storage.session import ShardSession
from harka.storage.statement import Statement


class SearchKind(enum.StrEnum):
    """The values are what `search_word.kind` holds."""

    USER = "user"
    COURSE = "course"
    LESSON = "lesson"
    LEARNING_PATH = "learning_path"


class Asked(msgspec.Struct, frozen=True):
    """A word of what was typed, and one that is spelled like it; None for none."""

    word: str
    like: str | None


class Range(msgspec.Struct, frozen=True):
    """Words from `least` up to, without, `beyond`, and what they are worth in the `place` of one asked for.

    `whole`: when it is `least` itself, `begun`: when it goes on.
    """

    place: int
    least: str
    beyond: str
    whole: int
    begun: int


class Found(msgspec.Struct, frozen=True):
    """`worth`: the sum over the words that were asked for."""

    kind: str
    id: UUID
    worth: int


# The words of what was typed, the longest ones, each with those that are spelled like it: one letter wrong,
# missing, too many, or changed with its neighbour leaves at least so many groups of three letters; of a long
# word two may be.
SPELLED_LIKE = Statement(
    "search.spelled_like",
    """SELECT asked.word, near.word AS like FROM (
      SELECT word FROM (SELECT {schema}.search_words($2::text) AS word) AS typed
      ORDER BY length(word) DESC, word LIMIT $3
    ) AS asked LEFT JOIN LATERAL (
      SELECT s.word FROM {schema}.search_spelling s
      WHERE s.tenant_id = $1 AND s.gram = ANY(ARRAY(SELECT {schema}.search_grams(asked.word)))
        AND length(asked.word) >= 4 AND asked.word !~ '[0-9]'
      GROUP BY s.word
      HAVING count(DISTINCT s.gram)
        >= greatest(1, least(length(asked.word) - 4, ceil(0.4 * length(asked.word))))
      ORDER BY count(DISTINCT s.gram) DESC, abs(length(s.word) - length(asked.word)), s.word LIMIT $4
    ) AS near ON true""",
)

# What has a word of each place, and may be seen by the reader; the best first, equal ones by their id.
FIND_BEST = Statement(
    "search.find_best",
    f"""WITH matched AS (
      SELECT w.kind, w.id, r.place, max(CASE WHEN w.word = r.least THEN r.whole ELSE r.begun END) AS worth
      FROM unnest($5::int[], $6::text[], $7::text[], $8::int[], $9::int[])
        AS r (place, least, beyond, whole, begun)
      JOIN {{schema}}.search_word w
        ON w.tenant_id = $1 AND w.word >= r.least AND w.word < r.beyond AND w.kind = ANY($4::text[])
      GROUP BY w.kind, w.id, r.place
    ), found AS (
      SELECT kind, id, sum(worth)::int AS worth FROM matched
      GROUP BY kind, id HAVING count(*) = (SELECT count(DISTINCT place) FROM unnest($5::int[]) AS place)
    )
    SELECT kind, id, worth FROM (
      SELECT f.kind, f.id, f.worth FROM found f
      WHERE f.kind = 'user' AND {unless_beyond("f.id", "$11")}
      UNION ALL
      SELECT f.kind, f.id, f.worth FROM found f JOIN {{schema}}.course c ON c.tenant_id = $1 AND c.id = f.id
      WHERE f.kind = 'course' AND ($2::boolean OR c.status = 'published' OR EXISTS (
        SELECT FROM {{schema}}.enrollment e
        WHERE e.tenant_id = $1 AND e.user_id = $3::uuid AND e.course_id = c.id AND e.status <> 'withdrawn'))
      UNION ALL
      SELECT f.kind, f.id, f.worth FROM found f JOIN {{schema}}.lesson l ON l.tenant_id = $1 AND l.id = f.id
      JOIN {{schema}}.course c ON c.tenant_id = $1 AND c.id = l.course_id
      WHERE f.kind = 'lesson' AND ($2::boolean OR c.status = 'published' OR EXISTS (
        SELECT FROM {{schema}}.enrollment e
        WHERE e.tenant_id = $1 AND e.user_id = $3::uuid AND e.course_id = c.id AND e.status <> 'withdrawn'))
      UNION ALL
      SELECT f.kind, f.id, f.worth FROM found f
      JOIN {{schema}}.learning_path p ON p.tenant_id = $1 AND p.id = f.id
      WHERE f.kind = 'learning_path' AND ($2::boolean OR p.status = 'published' OR EXISTS (
        SELECT FROM {{schema}}.learning_path_enrollment e
        WHERE e.tenant_id = $1 AND e.user_id = $3::uuid AND e.path_id = p.id AND e.status <> 'withdrawn'))
    ) AS seen
    ORDER BY worth DESC, id LIMIT $10""",  # noqa: S608 - constants
)


async def spelled_like(session: ShardSession, typed: str, *, words: int, each: int) -> Sequence[Asked]:
    """The `words` longest words of `typed`, each with up to `each` that may be meant by it."""
    return await session.fetch_rows(Asked, SPELLED_LIKE, typed, words, each)


async def find_best(
    session: ShardSession,
    scope: Scope,
    kinds: Sequence[str],
    ranges: Sequence[Range],
    *,
    most: int,
    manager: UUID | None,
) -> Sequence[Found]:
    """The best `most` of these kinds: `scope` is that of courses, people are seen by who asks for them.

    `manager`: who sees the people of their groups only, None for everybody.
    """
    columns = [list(column) for column in zip(*map(msgspec.structs.astuple, ranges), strict=True)]
    return await session.fetch_rows(
        Found, FIND_BEST, scope.everything, scope.user, kinds, *columns, most, manager
    )
