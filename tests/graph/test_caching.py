import pytest
from graphql import FragmentDefinitionNode, OperationDefinitionNode, parse

from harka.graph import schema
from harka.graph.caching import Policy, policy_of

PAGE = "courses(first: 5) { totalCount pageInfo { hasNextPage } edges { cursor node { id title } } }"


def policy(text: str) -> Policy | None:
    document = parse(text)
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    (operation,) = (d for d in document.definitions if isinstance(d, OperationDefinitionNode))
    return policy_of(schema.core(), fragments, operation)


@pytest.mark.parametrize(
    "text",
    [
        f"{{ {PAGE} }}",
        "{ courses(first: 1) { nodes { modules { lessons { title course { code } } } tags { name } } } }",
        "{ categories(first: 1) { nodes { name } } tags(first: 1) { nodes { name } } __typename }",
        (
            "{ ...Root } fragment Root on Query { courses(first: 1) { ... { nodes { ...One } } } } "
            "fragment One on Course { title category { name } }"
        ),
        '{ branding(host: "a") { logo } courses(first: 1) { totalCount } }',
    ],
)
def test_what_is_declared_may_be_kept_for_its_caller(text: str) -> None:
    assert policy(text) == Policy(60, is_public=False)


@pytest.mark.parametrize(
    "text", ['{ branding(host: "a") { logo } }', '{ verifyCertificate(serial: "a") { state } }']
)
def test_what_is_for_anybody_is_kept_for_everybody(text: str) -> None:
    assert policy(text) == Policy(60, is_public=True)


@pytest.mark.parametrize(
    "text",
    [
        "{ viewer { kind } }",
        "{ users(first: 1) { totalCount } }",
        "{ __typename }",
        "{ __schema { types { name } } }",
        "{ courses(first: 1) { nodes { enrollments(first: 1) { totalCount } } } }",
        "{ courses(first: 1) { nodes { modules { isLocked } } } }",
        "{ courses(first: 1) { nodes { modules { lessons { contentItems { id } } } } } }",
        "{ courses(first: 1) { totalCount } viewer { kind } }",
        "{ courses(first: 1) { totalCount } ...More } fragment More on Query { viewer { kind } }",
        '{ node(id: "a") { ... on Course { title } } }',
        "{ courses(first: 1) { nodes { title } } viewer @include(if: false) { kind } }",
        'mutation { createTag(input: {name: "a"}) { tag { name } } }',
        "subscription { coursePublished { title } }",
    ],
)
def test_one_thing_that_is_not_declared_is_enough(text: str) -> None:
    assert policy(text) is None
