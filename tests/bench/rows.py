"""What is measured. To add a row, write a method of `Rows` that yields it."""

import json
import random
import re
from collections import Counter
from dataclasses import dataclass, field

from portal import login, query
from statements import Variable

# How many rows of a plain list, and how many different requests of one kind.
DIFFERENT = 16


@dataclass
class Row:
    """One row of the table: requests, sent in turn, and what they are held against."""

    name: str
    # Method, path, token and body.
    requests: list
    # "sql": the same statements; "page": those of them that read the page; "bare": the same bytes from a bare handler;
    # "hash": passwords verified on all cores; None: nothing.
    limit: str = "sql"
    # Whether the portal may answer from its response cache.
    cached: bool = False
    connections: int | None = None
    # How long a round takes at least.
    seconds: int = 0
    # Whether no request may be sent twice; and whether each answer holds the token of the next request.
    once: bool = False
    chain: bool = False
    # Of which requests the statements are taken, if not of the first; and a value that is another one each time.
    samples: list | None = None
    varied: tuple | None = None
    # Whether it is measured at every size, and not at the largest alone.
    compared: bool = False
    # What to know about it.
    about: str = ""


@dataclass
class Skipped:
    name: str
    why: str
    compared: bool = True


@dataclass
class Rows:
    """The rows for one database."""

    database: object
    portal: object
    jobs: int
    rounds: int
    connections: int
    titles: list = field(default_factory=list)

    def __post_init__(self):
        document = self.portal.json("GET", "/openapi.json")
        self.paths = {path.rstrip("/"): operations for path, operations in document["paths"].items()}
        search = self.paths["/job/search"]["get"].get("parameters", [])
        self.parameters = {parameter["name"] for parameter in search}
        self.live = [int(id) for (id,) in self.database.rows(
            f"SELECT id FROM jobs WHERE status = 'published' AND deleted_at IS NULL AND deadline > '{self._tomorrow()}' AND id <= {self.jobs} ORDER BY id")]
        step = max(1, self.jobs // 20_000)
        self.titles = [title for (title,) in self.database.rows(
            f"SELECT title FROM jobs WHERE id % {step} = 0 ORDER BY id")]
        # Whoever applies has applied to nothing yet, and may do it without end.
        self.database.rows("UPDATE plans SET max_job_applications_per_day = 1000000000")
        fresh = [email for (email,) in self.database.rows(
            "SELECT email FROM users JOIN candidates ON candidates.user_id = users.id WHERE NOT EXISTS "
            "(SELECT 1 FROM applications WHERE candidate_id = candidates.id) ORDER BY users.id LIMIT 24")]
        self.fresh = list(zip(fresh, self.portal.sign_in(fresh)))
        self.token = self.fresh[0][1][0]
        random.seed(1)

    def all(self):
        for kind in (self.title_search, self.full_text, self.pages, self.suggestions, self.details, self.applications,
                     self.applying, self.accounts):
            yield from kind()

    def _tomorrow(self):
        return (self.database.rows("SELECT CURRENT_DATE")[0][0]) + "T23:59:59"

    def _get(self, *paths):
        return [("GET", path, self.token, "") for path in paths]

    def _search(self, **parameters):
        return self._get(query("/job/search/", page_size=10, **parameters))

    def _total(self, **parameters):
        status, _, body = self.portal.call("GET", self._search(**parameters)[0][1], self.token)
        return json.loads(body)["total_jobs"] if status in (200, 404) else None

    def _terms(self, wanted):
        """Words and phrases of titles, with about how many jobs have them; those first that have about the wanted number."""
        counts = Counter()
        for title in self.titles:
            words = re.findall(r"[a-z]+", title.lower())
            phrases = {" ".join(words[at : at + n]) for n in (1, 2, 3, 4, 5) for at in range(len(words) - n + 1)}
            counts.update(phrase for phrase in phrases if len(phrase) > 3 and phrase in title.lower())
        scale = len(self.live) / len(self.titles)
        found = {phrase: count * scale for phrase, count in counts.items()}
        return {phrase: found[phrase] for phrase in sorted(found, key=lambda phrase: abs(found[phrase] - wanted))}

    def _broad(self):
        """Words that are in about one title of seven."""
        share = len(self.live) / 7
        found = [term for term, count in self._terms(share).items() if " " not in term and 0.8 < count / share < 1.5]
        return ["engineer"] + [term for term in found if term != "engineer"][: DIFFERENT - 1]

    def _with_hits(self, parameter, least, wanted, most):
        """Values of a search parameter that find about so many jobs, and how many they find."""
        found = {}
        for term in list(self._terms(wanted))[:40]:
            total = self._total(**{parameter: term})
            if total and least <= total <= most:
                found[term] = total
        return dict(sorted(found.items(), key=lambda item: abs(item[1] - wanted))[:DIFFERENT])

    def title_search(self):
        yield Row("title search, broad", [self._search(title=term)[0] for term in self._broad()], "page", compared=True,
                  about="words that are in about 1 title of 7")
        yield Row("title search, a page that many ask for", self._search(title="engineer"), "bare", cached=True)
        found = self._with_hits("title", 5_000, 9_000, 9_999)
        if found:
            yield Row("title search, most hits that are counted", [self._search(title=term)[0] for term in found],
                      about=f"{min(found.values())} to {max(found.values())} hits")
        found = self._with_hits("title", 350, 500, 700)
        if found:
            yield Row("title search, 500 hits", [self._search(title=term)[0] for term in found], compared=True,
                      about=f"{min(found.values())} to {max(found.values())} hits")
        else:
            yield Skipped("title search, 500 hits", "no term has about so many")

    def full_text(self):
        if "q" not in self.parameters:
            yield Skipped("full text", "the portal has no parameter `q`")
            return
        facets = "job_type,experience_level,workplace"
        found = self._with_hits("q", 500, 2_000, 5_000)
        if not found:
            yield Skipped("full text, selective", "no term has 500 to 5,000 hits")
        else:
            hits = f"{min(found.values())} to {max(found.values())} hits"
            yield Row("full text, selective", [self._search(q=term)[0] for term in found], compared=True, about=hits)
            if "facets" in self.parameters:
                yield Row("full text, selective, 3 facets", [self._search(q=term, facets=facets)[0] for term in found],
                          compared=True, about=hits)
        yield Row("full text, broad", [self._search(q=term)[0] for term in self._broad()])
        if "facets" in self.parameters:
            yield Row("full text, broad, 3 facets", [self._search(q=term, facets=facets)[0] for term in self._broad()])

    def pages(self):
        yield Row("page 1 of a broad search", self._search(title="engineer", page=1))
        yield Row("pages 2 to 50 by number", [self._search(title="engineer", page=page)[0] for page in range(2, 50, 3)])
        if "cursor" not in self.parameters:
            yield Skipped("page 5,000 by cursor", "the portal has no parameter `cursor`")
            return
        yield Row("page 1 of all, newest first", self._search(sort="newest"), compared=True)
        if len(self.live) < 60_000:
            yield Skipped("page 5,000 by cursor", "there is no such page")
            return
        cursor = None
        for size, count in ((100, 500), (10, DIFFERENT)):
            cursors = []
            for _ in range(count):
                path = query("/job/search/", page_size=size, sort="newest", cursor=cursor)
                cursor = self.portal.json("GET", path, self.token)["next_cursor"]
                cursors.append(cursor)
        yield Row("page 5,000 by cursor", [self._search(sort="newest", cursor=cursor)[0] for cursor in cursors],
                  compared=True)

    def suggestions(self):
        if "/job/suggest" not in self.paths:
            yield Skipped("suggestions", "the portal has none")
            return
        words = Counter(word.lower() for title in self.titles for word in title.split() if len(word) > 4)
        prefixes = [word[:length] for word, _ in words.most_common(DIFFERENT) for length in (2, 3, 4)]
        yield Row("suggestions", self._get(*(query("/job/suggest/", q=prefix) for prefix in prefixes)))

    def details(self):
        one = self.live[-1]
        yield Row("job detail, cached", self._get(f"/job/{one}/"), "bare", cached=True, compared=True)
        ids = random.sample(self.live, min(len(self.live), 20_000))
        yield Row("job detail, uncached", self._get(*(f"/job/{id}/" for id in ids)), compared=True,
                  samples=self._get(f"/job/{one}/"), varied=(one, Variable(1, self.jobs)), about="random jobs")

    def applications(self):
        most = self.database.rows(
            "SELECT users.email FROM applications JOIN candidates ON candidates.id = candidate_id "
            "JOIN users ON users.id = candidates.user_id GROUP BY users.email ORDER BY count(*) DESC, 1 LIMIT 4")
        tokens = [access for access, _ in self.portal.sign_in(email for (email,) in most)]
        yield Row("own applications", [("GET", "/candidate/application/list/", token, "") for token in tokens])
        ((email, count),) = self.database.rows(
            "SELECT users.email, count(*) FROM applications JOIN jobs ON jobs.id = job_id "
            "JOIN employers ON employers.id = jobs.employer_id JOIN users ON users.id = employers.user_id "
            "GROUP BY users.email ORDER BY count(*) DESC, 1 LIMIT 1")
        [(token, _)] = self.portal.sign_in([email])
        jobs = self.database.rows(
            "SELECT job_id FROM applications JOIN jobs ON jobs.id = job_id JOIN employers ON employers.id = jobs.employer_id "
            f"JOIN users ON users.id = employers.user_id WHERE users.email = '{email}' "
            f"GROUP BY job_id ORDER BY count(*) DESC, 1 LIMIT {DIFFERENT}")
        yield Row("applications of a job", [("GET", f"/application/all/{job}/", token, "") for (job,) in jobs])

    def applying(self):
        """Half of those who have applied to nothing apply through the API, the others' statements are repeated."""
        body = json.dumps({"cover_letter": "I have done this work for years. " * 10, "expected_salary": "75000.00"})
        tokens = [access for _, (access, _) in self.fresh]
        half = len(tokens) // 2
        jobs = random.sample(self.live, min(len(self.live), 20_000 * self.rounds // half))
        requests = [("POST", f"/application/{job}/", token, body) for job in jobs for token in tokens[:half]]
        one = self.live[-1]
        yield Row("apply", requests, once=True, samples=[("POST", f"/application/{one}/", token, body) for token in tokens[half:][:8]],
                  varied=(one, Variable(1, self.jobs)), connections=min(self.connections, 16))

    def accounts(self):
        emails = [email for email, _ in self.fresh]
        yield Row("sign in", [("POST", "/account/login/", "", login(email)) for email in emails], "hash", connections=4, seconds=5,
                  about="bound by bcrypt, of the cost that the settings have by default")
        yield Row("refresh", [("POST", "/account/token/refresh/", "", "")], chain=True, connections=8,
                  samples=emails[:16], about="each connection goes on with the token that it got")
