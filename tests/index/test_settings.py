"""What is wrong with settings and secrets is a sentence with what to do, and tells no secret."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from index.errors import SettingsError
from index.inbox import open_inbox
from index.settings import Settings, load, secret
from index.stores import open_store

OPEN = """
import sys
sys.modules[sys.argv[1]] = None
from pathlib import Path
from index.errors import SettingsError
from index.inbox import open_inbox
from index.records import open_records
from index.settings import Settings
from index.stores import open_store
settings = Settings(home=Path(sys.argv[2]), store="elasticsearch:http://127.0.0.1:1", inbox="redis://127.0.0.1:1/0",
                    records="postgresql://127.0.0.1:1/x")
try:
    {"elasticsearch": open_store, "redis": open_inbox, "psycopg": open_records}[sys.argv[1]](settings)
except SettingsError as error:
    print(error)
"""


@pytest.mark.parametrize("package", ["elasticsearch", "redis", "psycopg"])
def test_a_part_that_needs_more_packages_names_the_extra(package: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", OPEN, package, str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "pip install 'earshot[cluster]'" in told.stdout


@pytest.mark.parametrize("zone", ["Asia/Shanghia", "", "../etc/passwd", "Asia"])
def test_a_zone_that_is_none_is_named(zone: str, tmp_path: Path) -> None:
    (tmp_path / "earshot.toml").write_text(f'timezone = "{zone}"', encoding="utf-8")
    with pytest.raises(SettingsError, match="Write one such as Asia/Shanghai"):
        load(tmp_path)


def test_a_mark_of_windows_before_the_first_line_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "earshot.toml").write_text('currency = "EUR"', encoding="utf-8-sig")
    (tmp_path / ".env").write_text("EARSHOT_NOT_SET=here\nexport EARSHOT_NOR_THIS='there'", encoding="utf-8-sig")
    assert load(tmp_path).currency == "EUR"
    assert secret("EARSHOT_NOT_SET", tmp_path) == "here"
    assert secret("EARSHOT_NOR_THIS", tmp_path) == "there", "written for a shell"


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("batch = 0", "batch"), ("threads = 0", "threads"), ("max_tries = 0", "max_tries"),
        ("desk_port = 70000", "desk_port"), ("lease_seconds = -1", "lease_seconds"),
        ("[redis]\nmegabytes = 0", "megabytes"), ("[elasticsearch]\nshards = 0", "shards"),
        ('[[sources]]\nname = "s"\nplatform = "forum"\nevery = 0', "every"),
        ('[[rules]]\nname = "r"\nkind = "praise"\nmin_probability = 60', "min_probability"),
        ('[[brands]]\nname = " "', "empty name"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_work_is_refused_with_its_place(line: str, place: str, tmp_path: Path) -> None:
    (tmp_path / "earshot.toml").write_text(line, encoding="utf-8")
    with pytest.raises(SettingsError, match=place):
        load(tmp_path)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (
            '[[rules]]\nname = "r"\nkind = "praise"\nchannels = ["ops"]',
            "rule 'r': channel 'ops' has no",
        ),
        ('[[rules]]\nname = "r"\nkind = "praise"\nbrands = ["B"]', "rule 'r': brand 'B' has no"),
        ('[[brands]]\nname = "A"\ncompetitors = ["B"]', "brand 'A': competitor 'B'"),
        ('[[sources]]\nname = "s"\nplatform = "forum"\noptions = { brand = "B" }', "source 's': brand 'B'"),
    ],
)
def test_a_name_of_what_is_not_there_is_refused(entry: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "earshot.toml").write_text(entry, encoding="utf-8")
    with pytest.raises(SettingsError, match=told):
        load(tmp_path)


def test_a_home_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("x", encoding="utf-8")
    with pytest.raises(SettingsError, match="Name a folder"):
        load(tmp_path / "home")


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("名=1".encode("gbk"))
    with pytest.raises(SettingsError, match=r"\.env: .*Save it as UTF-8"):
        secret("EARSHOT_NOT_SET", tmp_path)
    (tmp_path / "earshot.toml").mkdir()
    with pytest.raises(SettingsError, match=r"earshot\.toml cannot be read"):
        load(tmp_path)


def test_an_address_of_the_inbox_that_is_none_says_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Write redis://HOST"):
        open_inbox(Settings(home=tmp_path, inbox="redis://[x"))


@pytest.mark.parametrize(
    "address",
    [
        "reddis://:hunter2@host/0",
        "redis://:hunter2@host/0",
        "redis://host/0?password=hunter2",
        "rediss:hunter2@host",
    ],
)
def test_a_password_in_the_address_of_the_inbox_is_never_told(address: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as told:
        open_inbox(Settings(home=tmp_path, inbox=address))
    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize(
    "address",
    ["elastic://me:hunter2@host", "elasticsearch:https://me:hunter2@host", "elasticsearch:me:hunter2@host"],
)
def test_a_password_in_the_address_of_the_store_is_never_told(address: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as told:
        open_store(Settings(home=tmp_path, store=address))
    assert "hunter2" not in str(told.value)
