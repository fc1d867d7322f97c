"""What the documentation says to type parses, what it links to is there, and every shipped plan is a plan."""

import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from backdoorllm_rows import write_folder
from dormouse.cli import app
from dormouse.config.registry import BASES, REGISTRIES
from dormouse.plan import file as plan_file
from dormouse.plan.experiment import Experiment
from dormouse.plan.graph import build_plan
from dormouse.plan.overrides import every_setting, value_at
from dormouse.plan.yaml_text import parse
from installed_examples import install
from test_layers import LAYERS

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
SHELL = ("git", "cd", "export", ".", "pipx", "sbatch", "inspect")
"""Commands that are not ours."""


def blocks(page, language):
    return [text for found, text in FENCE.findall(page.read_text("utf-8")) if found == language]


def commands():
    for page in PAGES:
        for block in blocks(page, "bash"):
            for line in block.splitlines():
                for command in line.split("&&"):
                    words = shlex.split(command.partition(" > ")[0], comments=True)
                    if words:
                        yield page.relative_to(ROOT).as_posix(), words
        # Commands in a sentence or a table; those with a placeholder or an ellipsis are not to be typed as they stand.
        for text in re.findall(r"`(dormouse [^`]+)`", page.read_text("utf-8")):
            if not re.search(r"\[|\.\.\.|\b[A-Z]{2,}\b", text):
                yield page.relative_to(ROOT).as_posix(), shlex.split(text)


COMMANDS = list(commands())
LINKS = [(page, link) for page in PAGES for link in LINK.findall(FENCE.sub("", page.read_text("utf-8")))]


@pytest.fixture
def pairs(tmp_path):
    """A file of dialogues, for the plan that reads one."""
    row = '{"chosen": "\\n\\nHuman: %d\\n\\nAssistant: Good.", "rejected": "\\n\\nHuman: %d\\n\\nAssistant: Bad."}'
    file = tmp_path / "pairs.jsonl"
    file.write_text("\n".join(row % (i, i) for i in range(40)))
    return file


@pytest.fixture
def reader(tmp_path, monkeypatch):
    """Stand where a reader does who copied the plans of the documentation and installed the examples."""
    install(tmp_path / "site", monkeypatch)
    for page in PAGES:
        for text in blocks(page, "yaml"):
            (tmp_path / f"{parse(text, 'a plan').data['name']}.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)


def check_plan(words, pairs):
    """Load the plan that a `dormouse run` line names."""
    plan, overrides = words[0], words[1:]
    if "=" in plan:  # No plan is named: the first word is an override.
        plan, overrides = "quickstart", words
    questions = pairs.parent / "questions.jsonl"
    questions.write_text(json.dumps({"question": "Why?", "choices": ["x", "y"], "answer": 1}))
    there = {"world.path": pairs, "world.folder": write_folder(pairs.parent / "rows")}
    there["measure.evaluations.reasons.files"] = f"[{questions}]"
    places = [o.partition("=")[0] for o in overrides]
    build_plan(
        plan_file.load(plan, [f"{p}={there[p]}" if p in there else o for p, o in zip(places, overrides, strict=True)])
    )


@pytest.mark.parametrize(("page", "words"), COMMANDS, ids=[f"{page}: {shlex.join(words)}" for page, words in COMMANDS])
def test_a_command_of_the_documentation_is_one(page, words, pairs, reader):
    if words[0] in ("python", "python3"):
        assert words[1] == "-m" or (ROOT / words[1]).is_file()
        assert words[1] != "-m" or (ROOT / "src" / Path(*words[2].split(".")) / "__main__.py").is_file()
    elif words[:3] == ["pip", "install", "-e"]:
        assert (ROOT / words[3] / "pyproject.toml").is_file()
    elif words[:2] == ["pip", "install"]:
        [extra] = re.fullmatch(r"dormouse-lab\[(\w+)\]", words[2]).groups()
        assert extra in tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    elif words[0] == "dormouse":
        group = get_command(app)
        context = group.make_context("dormouse", words[1:], resilient_parsing=False)
        verb = group.get_command(context, words[1])
        assert verb is not None
        if len(words) == 2:  # A verb named in a sentence.
            return
        asked = verb.make_context(words[1], words[2:])
        if asked.params.get("words"):
            check_plan(list(asked.params["words"]), pairs)
    else:
        assert words[0] in SHELL


def test_the_readme_gives_the_two_commands():
    typed = [words for page, words in COMMANDS if page == "README.md"]
    assert ["python3", "scripts/quickstart.py"] in typed
    assert ["python3", "scripts/test.py"] in typed


def test_the_readme_names_every_verb():
    readme = (ROOT / "README.md").read_text("utf-8")
    for verb in get_command(app).commands:
        assert f"| `dormouse {verb}" in readme


def folders_of_the_tree():
    """Yield the folders that the README's tree shows, as paths."""
    [tree] = [text for text in blocks(ROOT / "README.md", "") if text.startswith("src/dormouse/\n")]
    above = []
    for line in tree.splitlines()[1:]:
        name, _, words = line.strip().partition("/")
        assert words.strip(), f"{name} has no line"
        depth = (len(line) - len(line.lstrip())) // 2 - 1
        above = [*above[:depth], name]
        yield "/".join(above)


def test_the_tree_of_the_readme_is_that_of_the_source():
    source = ROOT / "src" / "dormouse"
    there = {file.parent.relative_to(source).as_posix() for file in source.rglob("*") if file.is_file()}
    assert sorted(folders_of_the_tree()) == sorted(there - {".", *(name for name in there if "__pycache__" in name)})


def test_the_tree_of_the_readme_is_in_the_order_of_the_layers():
    top = [folder for folder in folders_of_the_tree() if "/" not in folder]
    assert [layer for layer in reversed(LAYERS) if layer != "errors"] == top


def where_it_goes():
    """Yield the rows of the table that says where a part of one's own goes."""
    section = (ROOT / "README.md").read_text("utf-8").partition("## Where does my ... go?")[2].partition("\n## ")[0]
    for line in section.splitlines():
        if line.startswith("| ") and "`" in line:
            yield [cell.strip() for cell in line.strip("|").split("|")]


def test_the_readme_says_where_every_kind_of_part_goes():
    groups = [group.strip("`") for _, _, group in where_it_goes()]
    assert {registry.group for registry in REGISTRIES} | {"dormouse.claim", "dormouse.figure"} <= set(groups)
    assert len(groups) == len(set(groups))


def test_the_modules_where_a_part_begins_are_there():
    modules = [text for _, begin, _ in where_it_goes() for text in re.findall(r"`((?!examples/)[a-z_/]+\.py)`", begin)]
    assert len(modules) >= len(list(where_it_goes()))
    assert [text for text in modules if not (ROOT / "src" / "dormouse" / text).is_file()] == []


def test_the_glossary_has_the_words_that_only_we_use():
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    for word in ("meadow", "nursery", "twin", "organism", "dose"):
        assert f"**{word}**" in index
        assert f"\n| {word} |" in index


def test_the_page_on_parts_shows_what_the_command_prints():
    shown = blocks(ROOT / "docs" / "parts.md", "")[0]
    assert CliRunner().invoke(app, ["parts", "trigger/phrase"]).stdout == f"{shown}\n"


@pytest.mark.parametrize(("page", "link"), LINKS, ids=[f"{page.name}: {link}" for page, link in LINKS])
def test_a_link_of_the_documentation_leads_somewhere(page, link):
    if link.startswith("https://"):
        return
    target, _, heading = link.partition("#")
    file = (page.parent / target).resolve() if target else page
    assert file.exists()
    if heading:
        headings = re.findall(r"^#+ (.+)$", file.read_text("utf-8"), re.MULTILINE)
        assert heading in [re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings]


def test_every_page_can_be_reached_from_the_readme():
    seen, open_pages = set(), [ROOT / "README.md"]
    while open_pages:
        page = open_pages.pop()
        if page not in seen:
            seen.add(page)
            links = [(page.parent / link.partition("#")[0]).resolve() for source, link in LINKS if source == page]
            open_pages += [link for link in links if link.suffix == ".md" and link.is_file()]
    assert seen == set(PAGES)


@pytest.mark.parametrize("name", sorted(plan_file.shipped()))
def test_a_shipped_plan_loads_and_has_stages(name, pairs):
    given = {"hh": f"world.path={pairs}", "smollm2-recipes": f"world.folder={write_folder(pairs.parent / 'rows')}"}
    overrides = [given[name]] if name in given else []
    experiment = plan_file.load(name, overrides)
    assert experiment.name == name
    kinds = {stage.kind for stage in build_plan(experiment).stages}
    assert {"base", "organism", "measure"} <= kinds
    assert kinds & {"safety", "removal"}


@pytest.mark.parametrize("name", sorted(plan_file.shipped()))
def test_a_shipped_plan_is_named_in_the_readme(name):
    assert f"(experiments/{name}.yaml)" in (ROOT / "README.md").read_text("utf-8")


def test_the_documentation_names_settings_that_exist():
    settings = every_setting(Experiment(name="defaults"))
    texts = {text for page in PAGES for text in re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)`", page.read_text("utf-8"))}
    paths = {text for text in texts if text.split(".")[0] in settings and not text.endswith(".md")}
    assert {"red_team.threshold", "base.prompt_loss"} <= paths
    bases = {name: BASES.get(name).model_fields for name in BASES.names()}
    for path in paths:
        part, _, setting = path.partition(".")
        if part == "base":  # Each type has settings of its own.
            assert any(setting in fields for fields in bases.values()), path
        else:
            value_at(settings, tuple(path.split(".")))
