"""A schema made for the tests of the executors, operations on it, and what they find, by chance.

Every kind of field, whose values hypothesis chooses to be there, absent, wrong or failing, at once or later,
or answered by a loader.
"""

import asyncio
import enum
import random
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import strawberry
from graphql import GraphQLSchema
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from harka.graph.field import related
from harka.graph.loaders.loader import Loader

# not shrunk: that takes minutes here, and says less than the operation's text
GENEROUS = settings(
    max_examples=80,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
OPERATIONS = 4
"""Asked of each world. Chance is a seed: hypothesis, which looks for small choices, would ask little."""
SEEDS = st.integers(0, 2**32 - 1)


@strawberry.enum
class Color(enum.Enum):
    RED = "red"
    DARK_BLUE = "dark blue"


class FailureError(Exception):
    """What a resolver raises here."""


@dataclass
class Thing:
    """`links`: what its fields of objects resolve to. `place`: on the shelf, for loaders."""

    text: Any
    maybe_text: Any
    number: Any
    ratio: Any
    flag: Any
    color: Any
    moment: Any
    tags: Any
    maybe_tags: Any
    links: dict[str, Any] = field(default_factory=dict)
    place: int = 0


class World(NamedTuple):
    """What the root fields answer, and all that loaders find, place by place, round and round."""

    root: Thing
    shelf: list[Any]


WORLD: ContextVar[World] = ContextVar("world")
"""In which operations are executed."""


def standing(place: int) -> Any:
    shelf = WORLD.get().shelf
    found = shelf[place % len(shelf)]
    if isinstance(found, FailureError):
        raise found
    return found


class ShelfLoader(Loader[int, Any]):
    """What stands at a place."""

    async def fetch(self, keys: list[int]) -> list[Any]:
        return [standing(key) for key in keys]


class RowLoader(Loader[int, Any]):
    """None to three of what stands from a place on."""

    async def fetch(self, keys: list[int]) -> list[Any]:
        rows = [[standing(place) for place in range(key, key + key % 4)] for key in keys]
        return [[each for each in row if each is not None] for row in rows]


@dataclass
class Later:
    """A value that is awaited, or a failure that is."""

    value: Any

    def __await__(self) -> Any:
        yield from asyncio.sleep(0).__await__()
        if isinstance(self.value, FailureError):
            raise self.value
        return self.value


def link(name: str) -> Any:
    def resolve(root: Thing) -> Any:
        value = root.links[name]
        if isinstance(value, FailureError):
            raise value
        return value

    return strawberry.field(resolver=resolve)


def count_of(root: Thing, at_least: int = 0, extra: int | None = None, word: str = "") -> Any:
    return at_least + (extra or 0) + len(word)


def wanted(root: Thing, info: strawberry.Info[Any, Any], further: int = 0) -> Any:
    """Of some at once, of the others by the loader."""
    if root.place % 4 == 0:
        return None
    made = seldom if root.place % 2 else None
    return info.context.loaders.of(ShelfLoader).want(root.place + further, made)


def seldom(found: Any) -> Any:
    """What is made of what was found: mostly itself."""
    return None if getattr(found, "place", 1) % 3 == 0 else found


async def awaited(root: Thing, info: strawberry.Info[Any, Any]) -> Any:
    return await info.context.loaders.of(ShelfLoader).load(root.place + 1)


@strawberry.type
class Item:
    text: str
    maybe_text: str | None
    number: int
    ratio: float
    flag: bool
    color: Color
    moment: datetime
    tags: list[str]
    maybe_tags: list[str | None] | None
    count: int = strawberry.field(resolver=count_of)
    one: "Item | None" = link("one")
    must: "Item" = link("must")
    many: "list[Item]" = link("many")
    some: "list[Item | None] | None" = link("some")
    kin: "Item | None" = related(ShelfLoader, "place", "one")
    kins: "list[Item]" = related(RowLoader, "place", "many")
    wanted: "Item | None" = strawberry.field(resolver=wanted)
    awaited: "Item | None" = strawberry.field(resolver=awaited)


def top() -> Any:
    return WORLD.get().root


def tops() -> Any:
    return [WORLD.get().root] * 2


@strawberry.type
class Query:
    top: Item | None = strawberry.field(resolver=top)
    tops: list[Item] = strawberry.field(resolver=tops)


SCHEMA: GraphQLSchema = strawberry.Schema(Query, types=[Item])._schema
LEAVES = [
    "text",
    "maybeText",
    "number",
    "ratio",
    "flag",
    "color",
    "moment",
    "tags",
    "maybeTags",
    "__typename",
]
ARGUMENTS = ["", "(atLeast: 3)", "(atLeast: $number)", "(extra: $absent)", "(word: $word)"]
ARGUMENTS += ['(word: "é\\n", extra: null)']
# those of one loader more often, so that several ask it at one moment
LINKS = ["one", "must", "many", "many", "some", *["kin", "wanted"] * 3, "kins", "kins", "awaited"]


def good_text() -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def spoiled(good: st.SearchStrategy[Any], *bad: Any) -> st.SearchStrategy[Any]:
    """Mostly what fits."""
    return st.integers(0, 24).flatmap(lambda roll: st.sampled_from(bad) if roll == 0 else good)


def things(depth: int, *, clean: bool) -> st.SearchStrategy[Thing]:
    def field_of(good: st.SearchStrategy[Any], *bad: Any) -> st.SearchStrategy[Any]:
        return good if clean else spoiled(good, *bad)

    links = st.just({"one": None, "must": FailureError("end"), "many": [], "some": None})
    if depth:
        below = things(depth - 1, clean=clean)
        absent = st.none()
        links = st.fixed_dictionaries(
            {
                "one": timed(field_of(below | absent, FailureError("one"), 7)),
                "must": timed(field_of(below, None, FailureError("must"))),
                "many": timed(field_of(st.lists(below, max_size=3), None, FailureError("many"), [None], 3)),
                "some": timed(
                    field_of(absent | st.lists(below | absent, max_size=3), FailureError("some"), "text")
                ),
            }
        )
    return st.builds(
        Thing,
        text=field_of(good_text(), None, 12, True, b"x"),
        maybe_text=field_of(st.none() | good_text(), 1.5),
        number=field_of(st.integers(-(2**31), 2**31 - 1), 2**31, None, "1", 2.0, 2.5, True),
        ratio=field_of(st.floats(allow_nan=False, allow_infinity=False), float("nan"), None, 3, "1.5"),
        flag=field_of(st.booleans(), 0, None, "yes"),
        color=field_of(st.sampled_from(Color), "red", "green", None),
        moment=field_of(st.datetimes(timezones=st.just(UTC)), None, "now"),
        tags=field_of(st.lists(good_text(), max_size=3), [None], None, "text", 4),
        maybe_tags=field_of(st.none() | st.lists(st.none() | good_text(), max_size=3), 4),
        links=links,
        place=st.integers(0, 99),
    )


def reached(thing: Any) -> Iterator[Thing]:
    """The thing and those below it."""
    if isinstance(thing, Later):
        yield from reached(thing.value)
    elif isinstance(thing, list):
        for each in thing:
            yield from reached(each)
    elif isinstance(thing, Thing):
        yield thing
        yield from reached(list(thing.links.values()))


def world_of(root: Thing, *, clean: bool) -> World:
    """On the shelf are all there are, and nothing; and now and then what should not be there."""
    return World(root, [*reached(root), *([None] * 2 if clean else [None, FailureError("shelf"), 7])])


def timed(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return values | values.map(Later)


def written(chance: random.Random) -> tuple[str, dict[str, Any]]:
    """A random operation with aliases, fragments, conditions and arguments, and its variables."""
    fragments: list[str] = []

    def condition() -> str:
        roll = chance.randrange(12)
        words = {
            0: " @skip(if: $yes)", 1: " @include(if: $yes)", 2: " @skip(if: false)", 3: " @include(if: $no)",
            4: " @include(if: true) @skip(if: $no)",
        }  # fmt: skip
        return words.get(roll, "")

    def argument() -> str:
        place = chance.randrange(len(ARGUMENTS))
        return f"count{place}: count{ARGUMENTS[place]}"

    def selection(depth: int) -> str:
        parts = []
        for number in range(chance.randint(1, 4)):
            roll = chance.random()
            if depth and roll < 0.45:
                name = chance.choice(LINKS)
                parts.append(f"{name}{number}: {name}{condition()} {selection(depth - 1)}")
            elif depth and roll < 0.55:
                parts.append(f"... on Item{condition()} {selection(depth - 1)}")
            elif depth and roll < 0.65:
                body = selection(0)
                fragments.append(f"fragment F{len(fragments)} on Item {body}")
                parts.append(f"...F{len(fragments) - 1}{condition()}")
            elif roll < 0.72:
                parts.append(f"{argument()}{condition()}")
            else:
                name = chance.choice(LEAVES)
                alias = f"{name}{number}: " if chance.random() < 0.5 else ""
                parts.append(f"{alias}{name}{condition()}")
        return "{ __typename " + " ".join(parts) + " }"

    roots = f"top {selection(3)}" + (f" tops{condition()} {selection(2)}" if chance.random() < 0.4 else "")
    head = "query Q($yes: Boolean!, $no: Boolean = false, $number: Int!, $absent: Int, $word: String!)"
    uses = "n: count(atLeast: $number, extra: $absent, word: $word) @skip(if: $yes) @include(if: $no)"
    variables = {"yes": chance.random() < 0.5, "number": chance.randrange(100), "word": "wörd"}
    return f"{head} {{ uses: top {{ {uses} }} {roots} }} {' '.join(fragments)}", variables
