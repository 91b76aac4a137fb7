"""Programs that run for a benchmark, the portal's database, and a client of its API."""

import http.client
import json
import os
import re
import sqlite3
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlencode

TARGET = Path(os.environ.get("CARGO_TARGET_DIR", "target")) / "release"
PASSWORD = "portal-demo-2026"
ADDRESS = re.compile(r"(?:The job portal is ready: )?http://([^/]+)/")
running = []


def start(command, **options):
    """Starts a program that serves HTTP, and returns it with the address that it says it has."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)
    running.append(process)
    for line in process.stdout:
        if found := ADDRESS.match(line):
            return process, found[1]
    raise SystemExit(f"{command[0]} did not start")


def stop(process):
    process.terminate()
    process.wait()
    running.remove(process)


def stop_all():
    for process in reversed(list(running)):
        stop(process)


class Database:
    """A database of the portal on one engine, for one run."""

    def __init__(self, engine, folder, server_url):
        self.engine = engine
        self.folder = folder
        self.server_url = server_url
        if engine == "SQLite":
            self.path = folder / "portal.db"
            self.url = f"sqlite://{self.path}"
        else:
            self.name = f"jobportal_bench_{os.getpid()}"
            base, _, parameters = server_url.partition("?")
            self.url = f"{base.rpartition('/')[0]}/{self.name}" + (f"?{parameters}" if parameters else "")
            self._psql(server_url, f"CREATE DATABASE {self.name}")

    def drop(self):
        if self.engine == "SQLite":
            for file in self.folder.glob("portal.db*"):
                file.unlink()
        else:
            # At the end of a run that is broken off the server is gone already, with its data.
            subprocess.run(["psql", "-Xqd", self.server_url, "-c", f"DROP DATABASE {self.name} WITH (FORCE)"],
                           stderr=subprocess.DEVNULL)

    @staticmethod
    def _psql(url, sql):
        command = ["psql", "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        return [line.split("\t") for line in done.stdout.splitlines()]

    def rows(self, sql):
        """The rows of a statement that both engines understand, as texts."""
        if self.engine == "PostgreSQL":
            return self._psql(self.url, sql)
        with sqlite3.connect(self.path, timeout=30) as connection:
            return [[str(value) for value in row] for row in connection.execute(sql)]

    @contextmanager
    def without_text_indexes(self):
        """Leaves the indexes of PostgreSQL that are slow to fill away, and makes them afterwards, all at once."""
        slow = []
        if self.engine == "PostgreSQL":
            slow = self.rows("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'jobs' AND indexdef LIKE '%USING gin%'")
        for name, _ in slow:
            self.rows(f"DROP INDEX {name}")
        yield
        for _, definition in slow:
            self.rows(definition)

    def settle(self):
        """What a database in use has had done by its own housekeeping: statistics, and a map of what all may see."""
        if self.engine == "PostgreSQL":
            self._psql(self.url, "VACUUM ANALYZE")
            self._psql(self.url, "CHECKPOINT")

    def size(self):
        if self.engine == "PostgreSQL":
            return int(self.rows("SELECT pg_database_size(current_database())")[0][0])
        return sum(file.stat().st_size for file in self.folder.glob("portal.db*"))


def environment(database, folder, settings):
    """Settings of this run alone, whatever the environment says. Those of development, where nothing limits a client."""
    return {
        "PATH": os.environ["PATH"],
        "JOBPORTAL_PROFILE": "development",
        "DATABASE_URL": database.url,
        "JOBPORTAL_FILES__DIR": str(folder / "files"),
        "JOBPORTAL_MAIL__URL": "log:",
        "JOBPORTAL_MAIL__PRINT": "false",
        "JOBPORTAL_LOG__FILTER": "warn,actix_http=off",
        "JOBPORTAL_AUTH__ACCESS_LIFETIME": "6h",
        "JOBPORTAL_WORKER__ENABLED": "false",
        "JOBPORTAL_SERVER__LISTEN": "127.0.0.1:0",
        **settings,
    }


def seed(database, folder, *arguments):
    """Fills a database with made-up data."""
    def run(*command):
        subprocess.run([TARGET / "jobportal", *map(str, command)], env=environment(database, folder, {}), check=True,
                       stdout=subprocess.DEVNULL)

    run("migrate", "up")
    with database.without_text_indexes():
        run("seed", *arguments)


class Portal:
    """A portal that runs."""

    def __init__(self, database, folder, settings):
        self.process, self.address = start(
            [TARGET / "jobportal", "serve"], env=environment(database, folder, settings)
        )

    def call(self, method, path, token="", body=None):
        """The status, the headers and the body of an answer."""
        connection = http.client.HTTPConnection(self.address, timeout=120)
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        answer = response.status, response.getheaders(), response.read()
        connection.close()
        return answer

    def json(self, method, path, token="", body=None):
        status, _, content = self.call(method, path, token, body)
        if status >= 400:
            raise SystemExit(f"{method} {path} is answered with {status}: {content[:300]!r}")
        return json.loads(content)

    def sign_in(self, emails):
        """The access and refresh tokens of accounts."""
        def one(email):
            pair = self.json("POST", "/account/login/", "", login(email))
            return pair["access_token"], pair["refresh_token"]

        with ThreadPoolExecutor(os.cpu_count()) as threads:
            return list(threads.map(one, emails))

    def memory(self):
        """Resident memory in MB, now and at most; unknown where there is no /proc."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return None
        fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        return [int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM")]


class Tracer(Portal):
    """A portal that tells what it asks its database."""

    def __init__(self, database, folder, settings):
        self.process, self.address = start(
            [TARGET / "limits", "trace"], env=environment(database, folder, settings)
        )
        self.lines = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self.process.stdout:
            self.lines.append(line)

    def trace(self, method, path, token="", body=None):
        """The lines of the statements that a request sends, and the answer."""
        time.sleep(0.05)
        self.lines.clear()
        answer = self.json(method, path, token, body)
        time.sleep(0.05)
        return list(self.lines), answer


def login(email):
    return json.dumps({"email_or_phone": email, "password": PASSWORD})


def query(path, **parameters):
    """A path with parameters, without those that are None."""
    return f"{path}?{urlencode({k: v for k, v in parameters.items() if v is not None}, quote_via=quote)}"
