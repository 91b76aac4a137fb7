"""What a row of the table is held against."""

import json
import os
import re
import subprocess
from statistics import mean

import statements
from portal import TARGET, start, stop

# As many as the portal has connections to its database by default.
CLIENTS = 8
# Headers that a bare server sets by itself.
OWN_HEADERS = {"date", "content-length", "connection"}


def program(command):
    """The rate that a program prints."""
    done = subprocess.run([TARGET / "limits", *map(str, command)], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)["rate"]


class Bare:
    """The same bytes, from a handler that does nothing else, on as many threads."""

    name = "the same bytes from a bare handler"

    def __init__(self, portal, row, folder, wrk):
        method, path, token, body = row.requests[0]
        status, headers, content = portal.call(method, path, token, body or None)
        assert status == 200, f"{path} is answered with {status}"
        file = folder / "bare"
        file.write_bytes(content)
        lines = [f"{name}: {value}" for name, value in headers if name.lower() not in OWN_HEADERS]
        self.process, self.address = start([TARGET / "limits", "bare", str(os.cpu_count()), file, *lines])
        self.row, self.wrk = row, wrk

    def run(self, _):
        return self.wrk(self.address, self.row)["rate"]

    def end(self):
        stop(self.process)


class Hash:
    """Passwords verified on all cores."""

    name = "passwords verified, with bcrypt alone"

    def __init__(self, cost, seconds):
        self.arguments = ["hash", cost, os.cpu_count(), seconds]

    def run(self, _):
        return program(self.arguments)

    def end(self):
        pass


class Sql:
    """The statements that the portal sends for the row, run by as many clients as it has connections."""

    def __init__(self, tracer, row, database, folder, seconds, rounds):
        samples = row.samples or row.requests
        self.writes = row.once or row.chain
        traced = [self._traced(tracer, row, sample) for sample in (samples[:CLIENTS] if self.writes else samples)]
        self.count = len(traced[0])
        if row.limit == "page":
            traced = [[s for s in transaction if s.is_select()] for transaction in traced]
        if row.varied:
            value, variable = row.varied
            traced = [[s.replaced(value, variable) for s in transaction] for transaction in traced]
        self.row, self.database, self.seconds, self.rounds = row, database, seconds, rounds
        self.traced = traced
        self.folder = folder
        if database.engine == "PostgreSQL":
            self.name = "the same statements by pgbench"
            self.scripts = self._pgbench_scripts()
        else:
            self.name = "the same statements by SQLite alone"
        if row.limit == "page":
            self.name = self.name.replace("statements", "statements of the page")

    def _traced(self, tracer, row, sample):
        if row.chain:
            [(_, refresh)] = tracer.sign_in([sample])
            sample = ("POST", "/account/token/refresh/", "", json.dumps({"refresh_token": refresh}))
        method, path, token, body = sample
        lines, _ = tracer.trace(method, path, token, body or None)
        if method == "GET":
            # Once more, for what is done the first time alone.
            lines, _ = tracer.trace(method, path, token, body or None)
        found = [statements.read(line) for line in lines]
        return [s for s in found if not re.match(r"\s*(PRAGMA|SET)\b", s.sql)]

    def _variable(self):
        return self.row.varied[1] if self.row.varied else None

    def _pgbench_scripts(self):
        variable = self._variable()
        scripts = []
        for number, transaction in enumerate(self.traced):
            lines = statements.pgbench(transaction)
            if self.writes:
                # Each client has its own rows, and comes to none twice.
                lines = [f"\\if :client_id % {len(self.traced)} = {number}", *lines, "\\endif"]
            elif variable:
                lines.insert(0, f"\\set id random({variable.low}, {variable.high})")
            scripts.append(lines)
        if self.writes:
            first = ["\\set id :id + 1"] if variable else []
            scripts = [first + [line for lines in scripts for line in lines]]
        files = [self.folder / f"limit{number}.sql" for number in range(len(scripts))]
        for file, lines in zip(files, scripts):
            file.write_text("\n".join(lines) + "\n")
        return files

    def _first(self, round):
        """Where the numbers of a round begin, that uses none of another round."""
        variable = self._variable()
        return variable.low + (variable.high - variable.low + 1) * round // self.rounds

    def run(self, round):
        if self.database.engine != "PostgreSQL":
            file = self.folder / "limit.json"
            file.write_text("\n".join(self._lines(round)) + "\n")
            mode = "once" if self.row.once else "cycle"
            # Its writers take turns, and the fewer wait the quicker they are.
            return program(["sqlite", self.database.path, file, 1 if self.writes else CLIENTS, self.seconds, mode])
        command = ["pgbench", "-M", "prepared", "-n", "-c", CLIENTS, "-j", 1, "-T", 1 + self.seconds, "-P", 1]
        if self.writes and self._variable():
            command += ["-D", f"id={self._first(round)}"]
        for script in self.scripts:
            command += ["-f", script]
        done = subprocess.run([*map(str, command), self.database.url], capture_output=True, text=True)
        if done.returncode or "ERROR" in done.stderr:
            raise SystemExit(f"pgbench failed for the row `{self.row.name}`:\n{done.stderr[-2000:]}")
        # In the first second each client prepares its statements, as the portal has done long ago.
        return mean(float(rate) for rate in re.findall(r"progress: [\d.]+ s, ([\d.]+) tps", done.stderr)[1:])

    def _lines(self, round):
        variable = self._variable()
        if not variable:
            return [statements.sqlite(transaction) for transaction in self.traced]
        if self.row.once:
            first = self._first(round)
            numbers = range(first, self._first(round + 1))[:4_000]
            return [statements.sqlite(transaction, number) for number in numbers for transaction in self.traced]
        step = max(1, (variable.high - variable.low) // 4_000)
        numbers = list(range(variable.low, variable.high + 1, step))
        return [statements.sqlite(self.traced[0], number) for number in numbers]

    def end(self):
        pass
