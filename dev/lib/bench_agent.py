"""Starts, queries and kills the agent for dev/bench, over the loopback interface only."""

import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

TREE = pathlib.Path(__file__).resolve().parents[2] / "target/dist/gpurunner"
LUA = pathlib.Path(__file__).with_name("bench.lua")
GPU = "NVIDIA GeForce RTX 3090"
START_SECONDS = 120
STOP_SECONDS = 60
CALL_SECONDS = 30

CONFIG = """state-dir: {state}
http: {{ port: {port} }}
gpu: {{ provider: simulated, simulated: ["{gpu}"] }}
docker: {{ host: "{docker}" }}
library: {{ datasets: {work}/datasets, models: {work}/models }}
callbacks: {{ allow: [127.0.0.0/8] }}
volumes: {{ enforcement: watch }}
limits: {{ queued-jobs: 10000 }}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(what, seconds, is_so, pause=0.05):
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise SystemExit(f"bench: {what}: not within {seconds} s")
        time.sleep(pause)


class Agent:
    """An agent: its state directory, and its process while it runs."""

    def __init__(self, work, name, docker):
        self.work = work / name
        for directory in ("datasets", "models", "state"):
            (self.work / directory).mkdir(parents=True)
        self.state = self.work / "state"
        self.state.chmod(0o700)
        self.port = free_port()
        self.config = self.work / "gpurunner.yaml"
        self.config.write_text(
            CONFIG.format(state=self.state, port=self.port, gpu=GPU, docker=docker, work=self.work)
        )
        self.log = self.work / "agent.log"
        self.process = None
        self.tokens = {}
        self.holder = None  # the job that holds the GPU

    # --- starting and ending

    def launch(self, wrapper=()):
        """Starts the agent, and returns at once."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*wrapper, TREE / "bin/gpurunner", "serve", "--config", self.config],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )

    def start(self, wrapper=()):
        self.launch(wrapper)
        self.await_answer("/health/ready")
        return self

    def await_answer(self, path, body=None, token=None, pause=0.002):
        """Sends a request until it is answered with 200, and returns the answer."""
        answer = []

        def answered():
            if self.process.poll() is not None:
                raise SystemExit(f"bench: the agent ended with {self.process.returncode}:\n{self.tail()}")
            try:
                status, text = self.call(path, body, token)
            except OSError:
                return False
            answer[:] = [text]
            return status == 200

        wait_until(f"{path} to be answered with 200", START_SECONDS, answered, pause)
        return answer[0]

    def tail(self):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    def stop(self):
        self.end(signal.SIGTERM)

    def kill(self):
        self.end(signal.SIGKILL)

    def end(self, signal_number):
        if self.process is None:
            return
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal_number)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None

    def remove(self):
        self.stop()
        shutil.rmtree(self.work)

    # --- requests

    def token(self, user):
        if user not in self.tokens:
            command = [TREE / "bin/gpurunner", "token", "create", "--user", user, "--config", self.config]
            self.tokens[user] = subprocess.run(
                command, check=True, capture_output=True, text=True, timeout=CALL_SECONDS
            ).stdout.strip()
        return self.tokens[user]

    def call(self, path, body=None, token=None):
        """Sends a request, a POST if there is a body. Returns the status and text of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=CALL_SECONDS)
        try:
            headers = {"Content-Type": "application/json"}
            if token:
                headers["Authorization"] = f"Bearer {token}"
            connection.request("GET" if body is None else "POST", path, body, headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def ask(self, user, path, body=None):
        status, text = self.call(path, None if body is None else json.dumps(body), self.token(user))
        if status != 200:
            raise SystemExit(f"bench: {path} was answered with {status}: {text}")
        return json.loads(text)

    def create(self, user, body):
        return self.ask(user, "/api/userJob", body)["job_id"]

    def load(self, path, requests, seconds, connections, *mode):
        """POSTs to a path for some seconds, over several connections. Each request is a token and a body."""
        lines = self.work / "requests"
        lines.write_text("".join(f"{token} {body}\n" for token, body in requests))
        load_before = os.getloadavg()[0]
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", LUA,
                   f"http://127.0.0.1:{self.port}{path}", "--", lines, *mode]
        output = subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=seconds + 60
        ).stdout
        result = json.loads(output.strip().splitlines()[-1])
        if result["refused"] or result["failed"]:
            raise SystemExit(f"bench: not all was answered with 200: {result}\n{self.tail()}")
        result["per_second"] = round(result["requests"] / result["duration_us"] * 1e6, 1)
        result["load_before"] = round(load_before, 2)
        return result
