"""The figures as BENCHMARKS.md."""

import json
import os
import platform
import re
import subprocess
from datetime import datetime, timezone
from pathlib import Path

from portal import TARGET

# What stands from here on in BENCHMARKS.md is written by hand, and kept.
NOTES = "## Notes\n"
LARGE = 1_000_000


def line(name, figures):
    """A row, for whoever waits."""
    failed = f"  {figures['failed']:.0f} FAILED" if figures["failed"] else ""
    return (f"{name:36} {figures['rate']:10,.0f}/s  p50 {figures['p50']:8.2f} ms  p99 {figures['p99']:8.2f} ms  "
            f"limit {figures['limit']:10,.0f}/s  {figures['ratio']:5.2f}{failed}")


def output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout.strip()


def machine(server_url):
    """Where and of what the figures are."""
    cpu = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text()) if Path("/proc/cpuinfo").exists() else None
    shown = ("server_version", "shared_buffers", "fsync", "synchronous_commit")
    settings = [output("psql", "-XAtqd", server_url, "-c", f"SHOW {name}") for name in shown]
    changed = " with changes that are not committed" if output("git", "status", "--porcelain", "--untracked-files=no") else ""
    return {
        "cpu": cpu[1] if cpu else platform.processor(),
        "cores": os.cpu_count(),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30,
        "system": platform.platform(),
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": output("git", "rev-parse", "--short=10", "HEAD") + changed,
        "load": os.getloadavg()[0],
        "postgres": dict(zip(shown, settings)),
        "sqlite": output(TARGET / "limits", "version"),
        "rust": output("rustc", "--version"),
    }


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


class Figures:
    """Looks figures up."""

    def __init__(self, results):
        self.rows = {(r["engine"], r["size"], r["row"]): r for r in results["rows"] if "skipped" not in r}
        self.memory = {(m["engine"], m["size"], m["cache"]): m for m in results["memory"]}

    def get(self, engine, size, row, key):
        found = self.rows.get((engine, size, row))
        if found is None:
            return None
        # Refusals are quick, so figures with them prove nothing.
        return float("nan") if found["failed"] else found[key]

    def quotient(self, engine, above, below, key, key_below=None):
        a, b = self.get(engine, *above, key), self.get(engine, *below, key_below or key)
        return a / b if a is not None and b else None


def targets(results):
    """What was aimed at, for each engine and size: what, figure, its bound, whether the bound is the least."""
    figures, sizes = Figures(results), sorted(results["sizes"])
    engines = dict.fromkeys(r["engine"] for r in results["rows"])
    for engine in engines:
        for size in sizes:
            at = f"{engine}, {size:,} jobs"
            yield f"job detail from the response cache, to a bare handler: requests/s; {at}", figures.get(
                engine, size, "job detail, cached", "ratio"), 0.80, True
            if engine == "PostgreSQL":
                yield f"job detail uncached, to `pgbench`: requests/s; {at}", figures.get(
                    engine, size, "job detail, uncached", "ratio"), 0.75, True
                if size >= 100_000:
                    yield f"title search, broad term, to `pgbench` with the page statement alone: requests/s; {at}", figures.get(
                        engine, size, "title search, broad", "ratio"), 0.50, True
        same = "title search, 500 hits"
        for key, bound in (("p50", 1.5), ("p99", 2.0)):
            yield f"title search with as many hits, 1,000,000 to 10,000 jobs: {key}; {engine}", figures.quotient(
                engine, (LARGE, same), (10_000, same), key), bound, False
        yield f"selective full text + 3 facets: p99, to p50 of the search without facets; {engine}, 1,000,000 jobs", figures.quotient(
            engine, (LARGE, "full text, selective, 3 facets"), (LARGE, "full text, selective"), "p99", "p50"), 3.0, False
        for size in (100_000, LARGE):
            yield f"page 5,000 by cursor, to page 1: p50; {engine}, {size:,} jobs", figures.quotient(
                engine, (size, "page 5,000 by cursor"), (size, "page 1 of all, newest first"), "p50"), 1.2, False
    for cache in ("with", "without"):
        memory = figures.memory.get(("PostgreSQL", LARGE, cache))
        yield (f"resident memory in MB after the run, {cache} response cache; PostgreSQL, 1,000,000 jobs",
               memory and memory["now"], 100, False)


def verdict(value, bound, is_least):
    if value is None:
        return "not measured"
    return "met" if (value >= bound if is_least else value <= bound) else "**missed**"


def criterion():
    """The micro-benchmarks: name and nanoseconds."""
    for file in sorted(TARGET.parent.glob("criterion/**/new/estimates.json")):
        name = json.loads((file.parent / "benchmark.json").read_text())["full_id"]
        yield name, json.loads(file.read_text())["median"]["point_estimate"]


def write(results, file):
    """Writes the report, and keeps the notes that stand in it."""
    kept = file.read_text().partition(NOTES)[2] if file.exists() else "\nNone.\n"
    file.write_text("\n".join(lines(results)) + "\n\n" + NOTES + kept)


def lines(results):
    m = results["machine"]
    pg = m["postgres"]
    yield f"""# Benchmarks

Made by `make bench`; only the notes at the end are written by hand.

| | |
|---|---|
| when | {m['date']}, in {results['minutes']:.0f} minutes; load average at the start: {m['load']:.2f} |
| commit | {m['commit']} |
| machine | {m['cores']} cores ({m['cpu']}), {m['memory']:.0f} GiB, {m['system']} |
| versions | PostgreSQL {pg['server_version']}; SQLite {m['sqlite']}, inside the portal; {m['rust']} |
| PostgreSQL | through a Unix socket; `shared_buffers` {pg['shared_buffers']}, `fsync` {pg['fsync']}, `synchronous_commit` {pg['synchronous_commit']} |
| SQLite | WAL, `synchronous` NORMAL |
| the portal | release build, settings of development: 8 connections to the database, as many workers as cores, no limits by client; no worker for mails |
| load | `wrk`, {results['connections']} connections unless told otherwise, {results['rounds']} rounds of {results['seconds']} s; medians of the rounds |

## How to read it

Everything runs on the same cores: the load, the portal, and the database. So a rate says little by itself; it stands beside its *limit*, which
is measured in turns with it, round by round, and *ratio* is the rate divided by the limit, the median of the rounds. A limit is one of

- *the same statements*, those that the portal sends to its database for these requests, in their transactions: by `pgbench -M prepared -n`, 8
  clients, or by a bare loop on 8 connections to the SQLite file. For the broad title search it is what reads the page alone, without transaction and count;
- *the same bytes* and headers from a bare actix-web handler, under the same load, on as many workers;
- *passwords verified* on all cores, for signing in, which does little else.

Latency is that of {results['connections']} requests under way all the time, so it is mostly waiting for a turn: one request on an idle machine takes
less. Rows are measured without the response cache unless they say *cached*. Compare figures of one run alone.

## Targets

| what | bound | measured | |
|---|---|---|---|"""
    for what, value, bound, is_least in targets(results):
        told = "–" if value is None else "requests failed" if value != value else number(value)
        yield f"| {what} | {'≥' if is_least else '≤'} {bound:g} | {told} | {verdict(value, bound, is_least)} |"
    for made in results["databases"]:
        engine, size = made["engine"], made["size"]
        yield f"""
## {engine}, {size:,} jobs

Made up in {made['seconds']:.0f} s; {made['bytes'] / 1e6:,.0f} MB.

| what | requests/s | p50 ms | p99 ms | limit/s | ratio | the limit is | statements a request |
|---|--:|--:|--:|--:|--:|---|--:|"""
        for row in results["rows"]:
            if (row["engine"], row["size"]) != (engine, size):
                continue
            if "skipped" in row:
                yield f"| {row['row']} | – | – | – | – | – | not measured: {row['skipped']} | – |"
                continue
            name = row["row"] + (f" ({row['about']})" if row["about"] else "")
            if row["failed"]:
                name += f" **{row['failed']:,.0f} requests failed**"
            yield (f"| {name} | {number(row['rate'])} | {row['p50']:.2f} | {row['p99']:.2f} | {number(row['limit'])} "
                   f"| {row['ratio']:.2f} | {row['limit_name']} | {row['statements'] or '–'} |")
        for memory in results["memory"]:
            if (memory["engine"], memory["size"]) == (engine, size):
                yield (f"\nResident memory {memory['cache']} response cache: {memory['now']:.0f} MB after the run, "
                       f"at most {memory['most']:.0f} MB.")
    paths = list(criterion())
    if paths:
        yield "\n## Paths without I/O\n\n| what | time |\n|---|--:|"
        for name, nanoseconds in paths:
            yield f"| {name} | {nanoseconds / 1e3:.2f} µs |"
