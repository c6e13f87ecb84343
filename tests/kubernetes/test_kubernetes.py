"""The manifests of examples/kubernetes agree with each other, with the image and with what they are made of."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from sentio.cli import main
from sentio.config.load import load
from sentio.errors import ConfigError
from tests.docs import checks
from tests.docs.pages import ROOT, blocks

FOLDER = ROOT / "examples/kubernetes"
DASHBOARDS = ROOT / "grafana/dashboards"
NAME = {"app.kubernetes.io/name": "sentio"}
README = (FOLDER / "README.md").read_text("utf-8")


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


KUSTOMIZATION = read(FOLDER / "kustomization.yaml")
MANIFESTS = {name: read(FOLDER / name) for name in KUSTOMIZATION["resources"] if name.endswith(".yaml")}
(DEPLOYMENT,) = (m for m in MANIFESTS.values() if m["kind"] == "Deployment")
(SERVICE,) = (m for m in MANIFESTS.values() if m["kind"] == "Service")
(MONITOR,) = (m for m in MANIFESTS.values() if m["kind"] == "ServiceMonitor")
(CLAIM,) = (m for m in MANIFESTS.values() if m["kind"] == "PersistentVolumeClaim")
(RULE,) = (m for m in MANIFESTS.values() if m["kind"] == "PrometheusRule")
POD = DEPLOYMENT["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
CONFIG = load([FOLDER / "sentio.yml"], {})


# --- kustomization -------------------------------------------------------------------------------------------------


def test_everything_in_the_folder_is_used():
    used = {*KUSTOMIZATION["resources"], *(f for g in KUSTOMIZATION["configMapGenerator"] for f in g["files"])}
    there = {path.name for path in FOLDER.iterdir() if path.is_file()}
    assert used - there == {"../../grafana/dashboards"}
    assert there - used == {"kustomization.yaml", "README.md", "generate.py"}


def test_every_dashboard_is_in_the_config_map_that_the_sidecar_loads():
    (generator,) = read(DASHBOARDS / "kustomization.yaml")["configMapGenerator"]
    assert sorted(generator["files"]) == sorted(path.name for path in DASHBOARDS.glob("*.json"))
    assert generator["options"]["labels"]["grafana_dashboard"] == "1"
    # What the API server takes as one ConfigMap.
    assert sum((DASHBOARDS / name).stat().st_size for name in generator["files"]) < 2**20


def test_nothing_names_a_namespace():
    assert [name for name, m in MANIFESTS.items() if "namespace" in m["metadata"]] == []
    assert "namespace" not in KUSTOMIZATION


# --- what has to agree ---------------------------------------------------------------------------------------------


def test_every_object_has_the_name_and_the_label():
    for manifest in MANIFESTS.values():
        assert manifest["metadata"]["labels"] == NAME
        assert manifest["metadata"]["name"] in ("sentio", "sentio-data")
    assert KUSTOMIZATION["configMapGenerator"][0]["options"]["labels"] == NAME


def test_the_selectors_find_the_pods_and_the_service():
    assert DEPLOYMENT["spec"]["selector"]["matchLabels"] == NAME
    assert DEPLOYMENT["spec"]["template"]["metadata"]["labels"] == NAME
    assert SERVICE["spec"]["selector"] == NAME
    assert MONITOR["spec"]["selector"]["matchLabels"] == NAME


def test_the_ports_are_one_and_sentio_listens_on_it():
    (port,) = CONTAINER["ports"]
    (of_service,) = SERVICE["spec"]["ports"]
    (endpoint,) = MONITOR["spec"]["endpoints"]
    assert port["containerPort"] == of_service["port"] == 8000
    assert CONFIG.server.listen == "0.0.0.0:8000"  # every address: the kubelet's probes come from outside of the pod
    assert of_service["targetPort"] == port["name"]
    assert endpoint["port"] == of_service["name"]


def test_the_probes_ask_what_the_web_server_answers():
    routes = set(re.findall(r'Route\("([^"]+)"', (ROOT / "sentio/web/app.py").read_text("utf-8")))
    probes = {name: CONTAINER[f"{name}Probe"]["httpGet"] for name in ("startup", "readiness", "liveness")}
    assert {probe["path"] for probe in probes.values()} <= routes
    assert {probe["port"] for probe in probes.values()} == {CONTAINER["ports"][0]["name"]}
    assert [p["path"] for p in probes.values()] == ["/-/ready", "/-/ready", "/-/healthy"]


def test_what_is_mounted_is_there_and_is_where_the_configuration_says():
    volumes = {volume["name"]: volume for volume in POD["volumes"]}
    mounts = {mount["name"]: mount for mount in CONTAINER["volumeMounts"]}
    assert volumes.keys() == mounts.keys()
    (generator,) = KUSTOMIZATION["configMapGenerator"]
    assert volumes["config"]["configMap"]["name"] == generator["name"]
    assert volumes["data"]["persistentVolumeClaim"]["claimName"] == CLAIM["metadata"]["name"]
    assert CONFIG.store.path.parent == Path(mounts["data"]["mountPath"])
    assert "emptyDir" in volumes["tmp"]
    (file,) = generator["files"]
    assert f"--config.file={mounts['config']['mountPath']}/{file}" in CONTAINER["args"]


def test_one_sentio_at_a_time_has_the_store():
    assert (DEPLOYMENT["spec"]["replicas"], DEPLOYMENT["spec"]["strategy"]) == (1, {"type": "Recreate"})
    assert CLAIM["spec"]["accessModes"] == ["ReadWriteOnce"]


def test_it_may_do_no_more_than_it_needs():
    user = re.findall(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)[0]
    pod, own = POD["securityContext"], CONTAINER["securityContext"]
    assert (str(pod["runAsUser"]), str(pod["runAsGroup"])) == user
    assert pod["fsGroup"] == pod["runAsGroup"]
    assert pod["runAsNonRoot"] is True
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert own == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert POD["automountServiceAccountToken"] is False
    assert CONTAINER["resources"]["requests"].keys() == {"cpu", "memory"}
    assert "memory" in CONTAINER["resources"]["limits"]


def test_the_workers_are_not_as_many_as_the_node_has_cores():
    assert CONFIG.executor.workers == 2


# --- Prometheus ----------------------------------------------------------------------------------------------------


def test_the_scrape_keeps_the_series_labels_and_has_none_that_change_with_the_pod():
    (endpoint,) = MONITOR["spec"]["endpoints"]
    assert (endpoint["honorLabels"], endpoint["interval"]) == (True, "15s")
    (dropped,) = (re.compile(r["regex"]) for r in endpoint["relabelings"] if r["action"] == "labeldrop")
    (instance,) = (r["replacement"] for r in endpoint["relabelings"] if r.get("targetLabel") == "instance")
    assert all(dropped.fullmatch(label) for label in ("pod", "container", "endpoint", "service"))
    assert not any(dropped.fullmatch(label) for label in ("job", "instance", "namespace"))
    assert instance == "sentio"


def test_the_job_is_the_one_that_the_rules_ask_for():
    job = SERVICE["metadata"]["labels"][MONITOR["spec"]["jobLabel"]]
    asked = {j for g in RULE["spec"]["groups"] for r in g["rules"] for j in re.findall(r'job="(\w+)"', r["expr"])}
    assert asked == {job}


def groups(address: str) -> list[Any]:
    """Those of prometheus/rules, with links that lead to ``address``."""
    texts = [file.read_text("utf-8") for file in sorted((ROOT / "prometheus/rules").glob("*.yml"))]
    return [g for t in texts for g in yaml.safe_load(t.replace("http://localhost:8000", address))["groups"]]


def generate(*arguments: str) -> str:
    done = subprocess.run([sys.executable, str(FOLDER / "generate.py"), *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_rules_are_those_of_prometheus():
    assert generate() == (FOLDER / "prometheusrule.yaml").read_text("utf-8"), "run examples/kubernetes/generate.py"
    address = f"http://{SERVICE['metadata']['name']}:{SERVICE['spec']['ports'][0]['port']}"
    assert RULE["spec"]["groups"] == groups(address)


def test_their_links_lead_where_they_are_told():
    made = generate("https://sentio.example/")
    assert yaml.safe_load(made)["spec"]["groups"] == groups("https://sentio.example")
    assert "localhost" not in made


# --- the configuration ---------------------------------------------------------------------------------------------


def test_the_configuration_is_valid(capsys):
    assert main(["check", str(FOLDER / "sentio.yml")]) == 0, capsys.readouterr().err


OWNED = (
    ("web-7c9d8-a", "ReplicaSet", "web-7c9d8", 1200),
    ("web-7c9d8-b", "ReplicaSet", "web-7c9d8", 600),
    ("web-5b6f4-c", "ReplicaSet", "web-5b6f4", 300),
    ("my-db-0", "StatefulSet", "my-db", 150),
    ("once-x", "Job", "once-283", 90),
)
"""Pod, kind and name of its owner, and what it uses; a rollout is under way, so one Deployment has two ReplicaSets."""


@pytest.mark.parametrize(
    ("alias", "metric", "samples"),
    [
        ("cpu", "container_cpu_usage_seconds_total", "0+{}x20"),
        ("memory", "container_memory_working_set_bytes", "{}x20"),
    ],
)
def test_each_query_has_one_series_for_each_owner(alias, metric, samples, tmp_path):
    """In a real Prometheus's engine."""
    if not shutil.which("promtool"):
        pytest.skip("promtool is missing; on Debian: apt-get install prometheus")
    series = []
    for pod, kind, owner, used in OWNED:
        where = f'namespace="shop",pod="{pod}"'
        series.append({"series": f'{metric}{{{where},container="app"}}', "values": samples.format(used)})
        series.append({"series": f'{metric}{{{where},container=""}}', "values": samples.format(9000)})
        series.append(
            {"series": f'kube_pod_owner{{{where},owner_kind="{kind}",owner_name="{owner}"}}', "values": "1x20"}
        )
    per_second = 30 if alias == "cpu" else 1  # the samples are 30 s apart
    expected = [
        {"labels": f'{{namespace="shop",container_name="shop/{owner}"}}', "value": used / per_second}
        for owner, used in (("web", 2100), ("my-db", 150))
    ]
    query = {"expr": CONFIG.pipelines[alias].query, "eval_time": "5m", "exp_samples": expected}
    test: dict[str, Any] = {"evaluation_interval": "30s"}
    test["tests"] = [{"interval": "30s", "input_series": series, "promql_expr_test": [query]}]
    file = tmp_path / "test.yml"
    file.write_text(yaml.safe_dump(test), "utf-8")
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


# --- several of them -----------------------------------------------------------------------------------------------

SHARDS = ROOT / "examples/kubernetes-shards"
SHARDED = read(SHARDS / "kustomization.yaml")


def sharded(tmp_path: Path, pod: str) -> Any:
    """The configuration of that pod: the files that its ConfigMap holds, as one folder."""
    shutil.copy(FOLDER / "sentio.yml", tmp_path)
    shutil.copy(SHARDS / "shard.yml", tmp_path)
    return load([tmp_path], {"POD_NAME": pod})


def test_there_are_as_many_pods_as_share_the_series(tmp_path):
    ((name, count),) = ((r["name"], r["count"]) for r in SHARDED["replicas"])
    assert name == DEPLOYMENT["metadata"]["name"]
    for index in range(count):
        shard = sharded(tmp_path, f"{name}-{index}").shard
        assert (shard.index, shard.of) == (index, count)
    with pytest.raises(ConfigError, match=f"that of POD_NAME is {count}"):
        sharded(tmp_path, f"{name}-{count}")


def test_everything_in_the_folder_of_shards_is_used():
    assert {path.name for path in SHARDS.iterdir()} == {
        "kustomization.yaml",
        *SHARDED["configMapGenerator"][0]["files"],
    }
    assert SHARDED["resources"] == ["../kubernetes"]


# --- the README, and the whole as kustomize makes it ---------------------------------------------------------------


@pytest.mark.parametrize("check", [checks.broken_links, checks.mentioned_metrics, checks.mentioned_commands])
def test_the_readme_says_what_is_there(check):
    pages = {
        str(path.relative_to(ROOT)): path.read_text("utf-8") for path in [FOLDER / "README.md", *ROOT.glob("docs/*.md")]
    }
    assert [problem for problem in check(pages) if problem.startswith("examples/")] == []


def of_readme(key: str) -> list[dict[str, Any]]:
    """The kustomizations of the README that have this key."""
    made = [yaml.safe_load(block) for tag, block in blocks(README) if tag == "yaml"]
    return [m for m in made if key in m]


def in_one_line(groups: list[Any]) -> list[Any]:
    """Without the line breaks of the expressions: kustomize may double them, and PromQL does not care."""
    return [{**g, "rules": [{**r, "expr": " ".join(r["expr"].split())} for r in g["rules"]]} for g in groups]


if shutil.which("kubectl"):  # Debian's is too old for it, so that a fresh machine cannot be given one

    @pytest.mark.parametrize("patches", [None, *of_readme("patches")], ids=["plain", "file", "variable"])
    def test_the_readmes_folder_builds(patches, tmp_path):
        (kustomization,) = of_readme("namespace")
        kustomization["resources"] = [os.path.relpath(FOLDER, tmp_path)]
        (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(kustomization | (patches or {})), "utf-8")
        (tmp_path / "sentio.yml").write_text("# mine\n", "utf-8")
        done = subprocess.run(["kubectl", "kustomize", str(tmp_path)], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        made = {
            (m["kind"], re.sub("config-[a-z0-9]{10}$", "config", m["metadata"]["name"])): m
            for m in yaml.safe_load_all(done.stdout)
        }
        assert {m["metadata"]["namespace"] for m in made.values()} == {"monitoring"}
        for kind in ("ServiceMonitor", "PrometheusRule"):
            assert made[kind, "sentio"]["metadata"]["labels"]["release"] == "kube-prometheus-stack"
        assert in_one_line(made["PrometheusRule", "sentio"]["spec"]["groups"]) == in_one_line(RULE["spec"]["groups"])
        config = made["ConfigMap", "sentio-config"]
        assert config["data"] == {"sentio.yml": "# mine\n"}
        pod = made["Deployment", "sentio"]["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert container["image"] == "registry.example/sentio:1"
        assert pod["volumes"][0]["configMap"]["name"] == config["metadata"]["name"]
        boards = made["ConfigMap", "sentio-dashboards"]
        assert boards["metadata"]["name"] == "sentio-dashboards"
        assert {name: json.loads(text) for name, text in boards["data"].items()} == {
            path.name: json.loads(path.read_text("utf-8")) for path in DASHBOARDS.glob("*.json")
        }
        assert {volume["name"] for volume in pod["volumes"]} == {mount["name"] for mount in container["volumeMounts"]}

    def test_the_shards_are_a_stateful_set_of_the_same_pods(tmp_path):
        """As the README says to use them."""
        (kustomization,) = of_readme("namespace")
        kustomization["resources"] = [os.path.relpath(SHARDS, tmp_path)]
        kustomization["replicas"] = [{"name": "sentio", "count": 6}]
        kustomization["configMapGenerator"] = [
            {"name": "sentio-config", "behavior": "merge", "files": ["sentio.yml", "shard.yml"]}
        ]
        (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), "utf-8")
        (tmp_path / "sentio.yml").write_text("# mine\n", "utf-8")
        (tmp_path / "shard.yml").write_text("shard: {of: 6}\n", "utf-8")
        done = subprocess.run(["kubectl", "kustomize", str(tmp_path)], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        made = {(m["kind"], m["metadata"]["name"]): m for m in yaml.safe_load_all(done.stdout)}
        kinds = {"ConfigMap", "PrometheusRule", "Service", "ServiceMonitor", "StatefulSet"}
        assert {kind for kind, _ in made} == kinds
        stateful = made["StatefulSet", "sentio"]["spec"]
        pod = stateful["template"]["spec"]
        (container,) = pod["containers"]
        assert (stateful["replicas"], stateful["serviceName"]) == (6, SERVICE["metadata"]["name"])
        assert "strategy" not in stateful
        assert container["env"] == [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        (claim,) = stateful["volumeClaimTemplates"]
        assert {volume["name"] for volume in pod["volumes"]} | {claim["metadata"]["name"]} == mounts.keys()
        assert CONFIG.store.path.parent == Path(mounts[claim["metadata"]["name"]])
        assert claim["spec"] == CLAIM["spec"]
        assert container["args"] == ["serve", f"--config.file={mounts['config']}"]
        (volume,) = (volume for volume in pod["volumes"] if volume["name"] == "config")
        data = made["ConfigMap", volume["configMap"]["name"]]["data"]
        assert data == {"sentio.yml": "# mine\n", "shard.yml": "shard: {of: 6}\n"}
        ours = {"args", "env", "image"}
        assert {k: v for k, v in container.items() if k not in ours} == {
            k: v for k, v in CONTAINER.items() if k not in ours
        }
        (endpoint,) = made["ServiceMonitor", "sentio"]["spec"]["endpoints"]
        dropped, instance = endpoint["relabelings"]
        assert dropped == MONITOR["spec"]["endpoints"][0]["relabelings"][0]
        assert (instance["targetLabel"], instance["sourceLabels"]) == ("instance", ["__meta_kubernetes_pod_name"])
