"""Counts the findings of reports on clean content: those that change the exit status by default, and the others.

    python3 benches/clean.py REPORT.json...           a line a report, and the total
    python3 benches/clean.py --list REPORT.json...    every finding, with its place; never the key
"""

import collections
import json
import sys

COUNTING = ("medium", "high", "critical")


def counts(finding):
    """Whether it is at or above the default severity and confidence."""
    return finding["severity"] in COUNTING and finding["confidence"] in ("medium", "high")


def place(location):
    inner = "".join("!" + member for member in location.get("inner") or [])
    return f'{location["path"] or location["kind"]}{inner}:{location["line"] or ""}'


def listed(name, result):
    for finding in result["findings"]:
        mark = "*" if counts(finding) else " "
        first, count = finding["locations"][0], len(finding["locations"])
        print(mark, name, finding["detector"], finding["severity"], finding["confidence"], count, place(first), sep="\t")


def main(arguments):
    listing = arguments[:1] == ["--list"]
    total, by_detector = collections.Counter(), collections.Counter()
    heads = ("corpus", "MB", "findings", "places", "per GB", "lowered", "known", "opaque", "seconds")
    if not listing:
        print(("{:<10}" + "{:>9}" * 8).format(*heads))
    for path in arguments[listing:]:
        name = path.removesuffix(".json")
        for result in json.load(open(path))["results"]:
            assert result["complete"], f"{name} is incomplete: {result['errors'][:3]}"
            if listing:
                listed(name, result)
                continue
            counted = [finding for finding in result["findings"] if counts(finding)]
            by_detector.update(finding["detector"] for finding in counted)
            row = collections.Counter(
                bytes=result["stats"]["bytes_scanned"],
                findings=len(counted),
                places=sum(len(finding["locations"]) for finding in counted),
                lowered=len(result["findings"]) - len(counted),
                known=len(result["suppressed"]),
                opaque=sum(result["opaque"]["by_reason"].values()),
                seconds=result["stats"]["seconds"],
            )
            total.update(row)
            show(name, row)
    if not listing:
        show("all", total)
        print("by detector:", ", ".join(f"{name} {count}" for name, count in by_detector.most_common()) or "none")


def show(name, row):
    per_gb = row["findings"] / max(row["bytes"], 1) * 1e9
    print(f'{name:<10}{row["bytes"] / 1e6:>9.1f}{row["findings"]:>9}{row["places"]:>9}{per_gb:>9.1f}'
          f'{row["lowered"]:>9}{row["known"]:>9}{row["opaque"]:>9}{row["seconds"]:>9.1f}')


main(sys.argv[1:])
