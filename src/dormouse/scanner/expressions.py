"""Evaluates expressions as far as possible without running them, and notes the places that rules look at."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from dormouse.scanner.calls import (
    PATHS,
    from_client,
    put_into,
    result_of,
)
from dormouse.scanner.names import Names, tail
from dormouse.scanner.sites import (
    BindingSite,
    CallSite,
    Site,
    TextSite,
)
from dormouse.scanner.values import (
    UNKNOWN,
    USES,
    Part,
    Trust,
    Value,
    compose,
    constant,
    known_as,
    merge,
)

_OBJECTS = frozenset(("self", "cls", "request", "req"))
"""Objects whose attributes the caller does not choose, except for attributes that hold a client's data."""


class Expressions(ast.NodeVisitor):
    """Evaluates an expression to a `Value`; `known` holds the value of each variable at this point of the code."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.known: dict[str, Value] = {}
        self.sites: list[Site] = []

    def value(self, node: ast.expr) -> Value:
        """Evaluate one expression."""
        found: Value = self.visit(node)
        return found

    def generic_visit(self, node: ast.AST) -> Value:
        """Visit the parts of an expression of which nothing is known."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.expr, ast.comprehension)):
                self.visit(child)
        return UNKNOWN

    def visit_Constant(self, node: ast.Constant) -> Value:
        return constant(node.value)

    def visit_Name(self, node: ast.Name) -> Value:
        return self.known.get(node.id) or known_as(self.names.dotted(node))

    def visit_Attribute(self, node: ast.Attribute) -> Value:
        name = self.names.dotted(node)
        if name in self.known:
            return self.known[name]
        if (sent := from_client(name.rpartition(".")[0], node.attr)) is not None:
            return sent
        if name == "sys.argv":
            return Value(frozenset({Part(name, Trust.CALLER)}))
        base = self.value(node.value)
        if node.attr in ("name", "stem", "suffix") and base.symbol.removesuffix("()") in PATHS:
            return base.safe_for(("path",))
        if isinstance(node.value, ast.Name) and node.value.id in _OBJECTS:
            return known_as(name)
        # An attribute of a parameter is the caller's choice too, but less surely: a dot in its source marks it.
        parts = frozenset(
            Part(f"{part.source}.{node.attr}", part.trust, part.safe_for, part.leads, part.resolved)
            for part in base.parts
        )
        return Value(parts or UNKNOWN.parts, symbol=name)

    def visit_Subscript(self, node: ast.Subscript) -> Value:
        self.visit(node.slice)
        base = self.value(node.value)
        return Value(base.parts, base.text, base.composed)

    def visit_Call(self, node: ast.Call) -> Value:
        name = self.names.dotted(node.func)
        receiver = None
        if isinstance(node.func, ast.Attribute):
            sent = from_client(name.rpartition(".")[0], node.func.attr)
            receiver = self.value(node.func.value)
            if sent is not None:
                for argument in node.args:
                    self.visit(argument)
                return sent
        elif not isinstance(node.func, ast.Name):
            self.visit(node.func)
        args = tuple(self.value(argument) for argument in node.args)
        keywords: dict[str, Value] = {}
        for keyword in node.keywords:
            value = self.value(keyword.value)
            keywords[keyword.arg or "**"] = value
            if keyword.arg:
                self.sites.append(BindingSite(keyword.value, keyword.value.lineno, keyword.arg, value, keyword=True))
        self.sites.append(CallSite(node, name, receiver, args, keywords))
        result = result_of(node, name, receiver, args, keywords)
        if tail(name) in ("format", "join", "replace"):
            self._note_text(node, result)
        return result

    def visit_BinOp(self, node: ast.BinOp) -> Value:
        left, right = self.value(node.left), self.value(node.right)
        match node.op:
            case ast.Add():
                result = compose([left, right])
            case ast.Mod():
                result = put_into(left, right)
            case ast.Div():
                whole = compose([left, right])
                result = Value(whole.parts, whole.text, whole.composed, symbol="Path()")
            case _:
                result = merge([left, right])
        self._note_text(node, result)
        return result

    def visit_JoinedStr(self, node: ast.JoinedStr) -> Value:
        result = compose([self.value(piece) for piece in node.values])
        self._note_text(node, result)
        return result

    def visit_FormattedValue(self, node: ast.FormattedValue) -> Value:
        value = self.value(node.value)
        form = self.value(node.format_spec).text if node.format_spec else ""
        return value.safe_for(USES) if form[-1:] in tuple("bcdeEfFgGnoxX%") else Value(value.parts, value.text)

    def visit_IfExp(self, node: ast.IfExp) -> Value:
        self.visit(node.test)
        return merge([self.value(node.body), self.value(node.orelse)])

    def visit_BoolOp(self, node: ast.BoolOp) -> Value:
        return merge(self.value(value) for value in node.values)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Value:
        return self.value(node.operand).safe_for(USES)

    def visit_Compare(self, node: ast.Compare) -> Value:
        sides = [node.left, *node.comparators]
        values = [self.value(side) for side in sides]
        if any(isinstance(operator, (ast.Eq, ast.NotEq)) for operator in node.ops):
            for side, value in zip(sides[1:], values[1:], strict=True):
                self.sites.append(BindingSite(node, side.lineno, self.bound_name(node.left), value))
        return merge(values).safe_for(USES)

    def visit_Dict(self, node: ast.Dict) -> Value:
        values = [self.value(value) for value in node.values]
        for key, item, value in zip(node.keys, node.values, values, strict=True):
            if key is not None:
                self.visit(key)
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                self.sites.append(BindingSite(item, item.lineno, key.value, value))
        return _collection(values)

    def visit_List(self, node: ast.List) -> Value:
        return _collection(self.value(item) for item in node.elts)

    def visit_Tuple(self, node: ast.Tuple) -> Value:
        return _collection(self.value(item) for item in node.elts)

    def visit_Set(self, node: ast.Set) -> Value:
        return _collection(self.value(item) for item in node.elts)

    def visit_Starred(self, node: ast.Starred) -> Value:
        return self.value(node.value)

    def visit_Await(self, node: ast.Await) -> Value:
        return self.value(node.value)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> Value:
        value = self.value(node.value)
        self.bind(node.target, value)
        return value

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Value:
        for loop in node.generators:
            self.visit(loop)
        return _collection([self.value(node.elt)])

    visit_SetComp = visit_GeneratorExp = visit_ListComp

    def visit_DictComp(self, node: ast.DictComp) -> Value:
        for loop in node.generators:
            self.visit(loop)
        return _collection([self.value(node.key), self.value(node.value)])

    def visit_comprehension(self, node: ast.comprehension) -> None:
        self.bind(node.target, self.value(node.iter))
        for condition in node.ifs:
            self.visit(condition)

    def visit_Lambda(self, node: ast.Lambda) -> Value:
        outer = self.known
        self.known = outer | {argument.arg: UNKNOWN for argument in node.args.args}
        self.visit(node.body)
        self.known = outer
        return UNKNOWN

    def bind(self, target: ast.expr, value: Value) -> None:
        """Assign a value to a target; several names each get all of it."""
        if isinstance(target, (ast.Tuple, ast.List)):
            for item in target.elts:
                self.bind(item, Value(value.parts, value.text, value.composed))
        elif isinstance(target, ast.Starred):
            self.bind(target.value, value)
        elif isinstance(target, ast.Name):
            self.known[target.id] = value
        elif isinstance(target, ast.Attribute):
            self.known[self.names.dotted(target)] = value
        elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
            # A list or dictionary holds the new item beside what it held before.
            held = self.known.get(target.value.id, UNKNOWN)
            self.known[target.value.id] = merge([held, value])

    def bound_name(self, target: ast.expr) -> str:
        """Return the name by which rules know a target: dotted for attributes, the key for a subscript."""
        if isinstance(target, ast.Subscript):
            key = target.slice
            return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else ""
        return self.names.dotted(target) if isinstance(target, (ast.Name, ast.Attribute)) else ""

    def _note_text(self, node: ast.expr, value: Value) -> None:
        if value.composed:
            self.sites.append(TextSite(node, value))


def _collection(values: Iterable[Value]) -> Value:
    whole = merge(values)
    return Value(whole.parts, whole.text, whole.composed)
