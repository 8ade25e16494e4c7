"""Measures what a user who floods the agent costs another one, for dev/bench.

The polite user sends one request after another on a kept connection: creates, status queries, and reads of a log. In each round he is alone
first, and then beside a user who sends creates and status queries on many connections as fast as they are answered. What the flooding user
sends beyond his limits is refused, and that is part of the flood.
"""

import http.client
import json
import statistics
import subprocess
import time

from bench_agent import LUA, wait_until

POLITE, FLOOD = "polite", "flood"
FLOOD_CONNECTIONS = 32
ALONE_SECONDS = 6  # for each kind of request
BESIDE_SECONDS = 6
WARM_UP_SECONDS = 20
LOG_LINES = 200
LOG_WAIT_SECONDS = 60
KINDS = ("create", "status", "logs")


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


class Fairness:
    def __init__(self, agent, body):
        self.agent, self.body = agent, body
        printing = f"i=0; while [ $i -lt {LOG_LINES} ]; do echo line $i; i=$((i+1)); done; sleep 86400"
        self.holder = agent.create(POLITE, {**body, "stopType": "0", "runCommand": f"/bin/sh -c '{printing}'", "gracePeriod": 0})
        agent.holder = None  # it is deleted by its own user at the end
        wait_until("the lines of the job that is read", LOG_WAIT_SECONDS, lambda: f"line {LOG_LINES - 1}" in self.log())
        self.flooded = agent.create(FLOOD, body)

    def log(self):
        return self.agent.call(f"/api/userJob/{self.holder}/logs", None, self.agent.token(POLITE))[1]

    def request(self, kind):
        """Returns path and body of a request of the polite user."""
        if kind == "create":
            return "/api/userJob", json.dumps(self.body)
        if kind == "status":
            return "/api/userJob/job_status", json.dumps({"job_id": self.holder})
        return f"/api/userJob/{self.holder}/logs?tail=50", None

    def polite(self, kind, seconds):
        """Sends requests of one kind for some seconds, and returns what they took, in microseconds."""
        headers = {"Authorization": f"Bearer {self.agent.token(POLITE)}", "Content-Type": "application/json"}
        path, body = self.request(kind)
        connection = http.client.HTTPConnection("127.0.0.1", self.agent.port, timeout=30)
        took, created = [], []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            began = time.perf_counter()
            connection.request("GET" if body is None else "POST", path, body, headers)
            response = connection.getresponse()
            text = response.read()
            took.append((time.perf_counter() - began) * 1e6)
            if response.status != 200:
                raise SystemExit(f"bench: the polite user was answered {response.status}: {text}")
            if kind == "create":
                created.append(json.loads(text)["job_id"])
                if len(created) >= 500:
                    self.delete(created)
        connection.close()
        self.delete(created)
        return {"requests": len(took), "p50_us": round(percentile(took, 0.5)), "p99_us": round(percentile(took, 0.99))}

    def delete(self, jobs):
        while jobs:
            self.agent.ask(POLITE, "/api/userJob/job_del", {"job_id": jobs.pop()})

    def flood(self, seconds):
        """Starts the flood: as many creates as status queries, over many connections."""
        lines = self.agent.work / "flood"
        token = self.agent.token(FLOOD)
        create, status = json.dumps(self.body), json.dumps({"job_id": self.flooded})
        lines.write_text(f"{token} {create}\n{token} {status}\n")
        # Each path is a program of its own, because the script sends to one path.
        return [
            subprocess.Popen(
                ["wrk", "-t1", f"-c{FLOOD_CONNECTIONS // 2}", f"-d{seconds}s", "--timeout", "30s", "-s", LUA,
                 f"http://127.0.0.1:{self.agent.port}{path}", "--", lines],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for path in ("/api/userJob", "/api/userJob/job_status")
        ]

    def beside(self, kind):
        flood = self.flood(BESIDE_SECONDS + 4)
        try:
            time.sleep(1)
            return self.polite(kind, BESIDE_SECONDS)
        finally:
            for one in flood:
                one.terminate()
                one.wait()

    def measure(self, rounds, say):
        for kind in KINDS:
            self.polite(kind, WARM_UP_SECONDS / len(KINDS))
        taken = {kind: [] for kind in KINDS}
        for number in range(rounds):
            for kind in KINDS:
                alone, beside = self.polite(kind, ALONE_SECONDS), self.beside(kind)
                taken[kind].append({"alone": alone, "beside": beside, "ratio": round(beside["p99_us"] / alone["p99_us"], 2)})
                say(f"  round {number + 1}: {kind:<7} {taken[kind][-1]}")
        return {kind: {
            "alone_p99_us": statistics.median(one["alone"]["p99_us"] for one in taken[kind]),
            "beside_p99_us": statistics.median(one["beside"]["p99_us"] for one in taken[kind]),
            "ratio": statistics.median(one["ratio"] for one in taken[kind]),
            "rounds": taken[kind],
        } for kind in KINDS}

    def end(self):
        self.agent.ask(POLITE, "/api/userJob/job_del", {"job_id": self.holder})
