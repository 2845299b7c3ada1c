"""Objects within objects: what the frames write together is what orjson writes of the whole."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harka import executor, rows
from harka.codec import json_bytes
from records import received, texts

if executor.COMPILED:
    from harka.executor import Field, Frame, Seal, Shape, UncoveredError

    SEAL = Seal(bytes(16), bytes(16))

pytestmark = pytest.mark.compiled

IDS = [UUID(int=number) for number in range(1, 5)]


@dataclass
class Tree:
    text: str
    one: "Tree | None" = None
    many: "Sequence[Tree]" = ()
    some: "Sequence[Tree | None] | None" = None


class Bush(Tree):
    """Of another class, at the same places."""


def shapes(depth: int) -> dict[type, "Shape"]:
    """One for each class; what is below `depth` is not selected."""
    return {kind: _shape(kind, depth) for kind in (Tree, Bush)}


def _shape(kind: type, depth: int) -> "Shape":
    shape = Shape(kind, 0)
    shape.add(Field.text("kind", kind.__name__))
    shape.add(Field.leaf("text", "text", "String", nullable=False))
    if depth:
        below = shapes(depth - 1)
        shape.add(Field.child("one", "one", below, many=False, nullable=True, nullable_items=False))
        shape.add(Field.child("many", "many", below, many=True, nullable=False, nullable_items=False))
        shape.add(Field.child("some", "some", below, many=True, nullable=True, nullable_items=True))
    return shape


def as_told(tree: Tree | None, depth: int) -> Any:
    """The same, for orjson."""
    if tree is None:
        return None
    told: dict[str, Any] = {"kind": type(tree).__name__, "text": tree.text}
    if depth:
        told["one"] = as_told(tree.one, depth - 1)
        told["many"] = [as_told(each, depth - 1) for each in tree.many]
        told["some"] = None if tree.some is None else [as_told(each, depth - 1) for each in tree.some]
    return told


def answer(shape: "Shape", root: object) -> bytes:
    """As `graph/batch.py` drives it, when every field is an attribute."""
    frames = [Frame(shape, [root])]
    for frame in frames:
        for step in frame.shape.steps:
            frames += frame.attach(step, frame.column(step.name))
    for frame in reversed(frames):
        frame.write(SEAL)
    return frames[0].data()


def trees(depth: int) -> st.SearchStrategy[Tree]:
    kinds = st.sampled_from([Tree, Bush])
    if not depth:
        return st.builds(lambda kind, text: kind(text), kinds, texts())
    below = trees(depth - 1)
    return st.builds(
        lambda kind, *parts: kind(*parts),
        kinds,
        texts(),
        st.none() | below,
        st.lists(below, max_size=3) | st.lists(below, max_size=2).map(tuple),
        st.none() | st.lists(st.none() | below, max_size=3),
    )


@given(trees(3))
def test_a_tree_is_written_whole(tree: Tree) -> None:
    for depth in (3, 1, 0):
        assert answer(shapes(depth)[type(tree)], tree) == json_bytes(as_told(tree, depth))


class Course(msgspec.Struct, frozen=True):
    id: UUID
    owner_id: UUID | None
    title: str


COURSE = ["uuid", "uuid", "text"]
courses = st.lists(
    st.builds(Course, st.sampled_from(IDS), st.none() | st.sampled_from(IDS), texts()), max_size=8
)
Form = Callable[[Sequence[Course]], Sequence[Course]]


def unpacked(found: Sequence[Course]) -> Sequence[Course]:
    return received(Course, COURSE, map(msgspec.structs.astuple, found))


def course_shape(*fields: "Field") -> "Shape":
    shape = Shape(Course, 0)
    shape.add(Field.leaf("title", "title", "String", nullable=False))
    for each in fields:
        shape.add(each)
    return shape


def child(
    name: str, shape: Any, *, many: bool = False, nullable: bool = False, items: bool = False
) -> "Field":
    return Field.child(name, name, shape, many=many, nullable=nullable, nullable_items=items)


@given(courses, courses, st.sampled_from([None, 1]))
@pytest.mark.parametrize("form", [list, unpacked])
def test_rows_are_written_with_the_rows_they_lead_to(
    form: Form, upper: list[Course], lower: list[Course], first: int | None
) -> None:
    """The first level's objects find theirs by key: one or none of `lower`, several, several again."""
    owner, owned = child("owner", course_shape(), nullable=True), child("owned", course_shape(), many=True)
    last = child("last", course_shape(), many=True)
    all_ = child("all", course_shape(owner, owned, last), many=True)
    root = Shape(None, 0)
    root.add(all_)
    top = Frame(root, [None])
    frames = [top, *top.attach(all_, [form(upper)])]
    below = form(lower)
    for frame in frames[1:]:
        owners = [key or UUID(int=0) for key in frame.column("owner_id")]
        groups = rows.Grouped(below, "id", first=first).aligned(frame.column("id"))
        frames += frame.attach(owner, rows.aligned(below, "id", owners))
        frames += frame.attach(owned, groups)
        frames += frame.attach(last, [group[-1:] for group in groups])
    for frame in reversed(frames):
        frame.write(SEAL)
    told = []
    for course in upper:
        led = [{"title": each.title} for each in lower if each.id == course.id][:first]
        owned_by = next(({"title": each.title} for each in lower if each.id == course.owner_id), None)
        told.append({"title": course.title, "owner": owned_by, "owned": led, "last": led[-1:]})
    assert top.data() == json_bytes({"all": told})


def test_what_resolvers_answer_is_written_in_place_of_the_attribute() -> None:
    shape = Shape(None, 0)
    value = Field.leaf("n", "text", "Int", nullable=True, step=object())
    shape.add(value)
    frame = Frame(shape, [Tree("a"), Tree("b")])
    assert list(frame.attach(value, [1, None])) == []
    frame.write(SEAL)
    assert frame.data() == b'{"n":1},{"n":null}'


@pytest.mark.parametrize(
    ("many", "nullable", "items", "value"),
    [
        (False, False, True, None),
        (True, False, True, None),
        (True, True, False, [None]),
        (True, True, True, 3),
        (True, True, True, "text"),
        (True, True, True, {"a": 1}),
        (True, True, True, iter(())),
        (False, True, True, "not a tree"),
        (True, True, True, [Tree("a"), "not a tree"]),
        (True, True, True, unpacked([Course(IDS[0], None, "a")]) if rows.COMPILED else 3),
    ],
)
def test_what_is_not_plain_is_left_to_graphql_core(
    *, many: bool, nullable: bool, items: bool, value: Any
) -> None:
    for wanted in (shapes(0), shapes(0)[Tree]):
        shape = Shape(None, 0)
        shape.add(child("one", wanted, many=many, nullable=nullable, items=items))
        with pytest.raises(UncoveredError):
            answer(shape, Tree("root", one=value))


def test_rows_that_are_missing_are_null_only_where_they_may_be() -> None:
    missing = rows.aligned(unpacked([Course(IDS[0], None, "a")]), "id", IDS[:2])
    for wanted in (course_shape(), {Course: course_shape()}):
        one = child("one", wanted)
        shape = Shape(None, 0)
        shape.add(one)
        with pytest.raises(UncoveredError):
            Frame(shape, [1, 2]).attach(one, missing)
        with pytest.raises(UncoveredError):
            answer_of(child("one", wanted, many=True), [missing])
        assert answer_of(child("one", wanted, many=True, items=True), [missing]) == json_bytes(
            {"one": [{"title": "a"}, None]}
        )


def answer_of(one: "Field", values: Sequence[Any]) -> bytes:
    """Of one object whose only field resolved to `values`."""
    shape = Shape(None, 0)
    shape.add(one)
    top = Frame(shape, [None])
    for frame in top.attach(one, values):
        frame.write(SEAL)
    top.write(SEAL)
    return top.data()


def test_a_value_is_needed_for_each_object_and_no_more() -> None:
    one = child("one", shapes(0), nullable=True)
    leaf = Field.leaf("n", "n", "Int", nullable=True, step=object())
    shape = Shape(None, 0)
    shape.add(one)
    shape.add(leaf)
    frame = Frame(shape, [Tree("a"), Tree("b")])
    for each in (one, leaf):
        for values in ([], [None], [None] * 3):
            with pytest.raises(UncoveredError):
                frame.attach(each, values)


def test_an_object_of_another_class_is_not_plain() -> None:
    for sources in ([Bush("a")], [Tree("a"), None], unpacked([Course(IDS[0], None, "a")])):
        with pytest.raises(UncoveredError):
            Frame(shapes(0)[Tree], sources)


def test_columns_are_those_of_the_rows_or_attributes_of_the_objects() -> None:
    found = [Course(IDS[0], None, "a"), Course(IDS[1], IDS[2], "b")]
    for sources in (found, unpacked(found)):
        frame = Frame(course_shape(), sources)
        assert frame.column("owner_id") == [None, IDS[2]]
        with pytest.raises(AttributeError):
            frame.column("color")
