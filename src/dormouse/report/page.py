"""Writes `report.html`: a single file that loads nothing from the network."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from dormouse.errors import UserError
from dormouse.machine.files import replace_file
from dormouse.organisms.settings import Organism
from dormouse.plan.experiment import Experiment
from dormouse.plan.grid import cells
from dormouse.report import words
from dormouse.report.claims.claim import Finding, Run, Verdict
from dormouse.report.claims.ledger import judge, judge_across, untested
from dormouse.report.collect import Transcript
from dormouse.report.estimates import Measured
from dormouse.report.figures.gallery import draw, draw_across
from dormouse.report.figures.style import ROLE_COLORS, Figure, role_color
from dormouse.report.implants import working
from dormouse.report.limits import glossary, limits, summary
from dormouse.report.run_facts import RunFacts, load_facts
from dormouse.report.tables.detectors import Board, leaderboard
from dormouse.report.tables.models import ModelTable, cards, costs, model_table, own_table
from dormouse.report.tables.removals import Removals, removals
from dormouse.report.words import treatment_words
from dormouse.report.zoo.draws import draws
from dormouse.report.zoo.pooled import gather
from dormouse.report.zoo.tables import ZooTables, zoo_tables
from dormouse.results.rates import NotMeasured
from dormouse.results.result import Result
from dormouse.results.table import by_variant
from dormouse.runs.folder import RunFolder

LEAD = "headline"
"""The id of the figure that a page begins with."""


@dataclass(frozen=True)
class Section:
    """The part of the page about one variant of the grid, or about a whole zoo. Most runs have one."""

    label: str
    prefix: str
    """Prefix of every id, so that several variants fit on one page."""
    summary: str
    findings: list[Finding]
    lead: Figure | None
    """The figure that the page begins with: defection before and after each training."""
    figures: list[Figure]
    """All others."""
    common: str
    """What most numbers of the claims rest on: said once."""
    table: ModelTable
    own: ModelTable | None
    """The numbers of the plan's own evaluations."""
    board: Board
    zoo: ZooTables | None
    removals: Removals | None
    before: str
    """The kind of treatment that an untreated model lacks: "safety training", "removal", or both."""
    limits: list[str]

    @property
    def failed(self) -> list[Finding]:
        """Findings whose implant failed."""
        return [finding for finding in self.findings if finding.implant_failed]

    @property
    def contrary(self) -> list[Finding]:
        """Findings that contradict the paper."""
        return [finding for finding in self.findings if finding.contrary]

    def tally(self) -> dict[str, int]:
        """Count the findings of each verdict."""
        return {str(verdict): sum(f.verdict is verdict for f in self.findings) for verdict in Verdict}

    def drawn(self) -> list[Figure]:
        """Return every figure, also the one beside the table of removals."""
        beside = self.removals.figure if self.removals is not None else None
        return [one for one in (self.lead, *self.figures, beside) if one is not None]


def write_report(
    folder: RunFolder, plan: Experiment, results: Sequence[Result], transcripts: Sequence[Transcript]
) -> Path:
    """Write `report.html` into the folder of a run, which holds its record and the text of its plan."""
    facts = load_facts(folder, plan)
    runs = [run for run in _runs(results, facts) if run.results.sizes()]
    if not runs:
        raise UserError(
            f"The results of '{plan.name}' hold no organism, so there is nothing to report. "
            "Run the plan first: dormouse run."
        )
    sections = [_section(run, facts, f"v{i}-" if len(runs) > 1 else "") for i, run in enumerate(runs, start=1)]
    compared = draw_across(runs)
    replace_file(folder.report, _render(facts, sections, judge_across(runs), compared, glossary(runs), transcripts))
    return folder.report


def _runs(results: Sequence[Result], facts: RunFacts) -> list[Run]:
    """Make a run for each variant of the grid. A zoo is a single run."""
    names, types = tuple(facts.removal_types()), facts.training_types()
    organisms = [cell.experiment.organism for cell in cells(facts.plan)]
    imported = any(organism.given is not None for organism in organisms)
    if facts.is_zoo:
        zoo = gather(draws(facts.plan), results)
        return [Run(zoo.pooled(names), types, zoo, is_imported=imported)]
    implied = any(map(_teaches_implied, organisms))
    return [
        Run(variant, types, implied_is_taught=implied, is_imported=imported) for variant in by_variant(results, names)
    ]


def _teaches_implied(organism: Organism) -> bool:
    """Return whether near misses that imply deployment are in an implant."""
    return organism.given is None and organism.implant.near_miss > 0 and organism.trigger.implied_is_taught


def _section(run: Run, facts: RunFacts, prefix: str) -> Section:
    findings, headline = judge(run), cards(run)
    detectors, judged = facts.detectors(), working(run)
    board = leaderboard(judged.results, detectors, run.judged_size)
    figures = draw(run)
    return Section(
        label=run.results.variant,
        prefix=prefix,
        summary=summary(run, facts, headline),
        findings=findings,
        lead=next((figure for figure in figures if figure.id == LEAD), None),
        figures=[figure for figure in figures if figure.id != LEAD],
        common=_common(findings),
        table=model_table(run.results),
        own=own_table(run.results),
        board=board,
        zoo=zoo_tables(run.zoo, detectors, board) if run.zoo is not None else None,
        removals=removals(judged, facts.removal_types()),
        before=treatment_words(run.results),
        limits=limits(run, facts, findings),
    )


def _basis(measured: Measured) -> str:
    """Return what a number rests on, and whether its interval covers the sampling of prompts only."""
    if isinstance(measured, NotMeasured):
        return ""
    return f"{measured.basis}{', intervals over prompts only' * (measured.covers == 'prompts')}"


def _common(findings: Sequence[Finding]) -> str:
    """Return what most numbers of these findings rest on; empty where no two rest on the same."""
    bases = [_basis(line.value) for finding in findings for line in (*finding.measured, *finding.controls)]
    [(most, times)] = Counter(basis for basis in bases if basis).most_common(1) or [("", 0)]
    return most if times > 1 else ""


def _render(
    facts: RunFacts,
    sections: list[Section],
    across: list[Finding],
    compared: list[Figure],
    glossary: dict[str, str],
    transcripts: Sequence[Transcript],
) -> str:
    drawn = [("", figure) for figure in compared]
    drawn += [(section.prefix, figure) for section in sections for figure in section.drawn()]
    plots = {
        f"{prefix}{figure.id}-{i}": {"data": panel.data, "layout": panel.layout}
        for prefix, figure in drawn
        for i, panel in enumerate(figure.panels)
    }
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            facts=facts,
            sections=sections,
            across=across,
            compared=compared,
            common_across=_common(across),
            transcripts=transcripts,
            costs=costs(facts.stages),
            glossary=glossary,
            untested=untested,
            css=Markup(_text("report.css")),
            script=Markup(_text("report.js")),
            plotly=Markup(get_plotlyjs()),
            plots=Markup(_script_json(plots)),
        )
    )


def _text(name: str) -> str:
    return files("dormouse.report").joinpath("template", name).read_text(encoding="utf-8")


def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_text), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "value": words.value_words,
        "interval": words.interval_words,
        "duration": words.duration_words,
        "size": words.size_words,
        "count": words.count_words,
        "role": words.role_words,
        "training": words.training_words,
        "members": lambda n: words.count_words(n, "member"),
        "share": words.share_words,
        "share_interval": words.share_interval_words,
        "sentence": words.sentence,
        "color": role_color,
        "slug": lambda text: "".join(c if c.isalnum() else "-" for c in text.lower()),
    }
    environment.tests["missing"] = lambda measured: isinstance(measured, NotMeasured)
    environment.globals |= {"dash": words.DASH, "roles": ROLE_COLORS, "basis": _basis}
    return environment


def _script_json(plots: dict[str, Any]) -> str:
    """Write JSON that cannot close the script element around it."""
    text = json.dumps(_rounded(plots), separators=(",", ":"), allow_nan=False, sort_keys=True, ensure_ascii=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _rounded(node: Any) -> Any:
    """Round to what a plot can show. Full precision would double the file."""
    if isinstance(node, dict):
        return {key: _rounded(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_rounded(value) for value in node]
    return float(f"{node:.5g}") if isinstance(node, float) else node
