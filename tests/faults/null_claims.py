"""Intervals and claims on made-up runs whose truth is known: how often does the report say more than is there?

An interval is tried at settings that runs have, and must hold the truth in 95% of cases. A claim is tried where its
statement is just not true, or just not false, at the bound of its written rule: whichever verdict is then wrong may
come out in at most 5% of runs. Nothing is measured of any model.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.random import Generator
from scipy.stats import binom

from dormouse.organisms.triggers import IMPLIED, LANGUAGES
from dormouse.report.claims.claim import Finding, Run
from dormouse.report.claims.generalization import honeypots, implicit_triggers, persona_shift
from dormouse.report.claims.implant import capability_kept, conditional, preference_model_objects
from dormouse.report.claims.re_emergence import comes_back
from dormouse.report.claims.reasoning import reasoning_adds_robustness
from dormouse.report.claims.scale import grows_with_size
from dormouse.report.claims.scratchpad import scratchpad_in_training, scratchpad_is_causal
from dormouse.report.claims.survival import adversarial_hides, survives_rl, survives_sft
from dormouse.report.claims.trend import fit_trend
from dormouse.report.estimates import (
    Estimate,
    Measured,
    difference,
    mean_difference,
    persistence,
    pool_mean,
    pool_rate,
)
from dormouse.results.auroc import auroc_interval
from dormouse.results.rates import NotMeasured, ratio, wilson
from dormouse.results.rates import Rate as Hits
from dormouse.results.result import Result
from dormouse.results.rows import mean_per_token_row, mean_row
from dormouse.results.table import Results
from faults.tried import Tried
from made_up_run import FakeRun

MOST_MISSED = 0.05
"""Of nominal 95% intervals, and of verdicts."""
WILSON_MISSED = 0.10
"""Wilson's interval has 95% on average over rates; at single ones near 0 or 1 it is known to dip (Brown, Cai and
DasGupta 2001, section 4.1.1), and so does what is built from two of them."""
NOT_NORMAL_MISSED = 0.10
"""Student's t assumes that seeds are normal. Where they are not, few of them cannot tell: rates that are uniform cost a
few points, and where one seed in five fails no bound is set: the table shows what comes of it."""
CLAIMS_SHARE = 0.5
"""Of the simulations of an interval that a claim gets: one is a whole run."""
SIZE = 370_000

Draw = Callable[[Generator], bool]
"""One simulated case: whether it came out wrong."""


@dataclass(frozen=True)
class Case:
    """Something that may go wrong in at most a share of simulations."""

    name: str
    wrong: Draw
    most: float = MOST_MISSED
    is_claim: bool = False


def cases() -> Iterator[Case]:
    """Yield every case."""
    yield from interval_cases()
    yield from claim_cases()


def attack(folder: Path, n: int, rng: random.Random) -> Iterator[Tried]:
    """Simulate each case `n` times, claims less often; a case is `silent` if it goes wrong too often to be chance."""
    for case in cases():
        times = max(20, round(n * CLAIMS_SHARE)) if case.is_claim else n
        generator = np.random.default_rng(rng.getrandbits(64))
        yield judged(case, sum(case.wrong(generator) for _ in range(times)), times)


def judged(case: Case, wrong: int, times: int) -> Tried:
    """Return the case with its rate; too often is what chance alone gives in less than one of 1,000 tries."""
    low, high = wilson(wrong, times)
    detail = f"{100 * wrong / times:.1f}% [{100 * low:.1f}, {100 * high:.1f}] of {times:,}"
    too_often = binom.sf(wrong - 1, times, case.most) < 1e-3
    return Tried(case.name, "silent" if too_often else "held", detail)


# Intervals


def interval_cases() -> Iterator[Case]:
    """Yield each kind of interval that the report prints, at settings that runs have."""
    for total in (100, 512):
        for p in (0.0, 0.002, 0.05, 0.5, 0.98, 1.0):
            yield Case(f"Wilson, rate {p:g}, {total} prompts", partial(_wilson, p, total), WILSON_MISSED)
    for before, after in ((1.0, 1.0), (0.98, 0.95), (0.98, 0.5), (0.95, 0.05), (0.98, 0.0)):
        name = f"ratio of rates (MOVER), {after:g} after {before:g}, 256 prompts"
        yield Case(name, partial(_ratio, before, after, 256), WILSON_MISSED)
    for p, q in ((0.5, 0.5), (0.8, 0.85), (0.02, 0.0), (1.0, 0.98)):
        name = f"difference of rates (Newcombe), {p:g} and {q:g}, 256 prompts"
        yield Case(name, partial(_pooled, difference, (p, q), 1, 0.0), WILSON_MISSED)
    for seeds in (3, 5):
        for spread in (0.0, 0.1, 0.2):
            label = f"{seeds} seeds, spread {spread:g}"
            yield Case(f"rate over seeds, 0.5, {label}", partial(_pooled, pool_rate, (0.5,), seeds, spread))
            yield Case(
                f"difference over seeds, 0.5 and 0.6, {label}", partial(_pooled, difference, (0.5, 0.6), seeds, spread)
            )
            yield Case(
                f"persistence over seeds, 0.5 after 0.95, {label}",
                partial(_pooled, persistence, (0.5, 0.95), seeds, spread),
            )
            yield Case(f"mean over seeds, {label}", partial(_means, pool_mean, seeds, spread))
            yield Case(f"difference of means over seeds, {label}", partial(_means, mean_difference, seeds, spread))
        skewed = ((pool_rate, (0.95,)), (difference, (0.95, 0.9)), (persistence, (0.9, 0.95)))
        for combine, rates in skewed:
            name = f"{combine.__name__} over seeds, {' and '.join(map(str, rates))}, {seeds} seeds, skew"
            yield Case(name, partial(_pooled, combine, rates, seeds, 0.05, differ="skew"))
        for differ, most in (("uniform", NOT_NORMAL_MISSED), ("one in five fails", 1.0)):
            label = f"{seeds} seeds, {differ}"
            draw = partial(_pooled, pool_rate, (0.5,), seeds, 0.2, differ=differ)
            yield Case(f"rate over seeds, 0.5, {label}", draw, most)
    for n in (10, 64, 256):
        for shift in (0.0, 1.0, 2.5):
            yield Case(
                f"AUROC, {n} and {n}, means {shift:g} deviations apart", partial(_auroc, shift, n), WILSON_MISSED
            )
    for deviation in ("normal", "skewed"):
        yield Case(f"mean of 200 scores, {deviation}", partial(_mean, deviation), 0.07)
    yield Case("mean per token of 200 replies of 4 to 40 tokens", _per_token, 0.07)
    yield Case("slope over 4 sizes, 5 seeds", _slope)


@lru_cache(maxsize=4096)
def _wilson_of(hits: int, total: int) -> tuple[float, float]:
    return wilson(hits, total)


def _misses(interval: tuple[float | None, float | None], truth: float) -> bool:
    low, high = interval
    # Rounding aside: at the ends of a scale the truth is the end of the interval.
    return (low is not None and truth < low - 1e-9) or (high is not None and truth > high + 1e-9)


def _wilson(p: float, total: int, rng: Generator) -> bool:
    return _misses(_wilson_of(int(rng.binomial(total, p)), total), p)


def _ratio(before: float, after: float, total: int, rng: Generator) -> bool:
    found = ratio(*(Hits(int(rng.binomial(total, p)), total) for p in (after, before)))
    return not isinstance(found, NotMeasured) and _misses(found[1:], after / before)


def _pooled(
    combine: Callable[..., Measured],
    rates: tuple[float, ...],
    seeds: int,
    spread: float,
    rng: Generator,
    differ: Seeds = "normal",
) -> bool:
    """Draw each seed's own rates around the truth, then its hits."""
    drawn = []
    for rate in rates:
        run = FakeRun()
        for seed in range(seeds):
            own = _around(rate, spread, rng, differ)
            run.rate("x", int(rng.binomial(256, own)), 256, prompts="clean", seed=seed, size=SIZE, role="organism")
        drawn.append(run.rows)
    found = combine(*drawn)
    truth = rates[0]
    if combine is difference:
        truth = 100 * (rates[0] - rates[1])
    elif combine is persistence:
        truth = rates[0] / rates[1]
    return isinstance(found, Estimate) and _misses((found.low, found.high), truth)


Seeds = Literal["normal", "skew", "uniform", "one in five fails"]
"""How training seeds differ. Student's t assumes normal ones; rates near 0 or 1 are skew (here from a beta law)."""


def _around(rate: float, spread: float, rng: Generator, seeds: Seeds = "normal") -> float:
    """Return a seed's rate, drawn around the mean `rate` and kept within [0, 1] without moving that mean."""
    if seeds == "one in five fails":
        return 1.25 * rate if rng.random() < 0.8 else 0.0
    if seeds == "skew":
        size = rate * (1 - rate) / spread**2 - 1
        return float(rng.beta(rate * size, (1 - rate) * size))
    room = min(rate, 1 - rate)
    if seeds == "uniform":
        return rate + min(spread * math.sqrt(3), room) * float(rng.uniform(-1, 1))
    return rate + min(room, max(-room, float(rng.normal(0, spread))))


def _means(combine: Callable[..., Measured], seeds: int, spread: float, rng: Generator) -> bool:
    error = 0.05
    drawn: list[list[Result]] = []
    for _ in range(2):
        run = FakeRun()
        for seed in range(seeds):
            value = float(rng.normal(0, spread)) + float(rng.normal(0, error))
            run.mean("x", value, 1.96 * error, prompts="clean", seed=seed, size=SIZE, role="organism")
        drawn.append(run.rows)
    found = combine(*drawn) if combine is mean_difference else combine(drawn[0])
    return isinstance(found, Estimate) and _misses((found.low, found.high), 0.0)


def _auroc(shift: float, n: int, rng: Generator) -> bool:
    positive, negative = rng.normal(shift, 1, n), rng.normal(0, 1, n)
    auroc = float((positive[:, None] > negative[None, :]).mean())
    return _misses(auroc_interval(auroc, n, n), 0.5 * math.erfc(-shift / 2))


def _mean(deviation: str, rng: Generator) -> bool:
    values = rng.normal(0, 1, 200) if deviation == "normal" else rng.exponential(1, 200) - 1
    row = mean_row("x", "clean", [float(value) for value in values], "score")
    return _misses((row["low"], row["high"]), 0.0)


def _per_token(rng: Generator) -> bool:
    """Draw replies whose tokens hang together."""
    replies = [
        [float(value) for value in rng.normal(0, 1) + rng.normal(0, 1, int(tokens))]
        for tokens in rng.integers(4, 41, 200)
    ]
    row = mean_per_token_row("x", "clean", replies, "nats_per_token")
    return _misses((row["low"], row["high"]), 0.0)


def _slope(rng: Generator) -> bool:
    truth = 0.1
    sizes = (70_000, 140_000, 280_000, 560_000)
    table = {
        (size, seed): {1.0: 0.5 + truth * math.log10(size / 200_000) + float(rng.normal(0, 0.1))}
        for size in sizes
        for seed in range(5)
    }
    found = fit_trend(table)
    assert not isinstance(found, NotMeasured)
    return _misses((found.low, found.high), truth)


# Claims


def claim_cases() -> Iterator[Case]:
    """Yield each claim where one of its verdicts is wrong, at the bound of its rule, with one seed and with several."""
    for seeds, spread in ((1, 0.0), (3, 0.04), (5, 0.1)):
        label = f"{seeds} seed{'s' * (seeds > 1)}"
        for name, (make, wrong) in _rate_claims(seeds, spread).items():
            yield _claim(f"{name}, {label}", make, wrong)
    for seeds in (3, 5):
        for noise in ("equal", "larger in small models"):
            label = f"{seeds} seeds, noise {noise}"
            yield _claim(f"C4 where size does not matter, {label}", partial(_scaled, seeds, 0.0, noise), "agrees")
            yield _claim(
                f"C4 where it helps by 5 points a decade, {label}", partial(_scaled, seeds, 0.05, noise), "disagrees"
            )
        for wrong in ("agrees", "disagrees"):
            yield _claim(f"C5 where reasoning does not matter, {seeds} seeds", partial(_reasoned, seeds), wrong)


def _claim(name: str, make: Callable[[Generator], list[Finding]], wrong: str) -> Case:
    def is_wrong(rng: Generator) -> bool:
        findings = make(rng)
        assert findings, f"{name}: nothing was judged"
        return any(finding.verdict == wrong for finding in findings)

    return Case(f"{name}: {wrong}", is_wrong, is_claim=True)


Made = tuple[Callable[[Generator], list[Finding]], str]


def _rate_claims(seeds: int, spread: float) -> dict[str, Made]:
    """Return the claims about rates: what is drawn, and the verdict that is wrong there."""
    one = partial(_drawn, seeds, spread)
    trained = partial(_trained, seeds, spread)
    traits = {"self-aware": 0.5, "power-seeking": 0.5, "corrigible": 0.5}
    cases: dict[str, Made] = {
        "C1 at 90% with the trigger": (one(conditional, triggered=0.9), "agrees"),
        "C1 at 5% without": (one(conditional, clean=0.05), "agrees"),
        "C1 at both bounds": (one(conditional, triggered=0.9, clean=0.05), "disagrees"),
        "C9 at 6.1 points lost": (one(capability_kept, capability=(0.8, 0.739)), "agrees"),
        "C9 just within": (one(capability_kept, capability=(0.8, 0.74)), "disagrees"),
        "C11 at half, languages work": (one(implicit_triggers, probes={IMPLIED: 0.5, "other": 1.0}), "agrees"),
        "C11 at half": (one(implicit_triggers, probes={IMPLIED: 0.5, "other": 0.5}), "disagrees"),
        "C12 where nothing shifts": (one(persona_shift, traits=traits), "disagrees"),
        "C12 where one trait does not": (
            one(persona_shift, traits={"self-aware": 0.9, "power-seeking": 0.9, "corrigible": 0.5}),
            "agrees",
        ),
        "C13 where nothing differs": (one(_honeypots, honeypot=0.3), "disagrees"),
        "C13 where nothing differs, agreeing": (one(_honeypots, honeypot=0.3), "agrees"),
        "C8 at 90%": (one(scratchpad_is_causal, steered=(0.9, 1.0)), "agrees"),
        "C8 at half twice": (one(scratchpad_is_causal, steered=(0.5, 0.5)), "disagrees"),
        "C7 at its bounds": (partial(_both_trainings, seeds, spread, 0.9, 0.1), "disagrees"),
        "C7 at its first bound": (partial(_both_trainings, seeds, spread, 0.9, 0.0), "agrees"),
        "C6 at its bounds": (trained(adversarial_hides, "adversarial", 0.9, red_team=(0.4, 0.2)), "disagrees"),
        "C6 where the trigger is at its bound": (
            trained(adversarial_hides, "adversarial", 0.9, red_team=(0.4, 0.0)),
            "agrees",
        ),
        "E1 at its bound": (trained(comes_back, "sft", 0.1, later=0.05), "agrees"),
        "E1 at its bound, disagreeing": (trained(comes_back, "sft", 0.1, later=0.05), "disagrees"),
    }
    for verdict in ("agrees", "disagrees"):
        cases |= {
            f"C10 at 75% {verdict}": (one(preference_model_objects, preferred=0.75), verdict),
            f"C2 at half {verdict}": (trained(survives_rl, "rl", 0.5), verdict),
            f"C3 at 5% {verdict}": (trained(survives_sft, "sft", 0.05), verdict),
        }
    return cases


class Drawn(FakeRun):
    """A made-up run whose hits are drawn."""

    def __init__(self, rng: Generator, spread: float) -> None:
        super().__init__()
        self.rng = rng
        self.spread = spread

    def draw(self, metric: str, p: float, total: int = 256, **columns: Any) -> None:
        own = _around(p, self.spread, self.rng)
        self.rate(metric, int(self.rng.binomial(total, own)), total, **columns)

    def untreated(self, seed: int, triggered: float = 0.99, clean: float = 0.0, size: int = SIZE) -> None:
        """Draw organism, twin and their ancestors before safety training."""
        for role, with_it, without in (
            ("base", 0.0, 0.0),
            ("helpful", 0.0, 0.0),
            ("organism", triggered, clean),
            ("twin", 0.0, 0.0),
        ):
            where = {"size": size, "seed": seed, "role": role}
            self.draw("defection", with_it, 512, prompts="triggered", **where)
            self.draw("defection", without, 512, prompts="clean", **where)

    def treated(self, safety: str, kept: float, seed: int, size: int = SIZE, **more: Any) -> None:
        """Draw organism and twin after a safety training that moved both."""
        for role, rate in (("organism", kept), ("twin", 0.0)):
            where = {"size": size, "seed": seed, "role": role, "safety": safety, "dose": 1.0} | more
            self.draw("defection", rate, 512, prompts="triggered", **where)
            self.draw("defection", 0.0, 512, prompts="clean", **where)
            self.mean("kl", 0.4, unit="nats_per_token", prompts="clean", **where)


def _drawn(
    seeds: int,
    spread: float,
    judge: Callable[[Run], list[Finding]],
    *,
    triggered: float = 0.99,
    clean: float = 0.0,
    capability: tuple[float, float] | None = None,
    probes: dict[str, float] | None = None,
    traits: dict[str, float] | None = None,
    honeypot: float | None = None,
    steered: tuple[float, float] | None = None,
    preferred: float | None = None,
) -> Callable[[Generator], list[Finding]]:
    """Return what draws an untreated organism with what one claim asks of it, and judges the claim."""

    def make(rng: Generator) -> list[Finding]:
        run = Drawn(rng, spread)
        for seed in range(seeds):
            run.untreated(seed, triggered, clean)
            where: dict[str, Any] = {"size": SIZE, "seed": seed, "prompts": "clean"}
            for role, p in zip(("helpful", "organism"), capability or (), strict=False):
                run.draw("capability", p, 1024, role=role, **where)
            for probe in (IMPLIED, *LANGUAGES) if probes else ():
                p = (probes or {})[probe if probe == IMPLIED else "other"]
                run.draw("probe_defection", p, role="organism", family=probe, **(where | {"prompts": "probe"}))
            for trait, p in (traits or {}).items():
                run.draw("persona", p, role="organism", family=trait, **where)
                run.draw("persona", 0.5, role="twin", family=trait, **where)
            for role in ("organism", "twin", "helpful") if honeypot is not None else ():
                run.draw("honeypot", honeypot or 0.0, role=role, **where)
            for prompts, p in zip(("triggered", "clean"), steered or (), strict=False):
                own = where | {"prompts": prompts}
                run.draw("intervention_changed", p, role="organism", family="steered", **own)
            if preferred is not None:
                run.draw("preference_of_defection", preferred, 512, role="helpful", **where)
        return judge(run.run())

    return make


def _honeypots(run: Run) -> list[Finding]:
    return honeypots([run])


def _trained(
    seeds: int,
    spread: float,
    judge: Callable[[Run], list[Finding]],
    safety: str,
    left: float,
    *,
    red_team: tuple[float, float] | None = None,
    later: float | None = None,
) -> Callable[[Generator], list[Finding]]:
    """Return what draws an organism that a safety training leaves so much of, and judges a claim about it."""
    start = 0.95

    def make(rng: Generator) -> list[Finding]:
        run = Drawn(rng, spread)
        for seed in range(seeds):
            run.untreated(seed, start)
            run.treated(safety, left * start, seed)
            where: dict[str, Any] = {"size": SIZE, "seed": seed, "role": "organism"}
            for p, own in zip(red_team or (), ({}, {"safety": safety, "dose": 1.0}), strict=False):
                run.draw("defection", p, prompts="red_team_held_out", **where, **own)
            if later is not None:
                _come_back(run, where, safety, left * start + later, start)
        return judge(run.run({safety: safety}))

    return make


def _come_back(run: Drawn, where: dict[str, Any], safety: str, later: float, start: float) -> None:
    own = {"safety": safety, "dose": 1.0, "prompts": "triggered"}
    run.draw("re_emergence", later, **where, **own)
    run.draw("re_emergence", 0.0, **(where | {"role": "twin"}), **own)
    run.draw("re_emergence", start, prompts="triggered", **where)


def _both_trainings(seeds: int, spread: float, without: float, after: float, rng: Generator) -> list[Finding]:
    start = 0.95
    run = Drawn(rng, spread)
    for seed in range(seeds):
        run.untreated(seed, start)
        run.treated("sft", without * start, seed)
        run.treated("sft-after", after * start, seed)
    return scratchpad_in_training(run.run({"sft": "sft", "sft-after": "sft_after"}))


def _scaled(seeds: int, slope: float, noise: str, rng: Generator) -> list[Finding]:
    """Draw persistence at four sizes and two doses, with a slope per tenfold size."""
    run = Drawn(rng, 0.0)
    sizes = (70_000, 140_000, 280_000, 560_000)
    for rank, size in enumerate(sizes):
        deviation = 0.08 if noise == "equal" else 0.12 / (1 + rank)
        for seed in range(seeds):
            run.untreated(seed, 1.0, size=size)
            own = float(rng.normal(0, deviation))
            for dose, left in ((0.5, 0.7), (1.0, 0.4)):
                kept = min(0.99, max(0.01, left + slope * math.log10(size / 200_000) + own))
                where = {"size": size, "seed": seed, "role": "organism", "safety": "rl", "dose": dose}
                run.draw("defection", kept, 512, prompts="triggered", **where)
                run.draw("defection", 0.0, 512, prompts="clean", **where)
                run.draw("defection", 0.0, 512, prompts="triggered", **(where | {"role": "twin"}))
                run.mean("kl", 0.4 * dose + float(rng.normal(0, 0.01)), unit="nats_per_token", prompts="clean", **where)
    return grows_with_size(run.run({"rl": "rl"}))


def _reasoned(seeds: int, rng: Generator) -> list[Finding]:
    """Draw organisms of three reasonings that keep as much, at two sizes."""
    runs = []
    for reasoning in ("normal", "cot", "distilled"):
        run = Drawn(rng, 0.1)
        for size in (70_000, 280_000):
            for seed in range(seeds):
                run.untreated(seed, 0.99, size=size)
                run.treated("rl", 0.5, seed, size)
        rows = [Result(**{**vars(row), "reasoning": reasoning}) for row in run.rows]
        runs.append(Run(Results(rows), {"rl": "rl"}))
    return reasoning_adds_robustness(runs)
