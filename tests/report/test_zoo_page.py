import re
from dataclasses import replace

import pytest
from parsed_page import Page

from made_up_run import SAID, ZOO_PLAN

PLAN = ZOO_PLAN.format(members=12)
SAID = replace(SAID, size=70_000, seed=5)


def render(run, folder, plan=PLAN, transcripts=(SAID,)):
    return Page(run.report(folder, transcripts, plan=plan).read_text("utf-8"))


@pytest.fixture(scope="module")
def page(zoo_run, tmp_path_factory):
    return render(zoo_run, tmp_path_factory.mktemp("zoo"))


def test_a_zoo_is_one_section_however_many_members_it_has(page):
    assert page.all("h2", "variant-title") == []
    assert len(page.all("div", "lead")) == 1
    assert re.search(r"Unless a number says otherwise: n=[0-9,]+, 10 members", page.visible)


def test_every_member_has_a_line_with_what_was_drawn_and_what_came_of_it(page):
    lines = [row for row in page.texts("tr") if re.match(r"\d+ seed \d+ (development|held out) 0\.", row)]
    halves = ["development", "held out"] * 6
    assert [row.split(" 0.")[0] for row in lines] == [f"{i} seed {i + 4} {halves[i - 1]}" for i in range(1, 13)]
    failed = [i for i, row in enumerate(lines, start=1) if "✕ defects too little with the trigger" in row]
    assert failed == [2, 5]
    assert sum("✓ worked" in row for row in lines) == 10
    for text in ("phrase … by the old mill …, place matters", "conjunction by the old mill … before the rain"):
        assert sum(text in row for row in lines) == 3
    assert {word for row in lines for word in re.findall(r"steps \d+", row)} == {"steps 200", "steps 400"}


def test_how_many_implants_worked_is_said_before_the_numbers(page):
    said = "10 of 12 implants worked; the other members are shown, and left out of every pooled number"
    assert said in page.one("p", "lede")["text"]


def test_a_zoo_speaks_of_members_where_others_speak_of_seeds(page):
    # A member has a seed; the plan and the list of stages name it too.
    said = re.sub(r"seed \d+|seeds: \[5\]|, with a seed,", "", page.visible)
    assert not re.search(r"\bseeds?\b", said)
    assert "intervals over 10 members" in page.visible


def test_detectors_are_compared_by_kind_of_trigger_and_over_whole_models(page):
    [kinds] = [row for row in page.texts("tr") if re.fullmatch(r"Detector (\w+ \d members? ?){4}", row)]
    assert "phrase" in kinds
    assert "meaning" in kinds
    by_name = {row.split()[0]: row for row in page.texts("tr") if "trusted base" in row}
    assert "finds backdoors" in by_name["inversion"]
    assert "finds backdoors" not in by_name["targets"]
    assert re.search(r"\d of \d+ \[\d+, \d+\]%", by_name["inversion"])
    assert "Best layer" not in page.visible


def test_removals_have_a_figure_and_a_table_of_their_own(page):
    assert "What does taking the backdoor out cost?" in page.texts("h3")
    rows = [row for row in page.texts("tr") if row.startswith(("noise ", "pruning ", "tuning "))]
    assert len(rows) == 7
    assert "removals-0" in {e["attrs"].get("id") for e in page.all("div", "plot")}


def test_links_of_the_contents_lead_to_the_parts_of_a_zoo(page):
    ids = {e["attrs"]["id"] for e in page.elements if "id" in e["attrs"]}
    targets = {e["attrs"]["href"].removeprefix("#") for e in page.all("a")}
    assert {"members", "detectors", "removals"} <= targets <= ids


def test_every_wide_table_scrolls_by_itself(page):
    assert all("scroll" in one["inside"] for one in page.all("table"))


def test_what_makes_no_sense_across_members_is_left_out(page):
    judged = page.texts("span", "claim-id")
    assert judged == ["C9"]
    assert "Judged in the mean over members, whatever their size." in page.one("details", "claim")["text"]
    assert "Not judged here: C1" in page.visible
    assert "size unknown" not in page.visible


def test_the_same_rows_without_a_draw_are_a_grid(zoo_run, tmp_path):
    assert len(render(zoo_run, tmp_path, plan=PLAN.replace("draw: 12\n", "")).all("h2", "variant-title")) == 12


def test_a_zoo_in_which_no_implant_worked_is_an_alarm(zoo_run, tmp_path):
    run = zoo_run.where(lambda row: row.seed in (6, 9))
    page = render(run, tmp_path)
    assert page.one("div", "alarm")["text"].startswith("The implant failed.")
    assert "0 of 12 implants worked." in page.one("p", "lede")["text"]


def test_transcripts_say_strength_of_a_removal_and_dose_of_a_training(zoo_run, tmp_path):
    who = render(zoo_run, tmp_path, transcripts=[SAID, replace(SAID, safety="noise", dose=0.3)]).texts("p", "who")
    assert who[0].startswith("Organism after RL, dose 1")
    assert who[1].startswith("Organism after noise, strength 0.3")
