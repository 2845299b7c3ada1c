"""One operation from text to answer: prepared, executed in one transaction within a deadline, committed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, Final, TypeGuard, TypeVar, cast

import msgspec
from graphql import ExecutionResult, GraphQLError
from graphql.execution import Executor, create_source_event_stream
from graphql.execution.values import VariableValues
from strawberry.execution import optimized_is_awaitable

from harka import logs
from harka.codec import from_json, json_fragment
from harka.errors import (
    DocumentInvalidError,
    HarkaError,
    PersistedDocumentRequiredError,
    PersistedQueryNotFoundError,
    RateLimitedError,
    let_go,
)
from harka.graph import batch, schema
from harka.graph.answer import UNTOLD, Answer, Answers, failed, refused, shown
from harka.graph.answer_cache import AnswerCache
from harka.graph.arguments import RefusedVariablesError
from harka.graph.context import Outcome, RequestContext
from harka.graph.deadline import Deadlines
from harka.graph.deprecation import given
from harka.graph.document import Document, Documents, RefusedError
from harka.graph.limits import Limits
from harka.graph.loaders.loader import Loaders
from harka.graph.meter import Meter, processor_time
from harka.graph.persisted import PersistedDocuments, require_hash
from harka.graph.plan import Plan
from harka.graph.replay import replayed
from harka.graph.request import Prepared, Request
from harka.graph.schema_digest import digest
from harka.graph.subscriptions.event import Notice
from harka.graph.trusted import TrustedDocuments
from harka.learning import idempotency
from harka.learning.work import begin_work
from harka.metrics import Left
from harka.runtime import Runtime
from harka.tenancy.allowance import Allowance
from harka.tenancy.context import ActorKind, TenantContext
from harka.tenancy.entitlement import limits_for

T = TypeVar("T")

log = logs.logger("execution")

_MAX_COERCION_ERRORS = 20
_READING_POINTS = 2.0
"""For each character of a document that is not known yet: to parse and to validate it takes up to 10 µs, in
which two objects are read and written."""
# the database's own timeout should speak first: after it the connection is whole
_DATABASE_FIRST = 0.5
_SERVER_ERROR = 500
_NOT_FOR_PLANS = (batch.UncoveredError, RefusedVariablesError, GraphQLError)
"""An answer that plans do not write, or an argument that its field refuses: null for one that is not."""

Identify = Callable[[], AbstractAsyncContextManager[TenantContext]]
"""Who is listening, as of now, and is told something in the block: there is a place for that.

Raises `HarkaError` when nobody may any more."""


class Engine:
    """Executes operations of the schema; one for a process."""

    def __init__(
        self, runtime: Runtime, limits: Limits | None = None, trusted: TrustedDocuments | None = None
    ) -> None:
        self._runtime = runtime
        self._schema = schema.core()
        self._deadlines = Deadlines()
        self._plans = runtime.settings.executor == "compiled"
        introspection = runtime.settings.introspection
        self._documents = Documents(self._schema, limits or Limits(), introspection=introspection)
        self._persisted = PersistedDocuments(runtime.cache)
        self._answers = (
            AnswerCache(runtime.cache, runtime.directory, digest(self._schema))
            if runtime.settings.cache_answers
            else None
        )
        self._trusted = trusted or TrustedDocuments()

    async def named(self, request: Request, tenant: TenantContext) -> Request:
        """The same with the text of its document, where it only names that; from now on it may be named.

        Without the text when there is no such document. Raise `BadRequestError` when the hash is another's.
        """
        sha256 = request.persisted
        if sha256 is None:
            return request
        if not request.query:
            text = self._trusted.find(sha256)
            if text is None and not self._trusted.only:
                text = await self._persisted.find(tenant.id, sha256)
            return msgspec.structs.replace(request, query=text or "")
        require_hash(sha256, request.query)
        if not (
            self._trusted.only or _is_anonymous(tenant) or isinstance(self.prepare(request, tenant), Answer)
        ):
            budget = limits_for(tenant.organization).cache_bytes
            await self._persisted.keep(tenant.id, sha256, request.query, budget=budget)
        return request

    def prepare(self, request: Request, tenant: TenantContext) -> Prepared | Answer:
        """The operation, or the answer that refuses it."""
        try:
            if not self._trusted.accepts(request.query):
                return refused(_UNREGISTERED, tenant)
            if request.persisted and not request.query:
                return refused(_UNKNOWN, tenant)
            document = self._documents.known(request.query) or self._read(request.query, tenant)
            return Prepared(document, document.operation(request.operation_name), request)
        except RefusedError as error:
            return refused(error, tenant)
        except RateLimitedError as error:
            return failed(error, tenant.request_id)

    def _read(self, text: str, tenant: TenantContext) -> Document:
        """Paid for whether it is refused or not: there is no end of texts to refuse."""
        admission = self._runtime.admission

        def charge(characters: int) -> None:
            admission.pay(tenant.organization, characters * _READING_POINTS)

        began = processor_time()
        try:
            return self._documents.read(text, hide_suggestions=_is_anonymous(tenant), charge=charge)
        finally:
            admission.owe(admission.allowance(tenant.organization), 0.0, processor_time() - began)

    def count_deprecated(self, prepared: Prepared, tenant: TenantContext, client: str) -> None:
        """Once for each operation. `client`: how the program calls itself; nobody's is told."""
        name = "" if _is_anonymous(tenant) else client
        operation = prepared.operation
        held = given(operation.old_variables, prepared.request.variables or {})
        self._runtime.metrics.deprecated_used({*operation.deprecated, *held}, name)

    async def execute(
        self, prepared: Prepared, tenant: TenantContext, worker: asyncio.Task[Any] | None = None
    ) -> Answer:
        """The answer to a query or a mutation; what a mutation did is committed, what it cost is settled.

        `worker`: the running task, where the caller knows it.
        """
        cost, admission = prepared.operation.cost, self._runtime.admission
        requested = cost.requested(prepared.request.variables)
        try:
            allowance = admission.charge(tenant.organization, requested)
            if allowance is None:
                allowance = await admission.wait_to_charge(tenant.organization, requested)
        except HarkaError as error:
            allowance = admission.allowance(tenant.organization)
            return self._with_cost(prepared, failed(error, tenant.request_id), allowance, requested, 0, 0.0)
        work, actual = Meter(self._answer(prepared, tenant)), requested
        try:
            try:
                answer = await self._within(tenant, work, worker)
            except RefusedError as error:
                answer = refused(error, tenant)
            except Exception as error:  # noqa: BLE001 - a bug is logged and masked like any failure
                answer = failed(error, tenant.request_id)
            # who brings us down, leaves, or takes all the time there is, gets nothing back
            if answer.failure is None or answer.failure.status < _SERVER_ERROR:
                actual = cost.actual(answer.objects)
        finally:
            admission.settle(allowance, requested, actual, work.seconds)
        return self._with_cost(prepared, answer, allowance, requested, actual, work.seconds)

    def _with_cost(
        self,
        prepared: Prepared,
        answer: Answer,
        allowance: Allowance,
        requested: int,
        actual: int,
        seconds: float,
    ) -> Answer:
        """With what it cost, for whom that is told. `allowance`: what paid; `seconds`: of a processor."""
        # a retry gets the first answer, to the byte
        if not prepared.request.tells_cost or prepared.idempotency_key is not None:
            return answer
        available, restored = self._runtime.admission.budget(allowance)
        cost = {
            "requested": requested,
            "actual": actual,
            "available": available,
            "restoreRate": restored,
            # rounding to places takes ten times as long as rounding to a whole number
            "cpuMilliseconds": round(seconds * 1_000_000.0) / 1000.0,
        }
        # others may be given the same answer, and are told their own; what is left is true of now alone
        body = {**answer.body, "extensions": {"cost": cost}}
        return msgspec.structs.replace(answer, body=body, policy=None)

    async def subscribe(
        self, prepared: Prepared, tenant: TenantContext, identify: Identify
    ) -> Answers | Answer:
        """The answers, each read afresh for whom `identify` names then; or why there are none."""
        try:
            return await self._within(tenant, self._subscribe(prepared, tenant, identify))
        except RefusedError as error:
            return refused(error, tenant)
        except Exception as error:  # noqa: BLE001 - a bug is logged and masked like any failure
            return failed(error, tenant.request_id)

    async def _subscribe(
        self, prepared: Prepared, tenant: TenantContext, identify: Identify
    ) -> Answers | Answer:
        async with AsyncExitStack() as stack:
            async with self._context(prepared, tenant) as context:
                executor = self._executor(prepared, context)
                notices = await _awaited(create_source_event_stream(executor))
                if isinstance(notices, ExecutionResult):
                    return shown(notices, context)
                stack.push_async_callback(notices.aclose)
            # opened for good: from here on the answers close it
            stack.pop_all()
        return Answers(notices, lambda notice: self._tell(prepared, tenant, notice, identify))

    def _answer(self, prepared: Prepared, tenant: TenantContext) -> Coroutine[Any, Any, Answer]:
        policy = prepared.operation.policy
        if policy is None or self._answers is None:
            return self._execute(prepared, tenant)
        return self._answers.answer(prepared, tenant, policy, lambda: self._execute(prepared, tenant))

    async def _execute(self, prepared: Prepared, tenant: TenantContext) -> Answer:
        """By the operation's plan. Where it has none, or its answer is not plain, graphql-core executes."""
        planned, unexpected = self._planned(prepared), None
        if planned is not None:
            # whatever it was, graphql-core tells it in its own words
            try:
                return await self._execute_plan(prepared, planned, tenant)
            except _NOT_FOR_PLANS:
                self._runtime.metrics.plan_left(Left.NOT_PLAIN)
            except HarkaError:
                self._runtime.metrics.plan_left(Left.FAILED)
            except Exception as error:  # noqa: BLE001 - see above
                unexpected = error
                self._runtime.metrics.plan_left(Left.UNEXPECTED)
        answer: Answer | None = None
        try:
            async with self._context(prepared, tenant) as context:
                answer = await self._once(prepared, context)
                _require_outcome(prepared, context, answer)
        except _NothingToCommitError:
            pass
        if unexpected is not None:
            if answer is not None and "errors" not in answer.body:
                # a bug in a resolver is told with its error; this one is the plan's alone
                log.error(
                    "plan failed", operation=prepared.name, request_id=tenant.request_id, exc_info=unexpected
                )
            let_go(unexpected)
        return cast("Answer", answer)

    async def _once(self, prepared: Prepared, context: RequestContext) -> Answer:
        """What it comes to; of a mutation with a key that was used before, what it came to then."""
        key, work, secret = prepared.idempotency_key, context.work, self._runtime.keyring.idempotency
        if key is None:
            return shown(await _run(self._executor(prepared, context)), context)
        given = await idempotency.take(work, key, prepared.fingerprint, secret=secret)
        if given is not None:
            return replayed(from_json(given), prepared, context)
        answer = shown(await _run(self._executor(prepared, context)), context)
        if context.outcome.done:
            await idempotency.keep(work, key, answer.json(), secret=secret)
        return answer

    async def _execute_plan(self, prepared: Prepared, planned: "_Planned", tenant: TenantContext) -> Answer:
        # one statement at the most needs no transaction around it
        single = planned.plan.waits <= 1 and not prepared.operation.is_mutation
        context = self._begin(prepared, tenant, single=single)
        try:
            done = await batch.execute(planned.plan, context, planned.variables)
            await context.loaders.close()
        except BaseException:
            await _undo(context)
            raise
        await context.work.commit()
        if context.work.session.snapshots > 1:
            raise _TornError
        return Answer(
            body={"data": json_fragment(done.data)},
            statements=context.work.session.statements,
            objects=done.objects,
        )

    def _planned(self, prepared: Prepared) -> "_Planned | None":
        if not self._plans or not prepared.operation.is_covered:
            return None
        try:
            variables = prepared.operation.variables.coerce(prepared.request.variables)
        except RefusedVariablesError:
            return None
        plan = prepared.operation.plan(variables.coerced)
        return None if plan is None else _Planned(plan, variables)

    async def _tell(
        self, prepared: Prepared, tenant: TenantContext, notice: Notice, identify: Identify
    ) -> Answer | None:
        """One event, for whoever is listening now; None when they may not be told. `tenant`: who began to.

        It is told whatever is left to them: what it took is missing to what they ask next.
        """
        try:
            async with identify() as listener:
                return await self._within(listener, self._paid(prepared, notice, listener))
        except Exception as error:  # noqa: BLE001 - a bug is logged and masked like any failure
            return failed(error, tenant.request_id)

    async def _paid(self, prepared: Prepared, notice: Notice, tenant: TenantContext) -> Answer | None:
        allowance = self._runtime.admission.allowance(tenant.organization)
        work, points = Meter(self._told(prepared, notice, tenant)), 0
        try:
            answer = await work
            if answer is not None and answer is not UNTOLD:
                points = prepared.operation.cost.actual(answer.objects)
            return answer
        finally:
            self._runtime.admission.owe(allowance, points, work.seconds)

    async def _told(self, prepared: Prepared, notice: Notice, tenant: TenantContext) -> Answer | None:
        async with self._context(prepared, tenant) as context:
            if not await notice.is_visible(context):
                return None
            if not await notice.concerns(context):
                return UNTOLD
            # not `build_per_event_executor`: its copies share, and never empty, what each has collected
            telling = self._executor(prepared, context, event=notice)
            return shown(await _run(telling, serially=False), context)

    def _executor(
        self, prepared: Prepared, context: RequestContext, *, event: Notice | None = None
    ) -> Executor[Any]:
        """Raise `RefusedError` when the variables do not fit. `event`: what a subscription tells of."""
        request = prepared.request
        built = Executor.build(
            self._schema,
            prepared.document.tree,
            event,
            context_value=context,
            raw_variable_values=dict(request.variables or {}),
            operation_name=request.operation_name,
            max_coercion_errors=_MAX_COERCION_ERRORS,
            is_awaitable=_is_awaitable,
            hide_suggestions=_is_anonymous(context.tenant),
        )
        if isinstance(built, list):
            raise RefusedError(DocumentInvalidError(), built)
        return built

    @asynccontextmanager
    async def _context(self, prepared: Prepared, tenant: TenantContext) -> AsyncIterator[RequestContext]:
        """Committed at the end of the block, rolled back by an error."""
        context = self._begin(prepared, tenant)
        try:
            yield context
            # nothing may use the session once it is committed or rolled back
            await context.loaders.close()
        except BaseException:
            await _undo(context)
            raise
        await context.work.commit()

    def _begin(self, prepared: Prepared, tenant: TenantContext, *, single: bool = False) -> RequestContext:
        """What the resolvers get; its unit of work is to be committed or undone."""
        runtime = self._runtime
        work = begin_work(
            runtime.databases,
            runtime.cache,
            runtime.pubsub,
            tenant,
            read_only=not prepared.operation.is_mutation,
            timeout=self._runtime.settings.request_timeout,
            single=single,
            outside=runtime.outside,
        )
        return RequestContext(
            tenant=tenant,
            work=work,
            loaders=Loaders(work),
            runtime=runtime,
            outcome=Outcome(),
            documents=self._documents,
            trusted=self._trusted,
            savepoints=prepared.operation.has_several_fields,
        )

    def _within(
        self, tenant: TenantContext, work: Awaitable[T], worker: asyncio.Task[Any] | None = None
    ) -> Awaitable[T]:
        seconds = tenant.seconds_left(self._runtime.settings.request_timeout)
        return self._deadlines.within(seconds + _DATABASE_FIRST, work, worker)


def _refusal(cause: HarkaError) -> RefusedError:
    return RefusedError(cause, [GraphQLError(cause.message)])


_UNKNOWN: Final = _refusal(PersistedQueryNotFoundError())
_UNREGISTERED: Final = _refusal(PersistedDocumentRequiredError())


class _Planned(msgspec.Struct, frozen=True):
    plan: Plan
    variables: VariableValues


class _TornError(Exception):
    """The parts of an answer are of different moments: some field or loader is not declared `several`."""


class _NothingToCommitError(Exception):
    """Every mutation was refused, or a read failed: the transaction is rolled back, the answer tells why."""


def _require_outcome(prepared: Prepared, context: RequestContext, answer: Answer) -> None:
    done = context.outcome.done if prepared.operation.is_mutation else "errors" not in answer.body
    if not done:
        raise _NothingToCommitError


async def _run(executor: Executor[Any], *, serially: bool | None = None) -> ExecutionResult:
    try:
        return cast("ExecutionResult", await _awaited(executor.execute_operation(serially)))
    finally:
        # siblings of a field whose failure emptied their parent may still be running
        if leftovers := list(executor.background_futures):
            # begun first: a coroutine that never began is warned about
            await asyncio.sleep(0)
            for future in leftovers:
                future.cancel()
            await asyncio.wait(leftovers)


def _is_awaitable(value: object) -> TypeGuard[Awaitable[Any]]:
    return optimized_is_awaitable(value)


async def _awaited(value: Any) -> Any:
    return await value if _is_awaitable(value) else value


async def _undo(context: RequestContext) -> None:
    try:
        await context.loaders.close()
    finally:
        await context.work.rollback()


def _is_anonymous(tenant: TenantContext) -> bool:
    return tenant.actor.kind is ActorKind.ANONYMOUS
