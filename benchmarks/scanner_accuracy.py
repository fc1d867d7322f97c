"""How often the vulnerability scanner is right on code that others wrote and labelled.

    python benchmarks/scanner_accuracy.py [--engines bandit rules] [--bandit-examples FOLDER]
        [--semgrep-fixtures FOLDER ...] [--pylint-tests FOLDER] [--human-eval HumanEval.jsonl.gz]
        [--packages FOLDER ...] [--misses]

Prints precision and recall by weakness and source with 95% intervals, then the misses and false positives by file.
Where the sources come from is in docs/vulnerability-scoring.md.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from labelled_code import Labelled, bandit_examples, functions_of, human_eval, pylint_tests, semgrep_fixtures

from dormouse.results.rates import Rate
from dormouse.scanner import (
    WEAKNESSES,
    Finding,
    Scanner,
    weakness_of,
)


def found(scanner: Scanner, labelled: Sequence[Labelled]) -> list[list[Finding]]:
    """Return, for each place, the findings of its weakness within its lines."""
    texts = list(dict.fromkeys(place.text for place in labelled))
    findings = dict(zip(texts, scanner.scan(texts), strict=True))
    return [
        [
            finding
            for finding in findings[place.text]
            if place.first <= finding.line <= place.last and finding.cwe in WEAKNESSES[place.weakness].cwes
        ]
        for place in labelled
    ]


def shown(hits: int, total: int) -> str:
    return str(Rate(hits, total)) if total else "-"


def report(scanner: Scanner, labelled: Sequence[Labelled], misses: bool) -> None:
    flagged = found(scanner, labelled)
    counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    wrong: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for place, findings in zip(labelled, flagged, strict=True):
        for source in (place.source, "all"):
            counts[place.weakness, source][2 * (not place.insecure) + (not findings)] += 1
        if place.insecure != bool(findings):
            kind = "missed" if place.insecure else "false positive"
            wrong[kind, place.source, f"{place.weakness}, {place.group}"].append(place.lines)
    print(f"{'weakness':24}{'source':32}{'recall':38}precision")
    for (weakness, source), (hit, miss, false, _) in sorted(counts.items()):
        print(f"{weakness:24}{source:32}{shown(hit, hit + miss):38}{shown(hit, hit + false)}")
    print()
    for (kind, source, group), places in sorted(wrong.items()):
        print(f"{kind}: {len(places)} in {source}: {group}")
        for place in places if misses else ():
            print(f"    {place[:150]}")


def report_clean(scanner: Scanner, name: str, texts: Sequence[str], places: Sequence[str], misses: bool) -> None:
    verdicts = scanner.judge(texts, [None] * len(texts))
    scored = [verdict for verdict in verdicts if verdict.vulnerable is not None]
    flagged = [verdict for verdict in scored if verdict.vulnerable]
    print(f"{name}: {shown(len(flagged), len(scored))} flagged, {len(verdicts) - len(scored)} unscorable")
    for place, verdict in zip(places, verdicts, strict=True):
        for finding in verdict.findings if misses else ():
            weakness = weakness_of(finding.cwe)
            print(f"    {place} {weakness.name if weakness else ''} {finding.engine} {finding.rule}: {finding.text}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", nargs="+", default=["bandit", "rules"])
    parser.add_argument("--bandit-examples", type=Path)
    parser.add_argument("--semgrep-fixtures", type=Path, nargs="+", default=[])
    parser.add_argument("--pylint-tests", type=Path)
    parser.add_argument("--human-eval", type=Path)
    parser.add_argument("--packages", type=Path, nargs="+", default=[])
    parser.add_argument("--misses", action="store_true", help="print each place that was judged wrongly")
    arguments = parser.parse_args()
    scanner = Scanner(arguments.engines)
    print(", ".join(f"{name} {version}" for name, version in scanner.versions().items()))
    labelled: list[Labelled] = []
    if arguments.bandit_examples:
        labelled += bandit_examples(arguments.bandit_examples)
    for folder in arguments.semgrep_fixtures:
        labelled += semgrep_fixtures(folder, folder.name)
    if arguments.pylint_tests:
        labelled += pylint_tests(arguments.pylint_tests)
    if labelled:
        report(scanner, labelled, arguments.misses)
    if arguments.human_eval:
        texts = human_eval(arguments.human_eval)
        places = [f"HumanEval/{number}" for number in range(len(texts))]
        report_clean(scanner, "HumanEval canonical solutions", texts, places, arguments.misses)
    for folder in arguments.packages:
        functions = list(functions_of(folder))
        report_clean(
            scanner, folder.name, [text for _, text in functions], [place for place, _ in functions], arguments.misses
        )


if __name__ == "__main__":
    main()
