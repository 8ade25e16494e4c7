"""The checks of dev/kill-campaign: compare what an agent reports of its jobs with what the jobs wrote and what was killed.

An unusual outcome is excused only by a fault that the campaign injected while that same run was created, started or running.
All times are seconds of this machine's uptime. The jobs and the campaign read the uptime; the agent's times are converted.
"""

import collections
import contextlib
import datetime
import hashlib
import hmac
import io
import itertools
import json
import os
import pathlib
import re
import subprocess
import urllib.parse
import urllib.request
import zipfile

NOT_KNOWN = "whether the job ran is not known"  # nobody can know what the engine lost
ENGINE_LOST = "the container engine lost the container"
STOP_TIME = "stop time reached"
STOP_SECONDS = 60
STOP_SLACK_SECONDS = 5  # the grace period of a second, and the delays of a busy machine
SLACK_SECONDS = 0.1  # /proc/uptime has hundredths, and a job writes a line a moment after it read the time
CALLBACK_SECONDS = 30  # from the signing of a callback to its arrival


def reason_of(endings):
    """The reason of a job whose last run failed, from the endings of each of its runs: it names all runs."""
    if len(endings) == 1:
        return endings[0][0]
    runs = {}
    for number, ending in enumerate(endings, 1):
        runs.setdefault("; ".join(ending), []).append(str(number))

    def named(ending):
        *first, last = runs.pop(ending)
        return f"runs {', '.join(first)} and {last}: {ending}" if first else f"run {last}: {ending}"

    of_last = named(endings[-1][0])
    others = "; ".join(named(ending) for ending in list(runs))
    return f"{of_last}; earlier: {others}" if others else of_last


class Attempt:
    """One attempt at a job as its history shows it, from a lease to the next."""

    def __init__(self, lines):
        self.lines = lines  # [(uptime, kind, message)]
        self.run = None  # what the job itself wrote about it

    def at(self, kind):
        return next((at for at, what, _ in self.lines if what == kind), None)

    @property
    def endings(self):
        return [message for _, kind, message in self.lines if kind == "ending"]

    @property
    def gpus(self):
        return re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}|GPU-[0-9a-zA-Z-]+", self.lines[0][2])

    def holds(self, run):
        """Returns whether a run began in this attempt: after its lease, and before its container was seen gone."""
        gone = self.at("container-gone")
        after_lease = self.at("leased") - SLACK_SECONDS <= run["from"]
        return after_lease and (gone is None or run["from"] <= gone + SLACK_SECONDS)


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def signed_at(callback):
    """Returns when a callback was signed, up to a second too early, because its timestamp has whole seconds."""
    return callback["at"] - (callback["time"] - int(callback["headers"]["X-Gpurunner-Timestamp"]))


def boot_began():
    """Returns when this boot began by the present wall clock, to which agents convert the times that they show."""
    uptime = float(pathlib.Path("/proc/uptime").read_text().split()[0])
    return datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=uptime)


class Check:
    """Compares one agent's jobs with the truth. Collects problems by kind, and counts what happened."""

    def __init__(self, lane, problems, counts):
        self.lane = lane
        self.problems = problems
        self.counts = counts
        self.intervals = collections.defaultdict(list)  # GPU: [(from, until, job)]
        self.boot = boot_began()
        self.key = (lane.directory / "state/secrets/callback.key").read_bytes().rstrip(b"\r\n")

    def wrong(self, kind, job, text):
        self.problems.append((kind, f"{self.lane.name} {job}", text))

    def get(self, path):
        status, text = self.lane.ask_until_answered("GET", path)
        return json.loads(text) if status == 200 else None  # any other status was recorded as a problem by ask()

    def run(self):
        listed = self.listed()
        acknowledged = {job.id for job in self.lane.jobs}
        for job in acknowledged - set(listed):
            self.wrong("lost", job, "acknowledged, and not in the list of jobs")
        extra = set(listed) - acknowledged
        if len(extra) > self.lane.unanswered:
            self.wrong("lost", "-", f"{len(extra)} jobs nobody asked for; {self.lane.unanswered} requests went unanswered")
        if len(acknowledged) != len(self.lane.jobs):
            self.wrong("lost", "-", "one job was answered to two requests")
        for job in self.lane.jobs:
            if job.id in listed:
                self.one(job)
        self.no_overlap()
        self.nothing_held()
        return set(listed)

    def listed(self):
        jobs = {}
        for page in itertools.count(1):
            answer = self.get(f"/api/userJob?current={page}&size=100")
            jobs |= {row["job_id"]: row for row in answer["content"]}
            if len(answer["content"]) < 100:
                if len(jobs) != answer["totalElements"]:
                    self.wrong("lost", "-", f"{answer['totalElements']} jobs in all, {len(jobs)} listed")
                return jobs

    # -- one job

    def one(self, job):
        detail = self.get(f"/api/userJob/{job.id}")
        if detail is None:
            self.wrong("lost", job.id, "listed, and its full view is not answered")
            return
        if job.key:
            again = self.lane.ask_until_answered("POST", "/api/userJob", job.body, job.key)
            if again[0] != 200 or json.loads(again[1])["job_id"] != job.id:
                self.wrong("run twice", job.id, f"its key now gives {again}")
        if job.final not in (None, detail["status"]):
            self.wrong("misreported", job.id, f"was {job.final}, is {detail['status']}")
        lines = [(self.uptime(event["at"]), event["kind"], event["message"]) for event in detail["events"]]
        attempts = self.attempts(lines)
        runs = self.runs(job)
        self.match(job, attempts, runs)
        self.logs(job, runs)
        for attempt in attempts:
            self.attempt(job, attempt)
        self.outcome(job, detail, attempts)
        self.count(job, detail, attempts, lines)
        artifact = self.artifacts(job, detail, attempts)
        self.callbacks(job, detail, artifact)

    def uptime(self, at):
        return (datetime.datetime.fromisoformat(at.replace("Z", "+00:00")) - self.boot).total_seconds()

    def attempts(self, lines):
        attempts = []
        for line in lines:
            if line[1] == "leased":
                attempts.append(Attempt([]))
            if attempts:
                attempts[-1].lines.append(line)
        return attempts

    def checkpoint(self, job):
        return self.lane.directory / "state/jobs" / job.id / "checkpoint"

    def runs(self, job):
        """Returns the runs that the job recorded."""
        directory = self.checkpoint(job)
        lines = []
        if (directory / "runs").exists():
            lines = [line.split() for line in (directory / "runs").read_text().splitlines()]
        runs = []
        for what, host, at, *code in lines:
            if what == "start":
                if any(run["host"] == host for run in runs):
                    self.wrong("run twice", job.id, f"container {host} was started twice")
                runs.append({"host": host, "from": float(at), "until": float(at), "code": None, "term": False})
                continue
            run = next(run for run in runs if run["host"] == host)
            run["until"] = max(run["until"], float(at))
            if what == "term":
                run["term"] = True
            else:
                run["code"] = int(code[0])
        for run in runs:
            beat = directory / f"beat-{run['host']}"
            if beat.exists() and (beats := beat.read_text().split()):
                run["until"] = max(run["until"], float(beats[-1]))
        for one, next_one in itertools.pairwise(runs):
            if next_one["from"] < one["until"]:
                self.wrong("run twice", job.id, f"two runs at a time: {one} {next_one}")
        return runs

    # -- the log of each run

    def logs(self, job, runs):
        """Compares what the agent has of each run's outputs with what the run printed, each stream by itself."""
        for stream in ("stdout", "stderr"):
            status, text = self.lane.ask_until_answered("GET", f"/api/userJob/{job.id}/logs?stream={stream}")
            if status != 200:
                self.wrong("logs", job.id, f"{stream} is answered with {status} {text}")
                return
            sections = re.split(r"\[gpurunner: run \d+ is over; what follows is of run \d+\]\n", text)
            printed = collections.defaultdict(list)
            for section in sections:
                host = re.search(r"^host (\w+)$", section, re.MULTILINE)
                printed[host.group(1) if host else None].append(section)
            for run in runs:
                own = printed.pop(run["host"], [])
                if len(own) > 1:
                    self.wrong("logs", job.id, f"two logs of the run in {run['host']}")
                excused = self.lane.engine.killed_between(run["from"] - SLACK_SECONDS, run["until"] + SLACK_SECONDS)
                if own:
                    self.log(job, run, stream, own[0], excused)
                elif run["code"] is not None and not excused:
                    self.wrong("logs", job.id, f"the run in {run['host']} ended, and has no {stream}")
            unknown = [one for left in printed.values() for one in left if re.search(r"^\d+$", one, re.MULTILINE)]
            if unknown:
                self.wrong("logs", job.id, f"lines of no run: {unknown[0][:200]!r}")

    def log(self, job, run, stream, text, excused):
        """Checks that each line is there once and in order. An engine that was killed may have lost some."""
        self.counts["logs compared"] += 1
        lines = text.split("\n")
        numbers = [int(line) for line in lines if line.isdigit()]
        self.counts["log lines compared"] += len(numbers)
        if any(later <= one for one, later in itertools.pairwise(numbers)):
            self.wrong("logs", job.id, f"lines of {stream} are there twice, or in another order: {numbers[:50]}")
        if excused:
            self.counts["logs of runs that an engine was killed under"] += 1
            return
        gaps = [line for line in lines if line.startswith("[gpurunner: ") and "missing" in line]
        missing = sorted(set(range(1, max(numbers, default=0))) - set(numbers))
        if gaps or missing:
            self.wrong("logs", job.id, f"{stream}: {gaps[:1]}, {len(missing)} lines are missing, such as {missing[:3]}")
        if run["code"] is not None and stream == "stdout":
            bars = [line for line in lines if line == "a bar\r" + "x" * job.long_line]
            if len(bars) != 1 or "last" not in lines:
                self.wrong("logs", job.id, f"the log of {run['host']} is not whole: {text[-200:]!r}")

    def match(self, job, attempts, runs):
        """Finds the attempt of each run, and so the GPUs that the run had."""
        called_off = sum(attempt.at("queued-again") is not None for attempt in attempts)
        if len(attempts) > 1 + job.retries + called_off:
            self.wrong("run twice", job.id, f"{len(attempts)} attempts, {job.retries} retries, {called_off} called off")
        for run in runs:
            of = [attempt for attempt in attempts if attempt.holds(run)]
            if len(of) != 1 or of[0].run:
                self.wrong("run twice", job.id, f"no attempt of its own for {run}: {[attempt.lines for attempt in attempts]}")
                continue
            of[0].run = run
            gone = of[0].at("container-gone")
            if gone is not None and run["until"] > gone + SLACK_SECONDS:
                self.wrong("leases", job.id, f"wrote after its container was seen gone at {gone}: {run}")
            if len(of[0].gpus) != job.gpus:
                self.wrong("leases", job.id, f"asked for {job.gpus} GPUs, got {of[0].lines[0][2]}")
            for gpu in of[0].gpus:
                self.intervals[gpu].append((run["from"], run["until"], job.id))

    def engine_killed(self, attempt):
        """Returns whether the engine was killed, or still away, between an attempt's readiness to start and its recorded end."""
        since, until = attempt.at("image-present"), attempt.at("ending")
        return since is not None and until is not None and self.lane.engine.killed_between(since, until)

    def attempt(self, job, attempt):
        run, engine_killed = attempt.run, self.engine_killed(attempt)
        if attempt.at("queued-again") is not None:
            self.counts["runs called off"] += 1
            if run is not None:
                self.wrong("run twice", job.id, f"a run was called off, and it ran: {run}; {attempt.lines}")
            return
        if run is None and attempt.at("started") is not None and not engine_killed and job.delete_answer is None:
            self.wrong("misreported", job.id, f"started, but left no line: {attempt.lines}")
        for ending in attempt.endings:
            reason = self.ending(job, attempt, ending, engine_killed)
            if reason:
                self.wrong("misreported", job.id, f"{reason}: it ended with '{ending}', its run was {run}; {attempt.lines}")
        # Only the agent sends SIGTERM, and only after it has recorded why.
        told_to_end = (STOP_TIME, "deleted by", NOT_KNOWN, ENGINE_LOST)
        if run and run["term"] and not any(why in ending for ending in attempt.endings for why in told_to_end):
            self.wrong("misreported", job.id, f"it got SIGTERM for no recorded reason: {run}, {attempt.endings}")

    def ending(self, job, attempt, ending, engine_killed):
        """Returns what is wrong with the recorded end of an attempt, or None."""
        run = attempt.run
        code = re.match(r"the container ended with exit code (\d+)", ending)
        if NOT_KNOWN in ending or ENGINE_LOST in ending:
            self.counts["starts the engine lost" if NOT_KNOWN in ending else "ends the engine lost"] += 1
            return None if engine_killed else "no engine was killed then"
        if code and int(code[1]) in (137, 255) and (run is None or run["code"] != int(code[1])):
            self.counts["exit codes the engine lost"] += 1
            return None if engine_killed else "no engine was killed then"
        if code:
            return None if run and run["code"] == int(code[1]) else "its run ended otherwise"
        if ending == STOP_TIME:
            return self.stop_time(job, run, engine_killed)
        if ending.startswith("deleted by campaign"):
            return None if job.delete_answer else "nobody deleted it"
        return "no fault was injected that ends a run so"

    def stop_time(self, job, run, engine_killed):
        lasted = run["until"] - run["from"] if run else 0
        if job.kind != "stop" or not (engine_killed or lasted >= STOP_SECONDS - 0.5):
            return "its stop time was not reached"
        if run and not engine_killed and not self.lane.killed_between(run["from"], run["until"]):
            self.counts["stop times measured"] += 1
            if lasted > STOP_SECONDS + STOP_SLACK_SECONDS:
                return f"it ran for {lasted:.1f} s, and nothing was killed"
        return None

    def outcome(self, job, detail, attempts):
        state, reason, answer = detail["state"], detail.get("reason", ""), job.delete_answer
        attempts = [attempt for attempt in attempts if attempt.at("queued-again") is None]
        endings = attempts[-1].endings if attempts else []
        if state == "SUCCEEDED":
            fits = bool(endings) and endings[-1] in ("the container ended with exit code 0", STOP_TIME)
            answered = answer is None or "had ended already: success" in answer
        elif state == "FAILED":
            failures = [attempt.endings for attempt in attempts]
            fits = len(endings) == 1 and reason == reason_of(failures) and len(attempts) == 1 + job.retries
            fits = fits and "exit code 0" not in endings[0]
            answered = answer is None or "had ended already: fail" in answer
        elif state == "DELETED":
            fits = True
            answered = answer is not None and "had ended already" not in answer
        else:
            self.wrong("lost", job.id, f"never ended: {state} {reason}")
            return
        if not fits:
            self.wrong("misreported", job.id, f"{state} ({reason}) of {job.kind}: {[attempt.lines for attempt in attempts]}")
        if not answered:
            self.wrong("misreported", job.id, f"{state}, but its deletion was answered: {answer}")
        for attempt in attempts[:-1]:
            if len(attempt.endings) != 1 or attempt.endings[0] in ("the container ended with exit code 0", STOP_TIME):
                self.wrong("misreported", job.id, f"was run again after {attempt.endings}")

    # -- artifacts

    def artifacts(self, job, detail, attempts):
        """Compares the files that the job listed with its directory, the manifest and the artifact. Returns the artifact."""
        manifest = self.fetch(job.id, "manifest.json")
        if detail["state"] != "SUCCEEDED":
            if manifest is not None:
                self.wrong("artifacts", job.id, f"{detail['state']}, and a manifest is there")
            return None
        if manifest is None:
            self.wrong("artifacts", job.id, "a success without a manifest")
            return None
        run = attempts[-1].run if attempts else None
        listed = self.checkpoint(job) / f"model-{run['host']}" if run else None
        if listed is None or not listed.exists():
            if not (attempts and self.engine_killed(attempts[-1])):
                self.wrong("artifacts", job.id, "a success that did not list what it wrote")
            return None
        truth = {line[66:].removeprefix("./"): line[:64] for line in listed.read_text().splitlines()}
        model = self.lane.directory / "state/jobs" / job.id / "model"
        directory = {str(file.relative_to(model)): sha256(file.read_bytes()) for file in model.rglob("*") if file.is_file()}
        files = json.loads(manifest)["files"]
        artifact = self.download(detail["url"]) if "url" in detail else None
        content = self.content(job, detail, artifact)
        for place, found in {
            "its model directory": directory,
            "the manifest": {file["path"]: file["sha256"] for file in files},
            "the artifact": {path: sha256(data) for path, data in content.items()},
        }.items():
            if found != truth:
                self.wrong("artifacts", job.id, f"{place} has {found}, the job wrote {truth}")
        if len(files) != len(truth) or any(file["bytes"] != len(content.get(file["path"], b"")) for file in files):
            self.wrong("artifacts", job.id, f"the manifest's sizes are wrong: {files}")
        self.counts[f"artifacts of {'no file' if not truth else 'one file' if len(truth) == 1 else 'many files'}"] += 1
        return artifact

    def content(self, job, detail, artifact):
        if artifact is None:
            return {}
        name = urllib.parse.unquote(urllib.parse.urlparse(detail["url"]).path.rsplit("/", 1)[1])
        if name != "data.zip":
            return {name: artifact}
        archive = zipfile.ZipFile(io.BytesIO(artifact))
        if len(set(archive.namelist())) != len(archive.namelist()):
            self.wrong("artifacts", job.id, f"a name is in the archive twice: {archive.namelist()}")
        return {entry: archive.read(entry) for entry in archive.namelist() if not entry.endswith("/")}

    def download(self, url):
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.read()

    def fetch(self, job, name):
        if "local" in self.lane.store:
            path = self.lane.directory / "state/artifacts" / job / name
            return path.read_bytes() if path.exists() else None
        env = os.environ
        endpoint = env["GPURUNNER_TEST_S3_ENDPOINT"]
        keys = [pathlib.Path(env[f"GPURUNNER_TEST_S3_{key}_KEY_FILE"]).read_text().strip() for key in ("ACCESS", "SECRET")]
        config = f'user = "{":".join(keys)}"\n'
        command = ["curl", "--config", "-", "--silent", "--aws-sigv4", f"aws:amz:{env['GPURUNNER_TEST_S3_REGION']}:s3"]
        # The Host header is given because older curls sign it without the port.
        command += ["--header", f"Host: {endpoint.split('://')[1]}", "--noproxy", "*", "--write-out", "%{http_code}"]
        command += ["--header", f"x-amz-content-sha256: {hashlib.sha256(b'').hexdigest()}"]
        command += [f"{endpoint}/{env['GPURUNNER_TEST_S3_BUCKET']}/{job}/{name}"]
        answer = subprocess.run(command, input=config.encode(), capture_output=True, check=True).stdout
        content, status = answer[:-3], int(answer[-3:])
        if status not in (200, 404):
            raise RuntimeError(f"the S3 server answered {status} {content}")
        return content if status == 200 else None

    # -- callbacks

    def callbacks(self, job, detail, artifact):
        received = self.lane.receiver.received[job.id]
        state = detail["state"]
        if not job.callback or state == "DELETED":
            if received:
                self.wrong("callbacks", job.id, f"{state}: no callback was owed, {received} came")
            return
        for one in received:
            if reason := self.callback(job, state, one):
                self.wrong("callbacks", job.id, f"{reason}: {one}")
        if len({one["headers"].get("X-Gpurunner-Delivery") for one in received}) > 1:
            self.wrong("callbacks", job.id, f"more than one delivery id: {received}")
        if not any(one["answer"] == 200 for one in received):
            self.wrong("callbacks", job.id, f"none was taken: {received}")
        for one, again in itertools.pairwise(received):
            self.counts["callbacks sent again"] += 1
            if one["answer"] == 200 and not self.lane.killed_between(one["at"], again["at"]):
                # A request may wait in the receiver's socket for a moment, and its sender may be dead when it is read.
                if self.lane.killed_between(signed_at(one), one["at"]):
                    self.counts["callbacks read after their sender was killed"] += 1
                else:
                    kills = [at for at in self.lane.kill_times if abs(at - one["at"]) < 60]
                    events = [event for event in detail["events"] if event["kind"].startswith("callback")]
                    found = f"{one} {again}; kills at {kills}; {events}"
                    self.wrong("callbacks", job.id, f"sent again though it was taken, and no agent was killed: {found}")
        urls = {json.loads(one["body"])["url"] for one in received}
        for url in urls - {""}:
            content = None
            with contextlib.suppress(OSError):
                content = self.download(url)
            if content is None or content != artifact:
                self.wrong("callbacks", job.id, f"its URL does not give the artifact: {url}")
        if received and ("" in urls) != (artifact is None):
            self.wrong("callbacks", job.id, f"{state}, {'no' if artifact is None else 'an'} artifact, and the URLs {urls}")

    def callback(self, job, state, one):
        """Returns what is wrong with one callback, or None."""
        headers, body = one["headers"], json.loads(one["body"])
        signed = headers.get("X-Gpurunner-Timestamp", "") + "." + one["body"]
        signature = "sha256=" + hmac.new(self.key, signed.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(headers.get("X-Gpurunner-Signature-256", ""), signature):
            return "its signature is wrong"
        if abs(one["time"] - int(headers["X-Gpurunner-Timestamp"])) > CALLBACK_SECONDS:
            return "its timestamp is not the time at which it arrived"
        if one["path"] != urllib.parse.urlparse(job.body["callbackUrl"]).path:
            return "it arrived at another URL than the job's"
        expected = {"SUCCEEDED": "success", "FAILED": "fail"}.get(state)
        if body["status"] != expected or body["job_id"] != job.id or body["jobId"] != job.id:
            return f"{state}, reported otherwise"
        return None

    # -- the machine

    def no_overlap(self):
        if not self.intervals:
            self.wrong("leases", "-", "no run is known to have had a GPU: nothing was compared")
        for gpu, intervals in self.intervals.items():
            for one, next_one in itertools.pairwise(sorted(intervals)):
                if next_one[0] < one[1]:
                    self.wrong("leases", one[2], f"had {gpu} at the same time as {next_one[2]}: {one} {next_one}")

    def nothing_held(self):
        for row in self.get("/api/userJob/getGpuType"):
            if row["gpuAllocatable"] != row["gpuTotal"]:
                self.wrong("leases", "-", f"all jobs have ended, and GPUs are not free: {row}")
        incoming = self.lane.directory / "state/artifacts/.incoming"
        left = sorted(p.name for p in incoming.iterdir()) if incoming.exists() else []
        if left:
            self.wrong("artifacts", "-", f"half-written files are left: {left}")

    # -- what happened

    def count(self, job, detail, attempts, lines):
        self.counts["jobs of bursts" if job.kind == "burst" else f"jobs {job.kind}"] += 1
        self.counts[f"jobs {detail['state']}"] += 1
        self.counts["retries"] += max(0, len(attempts) - 1)
        self.counts["stop times reached"] += any(STOP_TIME in attempt.endings for attempt in attempts)
        self.counts["failures by exit code"] += detail["state"] == "FAILED" and "exit code" in detail.get("reason", "")
        self.counts["deletions of ended jobs"] += bool(job.delete_answer and "had ended already" in job.delete_answer)
        self.counts["runs compared for their GPUs"] += sum(attempt.run is not None and job.gpus > 0 for attempt in attempts)
        self.counts["deletions of running jobs"] += detail["state"] == "DELETED" and any(attempt.run for attempt in attempts)
        phases = {"submitted": "queued", "leased": "being prepared", "prepared": "being prepared", "started": "running"}
        phases |= {"image-present": "starting", "made": "starting", "ending": "stopping", "stop-signalled": "stopping"}
        phases |= {"container-gone": "stopping", "synced": "uploading", "upload-failed": "uploading", "retry": "queued"}
        phases |= {"not-started": "stopping", "queued-again": "queued"}
        for (since, kind, _), (until, _, _) in itertools.pairwise(lines):
            if kind == "released" and job.kind != "retry" and detail["state"] == "SUCCEEDED":
                kind = "synced"
            if kind in phases:
                kills = sum(since < at <= until for at in self.lane.kill_times)
                self.counts[f"agent kills while a job was {phases[kind]}"] += kills
                self.counts[f"engine kills while a job was {phases[kind]}"] += self.lane.engine.killed_between(since, until)
