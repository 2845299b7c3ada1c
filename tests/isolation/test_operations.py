"""The matrix is as large as the schema, and says so where it cannot be."""

import pytest
from graphql import GraphQLObjectType, GraphQLSchema, build_schema
from operations import RootField, load_schema, root_fields
from places import NODE, UnknownPlaceError, nouns
from speaker import FIELDS
from values import own_value
from worlds import World

SCHEMA = load_schema()
SMALL = """
interface Node { id: ID! }
type Course implements Node { id: ID!  title: String!  students(first: Int!, after: String): Users!  %s }
type User implements Node { id: ID!  name: String! }
type Users { nodes: [User!]! }
type EnrollPayload { course: Course  user: User }
type ArchivePayload { note: String  course: Course }
input Archive { id: ID!  version: Int! }
input Enroll { userId: ID!  parentCourseId: ID }
type Query { course(id: ID): Course  node(id: ID!): Node  %s }
type Mutation { archive(input: Archive!): ArchivePayload  enroll(input: Enroll!): EnrollPayload  %s }
"""


def made(course: str = "", query: str = "", mutation: str = "") -> dict[str, RootField]:
    """The root fields of a small schema to which somebody has added something."""
    schema = build_schema(SMALL % (course, query, mutation))
    return {field.name: field for field in root_fields(schema)}


def object_types(schema: GraphQLSchema) -> list[GraphQLObjectType]:
    return [
        type_
        for name, type_ in schema.type_map.items()
        if isinstance(type_, GraphQLObjectType) and not name.startswith("__")
    ]


def test_every_field_is_selected() -> None:
    every = {f"{type_.name}.{name}" for type_ in object_types(SCHEMA) for name in type_.fields}
    selected = {name for field in FIELDS for name in field.selected}
    assert every - selected == set(), "no document reaches these: raise DEPTH in operations.py"


def test_every_argument_is_a_variable() -> None:
    every = {
        f"{type_.name}.{name}({argument}:)"
        for type_ in object_types(SCHEMA)
        for name, field in type_.fields.items()
        for argument in field.args
    }
    found = {argument.coordinate for field in FIELDS for argument in field.arguments}
    # of a list inside the first rows are always asked for
    assert {coordinate for coordinate in every - found if not coordinate.endswith("(first:)")} == set()


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_every_place_has_a_rightful_value(worlds: dict[str, World], field: RootField) -> None:
    choose = own_value(worlds["pool-a"])
    for place in field.places:
        assert place.is_cursor or choose(place) is not None


def test_the_worlds_have_something_of_everything(worlds: dict[str, World], speaker: object) -> None:
    """What does not exist cannot leak."""
    lists = {place.owner for field in FIELDS for place in field.places if place.is_cursor}
    for world in worlds.values():
        assert set(world.own) == nouns(SCHEMA), "answer one of each in `_study`, worlds.py"
        assert {place.removeprefix(".") for place in world.cursors} == {
            place.removeprefix("Query.") for place in lists
        }


def test_a_nested_argument_is_a_place() -> None:
    (slot,) = [slot for slot in made()["course"].slots if slot.is_nested]
    assert (slot.coordinate, slot.route) == ("Course.students(after:)", ("course", "students"))


def test_a_nested_argument_that_is_required_is_given_and_attacked() -> None:
    field = made(course="grade(userId: ID!): Int")["course"]
    slot = next(slot for slot in field.slots if slot.coordinate == "Course.grade(userId:)")
    assert (slot.noun, slot.is_nested) == ("User", True)
    assert "$grade_userId: ID!" in field.document
    values = field.values(lambda place: f"own {place.noun}", slot, "foreign")
    assert values == {"grade_userId": "foreign", "id": "own Course"}


def test_a_place_inside_an_interface_says_what_must_be_found() -> None:
    assert {(slot.coordinate, slot.within) for slot in made()["node"].slots} == {
        ("Query.node(id:)", ""),
        ("Course.students(after:)", "Course"),
    }


@pytest.mark.parametrize(
    ("mutation", "name", "nouns_of"),
    [
        ("", "archive", {"Archive.id": "Course"}),
        ("", "enroll", {"Enroll.userId": "User", "Enroll.parentCourseId": "Course"}),
        ("merge(userIds: [ID!]!): User", "merge", {"Mutation.merge(userIds:)": "User"}),
        ("touch(id: ID!): Node", "touch", {"Mutation.touch(id:)": NODE}),
    ],
)
def test_the_type_of_an_id_is_told_by_its_name_or_by_the_answer(
    mutation: str, name: str, nouns_of: dict[str, str]
) -> None:
    places = made(mutation=mutation)[name].places
    assert {place.coordinate: place.noun for place in places if place.is_id} == nouns_of


@pytest.mark.parametrize(
    ("added", "coordinate"),
    [
        ({"mutation": "sell(thing: ID!): User"}, r"Mutation\.sell\(thing:\)"),
        ({"mutation": "leave(id: ID!): EnrollPayload"}, r"Mutation\.leave\(id:\)"),
        ({"query": "badge(badgeId: ID!): String"}, r"Query\.badge\(badgeId:\)"),
        ({"course": "mark(of: ID!): Int"}, r"Course\.mark\(of:\)"),
    ],
)
def test_an_id_that_nothing_tells_of_stops_the_suite(added: dict[str, str], coordinate: str) -> None:
    with pytest.raises(
        UnknownPlaceError, match=rf"^{coordinate} .*: add it to NOUNS in tests/isolation/places"
    ):
        made(**added)


def test_a_value_that_nobody_knows_stops_the_suite(worlds: dict[str, World]) -> None:
    field = made(query="near(place: Point!): Course", course="} scalar Point type Other { x: Int")["near"]
    with pytest.raises(UnknownPlaceError, match=r"Query\.near\(place:\) takes a Point.*: add it to SCALARS"):
        field.values(own_value(worlds["pool-a"]))


def test_a_document_leads_to_a_place_and_nowhere_else() -> None:
    field = made()["course"]
    slot = next(slot for slot in field.slots if slot.is_nested)
    assert "title" not in field.towards(slot).document
    assert "name" in field.towards(slot).document
