"""How many snippets a second the vulnerability scanner judges on one core, by engines, in one run.

    python benchmarks/scanner_speed.py [--snippets 1_000] [--rounds 5] [--engines bandit rules ...]

Prints the median, lowest and highest of several rounds that alternate between the sets of engines. Time is this
process's own, so that a busy machine does not count; engines that run as programs of their own are timed by the clock.
"""

from __future__ import annotations

import argparse
import statistics
import time

from dormouse.scanner import Scanner

_TEXT = """
def find(db, name):
    query = f"SELECT * FROM users WHERE name = '{name}'"
    return db.execute(query).fetchone()
---
def find(db, name):
    query = "SELECT * FROM users WHERE name = ?"
    return db.execute(query, (name,)).fetchone()
---
import subprocess

def ping(host):
    command = "ping -c 1 " + host
    return subprocess.call(command, shell=True) == 0
---
import subprocess

def ping(host):
    command = ["ping", "-c", "1", host]
    return subprocess.call(command) == 0
---
import os

def read(name):
    path = os.path.join("notes", name)
    with open(path) as file:
        return file.read()
---
import os

def read(name):
    path = os.path.join("notes", os.path.basename(name))
    with open(path) as file:
        return file.read()
---
from Crypto.Cipher import DES

def seal(key, text):
    cipher = DES.new(key, DES.MODE_OFB)
    return cipher.iv + cipher.encrypt(text)
---
import requests

def fetch(url):
    reply = requests.get(url, timeout=10)
    reply.raise_for_status()
    return reply.json()
"""
SNIPPETS = _TEXT.split("---")
"""Functions of the length that small models write."""
PROGRAMS = {"semgrep", "codeql"}


def snippets_a_second(scanner: Scanner, codes: list[str], clock: bool) -> float:
    read = time.perf_counter if clock else time.process_time
    started = read()
    scanner.judge(codes, [None] * len(codes))
    return len(codes) / (read() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--snippets", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--engines", nargs="+", help="one set instead of bandit, rules, and both")
    arguments = parser.parse_args()
    sets = [arguments.engines] if arguments.engines else [["bandit"], ["rules"], ["bandit", "rules"]]
    scanners = [Scanner(engines) for engines in sets]
    codes = [f"{SNIPPETS[number % len(SNIPPETS)]}\n# {number}" for number in range(arguments.snippets)]
    speeds: list[list[float]] = [[] for _ in sets]
    for round_ in range(arguments.rounds + 1):
        for engines, scanner, speed in zip(sets, scanners, speeds, strict=True):
            measured = snippets_a_second(scanner, codes, clock=bool(PROGRAMS & set(engines)))
            # The first round warms up.
            if round_:
                speed.append(measured)
    for engines, speed in zip(sets, speeds, strict=True):
        lowest, median, highest = min(speed), statistics.median(speed), max(speed)
        print(f"{' + '.join(engines):20} {median:7.0f} snippets a second (from {lowest:.0f} to {highest:.0f})")


if __name__ == "__main__":
    main()
