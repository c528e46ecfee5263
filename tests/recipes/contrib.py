#!/usr/bin/env python3
"""The files in contrib/: the units as systemd reads them, with the real hub started
as they start it, and the Containerfile's steps as far as they go without a registry."""
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from run import BINARY, ROOT, Hub, Process, soon  # noqa: E402

CONTRIB = ROOT / "contrib"


def settings(unit):
    """The settings of a unit's [Service], each with all its values."""
    found = {}
    for line in (CONTRIB / unit).read_text(encoding="utf-8").splitlines():
        if re.match(r"[A-Z]\w+=", line):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def the_units_are_sound():
    if not shutil.which("systemd-analyze"):
        print("      skipped: systemd-analyze is not on this machine")
        return
    with tempfile.TemporaryDirectory() as folder:
        for unit in "feedbell.service", "feedbell-user.service":
            copy = Path(folder) / unit
            text = (CONTRIB / unit).read_text(encoding="utf-8")
            copy.write_text(text.replace("/usr/bin/feedbell", str(BINARY)), encoding="utf-8")
            user = ["--user"] if "user" in unit else []
            environment = {**os.environ, "XDG_RUNTIME_DIR": folder}
            verified = subprocess.run(
                ["systemd-analyze", *user, "verify", copy], capture_output=True, text=True, env=environment
            )
            said = [line for line in verified.stderr.splitlines() if unit in line]
            assert verified.returncode == 0 and not said, f"{unit}: {verified.stderr}"
        # How much of the system it could reach, from 0 to 10.
        rated = subprocess.run(
            ["systemd-analyze", "security", "--offline=true", "--no-pager", "--json=off", Path(folder) / "feedbell.service"],
            capture_output=True,
            text=True,
        )
        found = re.search(r"exposure level for .*: ([0-9.]+)", rated.stdout)
        assert found, rated.stdout[-500:] + rated.stderr
        print(f"      exposure {found[1]} of 10")
        assert float(found[1]) < 2, rated.stdout


def the_system_unit_finds_its_folders():
    unit = settings("feedbell.service")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        places = {"%E": "etc", "%S": "lib", "%L": "log", "%t": "run"}
        environment = {"HOME": "/", "PATH": os.environ["PATH"]}
        for words in unit["Environment"]:
            for word in shlex.split(words):
                name, _, value = word.partition("=")
                environment[name] = str(folder / places[value])
        for name in "State", "Logs", "Runtime", "Configuration":
            assert unit[f"{name}Directory"] == ["feedbell"]
        for place in places.values():
            (folder / place / "feedbell").mkdir(parents=True)
        hub = Hub(folder)
        options = folder / "etc/feedbell/serve.toml"
        options.write_text(f'listen = "127.0.0.1:{hub.port}"\n', encoding="utf-8")
        (command,) = unit["ExecStart"]
        command = shlex.split(command.replace("/usr/bin/feedbell", str(BINARY)))
        process = Process(command, env=environment, cwd="/", stdout=subprocess.DEVNULL)
        try:
            soon("the hub", hub.answers)
            assert (folder / "lib/feedbell/hub.db").exists()
            assert (folder / "run/feedbell/hub.sock").is_socket()
            outside = [path for path in folder.iterdir() if path.name not in places.values()]
            assert not outside, outside
            # Its tokens, as the unit's comment says.
            create = [BINARY, "token", "create", "Family", "--data", folder / "lib/feedbell", "--json"]
            made = subprocess.run(create, check=True, capture_output=True, text=True, env=environment)
            assert json.loads(made.stdout)["token"].startswith("fb_"), made.stdout
        finally:
            process.process.send_signal(signal.SIGTERM)
            status = process.process.wait(timeout=int(unit["TimeoutStopSec"][0]))
            process.stop()
        assert status == 0, status


def instructions():
    """The Containerfile's instructions, with what continues on the next line."""
    text = (CONTRIB / "Containerfile").read_text(encoding="utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"\\\n", " ", text)
    return [line.split(None, 1) for line in text.splitlines() if line.strip()]


def the_container_copies_what_its_build_needs():
    with tempfile.TemporaryDirectory() as folder:
        stage, copies = None, {}
        for name, rest in instructions():
            if name == "FROM":
                stage = rest.rpartition(" AS ")[2]
            elif name == "COPY" and not rest.startswith("--from"):
                *sources, _ = rest.split()
                for source in sources:
                    assert (ROOT / source).exists(), f"COPY {source}: it is not there"
                copies.setdefault(stage, []).extend(sources)
        scripts = json.loads((ROOT / "ui/package.json").read_text(encoding="utf-8"))["scripts"]
        text = (CONTRIB / "Containerfile").read_text(encoding="utf-8")
        for script in re.findall(r"npm --prefix ui run (\S+)", text):
            assert script in scripts, f"npm has no script {script}"
        # The minimum that the workspace asks for is the image's Rust, and the copies
        # are all that cargo needs to read it.
        version = re.search(r'rust-version = "([0-9.]+)"', (ROOT / "Cargo.toml").read_text(encoding="utf-8"))[1]
        assert f"rust:{version}-" in text, f"the image's Rust is not {version}"
        assert set(copies) == {"page", "build"}, copies
        skipped = shutil.ignore_patterns("node_modules", "target", "dist", "dist-hub", "gen")
        for source in copies["build"]:
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, Path(folder) / source, ignore=skipped)
            else:
                shutil.copy(ROOT / source, folder)
        build = re.search(r"^RUN cargo build (.+)$", text, re.MULTILINE)[1]
        assert "--locked" in build and "--package cli" in build
        read = ["cargo", "tree", "--locked", "--offline", "--package", "cli", "--prefix", "none"]
        tree = subprocess.run(read, cwd=folder, capture_output=True, text=True)
        assert tree.returncode == 0, tree.stderr
        assert not re.search(r"^(tauri|gtk|webkit)", tree.stdout, re.MULTILINE), "a desktop library is in it"


def the_container_is_not_root_and_says_how_it_is():
    words = {name: rest for name, rest in instructions()}
    assert words["USER"] == "feedbell" and "useradd" in words["RUN"]
    assert words["ENTRYPOINT"] == '["feedbell"]' and words["CMD"] == '["serve"]'
    port = words["EXPOSE"]
    check = json.loads(words["HEALTHCHECK"].partition(" CMD ")[2])
    with tempfile.TemporaryDirectory() as folder:
        hub = Hub(Path(folder))
        check = [word.replace(f"/{port} ", f"/{hub.port} ") for word in check]
        assert str(hub.port) in check[-1], check
        assert subprocess.run(check, capture_output=True).returncode != 0, "healthy without a hub"
        # As in the container, other machines reach it: it wants a token, and speaks TLS too.
        environment = {"HOME": folder, "PATH": os.environ["PATH"], "FEEDBELL_TOKEN": "tk_0123456789abcdef"}
        for name, value in (word.split("=") for word in re.findall(r"XDG_\w+=\S+", (CONTRIB / "Containerfile").read_text())):
            environment[name] = folder + value
        environment["FEEDBELL_SERVE_LISTEN"] = f"0.0.0.0:{hub.port}"
        process = Process([BINARY, "serve"], env=environment, stdout=subprocess.DEVNULL)
        try:
            soon("the hub", hub.answers)
            checked = subprocess.run(check, capture_output=True, text=True)
            assert checked.returncode == 0, checked
            (volume,) = [rest for name, rest in instructions() if name == "VOLUME"]
            assert (Path(folder + volume) / "feedbell/hub.db").exists(), "the log is not in the volume"
        finally:
            process.stop()


def main():
    failed = 0
    for test in (
        the_units_are_sound,
        the_system_unit_finds_its_folders,
        the_container_copies_what_its_build_needs,
        the_container_is_not_root_and_says_how_it_is,
    ):
        name = test.__name__.replace("_", " ")
        try:
            test()
            print(f"ok    {name}", flush=True)
        except (AssertionError, OSError, KeyError, subprocess.SubprocessError):
            failed += 1
            print(f"FAILED {name}", flush=True)
            traceback.print_exc()
    print("      not done here: building the image, which needs a registry of images")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
