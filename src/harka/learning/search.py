"""Finding people, courses, lessons and learning paths by a few words.

Begun words and small mistakes are understood.
"""

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

import msgspec

from harka.learning import visibility
from harka.learning.spelling import typos
from harka.learning.text import accept_part
from harka.learning.work import UnitOfWork
from harka.repositories import search as searches
from harka.repositories.page import Position
from harka.repositories.scope import Scope
from harka.repositories.search import Range, SearchKind
from harka.tenancy.permission import Permission

LONGEST_QUERY: Final = 200
MOST_WORDS: Final = 10
MOST_HITS: Final = 200
"""Who has not found it among the best of them types another word."""
_MOST_LIKE: Final = 100
"""Spellings that are looked at for each word."""
_WHOLE, _BEGUN, _ONE_TYPO, _TWO_TYPOS = 4, 3, 2, 1
_LONG_WORD: Final = 8
# words hold letters and digits only: this comes after the word itself, and before all that go on from it
_AFTER_ITSELF: Final = "!"
_AFTER_ALL_BEGUN: Final = "\U0010ffff"


class Hit(msgspec.Struct, frozen=True):
    """`score`: above 0, to 1 for every word exactly. `place`: in the list, as a text that sorts."""

    kind: str
    id: UUID
    score: float
    place: str


async def find(work: UnitOfWork, typed: str, *, kinds: Iterable[str] = SearchKind) -> list[Hit]:
    """The best that the reader may see, each with all words of `typed`: at most `MOST_HITS`, in order.

    Two statements. Whoever may not read people or courses finds none. Raise `ValidationError` for what is too
    long or holds a character that no text has.
    """
    accepted = accept_part(typed, "query", longest=LONGEST_QUERY)
    readable = _readable(work, kinds)
    if accepted is None or not readable:
        return []
    known = await searches.spelled_like(work.session, accepted, words=MOST_WORDS, each=_MOST_LIKE)
    asked: dict[str, list[str]] = {}
    for each in known:
        asked.setdefault(each.word, []).extend([] if each.like is None else [each.like])
    if not asked:
        return []
    ranges = [r for place, (word, like) in enumerate(asked.items()) for r in _ranges(place, word, like)]
    scope = Scope(everything=False)
    if readable != [SearchKind.USER]:
        scope = visibility.of_courses(work.context)
    found = await searches.find_best(
        work.session, scope, readable, ranges, most=MOST_HITS, manager=work.context.manager
    )
    best = _WHOLE * len(asked)
    return [Hit(each.kind, each.id, each.worth / best, f"{best - each.worth:02}") for each in found]


def page(hits: Sequence[Hit], *, after: Position | None, first: int) -> list[Hit]:
    """The next `first` after the place and id of a hit."""
    return [hit for hit in hits if after is None or (hit.place, hit.id) > after][:first]


def _readable(work: UnitOfWork, kinds: Iterable[str]) -> list[str]:
    needed = {
        SearchKind.USER: Permission.USER_READ,
        SearchKind.COURSE: Permission.COURSE_READ,
        SearchKind.LESSON: Permission.COURSE_READ,
        SearchKind.LEARNING_PATH: Permission.COURSE_READ,
    }
    asked = frozenset(kinds)
    return [kind for kind, permission in needed.items() if kind in asked and work.context.allows(permission)]


def _ranges(place: int, word: str, like: Sequence[str]) -> list[Range]:
    """What counts as `word`: itself, what begins with it, and what is spelled nearly like it."""
    ranges = [Range(place, word, word + _AFTER_ALL_BEGUN, _WHOLE, _BEGUN)]
    most = 2 if len(word) >= _LONG_WORD else 1
    for each in like:
        wrong = typos(word, each, most=most)
        if 0 < wrong <= most:
            worth = _ONE_TYPO if wrong == 1 else _TWO_TYPOS
            ranges.append(Range(place, each, each + _AFTER_ITSELF, worth, worth))
    return ranges
