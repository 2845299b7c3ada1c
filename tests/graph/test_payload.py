from graphql import GraphQLNonNull

from harka.graph import schema

PAYLOADS = {name: type_ for name, type_ in schema.core().type_map.items() if name.endswith("Payload")}


def test_a_payload_leaves_room_for_errors() -> None:
    """A payload that will carry errors one day has no node then: the node may be null from the start."""
    for payload in PAYLOADS.values():
        nodes = [field for field in payload.fields.values() if "Node" in _interfaces(field.type)]
        assert nodes
        assert not any(isinstance(field.type, GraphQLNonNull) for field in nodes)
        assert "errors" not in payload.fields


def _interfaces(type_: object) -> set[str]:
    return {each.name for each in getattr(type_, "interfaces", ())}
