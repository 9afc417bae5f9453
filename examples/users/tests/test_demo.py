"""The demo proves something: it fails where the service is broken in what it promises."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[1]


def run_demo(example: Path, temporary: Path) -> subprocess.CompletedProcess[str]:
    """Run a copy of the demo, with a folder of its own for what is temporary."""
    temporary.mkdir()
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, str(example / "demo.py")],
        env={**os.environ, "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The example without its tests, to be broken."""
    target = tmp_path / "users"
    shutil.copytree(EXAMPLE, target, ignore=shutil.ignore_patterns("tests", "__pycache__"))
    return target


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def without_cached(example: Path) -> None:
    replace(
        example / "src/users/application/queries/get_profile.py",
        '    @cached("profile:{user_id}", ttl=300, tags=("user:{user_id}",))\n',
        "",
    )


def without_invalidation(example: Path) -> None:
    replace(
        example / "src/users/application/commands/change_role.py", "    unit.invalidate(profile_tag(user.id))\n", ""
    )


def without_relay(example: Path) -> None:
    replace(example / "src/users/main.py", "background=[relay], ", "")


def with_the_commit_behind_the_response(example: Path) -> None:
    """Let one scope span the request, and end it as FastAPI ends its dependencies: after the response."""
    replace(
        example / "src/users/api/dependencies.py",
        '''def get_user_service(bus: Annotated[MessageBus, Depends(get_bus)]) -> UserService:
    """The use cases. Each of them has committed when it returns, which is before the response is sent."""
    return UserService(bus, bus)
''',
        """async def get_user_service(request: Request, bus: Annotated[MessageBus, Depends(get_bus)]):
    async with request.app.state.scope() as resolve:
        bound = bus.bound(resolve)
        yield UserService(bound, bound)
""",
    )
    replace(
        example / "src/users/api/dependencies.py", "from fastapi import Depends", "from fastapi import Depends, Request"
    )
    replace(
        example / "src/users/main.py",
        "    app.include_router(router)\n",
        "    app.include_router(router)\n    app.state.scope = scope\n",
    )


def test_the_demo_succeeds_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = run_demo(EXAMPLE, tmp_path / "temporary")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "Every answer was right" in done.stdout
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.gate
@pytest.mark.parametrize(
    ("break_it", "complaint"),
    [
        (without_cached, "WRONG: a second read comes from the cache"),
        (without_invalidation, "WRONG: she has the role"),
        (without_relay, "WRONG: one welcome for each of"),
        (with_the_commit_behind_the_response, "WRONG: the answer must be 500, not 201"),
    ],
)
def test_a_broken_service_fails_the_demo_which_leaves_nothing_behind(
    copy: Path, tmp_path: Path, break_it: Callable[[Path], None], complaint: str
) -> None:
    break_it(copy)
    done = run_demo(copy, tmp_path / "temporary")
    assert done.returncode == 1, done.stdout
    assert complaint in done.stdout
    assert list((tmp_path / "temporary").iterdir()) == []
