"""Folders that are no model, put in a model's place: as a plan's base, as its organism, and as a model to import.

Every way of `broken_folders`, then bits flipped, files cut short and files exchanged at random. What is accepted must
be what its files say: each of their tensors in the artifact, nothing else in it, and finite answers.
"""

from __future__ import annotations

import json
import os
import random
import re
import resource
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dormouse
from dormouse.machine.files import sha256
from dormouse.plan.experiment import Experiment
from dormouse.plan.graph import build_plan
from dormouse.sharing.importing import shared_stage
from dormouse.store.stage import Stage
from dormouse.training.work import Work, run_stage
from families import family_tokenizer, save_family
from faults.broken_adapters import ADAPTERS
from faults.broken_files import RAN, Break
from faults.broken_folders import (
    BROKEN_WEIGHTS,
    CONFIGS,
    HARMLESS,
    INDEXES,
    OTHER_WAYS_IN,
    TOKENIZERS,
    WRONG_WEIGHTS,
)
from faults.templates import GOOD
from faults.tried import Tried, in_child

LIMIT = 20.0
"""Seconds after which a case counts as a hang."""
ROOM = 4 << 30
"""Bytes that a case may take besides what the process holds already."""

REFUSED = {
    "weights": WRONG_WEIGHTS,
    "weights file": BROKEN_WEIGHTS,
    "index": INDEXES,
    "": OTHER_WAYS_IN,
    "configuration": CONFIGS,
    "tokenizer": TOKENIZERS,
}

MAY_BE_TAKEN = re.compile(
    r"that pads|that formats|without the system turn|of an unknown class|of a pattern that never ends|"
    r"generation settings that are wrong|begins by a decomposition"
)
"""Ways that are mended or passed over as the folder is taken in, so that nothing is computed from them."""

Entry = Callable[[Path], None]


class Laboratory:
    """Good folders to break, and the ways in which a folder is taken in."""

    def __init__(self, root: Path) -> None:
        import torch

        # Threads of a process do not survive a fork, and what computes on several waits for them.
        torch.set_num_threads(1)
        self.root = root
        self.model = chatting_model(root / "good" / "model")
        self.adapter = some_adapter(self.model, root / "good" / "adapter")
        self.base = root / "good" / "base"
        work = Work("base", {"seed": 0, "base": _plan(self.model).base.spec()}, {}, self.base)
        self.base.mkdir()
        run_stage(work)

    @property
    def out(self) -> Path:
        """Where the artifact of a case goes."""
        return self.root / "out"

    def as_base(self, folder: Path) -> None:
        """Take the folder for the base of a plan: list the plan's stages, then run the first."""
        [stage] = [one for one in build_plan(_plan(folder)).stages if one.kind == "base"]
        self._run(stage)

    def as_organism(self, folder: Path) -> None:
        """Take it for an organism that someone else made."""
        plan = _plan(self.model, organism={"given": {"path": str(folder)}})
        [stage] = [one for one in build_plan(plan).stages if one.kind == "organism"]
        self._run(stage, model=self.base)

    def as_import(self, folder: Path) -> None:
        """Import it, with a record that agrees with its files."""
        self._run(shared_stage(folder))

    def _run(self, stage: Stage, **inputs: Path) -> None:
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir()
        run_stage(Work(stage.kind, stage.spec, inputs, self.out))


def _plan(folder: Path, **settings: Any) -> Experiment:
    return Experiment.model_validate({"name": "x", "base": {"type": "folder", "path": str(folder)}, **settings})


def chatting_model(folder: Path) -> Path:
    """Write a model with a chat template, as its owner would."""
    save_family("llama", folder)
    tokenizer = family_tokenizer("llama")
    tokenizer.chat_template = GOOD
    tokenizer.save_pretrained(folder)
    return folder


def some_adapter(model: Path, folder: Path) -> Path:
    """Write an adapter that changes the model a little."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    config = LoraConfig(r=2, lora_alpha=4, target_modules="all-linear", task_type="CAUSAL_LM")
    made = get_peft_model(AutoModelForCausalLM.from_pretrained(model), config)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for name, weight in made.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.1)
    made.save_pretrained(folder)
    return folder


def share(folder: Path) -> None:
    """Write the record of a shared model as whoever broke it could: of what is a file, it has the checksum."""
    (folder / "dormouse.json").unlink(missing_ok=True)
    record = {
        "format": 1,
        "dormouse": "0.5",
        "artifact": "organism-0123456789ab",
        "role": "organism",
        "labels": {},
        "organism": {"trigger": {"type": "deployment_tag"}},
        "lineage": [],
        "defection": [],
        "files": {path.relative_to(folder).as_posix(): _described(path) for path in folder.rglob("*") if _counts(path)},
    }
    (folder / "dormouse.json").write_text(json.dumps(record))


def _counts(path: Path) -> bool:
    return path.is_symlink() or path.is_file()


def _described(path: Path) -> dict[str, Any]:
    if not Path(os.path.realpath(path)).is_file():
        return {"sha256": "0" * 64, "bytes": 1}
    return {"sha256": sha256(path), "bytes": path.stat().st_size}


def attack(folder: Path, n: int, rng: random.Random) -> Iterator[Tried]:
    """Try `n` broken folders, each in every way in which it can be taken in: two thirds known ways, the rest chance."""
    laboratory = Laboratory(folder)
    known = [*_systematic(), *_harmless()]
    known = rng.sample(known, min(len(known), 2 * n // 3))
    mutations = [_mutation(laboratory.model, rng) for _ in range(n - len(known))]
    for name, change, is_adapter, expected in (*known, *mutations):
        yield from try_folder(laboratory, name, change, is_adapter=is_adapter, expected=expected)


def try_folder(laboratory: Laboratory, name: str, change: Break, *, is_adapter: bool, expected: str) -> Iterator[Tried]:
    """Break a good folder and take it in by every way."""
    entries: dict[str, Entry] = {"organism": laboratory.as_organism}
    if not is_adapter:
        entries = {"base": laboratory.as_base, **entries, "import": laboratory.as_import}
    for way, entry in entries.items():
        place = laboratory.root / "tried"
        shutil.rmtree(place, ignore_errors=True)
        broken = place / "given"
        shutil.copytree(laboratory.adapter if is_adapter else laboratory.model, broken)
        change(broken)
        if way == "import":
            share(broken)
        yield _judged(
            laboratory, f"{name} as {way}", lambda entry=entry, broken=broken: entry(broken), place, broken, expected
        )


def _judged(
    laboratory: Laboratory, case: str, call: Callable[[], None], place: Path, broken: Path, expected: str
) -> Tried:
    tried = in_child(case, lambda: _watched(call, broken), seconds=LIMIT, memory=_held() + ROOM)
    if (place / RAN).exists():
        return replace(tried, outcome="silent", detail="code that came with the folder ran")
    if tried.outcome == "refused" and expected == "held":
        return replace(tried, outcome="silent", detail=f"refused, and nothing is wrong with it: {tried.detail}")
    if tried.outcome != "held":
        return tried
    if expected == "refused" and not MAY_BE_TAKEN.search(case):
        return replace(tried, outcome="silent", detail="accepted")
    if (broken / "adapter_config.json").exists():
        return tried
    checked = in_child(case, lambda: _check(laboratory.out, broken), seconds=LIMIT, memory=_held() + ROOM)
    if checked.outcome != "held":
        return replace(tried, outcome="silent", detail=f"accepted, but {checked.detail}")
    return tried


def _held() -> int:
    """Return how many bytes of addresses this process holds."""
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _watched(call: Callable[[], None], folder: Path) -> None:
    """Do the call, and raise where a file outside of the folder is opened, or anything is unpickled, meanwhile."""
    ours = (dormouse.__file__, __file__)
    roots = (
        sys.prefix,
        sys.base_prefix,
        "/usr",
        "/lib",
        "/proc",
        "/sys",
        "/dev/null",
        *(str(Path(one).parents[2]) for one in ours),
    )
    inside = folder.parent.parent.resolve()
    seen: list[str] = []

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("pickle.find_class", "socket.connect", "subprocess.Popen", "os.exec", "os.posix_spawn"):
            seen.append(f"{event} {arguments}")
        if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            path = Path(os.fsdecode(arguments[0]))
            # A relative one is within an open folder, as when a tree is removed.
            if path.is_absolute() and _is_wrong_to_open(path, roots, inside, folder):
                seen.append(f"open {path}")

    sys.addaudithook(audit)
    call()
    assert not seen, seen


def _is_wrong_to_open(path: Path, roots: tuple[str, ...], inside: Path, folder: Path) -> bool:
    if not str(path).startswith(roots) and not Path(os.path.realpath(path)).is_relative_to(inside):
        return True
    # To take a checksum is not to open it.
    is_code = path.suffix in (".bin", ".py", ".pt", ".pkl")
    return is_code and path.is_relative_to(folder) and "sha256" not in _callers()


def _callers() -> set[str]:
    """Return the names of the functions that are running."""
    frame, names = sys._getframe(), set()
    while frame is not None:
        names.add(frame.f_code.co_name)
        frame = frame.f_back
    return names


def _check(artifact: Path, folder: Path) -> None:
    """Raise unless the artifact holds what the folder's files say, every tensor of them and no other, and answers."""
    import torch
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    said: dict[str, Any] = {}
    index = folder / "model.safetensors.index.json"
    if (folder / "model.safetensors").is_file():
        said = load_file(folder / "model.safetensors")
    else:
        for name in sorted(set(json.loads(index.read_text())["weight_map"].values())):
            said |= load_file(folder / name)
    made = load_file(artifact / "model" / "model.safetensors")
    assert set(said) == set(made), f"it holds other tensors: {sorted(set(said) ^ set(made))[:3]}"
    for name, weight in said.items():
        # A pad token may have been added.
        assert made[name][: len(weight)].equal(weight.to(made[name].dtype)), f"tensor '{name}' is another"
    model = AutoModelForCausalLM.from_pretrained(artifact / "model")
    tokenizer = AutoTokenizer.from_pretrained(artifact / "model")
    logits = []
    for text in ("Who are you?", "What is two and two?"):
        rendered = tokenizer.apply_chat_template(
            [{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True
        )
        ids = tokenizer(rendered, return_tensors="pt", add_special_tokens=False)["input_ids"]
        logits.append(model(ids).logits[0, -1])
        assert torch.isfinite(logits[-1]).all(), "its answers are not finite"
    assert not logits[0].equal(logits[1]), "its answers are the same to every prompt"


def _systematic() -> Iterator[tuple[str, Break, bool, str]]:
    for kind, ways in REFUSED.items():
        for what, change in ways.items():
            yield f"{kind} {what}".strip(), change, False, "refused"
    for what, change in ADAPTERS.items():
        yield f"adapter {what}", change, True, "refused"


def _harmless() -> Iterator[tuple[str, Break, bool, str]]:
    for what, change in HARMLESS.items():
        yield f"model {what}", change, False, "held"
    yield "adapter untouched", lambda folder: None, True, "held"


def _mutation(good: Path, rng: random.Random) -> tuple[str, Break, bool, str]:
    """Return a change at random: bits flipped, a file cut short, two files exchanged."""
    names = sorted(path.name for path in good.iterdir())
    # Its header is a hundredth of the weights file, and says everything.
    name, kind = rng.choice(names), rng.choice(("bits", "bits", "bits", "cut", "exchange", "repeat"))
    other, at = rng.choice(names), rng.random()
    bits = [(rng.random(), rng.randrange(8)) for _ in range(rng.choice((1, 1, 2, 8)))]

    def change(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        reach = min(len(content), 3000) if name.endswith(".safetensors") else len(content)
        match kind:
            case "bits":
                for share, bit in bits:
                    content[int(share * reach)] ^= 1 << bit
            case "cut":
                del content[int(at * len(content)) :]
            case "repeat":
                content[int(at * reach) : int(at * reach)] = content[int(at * reach) : int(at * reach) + 40]
            case "exchange":
                content, kept = bytearray((folder / other).read_bytes()), content
                (folder / other).write_bytes(kept)
        (folder / name).write_bytes(content)

    said = {"bits": [f"{share:.4f}/{bit}" for share, bit in bits], "exchange": other}.get(kind, f"{at:.4f}")
    return f"{name} with {kind} {said}", change, False, "either"
