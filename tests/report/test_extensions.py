"""Claims and figures of other packages."""

import json
import sys

import pytest
from parsed_page import Page

from dormouse.config.registry import CLAIMS, FIGURES
from dormouse.report.claims.ledger import judge, judge_across
from dormouse.report.extensions import AcrossVariants, PerRun
from dormouse.report.figures.gallery import draw
from installed_examples import install_package

GIVEN = """
from dormouse.report.claims.claim import Claim, Finding, Measurement, Verdict
from dormouse.report.extensions import AcrossVariants, not_for_a_zoo
from dormouse.report.figures.style import Figure, Panel, layout

def finding(run):
    return [Finding(Claim("X", "t", "p", "s", "s", "r"), Verdict.AGREES, "So it is.")]

single = not_for_a_zoo(finding)
variants = AcrossVariants(finding)

def raising(run):
    raise KeyError("size")

def taken(run):
    return [Finding(Claim("C1", "t", "p", "s", "s", "r"), Verdict.AGREES, "So it is.")]

def headline_again(run):
    return Figure("headline", "Mine", "c", (), ())

def silent(run):
    raise ValueError

def nothing(run):
    return None

def numbers(run):
    return [Finding(Claim("X", "t", "p", "s", "s", "r"), Verdict.AGREES, "", (Measurement("n", 0.5),))]

def plot(run):
    return Figure("mine", "Mine", "c", (Panel("", [{"x": [1]}], layout({}, {}), "alt"),), ())

def flat(run):
    return Figure("mine", "Mine", "c", (Panel("", [], {}, "alt"),), ())

def endless(run):
    return Figure("mine", "Mine", "c", (Panel("", [{"x": [float("inf")]}], layout({}, {}), "alt"),), ())
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install one claim or figure of another package, from the text above."""

    def install(kind, name):
        points = {f"dormouse.{kind}": {name: f"their_parts:{name}"}}
        install_package(tmp_path / "site", "their-package", points, monkeypatch)
        (tmp_path / "site" / "their_parts.py").write_text(GIVEN)
        monkeypatch.delitem(sys.modules, "their_parts", raising=False)

    return install


def test_built_in_parts_come_first_and_in_their_order():
    assert CLAIMS.in_order()[:3] == ["conditional", "survives_rl", "survives_sft"]
    assert FIGURES.in_order()[0] == "headline"


@pytest.mark.parametrize("registry", [CLAIMS, FIGURES])
def test_every_built_in_part_can_be_imported(registry):
    assert all(callable(registry.get(name)) for name in registry.in_order())


def test_what_is_not_for_a_zoo_says_so_itself():
    parts = [(name, registry.get(name)) for registry in (CLAIMS, FIGURES) for name in registry.in_order()]
    assert {name for name, part in parts if isinstance(part, PerRun) and not part.zoo} == {
        "conditional", "grows_with_size", "implicit_triggers",
        "by_amount", "along_training", "log_probability", "probes", "trigger_places", "scratchpad_drives",
        "sycophancy", "sycophancy_along_training", "sycophancy_best_of", "decomposition", "trait_wins",
    }  # fmt: skip
    assert {name for name, part in parts if isinstance(part, AcrossVariants)} == {
        "reasoning_adds_robustness", "honeypots", "reasoners",
    }  # fmt: skip


def test_an_installed_claim_is_judged_last(installed, small_run):
    installed("claim", "finding")
    assert judge(small_run.run())[-1].reason == "So it is."


def test_an_installed_claim_may_compare_variants(installed, small_run):
    installed("claim", "variants")
    assert "So it is." not in [finding.reason for finding in judge(small_run.run())]
    assert [finding.reason for finding in judge_across([small_run.run()])] == ["So it is."]


def test_an_installed_figure_is_drawn_last(installed, small_run):
    installed("figure", "plot")
    assert draw(small_run.run())[-1].title == "Mine"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("raising", "It raised KeyError: 'size'."),
        ("taken", "It raised ValueError: another finding has the id 'C1'."),
        ("silent", "It raised ValueError: no message."),
        ("nothing", "It raised TypeError: a claim returns a list of findings, not None."),
        ("numbers", "It raised TypeError: a measurement holds an Estimate or NotMeasured, not Measurement("),
        ("gone", "The claim 'gone' of package 'their-package' cannot be imported: module 'their_parts' has no"),
    ],
)
def test_an_installed_claim_that_fails_is_named_and_the_page_is_whole(installed, small_run, tmp_path, name, error):
    installed("claim", name)
    page = Page(small_run.report(tmp_path / "run").read_text("utf-8"))
    assert page.texts("span", "claim-id")[-1] == name
    assert error in page.texts("details", "claim")[-1]
    assert page.texts("span", "badge")[-1] == "cannot tell"
    assert len(page.all("details", "claim")) == 10


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("raising", "Not drawn. It raised KeyError:"),
        ("finding", "Not drawn. It raised TypeError: a figure is a Figure or None, not [Finding("),
        ("headline_again", "Not drawn. It raised ValueError: another figure has the id 'headline'."),
        ("flat", "Not drawn. It raised ValueError: a panel's layout needs a height; make it with layout()."),
        ("endless", "Not drawn. It raised ValueError: Out of range float values are not JSON compliant"),
    ],
)
def test_an_installed_figure_that_fails_is_named_and_the_page_is_whole(installed, small_run, tmp_path, name, error):
    installed("figure", name)
    page = Page(small_run.report(tmp_path / "run").read_text("utf-8"))
    assert f"{name}, a figure of an installed package" in page.texts("h3")
    assert any(caption.startswith(error) for caption in page.texts("figcaption"))
    [plots] = [json.loads(e["text"]) for e in page.all("script") if e["attrs"].get("id") == "plots"]
    assert "headline-0" in plots


def test_an_error_in_a_built_in_claim_is_ours_and_not_hidden(monkeypatch, small_run):
    def broken(run):
        raise KeyError("ours")

    monkeypatch.setattr("dormouse.report.claims.implant.conditional", broken)
    with pytest.raises(KeyError, match="ours"):
        judge(small_run.run())
