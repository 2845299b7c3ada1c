from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    is_introspection_type,
    is_specified_directive,
    is_specified_scalar_type,
)

from harka.graph import node, schema
from harka.graph.permission import Requires, RequiresDirective
from harka.tenancy.permission import Permission

FILE = Path(__file__).resolve().parents[2] / "schema.graphql"
CORE = schema.core()
TYPES = {
    name: type_
    for name, type_ in CORE.type_map.items()
    if not is_introspection_type(type_) and not is_specified_scalar_type(type_)
}
ROOTS = {"Query", "Mutation", "Subscription"}


def places() -> Iterator[tuple[str, Any]]:
    """Everything a client developer reads about, by its coordinate."""
    for name, type_ in TYPES.items():
        yield name, type_
        if isinstance(type_, GraphQLEnumType):
            yield from ((f"{name}.{value}", found) for value, found in type_.values.items())
        if isinstance(type_, GraphQLInputObjectType | GraphQLObjectType | GraphQLInterfaceType):
            for field_name, field in type_.fields.items():
                yield f"{name}.{field_name}", field
                for argument_name, argument in getattr(field, "args", {}).items():
                    yield f"{name}.{field_name}({argument_name}:)", argument
    for directive in CORE.directives:
        if not is_specified_directive(directive):
            yield f"@{directive.name}", directive


def test_the_file_is_what_the_code_says() -> None:
    assert FILE.read_text() == schema.sdl(), "run: harka schema"


def test_the_text_is_sorted() -> None:
    names = [name for name, type_ in TYPES.items() if not name.startswith("__")]
    assert names == sorted(names)


def test_everything_is_described_in_a_sentence() -> None:
    silent = [
        place for place, found in places() if not (found.description or "").rstrip("`").endswith((".", "?"))
    ]
    assert silent == []


def test_every_root_field_says_who_may_ask() -> None:
    unguarded = [
        f"{root}.{name}"
        for root in ROOTS
        for name, field in TYPES[root].fields.items()
        if not any(
            isinstance(each, Requires) for each in field.extensions["strawberry-definition"].extensions
        )
    ]
    # anybody may ask who they are, how the pages look, and whether a certificate is genuine; and come in, or
    # set their password, by a token that they were given
    assert sorted(unguarded) == [
        *("Mutation.acceptInvitation", "Mutation.resetPassword"),
        *("Query.branding", "Query.verifyCertificate", "Query.viewer"),
    ]


def test_who_may_ask_is_told_where_tools_read_it() -> None:
    """They ask the schema itself, which does not show them directives."""
    for place, field in places():
        guards = [
            each.required
            for each in getattr(field.extensions.get("strawberry-definition"), "extensions", ())
            if isinstance(each, Requires)
        ]
        for required in guards:
            is_permission = isinstance(required, Permission)
            words = f"Needs `{required.value}`." if is_permission else "For every signed-in caller."
            assert field.description.endswith(f" {words}"), place


def test_what_is_enforced_is_what_is_printed() -> None:
    for place, field in places():
        definition = getattr(field, "extensions", {}).get("strawberry-definition")
        guards = [each for each in getattr(definition, "extensions", ()) if isinstance(each, Requires)]
        wanted = [each.required.value if isinstance(each.required, Permission) else None for each in guards]
        directives = getattr(definition, "directives", ())
        printed = [each.permission for each in directives if isinstance(each, RequiresDirective)]
        assert printed == wanted, place


def test_large_lists_are_connections_with_a_required_size() -> None:
    connections = [
        (place, field)
        for place, field in places()
        if str(getattr(field, "type", "")).rstrip("!").endswith("Connection")
        # a node: a way in, and no list
        and str(field.type).rstrip("!") != "SsoConnection"
    ]
    assert len(connections) >= 5
    assert [place for place, field in connections if str(field.args["first"].type) != "Int!"] == []


def test_a_mutation_takes_one_input_and_answers_a_payload() -> None:
    for name, field in TYPES["Mutation"].fields.items():
        capital = name[0].upper() + name[1:]
        assert {argument: str(spec.type) for argument, spec in field.args.items()} == {
            "input": f"{capital}Input!"
        }
        assert str(field.type) == f"{capital}Payload"
        assert str(TYPES[f"{capital}Input"].fields["clientMutationId"].type) == "String"
        assert str(TYPES[f"{capital}Payload"].fields["clientMutationId"].type) == "String"


NODES = sorted(node._BY_STRUCT.items(), key=lambda item: item[1].type_name)


@pytest.mark.parametrize(("struct", "kind"), NODES, ids=[kind.type_name for _, kind in NODES])
def test_a_leaf_is_an_attribute_of_the_struct(struct: type, kind: Any) -> None:
    fields = CORE.type_map[kind.type_name].fields.values()
    leaves = [
        field.extensions["strawberry-definition"].python_name
        for field in fields
        if field.extensions["strawberry-definition"].is_basic_field
    ]
    assert leaves
    assert [leaf for leaf in leaves if leaf not in struct.__struct_fields__] == []


@pytest.mark.parametrize(("struct", "kind"), NODES, ids=[kind.type_name for _, kind in NODES])
def test_a_node_tells_its_age_and_its_version(struct: type, kind: Any) -> None:
    assert {"id", "createdAt", "updatedAt", "version"} <= CORE.type_map[kind.type_name].fields.keys()


def test_every_node_type_has_a_kind_of_id() -> None:
    implementing = {type_.name for type_ in CORE.get_possible_types(CORE.type_map["Node"])}
    assert implementing == {kind.type_name for _, kind in NODES}
    assert len({kind.kind for _, kind in NODES}) == len(NODES)


async def test_strawberry_itself_logs_nothing_of_a_clients_mistake(caplog: pytest.LogCaptureFixture) -> None:
    result = await schema.build().execute("{ nothing }")
    assert result.errors
    assert caplog.records == []
