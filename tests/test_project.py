"""What the project promises about itself: settings are documented, container files are valid, words are kept."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import msgspec
import pytest
import yaml

from dashboard.cli import app
from index.settings import Brand, Category, Channel, Elasticsearch, Koc, Redis, Rule, Settings, Source

ROOT = Path(__file__).parent.parent


def tracked_files() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listing.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


PARTS = [Settings, Brand, Source, Rule, Category, Channel, Koc, Elasticsearch, Redis]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_every_setting_is_described_in_the_example(part: type[msgspec.Struct]) -> None:
    example = (ROOT / "dashboard/templates/earshot.toml").read_text(encoding="utf-8")
    described = set(re.findall(r"^#?\s*([a-z_]+)\s*=", example, re.MULTILINE)) | {"koc", "home"}
    described |= set(re.findall(r"^#?\s*\[\[?([a-z_]+)\]\]?", example, re.MULTILINE))
    assert set(part.__struct_fields__) <= described


def test_example_settings_are_valid_as_they_are_written() -> None:
    example = (ROOT / "dashboard/templates/earshot.toml").read_text(encoding="utf-8")
    msgspec.convert(tomllib.loads(example), Settings)


def test_compose_file_binds_to_this_machine_only_and_drops_rights() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    for service in services.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert services["earshot"]["cap_drop"] == ["ALL"]


def test_compose_brings_the_official_servers_each_with_a_health_check() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    services = compose["services"]
    clustered = {name: each for name, each in services.items() if each.get("profiles") == ["cluster"]}
    for name, image in {"elasticsearch": r":9\.", "kibana": r":9\.", "redis": r":\d", "postgres": r":\d"}.items():
        assert re.match(name + image, clustered[name]["image"])
        assert clustered[name]["healthcheck"]["test"]
    assert services["elasticsearch"]["image"].split(":")[1] == services["kibana"]["image"].split(":")[1]
    for service in services.values():
        for other, needed in service.get("depends_on", {}).items():
            healthy = needed["condition"] == "service_healthy"
            assert "healthcheck" in services[other] if healthy else "restart" not in services[other]
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            made = source in compose["volumes"] or source == "./home"
            assert made or (ROOT / source).exists()
    assert "profiles" not in services["earshot"], "one machine needs no server"


def test_run_secrets_writes_every_word_that_compose_asks_for_and_never_twice(tmp_path: Path) -> None:
    shutil.copy(ROOT / "run", tmp_path)
    subprocess.run(["./run", "secrets"], cwd=tmp_path, check=True, capture_output=True)
    written = (tmp_path / ".env").read_text()
    words = dict(re.findall(r"^(\w+)=(.+)$", written, re.MULTILINE))
    asked = set(re.findall(r"\$\{(\w+):?-?", (ROOT / "compose.yaml").read_text())) - {"ES_JAVA_OPTS"}
    assert asked <= set(words)
    passwords = [value for name, value in words.items() if name.endswith(("PASSWORD", "KEY"))]
    assert len(set(passwords)) == len(passwords) == 7
    assert min(map(len, passwords)) == 48
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
    again = subprocess.run(["./run", "secrets"], cwd=tmp_path, capture_output=True, text=True)
    assert (again.returncode, (tmp_path / ".env").read_text()) == (1, written)


def test_dockerfile_copies_only_what_exists_and_ends_as_an_ordinary_user() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = [word for line in lines if line.startswith("COPY") for word in line.split()[1:-1]]
    assert all((ROOT / name).exists() for name in copied)
    assert [line for line in lines if line.startswith("USER")] == ["USER earshot"]


def test_version_is_the_same_in_package_and_changelog() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert f"## [{version}]" in changelog or "## [Unreleased]" in changelog


def test_files_named_in_the_readme_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", readme)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_commands_that_the_desk_names_exist(language: str) -> None:
    texts = (ROOT / f"dashboard/locale/{language}.toml").read_text(encoding="utf-8")
    known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    named = re.findall(r"earshot ([a-z]+)(?: ([a-z]+))?", texts.replace("`", "."))
    assert named
    assert [pair for pair in named if pair[0] not in known or pair[1]] == []  # no command has one below it


def test_weights_stay_small() -> None:
    sizes = [path.stat().st_size for path in (ROOT / "nlp/weights").rglob("*") if path.is_file()]
    assert sum(sizes) < 100e6
    assert max(sizes) < 50e6


def test_project_names_no_machine_or_registry() -> None:
    words = re.compile(r"/work/|/root/|pypi\.org/simple|registry\.npmjs|files\.pythonhosted")
    texts = [p for p in tracked_files() if p.suffix in {".py", ".md", ".toml", ".yaml", ".sh", ".json", ".sql", ""}]
    found = [
        str(p.relative_to(ROOT))
        for p in texts
        if p != Path(__file__) and words.search(p.read_text(errors="ignore"))
    ]
    assert found == []
