"""The cluster in three commands: what `./run secrets` writes, deploy/setup.sh makes and compose.yaml says, on a
real Elasticsearch. Docker is not needed: the images run the same programs with the same files."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import servers
import yaml
from cluster import having
from cryptography import x509
from elasticsearch import Elasticsearch

from dashboard.cli import run_command
from index.inbox.redis_server import server_of
from index.settings import load

ROOT = Path(__file__).parents[1]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
README = (ROOT / "README.md").read_text(encoding="utf-8")
NAMED = re.compile(r"\$\{(\w+):-([^}]*)\}")  # ${NAME:-what it is when .env does not say}


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What ./run secrets writes on a clean checkout."""
    checkout = tmp_path_factory.mktemp("checkout")
    shutil.copy(ROOT / "run", checkout)
    subprocess.run([checkout / "run", "secrets"], check=True, capture_output=True)
    assert (checkout / "home").is_dir()
    assert (checkout / ".env").stat().st_mode & 0o077 == 0
    again = subprocess.run([checkout / "run", "secrets"], capture_output=True, text=True)
    assert (again.returncode, "stays as it is" in again.stderr) == (1, True)
    lines = (checkout / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def environment(service: str, secrets: dict[str, str]) -> dict[str, str]:
    """Of a service of compose.yaml, as docker compose fills it in."""
    given = COMPOSE[service]["environment"]
    return {name: NAMED.sub(lambda m: secrets.get(m[1], m[2]), value) for name, value in given.items()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, secrets: dict[str, str]) -> Path:
    with having():
        home = servers.elasticsearch_home()
        java = servers.java_home()
    folder = tmp_path_factory.mktemp("cluster")
    given = {
        **os.environ,
        **environment("setup", secrets),
        "ES_HOME": str(home),
        "ES_JAVA_HOME": str(java),
        "CLI_JAVA_OPTS": servers.QUICK,
        "ROLES": str(ROOT / "index/stores/roles"),
    }
    subprocess.run([ROOT / "deploy/setup.sh", folder], env=given, check=True, timeout=900)
    return folder


@pytest.fixture(scope="module")
def node(made: Path, secrets: dict[str, str]) -> Iterator[servers.Server]:
    """Elasticsearch with that configuration and the settings of compose.yaml."""
    settings = {name: value for name, value in environment("elasticsearch", secrets).items() if "." in name}

    def prepare(folder: Path, _: Path) -> None:
        shutil.copytree(made / "config", folder / "config", dirs_exist_ok=True)

    server = servers.start_elasticsearch(settings, prepare=prepare)
    yield server
    server.stop()


def test_the_readme_names_three_commands_that_are_there() -> None:
    block = README[README.index("## Many machines") :].split("```sh\n")[1].split("```")[0]
    commands = [line.split("#")[0].strip() for line in block.splitlines()]
    assert commands == [
        "./run secrets",
        "docker compose --profile cluster up --build --detach",
        "docker compose exec earshot earshot doctor",
    ]
    assert {name for name, each in COMPOSE.items() if each.get("profiles") == ["cluster"]} == set(COMPOSE) - {
        "earshot"
    }


def test_every_name_in_compose_is_written_by_the_secrets(secrets: dict[str, str]) -> None:
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    assert {name for name, _ in NAMED.findall(text)} == set(secrets) | {"ES_JAVA_OPTS"}
    assert len(set(secrets.values())) == len(secrets)
    assert not [name for name in environment("earshot", secrets) if re.search("SETUP|ANALYST|OPERATOR", name)]


def test_the_product_reads_what_the_secrets_say(
    secrets: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment("earshot", secrets).items():
        monkeypatch.setenv(name, value)
    settings = load(tmp_path)
    hosts = re.findall(r"//(?:\w+@)?(\w+)", f"{settings.store} {settings.inbox} {settings.records}")
    assert hosts == ["elasticsearch", "redis", "postgres"]
    assert set(hosts) <= set(COMPOSE)
    with server_of(settings)._client.connection_pool as pool:  # type: ignore[attr-defined]
        assert pool.connection_kwargs["password"] == secrets["EARSHOT_REDIS_PASSWORD"]


def test_the_cluster_comes_up_the_indices_are_made_and_doctor_has_nothing_to_say_of_it(
    node: servers.Server,
    made: Path,
    secrets: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, check = COMPOSE["elasticsearch"]["healthcheck"]["test"]
    here = {"/cluster": str(made), "https://localhost:9200": node.url, "$$": "$"}
    for there, instead in here.items():
        check = check.replace(there, instead)
    given = {**os.environ, **environment("elasticsearch", secrets)}
    assert subprocess.run(["sh", "-c", check], env=given).returncode == 0
    for service in ("indices", "earshot"):
        for name, value in environment(service, secrets).items():
            monkeypatch.setenv(name, value)
        changed = {"HOME": tmp_path, "STORE": f"elasticsearch:{node.url}", "ES_CA_FILE": made / "ca.pem"}
        for name, instead in {**changed, "INBOX": "", "RECORDS": ""}.items():
            monkeypatch.setenv(f"EARSHOT_{name}", str(instead))
        command = COMPOSE["indices"]["command"] if service == "indices" else ["doctor"]
        run_command([*command, "--json"])
    checks = {
        each["name"]: each["level"] for each in yaml.safe_load(capsys.readouterr().out.splitlines()[-1])["checks"]
    }
    assert (checks["cluster"], checks["store"]) == ("ok", "ok")


def test_people_and_kibana_are_known_to_the_cluster(
    node: servers.Server, made: Path, secrets: dict[str, str]
) -> None:
    def roles(**who: Any) -> set[str]:
        with Elasticsearch(node.url, ca_certs=str(made / "ca.pem"), **who) as client:
            return set(client.security.authenticate()["roles"])

    assert roles(basic_auth=("operator", secrets["EARSHOT_OPERATOR_PASSWORD"])) == {"superuser"}
    assert roles(basic_auth=("analyst", secrets["EARSHOT_ANALYST_PASSWORD"])) == {"analyst", "kibana_admin"}
    with Elasticsearch(
        node.url, ca_certs=str(made / "ca.pem"), bearer_auth=(made / "kibana.token").read_text().strip()
    ) as kibana:
        assert kibana.security.authenticate()["username"] == "elastic/kibana"


def test_the_certificate_is_for_the_service_and_signed_by_the_ca(made: Path) -> None:
    ca = x509.load_pem_x509_certificate((made / "ca.pem").read_bytes())
    node = x509.load_pem_x509_certificate((made / "config/node.crt").read_bytes())
    node.verify_directly_issued_by(ca)
    names = node.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {"elasticsearch", "localhost"}


def test_users_have_their_roles_and_no_password_stands_in_a_file(made: Path, secrets: dict[str, str]) -> None:
    roles = yaml.safe_load((made / "config/roles.yml").read_text())
    assert set(roles) == {"earshot", "earshot_setup", "analyst"}
    given = dict(line.split(":") for line in (made / "config/users_roles").read_text().split())
    assert given["earshot"] == "earshot"
    assert given["superuser"] == "operator"
    users = (made / "config/users").read_text()
    assert users.count("\n") == 4
    assert not [value for name, value in secrets.items() if "PASSWORD" in name and value in users]


def test_only_the_ca_is_open_to_others(made: Path) -> None:
    open_to_others = {path.name for path in made.rglob("*") if path.is_file() and path.stat().st_mode & 0o077}
    assert open_to_others == {"ca.pem"}
    assert (made / "kibana.token").read_text().startswith("AAE")
    assert (made / "config/service_tokens").read_text().startswith("elastic/kibana/compose:")
