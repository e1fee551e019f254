"""Measures scanners on the images of benches/image.sh, and counts which of the planted keys each finds.

    python3 benches/peers.py FOLDER ROUNDS KEYSEAM IMAGE...      called by benches/peers.sh, which makes FOLDER

Every program runs once a round, in turn, so that what else the machine does meets all of them. The tables show
medians; ratios are medians of the ratios within a round. Reports hold the planted keys whole: they stay in
FOLDER/reports, and no key is printed.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

MIB = 1024 * 1024
HEADS = ("", "wall s", "CPU s", "peak MiB", "written MB", "scratch MB", "keys", "others")
RATIOS = ("wall / unpack", "CPU / unpack", "wall / keyseam", "CPU / keyseam")


class Image:
    """One image: its layout, its archive, what is planted in it."""

    def __init__(self, folder, name):
        self.name = name
        self.layout = folder / "images" / name
        # There is none for zstd: its layers are those of gzip, and archives do not compress them.
        self.archive = folder / "images" / f"{name}.tar"
        self.plants = json.loads((folder / "images" / f"{name}.plants.json").read_text())
        manifest = self.blob(json.loads((self.layout / "index.json").read_text())["manifests"][0])
        self.layers = manifest["layers"]
        self.diff_ids = self.blob(manifest["config"])["rootfs"]["diff_ids"]

    def path(self, descriptor):
        return self.layout / "blobs" / descriptor["digest"].replace(":", "/")

    def blob(self, descriptor):
        return json.loads(self.path(descriptor).read_text())

    def read_once(self):
        """Brings the image into the page cache: disks are not what is compared."""
        for path in [*map(self.path, self.layers), self.archive]:
            if path.exists():
                subprocess.run(["cat", path], stdout=subprocess.DEVNULL, check=True)


def finds_values(image, secrets):
    """Which plants are found, and how many reported keys are none of them, by the keys in clear."""
    secrets = list(secrets)
    found = {index for index, plant in enumerate(image.plants)
             if any(key in secret for key in plant["keys"] for secret in secrets)}
    planted = [key for plant in image.plants for key in plant["keys"]]
    return found, sum(not any(key in secret for key in planted) for secret in secrets)


def keyseam_finds(image, report):
    """What it shows by default; the report holds what is below that as well."""
    findings = [finding for result in report["results"] for finding in result["findings"]
                if finding["severity"] in ("medium", "high", "critical") and finding["confidence"] != "low"]
    assert all(result["complete"] for result in report["results"]), "keyseam's scan is incomplete"
    return finds_values(image, (finding["secret"] for finding in findings))


def keyseam_again_finds(first):
    """A scan that takes layers from its cache has no keys in clear, so they are told by their fingerprints."""
    def finds(image, report):
        clear = json.loads((first / image.name / "keyseam" / "report").read_text())
        keys = {finding["fingerprint"]: finding["secret"]
                for result in clear["results"] for finding in result["findings"]}
        for result in report["results"]:
            for finding in result["findings"]:
                finding["secret"] = keys.get(finding["fingerprint"], "")
        return keyseam_finds(image, report)
    return finds


def trivy_finds(image, report):
    """Trivy masks keys, so what is found is told by rule, file and layer; in the config, by rule."""
    found, others = set(), 0
    for result in report.get("Results") or []:
        for secret in result.get("Secrets") or []:
            diff_id = secret.get("Layer", {}).get("DiffID")
            layer = image.diff_ids.index(diff_id) if diff_id in image.diff_ids else None
            # Of an AWS pair it reports both halves.
            rule = secret["RuleID"].replace("aws-secret-access-key", "aws-access-key-id")
            path = result["Target"].lstrip("/") if layer is not None else None
            hits = {index for index, plant in enumerate(image.plants)
                    if (plant["trivy"], plant["layer"], plant["path"]) == (rule, layer, path)}
            found |= hits
            others += not hits
    return found, others


def kingfisher_finds(image, report):
    return finds_values(image, (finding["finding"]["snippet"] for finding in report["findings"]))


def betterleaks_finds(image, report):
    return finds_values(image, (finding["match"]["value"] for finding in report["findings"]))


def gitleaks_finds(image, report):
    return finds_values(image, (finding["Secret"] for finding in report))


class Tool:
    """A program with its options. `unit` is what its ratios to keyseam are taken of: keyseam on the same input."""

    def __init__(self, name, command, finds=None, unit="keyseam", archive=False, prepare=None):
        self.name, self.command, self.finds, self.unit = name, command, finds, unit
        self.archive, self.prepare = archive, prepare


def tools(folder, keyseam):
    options = subprocess.run([keyseam, "scan", "--help"], capture_output=True, text=True, check=True).stdout
    clear = ["--show-secrets", *(["--no-cache"] if "--no-cache" in options else [])]
    caches = folder / "caches"
    caches.mkdir(exist_ok=True)
    # Fingerprints are equal from run to run, and what is in a cache can be used, only under one and the same key.
    fingerprint = ["--fingerprint-key-file", caches / "fingerprint-key"]
    if not fingerprint[1].exists():
        subprocess.run([keyseam, "fingerprint-key", "init", *fingerprint], capture_output=True, check=True)

    def program(tool):
        return folder / "tools" / tool / "program"

    def unpack(image, run):
        zstd = image.layers[0]["mediaType"].endswith("zstd")
        paths = map(image.path, sorted(image.layers, key=lambda layer: -layer["size"]))
        (run / "layers").write_text("".join(f"{path}\n" for path in paths))
        jobs = str(len(os.sched_getaffinity(0)))
        return ["xargs", "-a", run / "layers", "-P", jobs, "-n", "1", "zstd" if zstd else "igzip", "-dc"]

    def keyseam_scan(target, *more):
        def command(image, run):
            return [keyseam, "scan", "--no-config", "--offline", "--progress", "never", "-q", *fingerprint,
                    *(option.format(image=image.name) for option in more),
                    "-o", f"json={run / 'report'}", target(image)]
        return command

    def trivy_scan(target, cache=None):
        def command(image, run):
            kept = cache.format(image=image.name) if cache else run / "trivy"
            return [program("trivy"), "image", "--scanners", "secret", "--offline-scan", "--skip-version-check",
                    "--disable-telemetry", "--quiet", "--timeout", "60m", "--cache-dir", kept,
                    "--format", "json", "--output", run / "report", "--input", target(image)]
        return command

    def layout(image):
        return f"oci:{image.layout}:bench"

    def docker(image):
        return f"docker-archive:{image.archive}"

    def betterleaks(image, run):
        return [program("betterleaks"), "fs", "--no-banner", "--output", run / "report.json", image.archive]

    def gitleaks(image, run):
        return [program("gitleaks"), "dir", "--no-banner", "--max-archive-depth", "8", "--report-format", "json",
                "--report-path", run / "report", image.archive]

    def kingfisher(image, run):
        return [program("kingfisher"), "scan", "docker", "--archive", image.archive, "--confidence", "low",
                "--no-validate", "--no-update-check", "--no-dedup", "--no-limits",
                "--rule-cache-dir", caches / "kingfisher", "--format", "json", "--output", run / "report"]

    table = [
        Tool("decompression alone", unpack),
        Tool("keyseam", keyseam_scan(layout, *clear), keyseam_finds),
        Tool("trivy", trivy_scan(lambda image: image.layout), trivy_finds),
    ]
    if "--cache-dir" in options:
        again = keyseam_scan(layout, "--cache-dir", f"{caches}/keyseam-{{image}}")
        trivy_again = trivy_scan(lambda image: image.layout, f"{caches}/trivy-{{image}}")
        table += [
            Tool("keyseam, again", again, keyseam_again_finds(folder / "reports"), "keyseam, again", prepare=again),
            Tool("trivy, again", trivy_again, trivy_finds, "keyseam, again", prepare=trivy_again),
        ]
    archive = "keyseam, archive"
    return table + [
        Tool(archive, keyseam_scan(docker, *clear), keyseam_finds, archive, True),
        Tool("trivy, archive", trivy_scan(lambda image: image.archive), trivy_finds, archive, True),
        Tool("betterleaks, archive", betterleaks, betterleaks_finds, archive, True),
        Tool("gitleaks, archive", gitleaks, gitleaks_finds, archive, True),
        Tool("kingfisher, archive", kingfisher, kingfisher_finds, archive, True),
    ]


def allocated(folder):
    """Bytes of disk that a folder takes, of which files go away while they are counted."""
    total = 0
    for parent, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(parent, name)).st_blocks * 512
            except OSError:
                pass
    return total


def watch(folder, ended, peak):
    while True:
        start = time.monotonic()
        peak[0] = max(peak[0], allocated(folder))
        # Looking at many files takes time of the machine that is measured: a twentieth of it at most.
        if ended.wait(max(0.2, 19 * (time.monotonic() - start))):
            return


def measure(tool, image, run):
    """Runs the tool with folders of its own and gives what it cost and found."""
    shutil.rmtree(run, ignore_errors=True)
    private = run / "private"
    (private / "tmp").mkdir(parents=True)
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(private), "TMPDIR": str(private / "tmp")}
    # GNU time is a small process that starts the tool: what a child inherits of the peak memory of its parent
    # would be Python's otherwise.
    clock = ["/usr/bin/time", "-o", run / "time", "-f", "%e %U %S %M %O"]
    ended, peak = threading.Event(), [0]
    watcher = threading.Thread(target=watch, args=(run, ended, peak))
    watcher.start()
    with open(run / "log", "w") as log:
        start = time.monotonic()
        status = subprocess.run([*clock, *tool.command(image, run)], cwd=private, env=environment,
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log).returncode
        wall = time.monotonic() - start
    ended.set()
    watcher.join()
    # Scanners end with a status of their own when they found keys; a report is what tells that they did.
    reports = [path for path in (run / "report", run / "report.json") if path.exists()]
    if (tool.finds and not reports) or (not tool.finds and status):
        return None
    elapsed = (run / "time").read_text().splitlines()[-1].split()
    figures = {"wall": wall, "cpu": float(elapsed[1]) + float(elapsed[2]), "memory": int(elapsed[3]) / 1024,
               "written": int(elapsed[4]) * 512 / 1e6, "scratch": peak[0] / 1e6}
    if tool.finds:
        figures["found"], figures["others"] = tool.finds(image, json.loads(reports[0].read_text()))
    shutil.rmtree(private)
    return figures


def rounds_of(image, chosen, rounds, folder):
    """The figures of each tool, one a round; a tool that fails is not run again."""
    image.read_once()
    figures = {tool.name: [] for tool in chosen}
    failed = set()
    for tool in chosen:
        if tool.prepare:
            measure(Tool(tool.name, tool.prepare), image, folder / "reports" / "prepare")
    for number in range(rounds):
        for tool in chosen:
            if tool.name in failed:
                continue
            run = folder / "reports" / image.name / tool.name.replace(", ", "-").replace(" ", "-")
            result = measure(tool, image, run)
            seconds = f"{result['wall']:.1f} s" if result else f"failed: see {run}/log"
            print(f"{image.name}, round {number + 1}, {tool.name}: {seconds}", file=sys.stderr)
            figures[tool.name].append(result)
            if not result:
                failed.add(tool.name)
    return {name: runs for name, runs in figures.items() if name not in failed}, failed


def row(cells):
    return "| " + " | ".join(cells) + " |"


def costs(image, chosen, figures, failed):
    """The table of what each tool costs."""
    def median(name, field):
        return statistics.median(run[field] for run in figures[name])

    def ratio(name, other, field):
        if other not in figures:
            return "–"
        return f"{statistics.median(run[field] / base[field] for run, base in zip(figures[name], figures[other])):.2f}"

    print(f"\n### {image.name}\n")
    print(row(HEADS + RATIOS))
    print(row(["---"] + ["---:"] * (len(HEADS) + len(RATIOS) - 1)))
    for tool in chosen:
        if tool.name in failed:
            print(row([tool.name, "fails"] + [""] * (len(HEADS) + len(RATIOS) - 2)))
            continue
        runs = figures[tool.name]
        cells = [tool.name, f"{median(tool.name, 'wall'):.2f}", f"{median(tool.name, 'cpu'):.2f}"]
        cells += [f"{median(tool.name, field):.0f}" for field in ("memory", "written", "scratch")]
        found = ["–", "–"]
        if tool.finds:
            found = [f"{len(runs[-1]['found'])} of {len(image.plants)}", str(runs[-1]["others"])]
        # What an archive holds is not compressed, so there is nothing to unpack.
        unpack = None if tool.archive else "decompression alone"
        cells += found + [ratio(tool.name, unpack, field) for field in ("wall", "cpu")]
        cells += [ratio(tool.name, tool.unit, field) for field in ("wall", "cpu")]
        print(row(cells))


def places(image, chosen, figures):
    """The table of the places in which one tool or another misses its key."""
    finders = {}
    for tool in chosen:
        if tool.finds and tool.name in figures:
            finders.setdefault(tool.name.split(",")[0], figures[tool.name][-1]["found"])
    found = finders.values()
    all_find = [plant["place"] for index, plant in enumerate(image.plants) if all(index in one for one in found)]
    print(f"\nFound by all: {', '.join(all_find) or 'none'}.\n")
    print(row(["place", *finders]))
    print(row(["---"] + [":---:"] * len(finders)))
    for index, plant in enumerate(image.plants):
        if plant["place"] not in all_find:
            print(row([plant["place"]] + ["yes" if index in one else "–" for one in found]))


def main(folder, rounds, keyseam, *names):
    os.umask(0o077)
    folder, keyseam = Path(folder).resolve(), str(Path(keyseam).resolve())
    wanted = os.environ.get("TOOLS", "").split()
    for name in names:
        image = Image(folder, name)
        chosen = [tool for tool in tools(folder, keyseam) if image.archive.exists() or not tool.archive]
        if wanted:
            chosen = [tool for tool in chosen if tool.name.replace(",", " ").split()[0] in wanted]
        figures, failed = rounds_of(image, chosen, int(rounds), folder)
        costs(image, chosen, figures, failed)
        places(image, chosen, figures)
        sys.stdout.flush()


main(*sys.argv[1:])
