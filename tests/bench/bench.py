"""Measures the portal over HTTP, each row in turns with its limit, and writes BENCHMARKS.md; `tests/bench.sh` starts it."""

import json
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

import limits
import report
from portal import TARGET, Database, Portal, Tracer, seed, stop, stop_all
from rows import Rows, Skipped

SIZES = [int(size) for size in os.environ["SIZES"].split()]
ENGINES = os.environ["ENGINES"].split()
ONLY = os.environ["ROWS"]
ROUNDS = int(os.environ["ROUNDS"])
SECONDS = int(os.environ["SECONDS_A_ROUND"])
CONNECTIONS = int(os.environ["CONNECTIONS"])


def wrk(folder):
    """Measures the requests of a row at an address."""
    def run(address, row, requests=None):
        file = folder / "requests"
        file.write_text("".join("\t".join(request) + "\n" for request in requests or row.requests))
        connections = row.connections or CONNECTIONS
        threads = connections if row.chain else 1
        command = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{max(SECONDS, row.seconds)}s", "--timeout", "30s",
                   "-s", "tests/bench/requests.lua", f"http://{address}", "--", file, *(["chain"] if row.chain else [])]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        figures = json.loads(done.stdout.splitlines()[-1])
        return figures | {"rate": figures["requests"] / figures["seconds"]}
    return run


def requests_of(row, portal, round):
    """The requests of one round: none of an earlier one where each counts once, and the tokens that go on where they chain."""
    if row.once:
        share = len(row.requests) // ROUNDS
        return row.requests[round * share : (round + 1) * share]
    if row.chain:
        method, path, token, _ = row.requests[0]
        pairs = portal.sign_in(row.samples[-limits.CLIENTS :])
        return [(method, path, token, json.dumps({"refresh_token": refresh})) for _, refresh in pairs]
    return row.requests


def limit_of(row, portal, tracer, database, folder):
    if row.limit == "bare":
        return limits.Bare(portal, row, folder, wrk(folder))
    if row.limit == "hash":
        return limits.Hash(12, max(SECONDS, row.seconds))
    return limits.Sql(tracer, row, database, folder, SECONDS, ROUNDS)


def measure(row, portal, tracer, database, folder):
    """The figures of a row: medians of rounds that alternate with its limit."""
    limit = limit_of(row, portal, tracer, database, folder)
    run, rounds = wrk(folder), []
    for round in range(ROUNDS):
        figures = run(portal.address, row, requests_of(row, portal, round))
        rounds.append(figures | {"limit": limit.run(round)})
    limit.end()
    middle = {key: median(figures[key] for figures in rounds) for key in ("rate", "p50", "p99", "limit")}
    return middle | {
        "ratio": median(figures["rate"] / figures["limit"] for figures in rounds),
        "failed": sum(figures["refused"] + figures["broken"] for figures in rounds),
        "statements": getattr(limit, "count", None),
        "limit_name": limit.name,
        "about": row.about,
    }


def run_database(engine, size, folder, results):
    """All rows on one engine at one size."""
    database = Database(engine, folder, os.environ["TEST_DATABASE_URL"])
    try:
        start = time.monotonic()
        candidates = max(1_000, min(size // 20, 10_000))
        seed(database, folder, "--employers", max(50, min(size // 200, 2_000)), "--candidates", candidates,
             "--jobs", size, "--applications", 2 * candidates)
        seeded = time.monotonic() - start
        database.settle()
        told = f"{engine}, {size:,} jobs"
        print(f"== {told}: made up in {seeded:.0f} s, {database.size() / 1e6:,.0f} MB", flush=True)
        results["databases"].append({"engine": engine, "size": size, "seconds": seeded, "bytes": database.size()})
        cached = Portal(database, folder, {})
        plain = Portal(database, folder, {"JOBPORTAL_CACHE__RESPONSES": "false"})
        tracer = Tracer(database, folder, {"JOBPORTAL_CACHE__RESPONSES": "false"})
        for row in Rows(database, plain, size, ROUNDS, CONNECTIONS).all():
            if ONLY not in row.name or (size < max(SIZES) and not row.compared):
                continue
            place = {"engine": engine, "size": size, "row": row.name}
            if isinstance(row, Skipped):
                print(f"{row.name:36} skipped: {row.why}", flush=True)
                results["rows"].append(place | {"skipped": row.why})
                continue
            figures = measure(row, cached if row.cached else plain, tracer, database, folder)
            print(report.line(row.name, figures), flush=True)
            results["rows"].append(place | figures)
        for name, portal in (("with", cached), ("without", plain)):
            if memory := portal.memory():
                print(f"memory {name} response cache: {memory[0]:.0f} MB, at most {memory[1]:.0f} MB", flush=True)
                results["memory"].append({"engine": engine, "size": size, "cache": name, "now": memory[0], "most": memory[1]})
        for portal in (tracer, plain, cached):
            stop(portal.process)
    finally:
        stop_all()
        database.drop()


def main():
    signal.signal(signal.SIGTERM, lambda *_: exit(143))
    results = {"rows": [], "memory": [], "databases": [], "sizes": SIZES, "rounds": ROUNDS, "seconds": SECONDS,
               "connections": CONNECTIONS, "machine": report.machine(os.environ["TEST_DATABASE_URL"])}
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="jobportal-bench.") as folder:
        for size in SIZES:
            for engine in ENGINES:
                run_database(engine, size, Path(folder), results)
    results["minutes"] = (time.monotonic() - start) / 60
    (TARGET.parent / "bench.json").write_text(json.dumps(results, indent=1))
    file = TARGET.parent / "bench.md" if ONLY else Path("BENCHMARKS.md")
    report.write(results, file)
    print(f"\n{file} is written.")


if __name__ == "__main__":
    main()
