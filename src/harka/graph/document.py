"""From text to a document that may be executed: parsed, measured, validated; kept in a bounded cache."""

import sys
from collections.abc import Callable, Sequence

from graphql import (
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    parse,
    specified_rules,
    validate,
)

from harka.errors import DocumentInvalidError, DocumentLimitError, DocumentSyntaxError, HarkaError
from harka.graph.deprecation import deprecations
from harka.graph.document_cache import DocumentCache
from harka.graph.limits import Limits, Size
from harka.graph.plan import MOST_VARIANTS, Operation, conditions

CACHED_BYTES = 64 * 2**20
# as measured with tracemalloc: a document, each token of its syntax tree, each field of a plan
_DOCUMENT_BYTES = 8_000
_TOKEN_BYTES = 500
_FIELD_BYTES = 750
_MOST_ERRORS = 20
# of a large document fewer errors are told: one may print all of it, and takes as long
_TOKENS_TOLD = 10_000
# how graphql-core words the limits it keeps itself
_BEYOND_PARSER = tuple(
    f"Syntax Error: {start}"
    for start in ("Document contains more than", "Source contains more than", "Document is nested too deeply")
)


class RefusedError(Exception):
    """A document that will not be executed: what is wrong with it, and the failure that names the code."""

    def __init__(self, cause: HarkaError, errors: list[GraphQLError]) -> None:
        super().__init__(cause.message)
        self.cause = cause
        self.errors = errors


class Document:
    """A valid document and its operations, planned when they are first asked for."""

    def __init__(self, schema: GraphQLSchema, tree: DocumentNode, *, has_old_parts: bool = False) -> None:
        """`has_old_parts`: whether anything in the schema is deprecated."""
        self.tree = tree
        self._has_old_parts = has_old_parts
        self._schema = schema
        self._by_name: dict[str | None, Operation] = {}
        self._by_place: dict[int, Operation] = {}

    def operation(self, name: str | None) -> Operation:
        """The operation that a request names. Raise `RefusedError` when it names none, or not one."""
        known = self._by_name.get(name)
        if known is None:
            node = find_operation(self.tree, name)
            # the only one goes by its name and by none
            place = self.tree.definitions.index(node)
            known = self._by_place.get(place) or Operation(
                self._schema, self.tree, node, has_old_parts=self._has_old_parts
            )
            self._by_name[name] = self._by_place[place] = known
        return known


class Documents:
    """Parsed and valid documents of one schema, least recently used ones forgotten first."""

    def __init__(self, schema: GraphQLSchema, limits: Limits, *, introspection: bool) -> None:
        self._schema = schema
        self._limits = limits
        rules: list[type[ASTValidationRule]] = [*specified_rules]
        if not introspection:
            rules.append(NoSchemaIntrospectionCustomRule)
        self._rules = rules
        self._has_old_parts = bool(deprecations(schema))
        self._valid = DocumentCache[Document](CACHED_BYTES)

    @property
    def kept_bytes(self) -> int:
        """About how much memory the documents take that are kept."""
        return self._valid.weight

    @property
    def schema(self) -> GraphQLSchema:
        """What documents have to fit."""
        return self._schema

    def parse(self, text: str) -> DocumentNode:
        """What a text says, whether it fits the schema or not. Raise `RefusedError`."""
        try:
            self._limits.check_text(text)
        except DocumentLimitError as error:
            raise RefusedError(error, [GraphQLError(error.message)]) from None
        return self._parse(text)

    def prepare(self, text: str, *, hide_suggestions: bool) -> Document:
        """Raise `RefusedError` for what is not GraphQL, asks for too much or does not fit the schema."""
        return self.known(text) or self.read(text, hide_suggestions=hide_suggestions)

    def known(self, text: str) -> Document | None:
        """What was read before; a document that was refused is read again."""
        return self._valid.get(text)

    def read(
        self, text: str, *, hide_suggestions: bool, charge: Callable[[int], None] | None = None
    ) -> Document:
        """`charge`: called with the characters of a text that is short enough, before it is read.

        Raise `RefusedError`, and what `charge` raises.
        """
        try:
            self._limits.check_text(text)
            # what is longer is refused unread
            if charge is not None and len(text) <= self._limits.characters:
                charge(len(text))
            tree = self._parse(text)
            sizes = self._limits.check(tree)
        except DocumentLimitError as error:
            raise RefusedError(error, [GraphQLError(error.message)]) from None
        errors = validate(
            self._schema, tree, self._rules, max_errors=_most_errors(tree), hide_suggestions=hide_suggestions
        )
        if errors:
            raise RefusedError(DocumentInvalidError(), errors)
        document = Document(self._schema, tree, has_old_parts=self._has_old_parts)
        self._valid.keep(text, document, _weight(text, tree, sizes))
        return document

    def _parse(self, text: str) -> DocumentNode:
        limits = self._limits
        try:
            tree = parse(
                text,
                max_lexical_tokens=limits.tokens,
                max_comments=limits.tokens,
                max_source_length=limits.characters,
            )
        except GraphQLSyntaxError as error:
            beyond = error.message.startswith(_BEYOND_PARSER)
            raise RefusedError(DocumentLimitError() if beyond else DocumentSyntaxError(), [error]) from None
        _untie(tree)
        return tree


def _untie(tree: DocumentNode) -> None:
    """Nobody asks a token for the one before it, and tied both ways only the collector frees them."""
    token = tree.loc.start_token if tree.loc else None
    while token is not None:
        token.prev = None
        token = token.next


def find_operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """The operation that a request names. Raise `RefusedError` when it names none, or not one."""
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if name is not None:
        operations = [node for node in operations if node.name and node.name.value == name]
    if len(operations) == 1:
        return operations[0]
    message = (
        "The document contains no such operation."
        if name is not None
        else "operationName is needed: the document contains several operations."
    )
    raise RefusedError(DocumentInvalidError(message), [GraphQLError(message)])


def _most_errors(tree: DocumentNode) -> int:
    return min(_MOST_ERRORS, max(1, _TOKENS_TOLD // _tokens(tree)))


def _weight(text: str, tree: DocumentNode, sizes: Sequence[Size]) -> int:
    """About how many bytes a document takes once all its operations are planned in every variant.

    The text counts twice: a tree holds its literals once more.
    """
    # a condition is true, false or absent
    variants: int = min(MOST_VARIANTS, 3 ** min(len(conditions(tree)), MOST_VARIANTS))
    fields = sum(size.fields for size in sizes) * variants
    tokens_and_fields = _TOKEN_BYTES * _tokens(tree) + _FIELD_BYTES * fields
    return _DOCUMENT_BYTES + 2 * sys.getsizeof(text) + tokens_and_fields


def _tokens(tree: DocumentNode) -> int:
    return int(tree.token_count or 1)
