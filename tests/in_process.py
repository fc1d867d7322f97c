"""Running a plan's stages one after the other in the test's own process."""

from dormouse.plan.graph import build_plan
from dormouse.training.work import Work, run_stage


def run_here(experiment, root):
    """Run every stage; return the folders by (kind, role, safety training)."""
    folders, found = {}, {}
    for stage in build_plan(experiment).stages:
        folder = root / stage.name
        folder.mkdir()
        inputs = {name: folders[source.key] for name, source in stage.inputs.items()}
        run_stage(Work(stage.kind, stage.spec, inputs, folder))
        folders[stage.key] = folder
        found[stage.kind, stage.labels.get("role"), stage.labels.get("safety", "none")] = folder
    return found
