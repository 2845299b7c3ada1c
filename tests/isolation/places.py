"""The places of the schema where a value goes, and of which type the ids in them are.

Nothing here names a field: a type is told by the argument's name (`courseId`, `parentCourseId`), or by what
the field answers. Where neither tells, the suite stops and says what to add.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLSchema,
    get_named_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
    is_required_input_field,
)

Spec = GraphQLArgument | GraphQLInputField

NODE = "Node"
CURSORS = frozenset({"after", "before"})

# of which type the ids of a place are, where nothing tells: {"Course.reviews(near:)": "User"}
NOUNS: Mapping[str, str] = {
    "CreateGroupInput.parentId": "Group",
    "UpdateGroupInput.parentId": "Group",
    "DeleteGroupInput.id": "Group",
    "RemoveDomainInput.id": "Domain",
    "Subscription.jobProgress(jobId:)": "TenantJob",
    "InviteUserInput.roleId": "CustomRole",
    "BulkUserInput.id": "User",
    "BulkUserInput.roleId": "CustomRole",
    "CreateUserInput.roleId": "CustomRole",
    "UpdateUserInput.roleId": "CustomRole",
    "PeopleFilter.roleId": "CustomRole",
    "CourseVersionFilter.publishedById": "User",
    "UserFilter.roleId": "CustomRole",
}


class UnknownPlaceError(Exception):
    """Nobody knows what to put there; the message says what to add, and where."""


NEEDED: Final = frozenset(
    {
        "BulkEnrollInput.userIds",
        "BulkUserInput.email",
        "BulkUserInput.name",
        "CreateContentItemInput.fileId",
        "SubmitAssignmentInput.fileIds",
        "CreateLearningPathInput.courseIds",
        "CreateQuizQuestionInput.correctChoices",
        "CreateQuizQuestionInput.options",
        "CreateSsoConnectionInput.clientId",
        "CreateSsoConnectionInput.clientSecret",
        "CreateSsoConnectionInput.issuer",
        "DeleteLessonInput.withProgress",
        "DeleteModuleInput.withProgress",
        "DeleteQuizInput.withAttempts",
        "QuizAnswerInput.isTrue",
    }
)
"""Coordinates of what the rules ask for although the schema does not."""

INSTEAD: Final[Mapping[str, Mapping[str, str]]] = {
    "CreateContentItemInput.quizId": {"CreateContentItemInput.kind": "QUIZ"},
    "PeopleFilter.groupId": {},
    "PeopleFilter.roleId": {},
    "EnqueueJobInput.courseId": {"EnqueueJobInput.kind": "RECOUNT_COURSE"},
    "EnqueueJobInput.learningPathId": {"EnqueueJobInput.kind": "RECOUNT_PATH"},
}
"""By coordinate of a place that goes with other values only: those, and without what is needed elsewhere."""


@dataclass(frozen=True)
class Place:
    """One place for one value: a leaf of an argument.

    `path`: names from the variable inwards. `coordinate`: as the GraphQL specification writes them,
    `Query.course(id:)` or `EnrollInput.courseId`. `owner`: the field, `Query.course`. `noun`: of which type
    an id is, `NODE` for any; empty for what is no id. `route`: response names from the root field to the
    owner. `within`: the type that the root field must answer with for the place to be reached; empty for any.
    """

    path: tuple[str, ...]
    coordinate: str
    owner: str
    spec: Spec
    noun: str
    route: tuple[str, ...]
    within: str

    @property
    def name(self) -> str:
        return _last_name(self.coordinate)

    @property
    def type(self) -> Any:
        return get_named_type(self.spec.type)

    @property
    def is_id(self) -> bool:
        return bool(self.noun)

    @property
    def is_cursor(self) -> bool:
        return self.name in CURSORS

    @property
    def is_filter(self) -> bool:
        """It may be left out, and holds neither id nor cursor."""
        return not (self.is_id or self.is_cursor or is_required(self.spec))

    @property
    def is_nested(self) -> bool:
        return len(self.route) > 1

    @property
    def is_list(self) -> bool:
        return is_list_of(self.spec)

    @property
    def choices(self) -> list[str]:
        """Of an enum."""
        return list(self.type.values) if isinstance(self.type, GraphQLEnumType) else []


@dataclass(frozen=True)
class Argument:
    """An argument of a selected field, as a variable of the document."""

    variable: str
    coordinate: str
    spec: GraphQLArgument
    places: tuple[Place, ...]
    distance: int

    @property
    def declaration(self) -> str:
        """One that has a default may be left out, whatever its type says."""
        type_ = self.spec.type
        if is_non_null_type(type_) and not is_required(self.spec):
            type_ = type_.of_type
        return f"${self.variable}: {type_}"


def argument_of(
    schema: GraphQLSchema, owner: str, name: str, route: tuple[str, ...], within: str
) -> Argument:
    """Of the field that `owner`, `Type.field`, names. Raise `UnknownPlaceError`."""
    type_name, _, field_name = owner.partition(".")
    field = schema.type_map[type_name].fields[field_name]  # type: ignore[attr-defined]  # an object type
    spec, variable, coordinate = field.args[name], "_".join((*route[1:], name)), f"{owner}({name}:)"
    places = tuple(
        Place(path, leaf, owner, inner, _noun(schema, leaf, inner, field), route, within)
        for path, leaf, inner in _leaves((variable,), coordinate, spec, ())
    )
    return Argument(variable, coordinate, spec, places, len(route))


def is_required(spec: Spec) -> bool:
    if isinstance(spec, GraphQLArgument):
        return is_required_argument(spec)
    return is_required_input_field(spec)


def is_list_of(spec: Spec) -> bool:
    return is_list_type(spec.type.of_type if is_non_null_type(spec.type) else spec.type)


def _leaves(
    path: tuple[str, ...], coordinate: str, spec: Spec, inside: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str, Spec]]:
    named = get_named_type(spec.type)
    if not isinstance(named, GraphQLInputObjectType):
        yield path, coordinate, spec
    elif named.name not in inside:
        for name, field in named.fields.items():
            yield from _leaves((*path, name), f"{named.name}.{name}", field, (*inside, named.name))


def _last_name(coordinate: str) -> str:
    return re.findall(r"\w+", coordinate)[-1]


def _noun(schema: GraphQLSchema, coordinate: str, spec: Spec, field: GraphQLField) -> str:
    if get_named_type(spec.type).name != "ID":
        return ""
    name = _last_name(coordinate)
    found = NOUNS.get(coordinate) or _told_by_name(schema, name) or _told_by_answer(schema, name, field)
    if not found:
        raise UnknownPlaceError(
            f"{coordinate} takes an ID, and neither its name nor what the field answers tells of which type: "
            "add it to NOUNS in tests/isolation/places.py"
        )
    return found


def _told_by_name(schema: GraphQLSchema, name: str) -> str:
    if not (named := re.fullmatch(r"(.+)Ids?", name)):
        return ""
    stem = named[1][0].upper() + named[1][1:]
    return max((noun for noun in nouns(schema) if stem.endswith(noun)), key=len, default="")


def _told_by_answer(schema: GraphQLSchema, name: str, field: GraphQLField) -> str:
    """An argument named `id` is of what the field answers: a type, or the only one in a payload."""
    answer = get_named_type(field.type)
    if name not in {"id", "ids"}:
        return ""
    if isinstance(answer, GraphQLInterfaceType) or answer.name in nouns(schema):
        return answer.name
    inside = {get_named_type(inner.type).name for inner in answer.fields.values()} & nouns(schema)
    return inside.pop() if len(inside) == 1 else ""


def nouns(schema: GraphQLSchema) -> set[str]:
    """The types that have ids."""
    node = schema.type_map[NODE]
    assert isinstance(node, GraphQLInterfaceType)
    return {possible.name for possible in schema.get_possible_types(node)}
