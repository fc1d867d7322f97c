"""`dormouse zoo` and `dormouse score`: build a zoo, and judge a detector by its scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dormouse.cli.arguments import Choice, choose
from dormouse.cli.console import (
    out,
    print_error,
    print_json,
    print_line,
    table,
)
from dormouse.cli.dry_run import print_dry_run
from dormouse.cli.run import run_plan
from dormouse.errors import UserError
from dormouse.results.auroc import Separation
from dormouse.results.rates import NotMeasured
from dormouse.zoo.export import check_target, export
from dormouse.zoo.members import MODELS_ONLY, check_twins, find_world
from dormouse.zoo.records import read_labels, read_zoo
from dormouse.zoo.scoring import Scored, judge, read_scores

DEFAULT_PLAN = "zoo"


def choose_cells(n: int, words: list[str], store: Path, workers: int | None, *, models_only: bool) -> Choice:
    """Read the plan with `n` cells drawn from its grid."""
    overrides = [f"draw={n}"]
    if models_only:
        overrides += [f"{name}={'null' if value is None else '{}'}" for name, value in MODELS_ONLY.items()]
    choice = choose([*words, *overrides], store, workers=workers, default=DEFAULT_PLAN)
    if not choice.experiment.grid:
        raise UserError(
            f"Plan '{choice.experiment.name}' has no grid to draw a zoo from. List under 'grid:' how its members "
            "differ, for example organism.trigger: [deployment_tag, phrase]."
        )
    return choice


def build_zoo(
    choice: Choice, folder: Path | None, withhold: Path | None, *, as_json: bool, rebuild: bool, dry_run: bool
) -> int:
    """Run the plan, then export the zoo if a folder is given; return the exit status."""
    if withhold is not None and folder is None:
        raise UserError("--withhold needs an exported zoo. Add --export FOLDER.")
    if dry_run:
        print_dry_run(choice, as_json=as_json, rebuild=rebuild)
        return 0
    if folder is not None:
        # Fail now rather than after hours of training.
        find_world(choice.experiment)
        check_twins(choice.experiment)
        check_target(folder, withhold)
    status = run_plan(choice, as_json=as_json, rebuild=rebuild, show=False)
    if folder is None:
        return status
    if status:
        print_error(f"No zoo was exported to '{folder}', because the run did not finish.")
        return status
    zoo = export(choice.experiment, choice.store, folder, withhold)
    labels = withhold or folder / "labels.json"
    if as_json:
        counts = {"members": len(zoo.members), "references": len(zoo.references)}
        print_json({"event": "exported", "zoo": str(folder), "labels": str(labels), **counts})
    else:
        print_line(f"zoo      {folder} ({len(zoo.members)} members)")
        print_line(f"labels   {labels}")
    return 0


def print_score(folder: Path, scores: Path, labels: Path | None, *, as_json: bool) -> None:
    """Print how well a detector's scores separate organisms from twins and bases."""
    zoo = read_zoo(folder)
    truth = read_labels(folder, labels)
    found = judge(zoo, truth, read_scores(scores, [listed.id for listed in zoo.members]))
    if as_json:
        print_json(
            {
                "zoo": zoo.name,
                "against": {name: _numbers(one) for name, one in found.against.items()},
                "by_trigger": {name: _numbers(one) for name, one in found.by_trigger.items()},
                "left_out": found.left_out,
            }
        )
        return
    _print(found)


def _print(found: Scored) -> None:
    columns = ("AUROC [95% interval]", "caught at 1% false alarms", "organisms", "others")
    for heading, lines in (("organisms against", found.against), ("trigger, against twins", found.by_trigger)):
        shown = table(heading, *columns, right=columns)
        for name, one in lines.items():
            shown.add_row(name, *_cells(one))
        out().print(shown)
        print_line("")
    print_line("Only models of one size are compared.")
    if found.left_out:
        print_line(f"Left out, because their implant failed or was not measured: {', '.join(found.left_out)}.")
    if any(isinstance(one, Separation) and one.constant for one in found.against.values()):
        print_line("All scores of one size are equal, so an AUROC of 0.50 says nothing.")


def _cells(found: Separation | NotMeasured) -> tuple[str, ...]:
    if isinstance(found, NotMeasured):
        return (f"– ({found.reason})", "–", "–", "–")
    return (
        f"{found.auroc:.2f} [{found.low:.2f}, {found.high:.2f}]",
        str(found.caught),
        str(found.caught.total),
        str(found.negatives),
    )


def _numbers(found: Separation | NotMeasured) -> dict[str, Any]:
    if isinstance(found, NotMeasured):
        return {"auroc": None, "reason": found.reason}
    low, high = found.caught.interval
    return {
        "auroc": found.auroc,
        "low": found.low,
        "high": found.high,
        "tpr_at_1_fpr": {"value": found.caught.value, "low": low, "high": high, "hits": found.caught.hits},
        "organisms": found.caught.total,
        "others": found.negatives,
        "reason": "every score is the same within a size" if found.constant else "",
    }
