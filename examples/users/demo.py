"""Run the users service for real, drive it over HTTP, and see that every answer is right.

    python examples/users/demo.py

The service runs under uvicorn in a process of its own, on a free port of this machine, with a SQLite file and a mail
folder in a temporary directory. Nothing is left behind, whatever happens. The exit status is 0 only if every answer
was right; the first one that is not ends the demo.
"""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any, NoReturn

import httpx

SOURCES = Path(__file__).resolve().parent / "src"
USERS = "/api/v1/users"
PASSWORD = "correct-horse-battery"  # noqa: S105 - looked for afterwards, everywhere it must not be
START_SECONDS = 60.0
PATIENCE_SECONDS = 20.0


class WrongAnswerError(Exception):
    """The service did not answer as it must."""


@dataclass(frozen=True)
class Place:
    """Where the service keeps its things."""

    folder: Path

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.folder / "users.db"

    @property
    def mails(self) -> Path:
        """The folder with the mails."""
        return self.folder / "mails"

    @property
    def log(self) -> Path:
        """What the service logs."""
        return self.folder / "service.log"

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        """Talk to the database past the service, over a connection of our own."""
        with closing(sqlite3.connect(self.database, timeout=PATIENCE_SECONDS)) as connection, connection:
            return [row for statement in statements for row in connection.execute(statement).fetchall()]

    def recipients(self) -> list[str]:
        """Who got a welcome so far."""
        return sorted(str(message_from_bytes(mail.read_bytes())["To"]) for mail in self.mails.glob("*.eml"))


class Client:
    """Asks over HTTP, and prints what was asked and answered."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def ask(self, method: str, path: str, body: dict[str, str] | None = None, *, expect: int) -> dict[str, Any]:
        """Send a request, and insist on the status of its answer."""
        shown = "" if body is None else json.dumps({**body, "password": "..."} if "password" in body else body)
        print(f"    {method} {path} {shown}".rstrip())
        response = self._http.request(method, path, json=body)
        answer: dict[str, Any] = response.json()
        print(f"      {response.status_code} {summary(answer)}")
        check(response.status_code == expect, f"the answer must be {expect}, not {response.status_code}")
        check(PASSWORD not in response.text, "no answer may hold a password")
        problem = response.headers["content-type"] == "application/problem+json"
        check(problem == (expect >= 400), "errors, and nothing else, are problem details")
        return answer


def summary(answer: dict[str, Any]) -> str:
    """An answer in a line."""
    if "items" in answer:
        names = ", ".join(item["name"] for item in answer["items"])
        return f"page {answer['page']} of {answer['pages']}, {answer['total']} in all: {names or '(nobody)'}"
    if "title" in answer:
        return ": ".join(filter(None, [answer["title"], answer.get("detail")]))
    return f"{answer['name']}, {answer['role']}, {'active' if answer['is_active'] else 'deactivated'}"


def check(right: bool, expectation: str) -> None:
    """Go on only if it is so."""
    if not right:
        raise WrongAnswerError(expectation)


def eventually(condition: Callable[[], bool], expectation: str) -> None:
    """Wait until it is so, but not for ever."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        check(time.monotonic() < deadline, f"{expectation} (waited {PATIENCE_SECONDS:.0f} s)")
        time.sleep(0.02)


def told(text: str) -> None:
    """Say what has been seen to hold."""
    print(f"      -> {text}")


def new_user(email: str, name: str) -> dict[str, str]:
    """What somebody fills in."""
    return {"email": email, "name": name, "password": PASSWORD}


def fail_to_commit(client: Client, place: Place) -> None:
    """A commit that fails must not have been answered already."""
    print("\n  A commit fails: a constraint, laid into the database for this, is broken at COMMIT and not before")
    place.sql(
        "CREATE TABLE demo_nobody (id INTEGER PRIMARY KEY)",
        "CREATE TABLE demo_debt (id INTEGER REFERENCES demo_nobody (id) DEFERRABLE INITIALLY DEFERRED)",
        "CREATE TRIGGER demo_trap AFTER INSERT ON users WHEN NEW.name = 'Doomed'"
        " BEGIN INSERT INTO demo_debt VALUES (1); END",
    )
    problem = client.ask("POST", USERS, new_user("doomed@example.com", "Doomed"), expect=500)
    check(problem.keys() == {"type", "title", "status", "correlation_id"}, "a 500 says nothing about the inside")
    eventually(lambda: problem["correlation_id"] in place.log.read_text(), "the log has the correlation id")
    told(f"nothing about the inside; the log has the error under {problem['correlation_id']}")
    check(place.sql("SELECT count(*) FROM users") == [(0,)], "a user whose commit failed is not stored")
    told("nothing is stored")
    place.sql("DROP TRIGGER demo_trap", "DROP TABLE demo_debt", "DROP TABLE demo_nobody")


def register(client: Client, place: Place) -> str:
    """Create, an address that is taken, an address that is none."""
    print("\n  A user registers")
    ada = client.ask("POST", USERS, new_user("Ada@Example.com", "Ada Lovelace"), expect=201)
    check(place.sql("SELECT email FROM users") == [("ada@example.com",)], "a user is stored before the answer is sent")
    told("the database, read over another connection, has her")
    check(ada.keys().isdisjoint({"password", "password_hash"}), "an answer shows no password and no hash")
    taken = client.ask("POST", USERS, new_user("ADA@EXAMPLE.COM", "Another Ada"), expect=409)
    check(taken["type"] == "urn:problem-type:users:email-taken", "a taken address is a problem of its own type")
    refused = client.ask("POST", USERS, new_user("ada@@example", "Ada"), expect=422)
    check([error["field"] for error in refused["errors"]] == ["email"], "a bad address is named by its field")
    check(place.sql("SELECT count(*) FROM users") == [(1,)], "what was refused is not stored")
    return f"{USERS}/{ada['id']}"


def administer(client: Client, ada: str) -> None:
    """Deactivate, activate, change the role."""
    print("\n  She is deactivated, activated, and given a role")
    check(client.ask("POST", f"{ada}/deactivate", expect=200)["is_active"] is False, "she is deactivated")
    client.ask("PUT", f"{ada}/role", {"role": "admin"}, expect=422)
    check(client.ask("POST", f"{ada}/activate", expect=200)["is_active"] is True, "she is active again")
    check(
        client.ask("PUT", f"{ada}/role", {"role": "moderator"}, expect=200)["role"] == "moderator", "she has the role"
    )
    refused = client.ask("PUT", f"{ada}/role", {"role": "emperor"}, expect=422)
    check([error["field"] for error in refused["errors"]] == ["role"], "an unknown role is named by its field")


def read_through_the_cache(client: Client, place: Place, ada: str) -> None:
    """See that a read comes from the cache, by changing the row behind its back."""
    print("\n  Her profile is read from the cache until somebody changes her")
    before = client.ask("GET", ada, expect=200)
    place.sql("UPDATE users SET name = 'Written past the service' WHERE email = 'ada@example.com'")
    check(client.ask("GET", ada, expect=200) == before, "a second read comes from the cache")
    told("the row says 'Written past the service' by now: this came from the cache")
    client.ask("PUT", f"{ada}/role", {"role": "admin"}, expect=200)
    after = client.ask("GET", ada, expect=200)
    check((after["name"], after["role"]) == ("Written past the service", "admin"), "a write invalidates the cache")
    told("the write threw the old profile away")


def find(client: Client) -> None:
    """Pages and searches."""
    print("\n  Others register, and are found")
    for number, name in enumerate(["Grace Hopper", "Alan Turing", "Edsger 100%", "Barbara Liskov"]):
        client.ask("POST", USERS, new_user(f"user{number}@example.com", name), expect=201)
    page = client.ask("GET", f"{USERS}?sort=name&per_page=2&page=2", expect=200)
    check([user["name"] for user in page["items"]] == ["Edsger 100%", "Grace Hopper"], "the second page by name")
    check((page["total"], page["pages"]) == (5, 3), "five users on three pages")
    found = client.ask("GET", f"{USERS}?search=HOPPER", expect=200)
    check([user["name"] for user in found["items"]] == ["Grace Hopper"], "a search in any case")
    found = client.ask("GET", f"{USERS}?search=%25", expect=200)
    check([user["name"] for user in found["items"]] == ["Edsger 100%"], "a percent sign is a percent sign")
    refused = client.ask("GET", f"{USERS}?page=0", expect=422)
    check([error["field"] for error in refused["errors"]] == ["page"], "page 0 is named by its field")


def look_for_mail(place: Place) -> None:
    """See that the outbox was drained into the mail folder."""
    print("\n  Each of them gets one welcome, from the outbox, after the commit")
    expected = sorted(email for (email,) in place.sql("SELECT email FROM users"))
    eventually(lambda: place.recipients() == expected, f"one welcome for each of {expected}")
    told(f"{', '.join(place.recipients())}; none for whoever was not stored")


def look_for_passwords(place: Place) -> None:
    """See that nothing the service wrote holds a password."""
    files = [path for path in place.folder.rglob("*") if path.is_file()]
    check(place.log in files and place.database in files, "log and database are among the files")
    leaks = [path.name for path in files if PASSWORD.encode() in path.read_bytes()]
    check(leaks == [], f"no file may hold a password, and {leaks} do")
    print(f"\n  No password in any of the {len(files)} files of the service, its log among them")


@contextmanager
def service(place: Place) -> Generator[httpx.Client]:
    """The service, in a process of its own, for the time of the block."""
    with socket.create_server(("127.0.0.1", 0)) as listener, place.log.open("wb") as log:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(SOURCES), *filter(None, [os.environ.get("PYTHONPATH")])]),
            "USERS_DATABASE_URL": f"sqlite+aiosqlite:///{place.database}",
            "USERS_MAIL_FOLDER": str(place.mails),
        }
        command = [sys.executable, "-m", "uvicorn", "--factory", "users.main:from_environment", "--no-access-log"]
        process = subprocess.Popen(
            [*command, "--fd", str(listener.fileno())],
            env=environment,
            cwd=place.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[listener.fileno()],
        )
        host, port = listener.getsockname()
        listener.close()  # the service has it now: if it dies, so does the connection
        try:
            with httpx.Client(base_url=f"http://{host}:{port}", timeout=PATIENCE_SECONDS, trust_env=False) as http:
                yield http
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def run(place: Place) -> None:
    """Everything, one after another."""
    with service(place) as http:
        document = http.get("/openapi.json", timeout=START_SECONDS)  # waits in the listener's queue until it is up
        paths = document.json()["paths"]
        print(f"  {len(paths)} paths at {http.base_url}, users in {place.database}")
        client = Client(http)
        fail_to_commit(client, place)
        ada = register(client, place)
        administer(client, ada)
        read_through_the_cache(client, place, ada)
        find(client)
        look_for_mail(place)
    look_for_passwords(place)


def leave(number: int, _: FrameType | None) -> NoReturn:
    """Undo what is begun when the process is told to end, too."""
    sys.exit(128 + number)


def main() -> int:
    """Run the demo, and say how it went."""
    signal.signal(signal.SIGTERM, leave)
    began = time.monotonic()
    print("The users service")
    with TemporaryDirectory(prefix="users-demo-") as folder:
        place = Place(Path(folder))
        try:
            run(place)
        except (WrongAnswerError, httpx.HTTPError) as error:
            print(f"\nWRONG: {error}")
            print("".join(f"  | {line}\n" for line in place.log.read_text().splitlines()[-25:]), end="")
            return 1
    print(f"\nEvery answer was right, in {time.monotonic() - began:.1f} s. Nothing is left behind.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
