"""Measures for dev/bench how fast a job's output reaches its readers, beside `docker logs -f`, and what many followers cost.

The amount is below all that the agent and the engine keep, so nothing is dropped. Both containers run the same program with the
same options of the engine's log. It waits for a word, so that the follower is there first, and ends when it is told to.
"""

import os
import selectors
import shutil
import socket
import statistics
import subprocess
import time

from bench_agent import wait_until

# With 32 bytes more for each line, 60 MB are less than the 80 MiB that the agent keeps of a run.
LINES = 600_000
LINE_BYTES = 100
MEGABYTES = LINES * LINE_BYTES / 1e6
READ_SECONDS = 120
START_SECONDS = 60

FOLLOWED_JOBS = 10
FOLLOWERS_OF_A_JOB = 10
LINES_PER_SECOND = 10
FOLLOW_WARM_UP_SECONDS = 15
FOLLOW_SECONDS = 30

# Prints as fast as the engine takes it, after somebody has written to the pipe.
PRINTS_MUCH = (
    f"yes {'x' * (LINE_BYTES - 1)} | head -n {LINES} > /tmp/lines; mkfifo /data2/go; echo ready; read word < /data2/go; "
    "cat /tmp/lines; echo over; sleep 86400"
)

# Each line has the time at which it is printed.
PRINTS_SOME = f"""exec python3 -u -c '
import time
number, due = 0, time.monotonic()
while True:
    print(f"{{time.time_ns()}} {{number}}".ljust({LINE_BYTES - 1}), flush=True)
    number += 1
    due += 1 / {LINES_PER_SECOND}
    time.sleep(max(0, due - time.monotonic()))
'"""

# As the agent creates its containers (LogLimits).
LOG_OPTIONS = ["--log-driver", "json-file", "--log-opt", "max-size=64m", "--log-opt", "max-file=5"]


class Program:
    """A program that prints a log to a pipe."""

    def __init__(self, command):
        self.process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.tail = b""
        self.bytes = 0

    def read_to(self, line):
        """Reads until a line was printed, and returns when that was."""
        deadline = time.monotonic() + READ_SECONDS
        while b"\n" + line + b"\n" not in b"\n" + self.tail:
            more = os.read(self.process.stdout.fileno(), 1 << 20)
            if not more or time.monotonic() > deadline:
                raise SystemExit(f"bench: {self.process.args} printed {self.bytes} bytes, and no line {line.decode()}")
            self.bytes += len(more)
            self.tail = (self.tail + more)[-2 * LINE_BYTES:] if len(more) < LINE_BYTES else more[-2 * LINE_BYTES:]
        return time.monotonic()

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Source:
    """A container that prints much: a job of the agent, or one that Docker alone runs."""

    def __init__(self, pipe, followers):
        self.pipe = pipe
        self.followers = followers

    def measure(self, name):
        """Returns the megabytes a second while the container prints, and of one who comes when it has printed all."""
        result = {}
        live = Program(self.followers[name])
        try:
            live.read_to(b"ready")
            before = live.bytes
            began = time.monotonic()
            with open(self.pipe, "w", encoding="ascii") as word:
                word.write("go\n")
            result["live_mb_s"] = round(MEGABYTES / (live.read_to(b"over") - began), 1)
            if live.bytes - before < LINES * LINE_BYTES:
                raise SystemExit(f"bench: {name}: only {live.bytes - before:,} bytes of {LINES * LINE_BYTES:,} came")
        finally:
            live.end()
        for reader, command in self.followers.items():
            began = time.monotonic()
            late = Program(command)
            try:
                result[f"{reader}_late_mb_s"] = round(MEGABYTES / (late.read_to(b"over") - began), 1)
            finally:
                late.end()
        return result


class Follower:
    """A client that follows a job. It notes how old each line is when it arrives."""

    def __init__(self, agent, user, job):
        self.socket = socket.create_connection(("127.0.0.1", agent.port))
        path = f"/api/userJob/{job}/logs?follow=1"
        # To a client of HTTP/1.0 the agent sends the text without the frames of chunks.
        self.socket.sendall(f"GET {path} HTTP/1.0\r\nAuthorization: Bearer {agent.token(user)}\r\n\r\n".encode())
        self.rest = b""
        self.numbers = []
        self.ages_ms = []

    def take(self):
        now = time.time_ns()
        more = self.socket.recv(1 << 16)
        if not more:
            raise SystemExit("bench: the agent ended a log whose job goes on")
        *lines, self.rest = (self.rest + more).split(b"\n")
        for line in lines:
            printed, _, number = line.strip().partition(b" ")
            if printed.isdigit() and number.isdigit():
                self.numbers.append(int(number))
                self.ages_ms.append((now - int(printed)) / 1e6)

    def check(self):
        if self.numbers != list(range(len(self.numbers))):
            raise SystemExit("bench: a follower lost lines, or got one twice")


class Logs:
    """The measurements. The agent is new and has no other jobs."""

    def __init__(self, agent, work, body, users, tree):
        self.agent = agent
        self.work = work
        self.body = {**body, "gpuNumber": 0, "stopType": "0", "gracePeriod": 0}
        self.users = users
        self.tree = tree
        self.image = os.environ["GPURUNNER_TEST_IMAGE"]

    # --- one job that prints much

    def rates(self, rounds, say):
        all_rounds = {"agent": [], "docker": []}
        self.agent_round()  # Java compiles what runs often, so one round is a warm-up
        for number in range(rounds):
            for name in all_rounds:
                all_rounds[name].append(getattr(self, f"{name}_round")())
                say(f"  round {number + 1}: {name:<7} {all_rounds[name][-1]}")
        ours, theirs = all_rounds["agent"], all_rounds["docker"]

        def ratio(key, other):
            return round(statistics.median(one[key] / two[other] for one, two in zip(ours, theirs, strict=True)), 2)

        def median(one_side, key):
            return statistics.median(one[key] for one in one_side)

        return {
            "megabytes": MEGABYTES, "line_bytes": LINE_BYTES,
            "live_mb_s": median(ours, "live_mb_s"), "docker_live_mb_s": median(theirs, "live_mb_s"),
            "live_ratio": ratio("live_mb_s", "live_mb_s"),
            "late_mb_s": median(ours, "http_late_mb_s"), "docker_late_mb_s": median(theirs, "docker_late_mb_s"),
            "late_ratio": ratio("http_late_mb_s", "docker_late_mb_s"),
            "command_late_mb_s": median(ours, "command_late_mb_s"),
            "command_late_ratio": ratio("command_late_mb_s", "docker_late_mb_s"),
            "rounds": all_rounds,
        }

    def agent_round(self):
        user = self.users[0]
        job = self.agent.create(user, {**self.body, "runCommand": PRINTS_MUCH})
        pipe = self.agent.state / "jobs" / job / "model/go"
        wait_until("the job to run", START_SECONDS, pipe.exists)
        token = self.agent.token(user)
        url = f"http://127.0.0.1:{self.agent.port}"
        os.environ.update(GPURUNNER_URL=url, GPURUNNER_TOKEN=token)
        source = Source(pipe, {
            "http": ["curl", "-sN", "-H", f"Authorization: Bearer {token}", f"{url}/api/userJob/{job}/logs?follow=1"],
            "command": [self.tree / "bin/gpurunner", "logs", "-f", job],
        })
        try:
            return source.measure("http")
        finally:
            self.end(user, job)

    def docker_round(self):
        directory = self.work / "printed"
        directory.mkdir()
        container = subprocess.run(
            ["docker", "run", "-d", *LOG_OPTIONS, "-v", f"{directory}:/data2", self.image, "sh", "-c", PRINTS_MUCH],
            check=True, capture_output=True, text=True,
        ).stdout.strip()
        try:
            wait_until("the container to run", START_SECONDS, (directory / "go").exists)
            return Source(directory / "go", {"docker": ["docker", "logs", "-f", container]}).measure("docker")
        finally:
            subprocess.run(["docker", "rm", "-f", container], check=True, capture_output=True)
            shutil.rmtree(directory)

    def end(self, user, job):
        self.agent.ask(user, "/api/userJob/job_del", {"job_id": job})
        wait_until("a job to end", START_SECONDS,
                   lambda: self.agent.ask(user, "/api/userJob/job_status", {"job_id": job})["status"] != "working")

    # --- many followers

    def followers(self, say):
        """Returns what the followers of several jobs cost, and how old lines are when they arrive."""
        body = {**self.body, "imagePath": os.environ["GPURUNNER_PYTHON_IMAGE"], "runCommand": PRINTS_SOME}
        jobs, followers, first_ms = [], [], []
        with selectors.DefaultSelector() as ready:

            def listen(seconds, until=lambda: False):
                deadline = time.monotonic() + seconds
                while time.monotonic() < deadline and not until():
                    for key, _ in ready.select(0.1):
                        key.data.take()

            try:
                for number in range(FOLLOWED_JOBS):
                    user = self.users[number % len(self.users)]
                    jobs.append((user, self.agent.create(user, body)))
                    own = [Follower(self.agent, *jobs[-1]) for _ in range(FOLLOWERS_OF_A_JOB)]
                    followers += own
                    for one in own:
                        ready.register(one.socket, selectors.EVENT_READ, one)
                    listen(START_SECONDS, until=lambda own=own: all(one.numbers for one in own))
                    first_ms += [one.ages_ms[0] for one in own]
                listen(FOLLOW_WARM_UP_SECONDS)
                counts = [len(one.ages_ms) for one in followers]
                began, before = time.monotonic(), self.processor_seconds()
                listen(FOLLOW_SECONDS)
                spent = (self.processor_seconds() - before) / (time.monotonic() - began)
                ages = sorted(age for one, count in zip(followers, counts, strict=True) for age in one.ages_ms[count:])
                for one in followers:
                    one.check()
            finally:
                for one in followers:
                    one.socket.close()
                for user, job in jobs:
                    self.end(user, job)
        if len(ages) < 0.9 * len(followers) * LINES_PER_SECOND * FOLLOW_SECONDS:
            raise SystemExit(f"bench: only {len(ages):,} lines came to the followers")
        first_ms.sort()
        result = {
            "jobs": FOLLOWED_JOBS, "followers": len(followers), "lines_per_second": LINES_PER_SECOND, "lines": len(ages),
            "processors": round(spent, 3), "first_p50_ms": round(statistics.median(first_ms), 1),
            "first_most_ms": round(first_ms[-1], 1), "line_p50_ms": round(statistics.median(ages), 1),
            "line_p99_ms": round(ages[len(ages) * 99 // 100], 1),
        }
        say(f"  {result}")
        return result

    def processor_seconds(self):
        with open(f"/proc/{self.agent.process.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
