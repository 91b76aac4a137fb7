"""What the portal sends to its database, as `limits trace` prints it, made into what the limits run."""

import json
import re
from dataclasses import dataclass

# Of diesel's rendering of bound values: the Debug of Rust.
TOKEN = re.compile(
    r"""\s*(?:
    (?P<time>\d{4}-\d\d-\d\dT[\d:.]+Z?|\d{4}-\d\d-\d\d)
    |(?P<number>-?\d+(?:\.\d+)?)
    |"(?P<text>(?:[^"\\]|\\.)*)"
    |(?P<name>[A-Za-z_][\w:]*)
    |(?P<mark>[\[\](),])
    )""",
    re.VERBOSE | re.DOTALL,
)
ESCAPE = re.compile(r"\\(?:u\{([0-9a-f]+)\}|(.))", re.DOTALL)
PLAIN = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}
# Neither a string nor a quoted name holds a placeholder.
PLACEHOLDER = re.compile(r"""('(?:[^']|'')*'|"[^"]*")|[?$](\d*)""")


@dataclass(frozen=True)
class Time:
    """An instant, or a day."""

    text: str


@dataclass(frozen=True)
class Variable:
    """A value that is another one each time: a number of the range."""

    low: int
    high: int


@dataclass
class Statement:
    sql: str
    binds: list

    def replaced(self, old, new):
        """The same with one value in the place of another."""
        same = lambda bind: type(bind) is type(old) and bind == old
        return Statement(self.sql, [new if same(bind) else bind for bind in self.binds])

    def is_select(self):
        return self.sql.lstrip().upper().startswith(("SELECT", "WITH"))


def read(line):
    """A statement from a line of `limits trace`."""
    sql, _, binds = json.loads(line).partition(" -- binds: ")
    return Statement(sql, _Values(binds).all() if binds else [])


class _Values:
    def __init__(self, text):
        self.tokens = list(TOKEN.finditer(text))
        self.at = 0

    def all(self):
        value = self.one()
        if not isinstance(value, list) or self.at != len(self.tokens):
            raise ValueError("values that this program can't read")
        return value

    def take(self):
        self.at += 1
        return self.tokens[self.at - 1]

    def one(self):
        token = self.take()
        kind, text = token.lastgroup, token.group(token.lastgroup)
        if kind == "time":
            return Time(text)
        if kind == "number":
            return float(text) if "." in text else int(text)
        if kind == "text":
            return ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else PLAIN.get(m[2], m[2]), text)
        if kind == "mark" and text == "[":
            return self.until("]")
        if kind == "name":
            if text in ("None", "true", "false"):
                return {"None": None, "true": True, "false": False}[text]
            # A newtype is what it wraps.
            if self.take().group("mark") == "(" and len(wrapped := self.until(")")) == 1:
                return wrapped[0]
        raise ValueError(f"a value that this program can't read, at {token.group()!r}")

    def until(self, end):
        values = []
        while self.tokens[self.at].group("mark") != end:
            if self.tokens[self.at].group("mark") == ",":
                self.at += 1
            else:
                values.append(self.one())
        self.at += 1
        return values


def _literal(value):
    if value is None:
        return "NULL"
    if isinstance(value, Variable):
        return ":id"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, Time):
        return f"{_literal(value.text)[:-6]}::{'timestamptz' if 'T' in value.text else 'date'}"
    if isinstance(value, list):
        kind = "bigint" if all(isinstance(item, int) for item in value) else "text"
        return f"ARRAY[{', '.join(map(_literal, value))}]::{kind}[]"
    # pgbench would take what follows a colon for a variable.
    text = value.replace("\\", "\\\\").replace("'", "\\'").replace(":", "\\x3a").replace("\n", "\\n").replace("\r", "\\r")
    return f"E'{text}'::text"


def pgbench(statements):
    """The lines of a script for pgbench."""
    lines = []
    for statement in statements:
        number = iter(range(len(statement.binds)))
        value = lambda m: m[1] or _literal(statement.binds[int(m[2]) - 1 if m[2] else next(number)])
        lines.append(" ".join(PLACEHOLDER.sub(value, statement.sql).split("\n")).strip().rstrip(";") + ";")
    return lines


def sqlite(statements, number=None):
    """A transaction for `limits sqlite`; `number` takes the place of a variable."""
    made = []
    for statement in statements:
        text, values, last = [], [], 0
        count = iter(range(len(statement.binds)))
        for m in PLACEHOLDER.finditer(statement.sql):
            if m[1]:
                continue
            value = statement.binds[int(m[2]) - 1 if m[2] else next(count)]
            if isinstance(value, Variable):
                value = number
            elif isinstance(value, Time):
                value = _fixed_width(value.text)
            text.append(statement.sql[last : m.start()])
            values.append(value)
            last = m.end()
        text.append(statement.sql[last:])
        made.append({"text": text, "values": values})
    return json.dumps(made)


def _fixed_width(time):
    """An instant as the portal keeps it in SQLite."""
    if "T" not in time:
        return time
    whole, _, fraction = time.rstrip("Z").partition(".")
    return f"{whole}.{fraction:0<6.6}Z"
