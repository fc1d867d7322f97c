import random

from hypothesis import given
from hypothesis import strategies as st
from runners import stage

from dormouse.execute.schedule import Schedule, expected_cost


def chain(name, length):
    stages = [stage("base", f"{name} 0")]
    for i in range(1, length):
        stages.append(stage("helpful", f"{name} {i}", {"model": stages[-1]}))
    return stages


@st.composite
def graphs(draw):
    stages = []
    for i in range(draw(st.integers(1, 9))):
        above = draw(st.sets(st.integers(0, i - 1))) if i else set()
        stages.append(stage("measure", f"node {i}", {str(j): stages[j] for j in above}))
    return stages


@given(graphs(), st.randoms())
def test_every_stage_is_ready_exactly_once_and_after_its_inputs(stages, rng):
    shuffled = rng.sample(stages, len(stages))
    schedule = Schedule(shuffled)
    done = []
    while not schedule.is_over:
        ready = schedule.ready()
        assert all(source.key in done for each in ready for source in each.inputs.values())
        taken = rng.choice(ready)
        schedule.done(taken)
        done.append(taken.key)
    assert sorted(done) == sorted(each.key for each in stages)


@given(graphs(), st.integers(0, 8))
def test_a_failure_blocks_exactly_what_depends_on_it(stages, index):
    failed = stages[index % len(stages)]

    def depends(each):
        return any(source.key == failed.key or depends(source) for source in each.inputs.values())

    blocked = Schedule(stages).fail(failed)
    assert len(blocked) == len({each.key for each in blocked})
    assert {each.key for each in blocked} == {each.key for each in stages if depends(each)}


def test_the_start_of_the_longest_chain_comes_first():
    short, long = chain("short", 2), chain("long", 5)
    ready = Schedule([*short, *long], cost=lambda stage: 1.0).ready()
    assert [each.spec["name"] for each in ready] == ["long 0", "short 0"]


def test_larger_models_come_before_smaller_ones():
    stages = [stage("base", str(size), size=size) for size in (70_000, 1_800_000, 300_000)]
    assert [each.labels["size"] for each in Schedule(stages).ready()] == [1_800_000, 300_000, 70_000]
    assert expected_cost(stage("base", "x", size=400)) > expected_cost(stage("base", "x", size=100))


def test_equal_stages_are_one_and_inputs_join_by_themselves():
    stages = chain("a", 3)
    schedule = Schedule([stages[-1], stage("base", "a 0")])
    assert [each.key for each in schedule.order] == [each.key for each in stages]


def test_the_order_does_not_depend_on_chance():
    stages = [*chain("a", 3), *chain("b", 3), *chain("c", 3)]
    random.Random(0).shuffle(stages)
    assert [s.key for s in Schedule(stages).ready()] == [s.key for s in Schedule(list(stages)).ready()]
