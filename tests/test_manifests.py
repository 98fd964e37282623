"""deploy/lakehouse: every manifest is what its schema says, and keeps the rules that no schema knows."""

from __future__ import annotations

import fcntl
import importlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
LAKEHOUSE = ROOT / "deploy" / "lakehouse"
README = (LAKEHOUSE / "README.md").read_text()
SUBMIT = (LAKEHOUSE / "submit.sh").read_text()
# What knows the two schemas. Not of the project's lock: 108 MB that only this file asks.
LINTERS = ("kubernetes-validate==1.37.0", "importlib-resources==7.1.0", "compose-spec==0.2.1")
LASTING = ("StatefulSet", "Deployment")


@pytest.fixture(scope="module")
def linter():
    """Gives a linter's module; fetched once, beside the environment."""
    folder = ROOT / "build" / "lint" / re.sub(r"[^a-z0-9.]+", "-", "-".join(LINTERS))
    with (Path(tempfile.gettempdir()) / "stormplay-lint.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            uv = Path(sys.executable).with_name("uv")
            command = [uv, "pip", "install", "--quiet", "--no-deps", "--target", folder, *LINTERS]
            subprocess.run(command, check=True)
            (folder / "ready").touch()
    sys.path.append(str(folder))
    yield importlib.import_module
    sys.path.remove(str(folder))


def objects(*kinds):
    found = [
        each for path in sorted(LAKEHOUSE.glob("kubernetes/*.yaml")) for each in yaml.safe_load_all(path.read_text())
    ]
    return [each for each in found if not kinds or each["kind"] in kinds]


def pods():
    """(name, kind, labels, pod) of whatever makes pods."""
    for each in objects("StatefulSet", "Deployment", "Job", "CronJob"):
        spec = each["spec"]["jobTemplate"]["spec"] if each["kind"] == "CronJob" else each["spec"]
        yield each["metadata"]["name"], each["kind"], spec["template"]["metadata"]["labels"], spec["template"]["spec"]


def containers():
    for name, kind, _, pod in pods():
        for container in (*pod.get("initContainers", []), *pod["containers"]):
            yield f"{name}/{container['name']}", kind, container


def compose(**told):
    """compose.yaml as somebody with these variables has it."""
    text = (LAKEHOUSE / "compose.yaml").read_text()
    return yaml.safe_load(re.sub(r"(?<!\$)\$\{(\w+)[^}]*\}", lambda found: told.get(found[1], "./some"), text))


# ---- schemas


def test_each_object_is_what_kubernetes_takes(linter):
    validator = linter("kubernetes_validate")
    everything = objects()
    assert {each["kind"] for each in everything} >= {"NetworkPolicy", "StatefulSet", "Deployment", "CronJob", "Service"}
    for each in everything:
        validator.validate(each, validator.latest_version(), strict=True)
    wrong = objects("StatefulSet")[0] | {"spec": {"replicas": "one"}}
    with pytest.raises(validator.ValidationError):
        validator.validate(wrong, validator.latest_version(), strict=True)


def test_the_compose_file_is_what_the_specification_says(linter):
    read = linter("compose_spec").PyCompose.from_yaml
    text = yaml.safe_dump(compose())
    assert set(read(text).service_names()) == set(compose()["services"])
    with pytest.raises(ValueError, match="restart"):
        read(text.replace("restart: unless-stopped", "restart: perhaps", 1))


# ---- rules


def test_images_are_named_by_version_and_are_the_same_everywhere():
    named = {each["image"] for each in compose()["services"].values()} | {each["image"] for _, _, each in containers()}
    versions = dict(image.rsplit(":", 1) for image in named)
    assert len(versions) == len(named), "two versions of one image"
    assert set(versions) == {"postgres", "apache/kafka", "trinodb/trino", "stormplay", "stormplay-flink"}
    assert all(re.match(r"\d+\.\d+|\d+$", version) for version in versions.values()), versions
    namespace = {"m": "http://maven.apache.org/POM/4.0.0"}
    pom = ElementTree.parse(LAKEHOUSE / "pom.xml")
    flink = pom.findtext(".//m:flink.version", namespaces=namespace)
    assert versions["stormplay-flink"] == flink
    assert f"FROM flink:{flink}-" in (LAKEHOUSE / "Dockerfile").read_text()
    runtimes = [name.text for name in pom.findall(".//m:artifactId", namespace) if "flink-runtime" in name.text]
    assert runtimes == [f"iceberg-flink-runtime-{flink.rsplit('.', 1)[0]}"]
    kafka = ElementTree.parse(ROOT / "tools" / "kafka" / "pom.xml")
    assert versions["apache/kafka"] == kafka.findtext(".//m:dependency/m:version", namespaces=namespace)
    assert versions["postgres"].startswith("18.")
    assert f'VERSION = "{versions["trinodb/trino"]}"' in (ROOT / "tests" / "trino_up.py").read_text()


def test_no_secret_stands_in_a_manifest():
    secret = re.compile(r"PASSWORD|SECRET|_KEY|DATABASE_URL|ICEBERG_CATALOG|^BROKER|LOOKUP|MEMBERS|CATALOG$|CLUSTER_ID")
    for name, _, container in containers():
        for variable in container.get("env", []):
            if secret.search(variable["name"]):
                assert "secretKeyRef" in variable.get("valueFrom", {}), f"{name}: {variable['name']}"
    for name, service in yaml.safe_load((LAKEHOUSE / "compose.yaml").read_text())["services"].items():
        for variable, value in service.get("environment", {}).items():
            if secret.search(variable):
                assert re.search(r"\$\{\w+:\?", value), f"{name}: {variable}"


def test_each_secret_and_variable_is_explained():
    told = set(re.findall(r"\$\{(\w+):\?", (LAKEHOUSE / "compose.yaml").read_text()))
    named = [each.get("valueFrom", {}).get("secretKeyRef") for *_, one in containers() for each in one.get("env", [])]
    asked = {(each["name"], each["key"]) for each in named if each}
    assert {name for name in told if f"{name}=" not in README} == set()
    assert {
        (name, key) for name, key in asked if not re.search(rf"generic {name} .*--from-literal={key}=", README)
    } == set()


def test_containers_ask_for_what_they_need_and_may_do_no_more():
    for name, kind, container in containers():
        assert {"cpu", "memory"} <= set(container["resources"]["requests"]), name
        assert "memory" in container["resources"]["limits"], name
        assert container["securityContext"]["allowPrivilegeEscalation"] is False, name
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}, name
        if kind in LASTING:
            assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container), name
    for name, _, _, pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod.get("automountServiceAccountToken") is False or pod["serviceAccountName"] == "flink", name
    for name, service in compose()["services"].items():
        if service.get("restart"):
            assert service["deploy"]["resources"]["limits"]["memory"] if "deploy" in service else name == "submit", name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name


def test_nobody_is_spoken_to_who_is_not_named():
    """All traffic is refused first; then each pod has what its variables name, and no more."""
    policies = {each["metadata"]["name"]: each["spec"] for each in objects("NetworkPolicy")}
    assert policies["nobody"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name, kind, labels, pod in pods():
        said = json.dumps(pod)
        for other, pattern in (
            ("postgres", r"postgres:5432|stormplay-broker|STORMPLAY_ICEBERG"),
            ("kafka", r"kafka-0\.kafka:"),
        ):
            if labels["app"] != other and kind in LASTING and re.search(pattern, said):
                assert labels.get(f"stormplay/asks-{other}") == "yes", f"{name} does not reach {other}"
    for other in ("postgres", "kafka"):
        opens = policies[f"to-{other}"]["ingress"][0]["from"]
        assert opens == [{"podSelector": {"matchLabels": {f"stormplay/asks-{other}": "yes"}}}]


def test_a_consumer_keeps_its_name_and_has_time_to_end():
    stream = next(each for each in objects("StatefulSet") if each["metadata"]["name"] == "stream")
    pod = stream["spec"]["template"]["spec"]
    name = next(each for each in pod["containers"][0]["env"] if each["name"] == "STORMPLAY_KAFKA_GROUP_INSTANCE_ID")
    assert name["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    assert pod["terminationGracePeriodSeconds"] >= 10
    service = compose()["services"]["stream"]
    assert service["environment"]["STORMPLAY_KAFKA_GROUP_INSTANCE_ID"]
    assert int(service["stop_grace_period"].removesuffix("s")) >= 10


# ---- the job and the server that reads it


def test_the_job_is_told_all_that_it_asks_for():
    asked = set(re.findall(r"\$\{(\w+)\}", (LAKEHOUSE / "job.sql").read_text()))
    put_in = set(re.search(r"for name in (KAFKA .*?); do", SUBMIT, re.DOTALL)[1].replace("\\\n", " ").split())
    assert asked == put_in | {"KAFKA_PROPERTIES", "NAME"}  # NAME stands in a remark
    has_default = set(re.findall(r"^(\w+)=\$\{\1:-", SUBMIT, re.MULTILINE))
    submit = next(container for name, _, container in containers() if name == "submit/submit")
    assert put_in - has_default <= {each["name"] for each in submit["env"]}
    assert put_in - has_default <= set(compose()["services"]["submit"]["environment"])
    assert put_in <= set(re.findall(r"\b[A-Z_]+\b", SUBMIT.split("set -euo")[0]))


def test_checkpoints_are_aligned_and_exactly_once():
    told = dict(re.findall(r"^SET '([^']+)' = '([^']+)';", (LAKEHOUSE / "job.sql").read_text(), re.MULTILINE))
    assert told["execution.checkpointing.mode"] == "EXACTLY_ONCE"
    assert told["execution.checkpointing.unaligned.enabled"] == "false"
    assert told["execution.checkpointing.max-concurrent-checkpoints"] == "1"


@pytest.mark.parametrize("script", ["submit.sh", "roles.sh"])
def test_scripts_are_scripts(script):
    subprocess.run(["bash", "-n", LAKEHOUSE / script], check=True)
    assert (LAKEHOUSE / script).stat().st_mode & 0o111


def test_trino_is_told_all_that_it_asks_for():
    asked = {name for path in LAKEHOUSE.glob("trino/**/*.properties")
             for name in re.findall(r"\$\{ENV:(\w+)\}", path.read_text())}  # fmt: skip
    assert asked == set(compose()["services"]["trino"]["environment"])
    trino = next(container for name, _, container in containers() if name == "trino/trino")
    assert asked == {each["name"] for each in trino["env"]}


def test_each_table_of_the_lake_is_filtered_by_who_asks():
    from stormplay.lakehouse import tables
    from stormplay.lakehouse.readers import EVENTS

    rules = json.loads((LAKEHOUSE / "trino" / "rules.json").read_text())
    everybody = [rule for rule in rules["tables"] if "user" not in rule]
    assert all("current_user" in rule["filter"] and rule["privileges"] == ["SELECT"] for rule in everybody)
    names = everybody[0]["table"].split("|")
    assert set(names) == {*EVENTS, tables.REFUSED}
    # What is not said is allowed to everybody: views of others' queries, and functions that lead past the filter.
    assert {"queries", "functions", "procedures", "system_session_properties"} <= set(rules)
    assert [rule for rule in rules["functions"] if "user" not in rule] == [
        {"catalog": "system", "schema": "builtin", "privileges": ["EXECUTE"]}
    ]
