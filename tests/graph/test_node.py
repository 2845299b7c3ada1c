import pytest

from harka.graph import node
from harka.ids import NodeKind


def test_every_kind_of_id_finds_its_type() -> None:
    assert node._BY_KIND.keys() == set(NodeKind)


def test_a_type_needs_words() -> None:
    class Silent(node.Node):
        pass

    with pytest.raises(TypeError, match="Silent"):
        node.node_type(int, NodeKind.COURSE, node._BY_KIND[NodeKind.COURSE].loader)(Silent)
