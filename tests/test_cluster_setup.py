"""deploy/setup.sh, with the tools of a real Elasticsearch: what compose.yaml stands on."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import servers
import yaml
from cluster import having
from cryptography import x509

ROOT = Path(__file__).parents[1]
WORDS = ("EARSHOT_ES", "EARSHOT_ES_SETUP", "EARSHOT_ANALYST", "EARSHOT_OPERATOR")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with having():
        home = servers.elasticsearch_home()
        java = servers.java_home()
    folder = tmp_path_factory.mktemp("cluster")
    environment = {
        **os.environ,
        **{f"{word}_PASSWORD": f"password of {word}" for word in WORDS},
        "ES_HOME": str(home),
        "ES_JAVA_HOME": str(java),
        "CLI_JAVA_OPTS": servers.QUICK,
        "ROLES": str(ROOT / "index/stores/roles"),
    }
    subprocess.run([ROOT / "deploy/setup.sh", folder], env=environment, check=True, timeout=900)
    return folder


def test_the_certificate_is_for_the_service_and_signed_by_the_ca(made: Path) -> None:
    ca = x509.load_pem_x509_certificate((made / "ca.pem").read_bytes())
    node = x509.load_pem_x509_certificate((made / "config/node.crt").read_bytes())
    node.verify_directly_issued_by(ca)
    names = node.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {"elasticsearch", "localhost"}


def test_users_have_their_roles_and_no_password_stands_in_a_file(made: Path) -> None:
    roles = yaml.safe_load((made / "config/roles.yml").read_text())
    assert set(roles) == {"earshot", "earshot_setup", "analyst"}
    given = dict(line.split(":") for line in (made / "config/users_roles").read_text().split())
    assert given["earshot"] == "earshot"
    assert given["superuser"] == "operator"
    users = (made / "config/users").read_text()
    assert users.count("\n") == 4
    assert "password of" not in users


def test_only_the_ca_is_open_to_others(made: Path) -> None:
    open_to_others = {path.name for path in made.rglob("*") if path.is_file() and path.stat().st_mode & 0o077}
    assert open_to_others == {"ca.pem"}
    assert (made / "kibana.token").read_text().startswith("AAE")
    assert (made / "config/service_tokens").read_text().startswith("elastic/kibana/compose:")
