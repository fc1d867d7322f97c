"""Walks a snippet statement by statement and notes the values in each call, return and assignment.

Simplified: it stays within one function, follows the order of the text, and runs loops once. It does not follow what
other functions of the snippet do to a value. A parameter is the caller's text, a parameter of a web view the client's.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from dormouse.scanner.expressions import Expressions
from dormouse.scanner.guards import apply_guards
from dormouse.scanner.names import Names, tail
from dormouse.scanner.sites import BindingSite, ReturnSite, Site
from dormouse.scanner.values import (
    UNKNOWN,
    USES,
    Part,
    Trust,
    Value,
    compose,
    merge,
)

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_ROUTES = frozenset(("route", "get", "post", "put", "delete", "patch", "api_route", "websocket"))
_NUMBERS = frozenset(("int", "float", "bool", "UUID", "date", "datetime", "Decimal"))
_TEXTS = frozenset(("str", "bytes", "Optional", "List", "list", "Any", "Annotated"))
_LEAVES = (ast.Return, ast.Raise, ast.Continue, ast.Break)


def find_sites(tree: ast.Module) -> list[Site]:
    """Find the places of a snippet that rules look at."""
    flow = _Flow(Names(tree))
    flow.scope(tree.body, {})
    return flow.expressions.sites


class _Flow:
    def __init__(self, names: Names) -> None:
        self.expressions = Expressions(names)
        self._later: list[_Function] = []
        self._page = False

    def scope(self, body: Sequence[ast.stmt], known: dict[str, Value]) -> None:
        """Walk a body, then the functions defined in it, which run after all of the body has run."""
        outer, outer_later = self.expressions.known, self._later
        self.expressions.known, self._later = known, []
        self._statements(body)
        for function in self._later:
            self._function(function)
        self.expressions.known, self._later = outer, outer_later

    def _function(self, function: _Function) -> None:
        page, self._page = self._page, _is_page(function, self.expressions.names)
        known = dict(self.expressions.known)
        known.update(_parameters(function, self.expressions.names))
        self.scope(function.body, known)
        self._page = page

    def _statements(self, body: Sequence[ast.stmt]) -> None:
        for statement in body:
            self._statement(statement)

    def _statement(self, statement: ast.stmt) -> None:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._define(statement)
            case ast.ClassDef():
                self.scope(statement.body, dict(self.expressions.known))
            case ast.Return(value=value) if value is not None:
                self.expressions.sites.append(ReturnSite(statement, self.expressions.value(value), self._page))
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
                self._assign(statement)
            case ast.If() | ast.While():
                self._branch(statement)
            case ast.For() | ast.AsyncFor():
                self.expressions.bind(statement.target, self.expressions.value(statement.iter))
                self._branches(statement.body, statement.orelse)
            case ast.Try() | ast.TryStar():
                self._statements(statement.body)
                for handler in statement.handlers:
                    self._branches(handler.body, [])
                self._statements([*statement.orelse, *statement.finalbody])
            case ast.With() | ast.AsyncWith():
                for item in statement.items:
                    entered = self.expressions.value(item.context_expr)
                    if item.optional_vars:
                        self.expressions.bind(item.optional_vars, entered)
                self._statements(statement.body)
            case ast.Match():
                self.expressions.value(statement.subject)
                for case in statement.cases:
                    self._branches(case.body, [])
            case ast.Assert():
                self._guard(statement.test)
            case _:
                self._rest(statement)

    def _rest(self, statement: ast.stmt) -> None:
        for child in ast.iter_child_nodes(statement):
            if isinstance(child, ast.expr):
                self._guard(child)

    def _guard(self, test: ast.expr) -> None:
        self.expressions.value(test)
        apply_guards(test, self.expressions)

    def _define(self, function: _Function) -> None:
        arguments = function.args
        for decorator in function.decorator_list:
            self.expressions.value(decorator)
        defaults = [*arguments.defaults, *(default for default in arguments.kw_defaults if default is not None)]
        named = [*arguments.posonlyargs, *arguments.args][
            len(arguments.posonlyargs + arguments.args) - len(arguments.defaults) :
        ]
        named += [
            arg for arg, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if default is not None
        ]
        for argument, default in zip(named, defaults, strict=True):
            value = self.expressions.value(default)
            self.expressions.sites.append(BindingSite(default, default.lineno, argument.arg, value))
        self._later.append(function)

    def _assign(self, statement: ast.Assign | ast.AnnAssign | ast.AugAssign) -> None:
        if statement.value is None:
            return
        value = self.expressions.value(statement.value)
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        if isinstance(statement, ast.AugAssign):
            value = compose([self.expressions.value(statement.target), value])
        for target in targets:
            self._bind(target, statement.value, value)

    def _bind(self, target: ast.expr, node: ast.expr, value: Value) -> None:
        if isinstance(target, ast.Tuple) and isinstance(node, ast.Tuple) and len(target.elts) == len(node.elts):
            noted = len(self.expressions.sites)
            values = [self.expressions.value(item) for item in node.elts]
            # The tuple was evaluated before, so its places are already noted.
            del self.expressions.sites[noted:]
            for item, each, held in zip(target.elts, node.elts, values, strict=True):
                self._bind(item, each, held)
            return
        self.expressions.bind(target, value)
        name = self.expressions.bound_name(target)
        if name:
            self.expressions.sites.append(BindingSite(target, node.lineno, name, value))

    def _branch(self, statement: ast.If | ast.While) -> None:
        self._guard(statement.test)
        self._branches(statement.body, statement.orelse)

    def _branches(self, body: Sequence[ast.stmt], other: Sequence[ast.stmt]) -> None:
        before = dict(self.expressions.known)
        self._statements(body)
        after_body, self.expressions.known = self.expressions.known, before
        self._statements(other)
        after_other = self.expressions.known
        if other and isinstance(other[-1], _LEAVES):
            self.expressions.known = after_body
        elif not (body and isinstance(body[-1], _LEAVES)):
            self.expressions.known = _either(after_body, after_other)


def _either(one: dict[str, Value], other: dict[str, Value]) -> dict[str, Value]:
    joined = one | other
    for name in one.keys() & other.keys():
        if one[name] != other[name]:
            joined[name] = merge([one[name], other[name]])
    return joined


def _is_page(function: _Function, names: Names) -> bool:
    return "route" in _decorators(function, names)


def _decorators(function: _Function, names: Names) -> set[str]:
    calls = (decorator.func for decorator in function.decorator_list if isinstance(decorator, ast.Call))
    return {tail(names.dotted(call)) for call in calls if isinstance(call, ast.Attribute)}


def _parameters(function: _Function, names: Names) -> dict[str, Value]:
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    named = [argument for argument in named if argument.arg not in ("self", "cls")]
    # A Django view takes the request and then parts of the URL.
    view = bool(named) and named[0].arg in ("request", "req")
    routed = view or bool(_decorators(function, names) & _ROUTES)
    values = {"self": UNKNOWN, "cls": UNKNOWN}
    for argument in named:
        values[argument.arg] = _parameter(argument, routed, names)
    for rest in (arguments.vararg, arguments.kwarg):
        if rest is not None:
            values[rest.arg] = Value(frozenset({Part(rest.arg, Trust.CALLER)}))
    return values


def _parameter(argument: ast.arg, routed: bool, names: Names) -> Value:
    types = {
        tail(names.dotted(node))
        for node in ast.walk(argument.annotation or ast.Constant(None))
        if isinstance(node, (ast.Name, ast.Attribute))
    }
    known_by_text = not types or bool(types & _TEXTS)
    trust = Trust.CLIENT if routed and known_by_text and argument.arg not in ("request", "req") else Trust.CALLER
    safe = USES if types & _NUMBERS and not types & {"str", "bytes"} else frozenset[str]()
    return Value(frozenset({Part(argument.arg, trust, safe)}))
