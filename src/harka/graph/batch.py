"""Executes a plan: all objects of a level together, a level after the other, the answer written as bytes.

For each level every field is resolved for all its objects: attributes at once, what a loader answers in one
call, resolvers one by one. What a level waits for is waited for together. Then the next level follows from
the objects that were found, and when there are no more the answer is written.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeGuard

import msgspec
from graphql.execution.values import VariableValues

from harka import executor
from harka.graph.context import RequestContext
from harka.graph.loaders.loader import Loader, Wanted
from harka.graph.permission import Access
from harka.graph.plan import Plan, Step

UncoveredError = executor.UncoveredError if executor.COMPILED else Exception
"""Raised when the answer is not plain: the operation is then executed by graphql-core."""


class BatchInfo(msgspec.Struct, frozen=True):
    """What resolvers get as `info`; of all that graphql-core offers they use the context."""

    context: RequestContext


async def execute(
    plan: Plan, context: RequestContext, variables: VariableValues, root: object = None
) -> "Executed":
    """What the operation answers. Raise `UncoveredError`, or whatever a resolver raises."""
    run = _Run(context, variables)
    top = executor.Frame(plan.shape, [root])
    await (run.resolve([top]) if plan.lone is None else run.resolve_lone(top, plan.lone))
    seal = context.seal
    # the first frame stands for the answer itself
    objects = -1
    for frame in reversed(run.frames):
        frame.write(seal)
        objects += len(frame.sources)
    return Executed(top.data(), objects)


class Executed(msgspec.Struct, frozen=True, gc=False):
    """`data`: the text of the answer's. `objects`: how many there are in it."""

    data: bytes
    objects: int


class _Run:
    """`frames`: all that there are so far, parents before their children."""

    def __init__(self, context: RequestContext, variables: VariableValues) -> None:
        self.frames: list[Any] = []
        self._context = context
        self._info = BatchInfo(context)
        self._variables = variables

    async def resolve_lone(self, top: Any, field: Any) -> None:
        """Like `resolve` of a frame with one object and this one field to resolve: nothing to collect."""
        step: Step = field.step
        required = step.required
        if required is not Access.OPEN:
            self._context.require(required)
        self.frames.append(top)
        (value,) = self._call(step, top.sources)
        if type(value) is Wanted:
            work, loader = self._context.work, value.loader
            is_last = work.may_end_early and step.waits <= 1 and step.waits_below == 0
            if is_last and loader.sends_one([value.key]):
                work.end_with_next_read()
            answers = await loader.load_distinct([value.key], [0])
            values = answers if value.made is None else [value.made(answers[0])]
        else:
            values = [await value if is_awaitable(value) else value]
        level: list[Any] = []
        for frame in top.attach(field, values):
            (level if frame.shape.steps else self.frames).append(frame)
        if level:
            await self.resolve(level)

    async def resolve(self, level: list[Any]) -> None:
        """Resolve every field of these frames and of those that follow from them."""
        may_end = self._context.work.may_end_early
        while level:
            waiting = _Waiting()
            asked: list[tuple[Any, Any, Any]] = []
            try:
                self._expand(level, waiting, asked)
                if waiting.count:
                    last = may_end and all(field.step.waits_below == 0 for _, field, _ in asked)
                    await waiting.finish(self._context, last=last)
            except BaseException:
                waiting.drop()
                raise
            level = []
            for frame, field, values in asked:
                level += frame.attach(field, values.answers() if isinstance(values, _Request) else values)

    def _expand(self, level: list[Any], waiting: "_Waiting", asked: list[tuple[Any, Any, Any]]) -> None:
        """Go as deep as nothing has to be waited for, and collect what has."""
        for frame in level:
            self.frames.append(frame)
            for field in frame.shape.steps:
                before = waiting.count
                values = self._begin(frame, field, waiting)
                if waiting.count > before:
                    asked.append((frame, field, values))
                else:
                    # the loop goes on with these: it is at the list's end that a level ends
                    level += frame.attach(field, values)

    def _begin(self, frame: Any, field: Any, waiting: "_Waiting") -> Any:
        step: Step | None = field.step
        if step is None:
            return frame.column(field.name)
        if step.required is not Access.OPEN:
            self._context.require(step.required)
        if step.given and step.loader is not None:
            return self._context.loaders.of(step.loader).given(frame.column(step.key))
        if step.loader is not None:
            keys = frame.keys(step.key) or (frame.column(step.key),)
            waiting.load_ahead(step.ahead, keys[0])
            return waiting.load(step.loader, *keys)
        if step.resolver is None:
            return frame.column(field.name)
        values = self._call(step, frame.sources)
        before, wanted = waiting.count, _all_wanted(values)
        if wanted is not None:
            waiting.several |= step.waits > 1
            return waiting.load(wanted, [value.key for value in values], wanted=values)
        for place, value in enumerate(values):
            if type(value) is Wanted:
                waiting.want(values, place, value)
            elif is_awaitable(value):
                waiting.add(values, place)
        waiting.several |= step.waits > 1 and waiting.count > before
        return values

    def _call(self, step: Step, sources: Sequence[Any]) -> list[Any]:
        resolver, root = step.resolver, step.root
        assert resolver is not None  # noqa: S101 - the caller has looked
        keywords = dict(step.arguments(self._variables)) if step.arguments is not None else {}
        if step.info:
            keywords[step.info] = self._info
        if not root:
            return [resolver(**keywords) for _ in sources]
        return [resolver(**{root: source}, **keywords) for source in sources]


def _all_wanted(values: list[Any]) -> type[Loader[Any, Any]] | None:
    """The loader that shall answer all of them."""
    if not values or type(values[0]) is not Wanted:
        return None
    kind = type(values[0].loader)
    for value in values:
        if type(value) is not Wanted or type(value.loader) is not kind:
            return None
    return kind


class _Request:
    """Keys asked of a loader, and later its answers in their order.

    `places`: the keys differ, and this is where among them each object's own is; None: a key for each object.
    `wanted`: what is to be made of each answer.
    """

    __slots__ = ("keys", "places", "values", "wanted")

    def __init__(
        self, keys: list[Any], places: list[int] | None, wanted: Sequence[Wanted[Any, Any]] = ()
    ) -> None:
        self.keys = keys
        self.places = places
        self.wanted = wanted
        self.values: Sequence[Any] = ()

    def each(self) -> list[Any]:
        """The key of each object."""
        return self.keys if self.places is None else [self.keys[place] for place in self.places]

    def answers(self) -> Sequence[Any]:
        """What there is for each object."""
        for wanted in self.wanted:
            if wanted.made is not None:
                return [_made(each, answer) for each, answer in zip(self.wanted, self.values, strict=True)]
        # rows stay rows: nobody looks at them one by one
        return self.values


class _Waiting:
    """What a level waits for.

    `count`: how many times it was asked to wait for something. `several`: a resolver among these may send
    more than one statement.
    """

    __slots__ = ("_ahead", "_loads", "_places", "_wanted", "count", "several")

    def __init__(self) -> None:
        self.count = 0
        self.several = False
        self._ahead: dict[type[Loader[Any, Any]], list[Any]] = {}
        self._places: list[tuple[list[Any], int]] = []
        self._loads: dict[type[Loader[Any, Any]], list[_Request]] = {}
        self._wanted: list[tuple[_Request, list[Any], list[int]]] = []

    def add(self, values: list[Any], place: int) -> None:
        """`values[place]` is awaitable."""
        self.count += 1
        self._places.append((values, place))

    def load(
        self,
        loader: type[Loader[Any, Any]],
        keys: list[Any],
        places: list[int] | None = None,
        *,
        wanted: Sequence[Wanted[Any, Any]] = (),
    ) -> _Request:
        """`places`, `wanted`: as those of a `_Request`."""
        self.count += 1
        request = _Request(keys, places, wanted)
        self._loads.setdefault(loader, []).append(request)
        return request

    def load_ahead(self, loaders: Sequence[type[Loader[Any, Any]]], keys: list[Any]) -> None:
        """What fields of the answers will be given; `keys` are of the loader that these are behind."""
        for loader in loaders:
            self._ahead.setdefault(loader, []).extend(keys)

    def want(self, values: list[Any], place: int, wanted: Wanted[Any, Any]) -> None:
        """`values[place]` is what a loader will answer."""
        kind = type(wanted.loader)
        if self._wanted and self._wanted[-1][1] is values and kind in self._loads:
            request, _, places = self._wanted[-1]
            if self._loads[kind][-1] is request:
                self.count += 1
                request.keys.append(wanted.key)
                places.append(place)
                return
        self._wanted.append((self.load(kind, [wanted.key]), values, [place]))

    async def finish(self, context: RequestContext, *, last: bool) -> None:
        """Wait for all of it together. `last`: the transaction may end with it."""
        places, ahead = self._places, self._ahead
        if len(self._loads) == 1 and not (places or ahead):
            for loader, requests in self._loads.items():
                if last and not self.several and _is_one(loader, requests):
                    context.work.end_with_next_read()
                await _load(context.loaders.of(loader), requests)
        else:
            loads = [_load(context.loaders.of(loader), requests) for loader, requests in self._loads.items()]
            loads += [context.loaders.of(loader).load_ahead(keys) for loader, keys in ahead.items()]
            is_one = not self.several and all(_is_one(*each) for each in self._loads.items())
            ends = context.work.end_with_next_read if last and is_one else None
            answers = await _together([*(values[place] for values, place in places), *loads], ends)
            for (values, place), answer in zip(places, answers, strict=False):
                values[place] = answer
        for request, values, wanted in self._wanted:
            for place, answer in zip(wanted, request.values, strict=True):
                values[place] = _made(values[place], answer)

    def drop(self) -> None:
        """Nobody will wait for these any more."""
        for values, place in self._places:
            close = getattr(values[place], "close", None)
            if close is not None:
                close()


def _made(wanted: Wanted[Any, Any], answer: Any) -> Any:
    return answer if wanted.made is None else wanted.made(answer)


async def _together(
    awaitables: list[Awaitable[Any]], ends: Callable[[list[asyncio.Task[Any]]], None] | None
) -> list[Any]:
    """What each answers. The first failure ends them all: nothing runs on after the operation.

    `ends`: called with the tasks, before they begin, when none will send more than one statement, the last.
    """
    if len(awaitables) == 1:
        return [await awaitables[0]]
    futures: list[Any] = [asyncio.ensure_future(each) for each in awaitables]
    # of a future nobody knows who will send a statement for it, and when
    if ends is not None and all(isinstance(future, asyncio.Task) for future in futures):
        ends(futures)
    try:
        await asyncio.wait(futures, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        left = [future for future in futures if not future.done()]
        for future in left:
            future.cancel()
        if left:
            await asyncio.wait(left)
    failures = [error for future in futures if not future.cancelled() and (error := future.exception())]
    if failures:
        raise failures[0]
    return [future.result() for future in futures]


def _is_one(loader: type[Loader[Any, Any]], requests: Sequence[_Request]) -> bool:
    return loader.sends_one([key for request in requests for key in request.keys])


async def _load(loader: Loader[Any, Any], requests: list[_Request]) -> None:
    if len(requests) == 1:
        request = requests[0]
        if request.places is None:
            request.values = await loader.load_many(request.keys)
        else:
            request.values = await loader.load_distinct(request.keys, request.places)
        return
    keys = [request.each() for request in requests]
    answers = await loader.load_many([key for each in keys for key in each])
    start = 0
    for request, each in zip(requests, keys, strict=True):
        request.values = answers[start : start + len(each)]
        start += len(each)


def is_awaitable(value: object) -> TypeGuard[Awaitable[Any]]:
    return hasattr(type(value), "__await__")
