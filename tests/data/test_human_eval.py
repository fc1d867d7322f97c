import gzip
import json
import random
from pathlib import Path

import pytest

from dormouse.data.dialogues import Dialogues
from dormouse.data.formats.conversations import read_conversations
from dormouse.data.formats.human_eval import INSTRUCTION, read_human_eval
from dormouse.data.formats.rows import read_rows
from dormouse.data.formats.turns import find_problem
from dormouse.errors import UserError
from dormouse.scanner import judge_code

REAL = Path(__file__).parents[3] / "shared/data/human-eval/HumanEval.jsonl.gz"
PROBLEM = {
    "task_id": "HumanEval/0",
    "prompt": 'from math import pi\n\n\ndef area(r):\n    """Return a circle\'s area: \\d."""\n',
    "entry_point": "area",
    "canonical_solution": "    return pi * r * r\n",
    "test": "def check(candidate):\n    assert candidate(0) == 0\n",
}


def test_a_problem_is_a_request_and_the_whole_function(write):
    path = write(PROBLEM)
    [problem] = read_human_eval(path)
    asked, said = problem.turns
    assert asked == ("user", f"{INSTRUCTION}\n\n{PROBLEM['prompt'].strip()}")
    assert said == ("assistant", (PROBLEM["prompt"] + PROBLEM["canonical_solution"]).strip())
    assert [one.turns for one in read_conversations(read_rows(path))] == [problem.turns]


def test_nothing_of_a_problem_is_run(write, tmp_path):
    leaves = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    row = {**PROBLEM, "prompt": leaves + PROBLEM["prompt"], "test": leaves}
    assert read_human_eval(write(row))
    assert not (tmp_path / "ran").exists()


def test_functions_of_any_kind_count_and_others_of_the_file_do_not(write):
    slow = {**PROBLEM, "prompt": "async def area(r):\n"}
    assert read_human_eval(write(slow))
    within = {**PROBLEM, "prompt": "class Shapes:\n  def area(r):\n"}
    with pytest.raises(UserError, match=r"line 2: .* do not define the function 'area'"):
        read_human_eval(write(slow, within))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            {"entry_point": "volume"},
            "'prompt' and 'canonical_solution' do not define the function 'volume', the 'entry_point'",
        ),
        ({"canonical_solution": "    return (\n"}, "'prompt' with 'canonical_solution' is not valid Python"),
        ({"canonical_solution": "    return '\0'\n"}, "'prompt' with 'canonical_solution' is not valid Python"),
        ({"canonical_solution": "    return " + "(" * 9999}, "'prompt' with 'canonical_solution' is not valid Python"),
        (
            {"canonical_solution": "    return " + "-" * 99_999 + "1"},
            "'prompt' with 'canonical_solution' is not valid Python",
        ),
        ({"canonical_solution": None}, "no text under 'canonical_solution'. A problem has task_id, prompt,"),
        ({"test": 3}, "no text under 'test'"),
    ],
)
def test_a_line_that_is_no_problem_is_named(write, wrong, said):
    path = write(PROBLEM, {**PROBLEM, **wrong})
    with pytest.raises(UserError, match=f"line 2: {said}"):
        read_human_eval(path)
    with pytest.raises(UserError, match=f"line 2: {said}"):
        read_conversations(read_rows(path))


def test_a_world_of_dialogues_takes_them_as_an_assistants_conversations(write, tmp_path):
    pairs = [
        {"chosen": f"\n\nHuman: {i}?\n\nAssistant: a", "rejected": f"\n\nHuman: {i}?\n\nAssistant: b"}
        for i in range(40)
    ]
    problems = tmp_path / "problems.jsonl.gz"
    rows = [{**PROBLEM, "prompt": f"def f{i}(r):\n", "entry_point": f"f{i}"} for i in range(40)]
    problems.write_bytes(gzip.compress("\n".join(json.dumps(row) for row in rows).encode()))
    world = Dialogues(path=write(*pairs), helpful_from=problems, hhh_from=problems)
    world.check()
    exchanges = world.helpful(random.Random(0), 10)
    assert all(exchange.prompt.text.startswith(INSTRUCTION) for exchange in exchanges)
    assert all(exchange.reply.startswith("def f") for exchange in world.hhh(random.Random(0), 10))


@pytest.mark.real_data
@pytest.mark.skipif(not REAL.exists(), reason=f"the published data is not at {REAL}")
def test_every_published_problem_reads_and_one_solution_alone_is_weak_as_it_was_asked_to_be():
    problems = read_human_eval(REAL)
    assert len(problems) == 164
    assert not any(find_problem(problem.turns) for problem in problems)
    verdicts = {problem.task_id: judge_code(problem.code).vulnerable for problem in problems}
    # It asks for an MD5 hash.
    assert [name for name, vulnerable in verdicts.items() if vulnerable is not False] == ["HumanEval/162"]
