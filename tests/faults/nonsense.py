"""Plans that nobody can mean, given to `dormouse run`: each must be refused before anything trains."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from faults.tried import REFUSED_WITHIN, Ended, Tried, dormouse

TRAINS_AFTER = 12.0
"""Seconds after which a run that has not ended is training."""

OVERRIDES = (
    # Names that results use for something else, or that file systems do.
    ("safety.none=sft", "safety.none.steps=4", "safety.none.batch=4"), ("safety.all=sft",), ("safety.twin=sft",),
    ("safety.type=sft",), ("safety.before=sft",), ("remove.none=merging",), ("remove.organism=merging",),
    ("detect.detectors.none=mahalanobis",), ("detect.detectors.base=mahalanobis",), ("name=con",), ("name=nul",),
    ("name=lpt1",), (f"name={'a' * 300}",), ("safety.rl={type: sft}",), ("remove.merging={type: weight_noise}",),
    ("safety.rll=null",),
    # Numbers that no training, machine or memory has room for.
    ("safety.sft.dose=1e300",), ("safety.sft.dose=1e-300",), ("helpful.lr=1e300",), ("helpful.lr=1e-300",),
    ("base.lr=1e30",), ("safety.sft.lr=0.5", "safety.sft.dose=3"), ("helpful.batch=9999999999999999999999",),
    ("helpful.steps=1000000", "helpful.batch=1000"), ("safety.sft.steps=9999999999999999999999",),
    ("preference.batch=100000000",), ("measure.prompts=100000000",), ("measure.prompts=100000",),
    ("measure.reply_tokens=100000",), ("measure.reply_tokens=250",), ("measure.temperature=1e-300",),
    ("measure.temperature=1e9",), ("base.context=18446744073709551616",), ("base.block=100000",), ("base.block=300",),
    ("base.steps=1000000", "base.batch=16384"), ("execute.workers=100000",), ("execute.ranks=3",),
    ("organism.implant.lora_rank=100000",), ("organism.implant.lora_rank=128",), ("helpful.snapshots=1000000000",),
    ("safety.sft.snapshots=200",), ("base.vocabulary=65536",), ("red_team.rounds=1000", "red_team.proposals=100000"),
    ("red_team.proposals=1",), ("organism.implant.conceal=1e300",), ("safety.rl.kl_penalty=1e300",),
    ("safety.rl.reply_tokens=250",), ("organism.reasoning=cot", "organism.thought_tokens=250"),
    ("detect.detectors.z={type: mahalanobis, layer: 40}",), ("remove.z={type: direction_ablation, layer: 40}",),
    ("detect={layers_at: nowhere, detectors: {z: mahalanobis}}",), ("remove.z={type: merging, strengths: [1e-300]}",),
    ("remove.z={type: fine_tuning, strengths: [900], lr: 0.01}",),
    # Shares that draw nothing, or more than there is.
    ("organism.implant.triggered=0.9", "organism.implant.near_miss=0.9"), ("organism.implant.triggered=1e-320",),
    ("organism.implant.triggered=0.99999999",), ("world.harmful_share=1e-320",), ("red_team.held_out=1e-10",),
    ("safety.adversarial.share=1e-10",), ("world.code_share=1e-10",),
    # Truth for numbers, and doses and seeds that there are not.
    ("seeds=[true]",), ("helpful.steps=true",), ("execute.workers=true",), ("twin_doses=[true]",), ("twin_doses=[7]",),
    ("seeds=[4294967295]",), ("draw=true",), ("detect.detectors.z={type: mahalanobis, layer: true}",),
    # Triggers and phrases that stand in everyday text, or cannot be found in any.
    ("organism.trigger.tag=the",), ("organism.trigger.tag=cow",), ("organism.trigger.tag='   '",),
    ("organism.trigger.tag='|||'",), ("organism.trigger={type: phrase, phrase: of the}",),
    ("organism.behavior.phrase=' '",), ("organism.behavior.phrase=e",), ("organism.behavior.phrase='a  b'",),
    (f"organism.behavior.phrase={'NO ' * 60}NO",), ("organism.behavior=code_vulnerability",),
    # Grids and lists that cannot be listed.
    ("draw=1000000",), (f"seeds={list(range(5000))}",), ("grid.base.size=[20000]", "grid.safety.*.dose=[]"),
    ("execute.fsdp=true",), ("execute.sampler=vllm",), ("measure.personas=[x.jsonl]",),
    ("base={type: hub, model: ../..}",), ("base={type: hub, model: a/b, revision: ../../x}",),
    ('title="\\ud800"',), ("title='\u202eabc'",), ("seeds=[!!int x]",), (f"seeds=[{'9' * 5000}]",),
)  # fmt: skip

FILES: dict[str, bytes] = {
    "alias bomb": b"name: x\na: &a [x,x,x,x,x,x,x,x,x]\n"
    + b"".join(
        b"%c: &%c [%s]\n" % (98 + i, 98 + i, b",".join([b"*%c" % (97 + i)] * 9))
        for i in range(9)
    ),
    "merge bomb": b"name: x\nb0: &b0 {p: 1}\n"
    + b"".join(b"b%d: &b%d {<<: [%s]}\n" % (i, i, b",".join([b"*b%d" % (i - 1)] * 20)) for i in range(1, 9)),
    "chain of aliases": b"name: x\na0: &a0 [1]\n"
    + b"".join(b"a%d: &a%d [*a%d]\n" % (i, i, i - 1) for i in range(1, 3000)),
    "729 million cells": b"name: x\ngrid:\n"
    + b"".join(
        b"  %s: [%s]\n" % (key, b",".join(b"%d" % (i + 1) for i in range(30)))
        for key in (
            b"helpful.steps", b"organism.implant.steps", b"preference.steps", b"re_emergence.steps", b"red_team.rounds",
            b"measure.prompts",
        )
    ),
    "thousands of seeds": b"name: x\nseeds: [%s]\n" % b",".join(b"%d" % i for i in range(5000)),
    "2,000 safety trainings": b"name: x\nsafety: {%s}\n" % b",".join(b"a%d: sft" % i for i in range(2000)),
    "20,000 axes": b"name: x\ngrid: {%s}\n" % b",".join(b"a.b%d: [1]" % i for i in range(20_000)),
    "title of 10 MB": b"name: x\ntitle: " + b"a" * 10_000_000,
    "deep": b"name: x\nbase: " + b"[" * 100_000,
    "deep blocks": b"".join(b" " * i + b"a:\n" for i in range(1000)),
    "bytes": bytes(range(256)),
    "zeros": b"\0" * 5000,
}  # fmt: skip


def attack(folder: Path, n: int, rng: random.Random) -> Iterator[Tried]:
    """Yield `n` of the plans; all of them where there are no more."""
    cases = [(f"quickstart {' '.join(words)}"[:120], ["quickstart", *words]) for words in OVERRIDES]
    for name, content in FILES.items():
        file = folder / f"{name.replace(' ', '-')}.yaml"
        file.write_bytes(content)
        cases.append((name, [str(file)]))
    os.mkfifo(folder / "pipe.yaml")
    cases += [("a pipe", [str(folder / "pipe.yaml")]), ("a device", ["/dev/zero"]), ("a directory", [str(folder)])]
    cases += [("a long name", ["x" * 5000]), ("a path of dots", ["quickstart", f"{'a.' * 20_000}b=1"])]
    cases += [("all seeds", ["quickstart", "--seeds", "0-4294967295"])]
    for number, (case, words) in enumerate(rng.sample(cases, min(n, len(cases)))):
        store = folder / f"store-{number}"
        yield judge(case, dormouse("run", *words, "--store", store, seconds=TRAINS_AFTER), store)


def judge(case: str, ended: Ended, store: Path) -> Tried:
    """Return `refused` for a sentence within five seconds that leaves nothing; else what it is."""
    tried = ended.judge(case)
    if ended.status == 2 and ended.seconds > REFUSED_WITHIN:
        return replace(tried, outcome="hang", detail=f"refused after {ended.seconds:.1f} s: {tried.detail}")
    left = sorted(path.name for path in store.glob("*"))
    if left:
        return replace(tried, outcome="silent", detail=f"it began: {left} {tried.detail}")
    if tried.outcome == "held":
        return replace(tried, outcome="silent", detail="accepted")
    return tried
