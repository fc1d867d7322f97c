"""`dormouse run` and `dormouse report`: run a plan, and write its results and report."""

from __future__ import annotations

import shlex

import typer

from dormouse.cli.arguments import Choice
from dormouse.cli.console import print_error, print_json, print_line
from dormouse.cli.outcome import describe_failed_implant, print_outcome
from dormouse.cli.progress import make_display
from dormouse.errors import UserError
from dormouse.execute.cluster import fit_to_cluster
from dormouse.execute.compute import Compute
from dormouse.execute.compute import choose as choose_compute
from dormouse.execute.engine import How
from dormouse.execute.events import Outcome
from dormouse.execute.local import run_local
from dormouse.execute.ranks import runner_for
from dormouse.models.settings import Sampler
from dormouse.plan.graph import Plan
from dormouse.report.collect import collect, transcripts
from dormouse.results.backdoor import failed_implants
from dormouse.results.result import Result, write_csv
from dormouse.runs.disk_need import DiskNeed, need_of_run
from dormouse.runs.folder import (
    RunFolder,
    begin,
    claim,
    copy_record,
    folder_of,
    publish,
    release,
    staged,
    write_end,
)

OUR_BUG, USER_ERROR, INTERRUPTED = 1, 2, 130

TRANSCRIPTS = 4
"""Prompts per model whose replies the report shows."""


def run_plan(choice: Choice, *, as_json: bool, rebuild: bool, show: bool) -> int:
    """Run a plan and write its report; return the exit status."""
    bases = {repr(cell.experiment.base): cell.experiment.base for cell in choice.cells}
    for base in bases.values():
        base.fetch()
    plan, store = choice.plan(), choice.store
    compute = _choose_compute(plan)
    store.prepare()
    need = need_of_run(plan.stages, store, compute.workers, rebuild=rebuild)
    begun = begin(choice.experiment, choice.command("run"), compute)
    folder = claim(store, begun, plan)
    _announce(choice, plan, compute, need, folder, as_json=as_json)
    try:
        outcome = _run(plan, choice, compute, as_json=as_json, rebuild=rebuild)
    except KeyboardInterrupt:
        print_error(f"Stopped. Finished stages are kept. To go on: {begun.command}")
        return INTERRUPTED
    with staged(folder) as staging:
        write_end(staging, begun, plan, store, outcome)
        results, written = _write_results(plan, choice, staging)
        target = publish(store, staging, folder, complete=outcome.complete)
    if outcome.complete:
        release(store, folder)
    if as_json:
        print_json({"event": "done", **outcome.counts(), **_files(target), **_failed(results)})
    else:
        print_outcome(results, zoo=choice.experiment.draw is not None)
        counts = ", ".join(f"{n} {name}" for name, n in outcome.counts().items() if n)
        print_line(f"\n{counts}")
        _print_files(target, written=written, kept=folder if target != folder else None)
    if show and written:
        typer.launch(target.report.absolute().as_uri())
    return _status(outcome, choice)


def write_report_again(choice: Choice, *, as_json: bool, show: bool) -> None:
    """Write results and report from the store."""
    plan, store = choice.plan(), choice.store
    done = [stage for stage in plan.stages if store.has(stage)]
    if not done:
        command = shlex.join(choice.command("run"))
        raise UserError(
            f"Nothing of plan '{choice.experiment.name}' is in store '{store.root}'. Run it first: {command}"
        )
    store.prepare()
    folder = folder_of(store, choice.experiment)
    complete = len(done) == len(plan.stages)
    with staged(folder) as staging:
        # The record that stands, unless it is of a run that ended otherwise.
        if folder.is_of(choice.experiment) and folder.is_finished() == complete:
            copy_record(folder, staging)
        else:
            compute = choose_compute(plan.experiment.execute, plan.sizes())
            begun = begin(choice.experiment, choice.command("run"), compute)
            write_end(staging, begun, plan, store, Outcome(cached=done))
        results, written = _write_results(plan, choice, staging)
        target = publish(store, staging, folder, complete=complete)
    if as_json:
        print_json({**_files(target), "missing": len(plan.stages) - len(done), **_failed(results)})
    else:
        print_outcome(results, zoo=choice.experiment.draw is not None)
        if not complete:
            print_line(f"\nOnly {len(done)} of {len(plan.stages)} stages are done; numbers of the others are missing.")
        _print_files(target, written=written, kept=folder if target != folder else None)
    if show and written:
        typer.launch(target.report.absolute().as_uri())


def _choose_compute(plan: Plan) -> Compute:
    execute, sizes = plan.experiment.execute, plan.sizes()
    chosen = choose_compute(execute, sizes)
    if execute.on != "ray":
        return chosen
    from dormouse.execute.ray import cluster_nodes  # Ray is optional

    return fit_to_cluster(chosen, sizes, cluster_nodes(execute.address), execute.ranks)


def _announce(
    choice: Choice, plan: Plan, compute: Compute, need: DiskNeed, folder: RunFolder, *, as_json: bool
) -> None:
    if as_json:
        about = {"device": compute.device, "workers": compute.workers, "threads": compute.threads, "why": compute.why}
        about |= {"disk": need.described()}
        print_json({"event": "plan", "experiment": choice.experiment.name, "stages": len(plan.stages), **about})
        return
    print_line(str(compute))
    print_line(f"{choice.experiment.name}: {len(plan.stages)} stages into {choice.store.root}")
    print_line(f"The run {need}.")
    if folder.path.name != choice.experiment.name:
        print_line(f"A run with this name and other settings exists, so results go to {folder.path}")


def _run(plan: Plan, choice: Choice, compute: Compute, *, as_json: bool, rebuild: bool) -> Outcome:
    settings = choice.experiment.execute
    sampler = Sampler(settings.sampler, settings.sampler_memory)
    runner = runner_for(settings.ranks, fsdp=settings.fsdp, sampler=sampler)
    with make_display(len(plan.stages), as_json=as_json) as on_event:
        how = How(compute.threads, rebuild, settings.checkpoint_seconds, runner, on_event)
        if settings.on == "ray":
            from dormouse.execute.ray import run_ray  # Ray is optional

            gpus = settings.ranks if compute.device == "cuda" else 0
            return run_ray(plan.stages, choice.store, how, address=settings.address, gpus=gpus)
        return run_local(plan.stages, choice.store, how, workers=compute.workers)


def _write_results(plan: Plan, choice: Choice, folder: RunFolder) -> tuple[list[Result], bool]:
    """Write table and report. Return the results, and whether there was enough to report on; if not, print why."""
    from dormouse.report.page import write_report  # SciPy takes 0.5 s, and a mistake in a plan should show at once

    # Damage in the store does not stop the report.
    results, said = collect(plan.stages, choice.store), transcripts(plan.stages, choice.store, TRANSCRIPTS)
    write_csv(results, folder.results)
    try:
        write_report(folder, choice.experiment, results, said)
    except UserError as error:
        print_error(f"No report was written. {error}")
        return results, False
    return results, True


def _failed(results: list[Result]) -> dict[str, list[str]]:
    return {"failed_implants": [describe_failed_implant(implant) for implant in failed_implants(results)]}


def _files(folder: RunFolder) -> dict[str, str]:
    return {"results": str(folder.results), "report": str(folder.report)}


def _print_files(folder: RunFolder, *, written: bool, kept: RunFolder | None) -> None:
    if kept is not None:
        print_line(f"Results of the finished run in {kept.path} are kept. Results of this incomplete run:")
    print_line(f"results  {folder.results}")
    if written:
        print_line(f"report   {folder.report}")


def _status(outcome: Outcome, choice: Choice) -> int:
    """Print why stages failed, our bugs with their traceback, and return the exit status."""
    for name, failure in outcome.failed.items():
        print_error(f"Stage {name} failed: {failure.message}")
        if not failure.user_error and failure.traceback:
            print_error(failure.traceback)
    if outcome.complete:
        return 0
    return USER_ERROR if all(failure.user_error for failure in outcome.failed.values()) else OUR_BUG
