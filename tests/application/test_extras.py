import sys
from pathlib import Path

import pytest

from cleanarch_kit.application.extras import require
from cleanarch_kit.errors import MissingExtraError


def test_what_is_installed_is_not_complained_about() -> None:
    require("json", "asyncio", extra="anything")


def test_a_missing_extra_names_the_command_that_installs_it() -> None:
    with pytest.raises(MissingExtraError) as caught:
        require("json", "no_such_module_of_ours", extra="redis")
    assert caught.value.extra == "redis"
    assert str(caught.value) == "this needs the extra 'redis': pip install 'cleanarch-kit[redis]'"
    assert isinstance(caught.value, ImportError)


def test_a_broken_installation_is_not_reported_as_a_missing_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_technology.py").write_text(
        "raise ImportError('libbroken.so: cannot open shared object file')\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    require("broken_technology", extra="broken")
    assert "broken_technology" not in sys.modules  # looked for, not imported
