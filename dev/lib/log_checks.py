"""The jobs and checks of dev/kill-campaign --logs: compare the log that the agent has of each run with the engine's own log.

The truth is the engine's json-file log of each container. `EngineLogs` keeps it by hard links, so it outlives the container.
Each line of a stream differs from all others of its run, so a line that is missing, repeated or in another place is found.
An engine that is killed may lose what it had not logged yet. Such lines are excused, because they are not in its log. They are
counted, and only a run under which an engine was killed may have any.
"""

import collections
import contextlib
import glob
import http.client
import itertools
import json
import os
import pathlib
import re
import threading
import time

from kill_checks import SLACK_SECONDS

LAST = "the last line has no end"
STREAMS = ("stdout", "stderr")
BROKEN = "\0the engine wrote a record in part here\0"
BROKEN_REMARK = "[gpurunner: a line or a part of one is missing here: the engine came down while it wrote it]"
REMARK = re.compile(r"^\[gpurunner: (.*)\]$")
LONG = 1_000_000
DRAINED_SECONDS = 10  # after its last note, a job may wait for an engine that is busy, and the engine may have to read what it printed

# A job that prints until it has printed so many batches. On each output, a batch has 20 plain lines, a line in two parts, a line
# with a progress bar, a line of bytes that are no text, and sometimes a line of 1 MB. After each batch the job notes the number of its
# last line, which then is in the output's pipe.
PRINTING_JOB = """
up() { read up _ < /proc/uptime; }
note() { up; echo "$1 $HOSTNAME $up $2" >> "$CKPT_PATH/runs"; }
note start
head -c %(long)s /dev/zero | tr '\\0' x > "$CKPT_PATH/long"
n=0
batch=0
while [ $batch -lt %(batches)s ]; do
  plain=0
  while [ $plain -lt 20 ]; do n=$((n + 1)); plain=$((plain + 1)); echo "plain $n"; echo "plain $n" >&2; done
  n=$((n + 1)); printf "half $n"; printf "half $n" >&2; sleep 0.03; echo " whole"; echo " whole" >&2
  n=$((n + 1)); printf "\\r 10%%%%\\r 55%%%%\\r100%%%% bar $n\\n"; printf "\\r 10%%%%\\r 55%%%%\\r100%%%% bar $n\\n" >&2
  n=$((n + 1)); printf "\\001\\377\\376\\302 \\000 bytes $n\\n"; printf "\\001\\377\\376\\302 \\000 bytes $n\\n" >&2
  if [ $((batch %% 25)) = 3 ]; then n=$((n + 1)); for out in 1 2; do { cat "$CKPT_PATH/long"; echo " long $n"; } >&$out; done; fi
  batch=$((batch + 1))
  up; echo "$n $up" >> "$CKPT_PATH/printed-$HOSTNAME"
  sleep 0.15
done
note end 0
printf "%(last)s"; printf "%(last)s" >&2
"""
KINDS = {"plain": "plain ", "in two parts": "half ", "with a bar": "\r", "with no text": "\x01", "of 1 MB": "xxxx"}


class EngineLogs:
    """Keeps the log files of all containers of an engine, by a hard link to each."""

    def __init__(self, engine):
        self.containers = engine.directory / "data/containers"
        self.directory = engine.directory / "data/kept-logs"  # links do not lead out of the mount that the engine makes
        self.names = {}  # container: its name
        self.files = collections.defaultdict(list)  # container: its files, oldest first
        self.seen = set()
        self.over = threading.Event()
        self.directory.mkdir()

    def follow(self):
        while not self.over.wait(0.05):
            self.look()

    def look(self):
        """Links files that are new. A file that is rotated keeps its inode."""
        for file in map(pathlib.Path, glob.glob(f"{self.containers}/*/*-json.log*")):  # passes over what is removed meanwhile
            with contextlib.suppress(FileNotFoundError):  # the container was removed at this moment
                container, inode = file.parent.name, file.stat().st_ino
                if inode not in self.seen:
                    name = json.loads((file.parent / "config.v2.json").read_text())["Name"]
                    link = self.directory / f"{container[:12]}-{len(self.files[container])}"
                    os.link(file, link)
                    self.seen.add(inode)
                    self.names[container] = name
                    self.files[container].append(link)

    def runs(self, job):
        """Returns the runs of a job: their numbers, and the containers."""
        found = {}
        for container, name in self.names.items():
            if match := re.fullmatch(rf"/gpurunner-{job}-(\d+)", name):
                found[int(match[1])] = container
        return found

    def kept(self, container):
        """Returns what the engine kept of each stream, and how many records it wrote in part, so that nobody can read them.

        No reading of the engine gets over such a record. What lies behind it is read from the end, so only what lies between two of
        them is out of reach. The text of a stream has BROKEN at this place.
        """
        text = {stream: [] for stream in STREAMS}
        parts = []
        for file in self.files[container]:
            for line in file.read_bytes().split(b"\n"):
                entries = records(line)
                if entries is None:
                    parts.append(text)
                    text = {stream: [] for stream in STREAMS}
                for entry in entries or ():
                    text[entry["stream"]].append(entry["log"])
        if not parts:
            return {stream: "".join(text[stream]) for stream in STREAMS}, 0
        place = BROKEN if any(text.values()) else ""
        return {stream: "".join(parts[0][stream]) + place + "".join(text[stream]) for stream in STREAMS}, len(parts)


def records(line):
    """Returns the records of a line. An engine that is killed may leave one without its newline. Returns None if one is there in part."""
    text, start, found = line.decode(), 0, []
    while start < len(text):
        try:
            entry, start = json.JSONDecoder().raw_decode(text, start)
        except ValueError:
            return None
        found.append(entry)
    return found


def differences(kept, copied):
    """Returns how the lines of a copy differ from those that were kept: how many are missing, repeated, in disorder or others."""
    found = collections.Counter()
    if kept == copied:
        return found
    there, here = kept.split("\n"), copied.split("\n")
    wanted, got = collections.Counter(there), collections.Counter(here)
    found["missing"] = (wanted - got).total()
    for line, times in (got - wanted).items():
        found["repeated" if line in wanted else "others"] += times
    places = {line: place for place, line in enumerate(there)}
    order = [places[line] for line in here if line in places]
    found["disorder"] = sum(later < one for one, later in itertools.pairwise(order))
    return +found


def planted(kept):
    """Returns copies with a fault each, and what must be found in it."""
    lines = kept.split("\n")
    place = len(lines) // 2
    without = lines[:place] + lines[place + 1 :]
    twice = lines[: place + 1] + lines[place:]
    swapped = lines[:place] + [lines[place + 1], lines[place]] + lines[place + 2 :]
    changed = lines[:place] + [lines[place] + "?"] + lines[place + 1 :]
    cut = lines[:-1]
    copies = {"missing": [without, cut], "repeated": [twice], "disorder": [swapped], "others": [changed]}
    return [(kind, "\n".join(copy)) for kind, of_kind in copies.items() for copy in of_kind]


class Follower:
    """A client that follows a job's log as events, and goes on after the last one whenever its connection breaks."""

    def __init__(self, lane, job):
        self.lane = lane
        self.job = job
        self.text = {stream: [] for stream in STREAMS}
        self.gaps = []
        self.breaks = 0
        self.last = None
        self.ended = False

    def follow(self):
        while not self.ended:
            with contextlib.suppress(OSError, http.client.HTTPException):
                self.read()
            time.sleep(0.1)

    def read(self):
        headers = {"Authorization": f"Bearer {self.lane.token}", "Accept": "text/event-stream"}
        headers |= {"Last-Event-ID": self.last} if self.last else {}
        connection = http.client.HTTPConnection("127.0.0.1", self.lane.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("GET", f"/api/userJob/{self.job.id}/logs?follow=1", headers=headers)
            answer = connection.getresponse()
            self.breaks += bool(self.last) and answer.status == 200  # it goes on where an earlier connection broke
            event = {}
            while answer.status == 200 and (line := answer.readline()):
                field, _, value = line.decode().rstrip("\n").partition(": ")
                if field:
                    event[field] = value
                elif event:
                    self.take(event)
                    event = {}

    def take(self, event):
        """Takes a whole event. One that was cut off is sent again."""
        data = json.loads(event["data"]) if "data" in event else {}
        if event.get("event") == "log":
            self.text[data["stream"]].append(data["text"] + ("" if data.get("partial") else "\n"))
        elif event.get("event") == "gap":
            self.gaps.append(data["text"])
        self.ended = event.get("event") == "end"
        self.last = event.get("id", self.last)


class LogCheck:
    """Compares the logs of one agent's jobs with those of the engine. Collects problems by kind, and counts what happened."""

    def __init__(self, lane, problems, counts):
        self.lane = lane
        self.problems = problems
        self.counts = counts
        self.proved = False

    def wrong(self, kind, job, text):
        self.problems.append((kind, f"{self.lane.name} {job}", text))

    def run(self):
        for job in self.lane.jobs:
            status, text = self.lane.ask_until_answered("GET", f"/api/userJob/{job.id}")
            state = json.loads(text)["state"] if status == 200 else f"answered with {status} {text}"
            self.counts[f"jobs {state}"] += 1
            if state not in ("SUCCEEDED", "FAILED"):
                self.wrong("lost", job.id, f"its end is not known: {state}")
            else:
                self.one(job)
        if not self.proved:
            self.wrong("too few", "-", "no log was long enough to plant faults in a copy of it")
        return {job.id for job in self.lane.jobs}

    def one(self, job):
        runs = self.lane.engine_logs.runs(job.id)
        whole = {stream: "" for stream in STREAMS}
        for number, container in sorted(runs.items()):
            kept, unreadable = self.lane.engine_logs.kept(container)
            self.printed(job, container[:12], kept)
            self.counts["records that the engine wrote in part"] += unreadable
            self.counts["runs compared"] += 1
            for stream in STREAMS:
                whole[stream] += self.copied(job, number, stream, kept[stream])
        follower = job.follower
        self.counts["breaks that followers went on after"] += follower.breaks
        self.counts["gaps that followers saw"] += len(follower.gaps)
        for stream in STREAMS:
            followed = "".join(follower.text[stream])
            self.counts["bytes that followers got"] += len(followed.encode())
            if followed != whole[stream]:
                found = differences(whole[stream], followed)
                self.wrong("followers", job.id, f"{stream}: what a client followed differs from the log: {dict(found)}")

    def copied(self, job, number, stream, kept):
        """Compares the agent's copy of a stream with what the engine kept. Returns the copy without the agent's remarks."""
        path = f"/api/userJob/{job.id}/logs?attempt={number}&stream={stream}"
        status, text = self.lane.ask_until_answered("GET", path)
        if status != 200:
            self.wrong("missing", job.id, f"{stream} of run {number} is answered with {status} {text}")
            return ""
        before, broken, _ = kept.partition(BROKEN)
        if broken:
            remark = BROKEN_REMARK + "\n"
            text = text.replace(remark if before.endswith("\n") or not before else "\n" + remark, BROKEN, 1)
            self.counts["gaps at records in part"] += BROKEN in text
        remarks = [line for line in text.split("\n") if REMARK.match(line)]
        for remark in remarks:
            self.counts["gaps"] += 1
            self.counts[f"gap: {REMARK.match(remark)[1]}"] += 1
            self.wrong("gaps", job.id, f"{stream} of run {number}: {remark}")
            text = text.replace(remark + "\n", "", 1)
        self.counts["lines compared"] += kept.count("\n")
        self.counts["bytes compared"] += len(kept.encode())
        for kind, sign in KINDS.items():
            self.counts[f"lines {kind}"] += len(re.findall("^" + re.escape(sign), kept, re.MULTILINE))
        found = differences(kept, text)
        for kind, times in found.items():
            self.counts[f"lines {kind}"] += times
        if found:
            self.wrong("missing" if found["missing"] else "repeated", job.id, self.described(number, stream, kept, text, found))
        if not self.proved and kept.count("\n") > 100:
            self.prove(kept)
        return text.replace(BROKEN, "")

    def described(self, number, stream, kept, text, found):
        lines, copied = kept.split("\n"), text.split("\n")
        first = next((place for place, both in enumerate(zip(lines, copied)) if both[0] != both[1]), min(len(lines), len(copied)))
        near = [[line[:60] for line in some[max(0, first - 1) : first + 3]] for some in (lines, copied)]
        return f"{stream} of run {number}: {dict(found)}; the engine kept {len(lines)} lines; at line {first}: {near[0]}, copied {near[1]}"

    def prove(self, kept):
        """Plants a fault of each kind in a copy, and requires that it is found."""
        self.proved = True
        for kind, copy in planted(kept):
            self.counts["planted faults"] += 1
            if differences(kept, copy)[kind] == 0:
                self.wrong("too few", "-", f"a planted fault was not found: {kind}")

    def printed(self, job, host, kept):
        """Compares what the engine kept with what the job printed. A kill of the engine excuses lines that it did not keep."""
        directory = self.lane.directory / "state/jobs" / job.id / "checkpoint"
        notes = [line.split() for line in (directory / "runs").read_text().splitlines()] if (directory / "runs").exists() else []
        times = [float(at) for _, of, at, *_ in notes if of == host]
        printed = directory / f"printed-{host}"
        batches = [line.split() for line in printed.read_text().splitlines()] if printed.exists() else []
        last = max((int(number) for number, _ in batches), default=0)
        times += [float(at) for _, at in batches]
        if not times:
            return
        since, until = min(times) - SLACK_SECONDS, max(times) + DRAINED_SECONDS
        killed = self.lane.engine.killed_between(since, until)
        self.counts["runs that an engine was killed under"] += bool(killed)
        self.counts["runs that an agent was killed under"] += self.lane.killed_between(since, until)
        for stream in STREAMS:
            numbers = [int(n) for n in re.findall(r"(?:plain|half|bar|bytes| long) (\d+)(?: whole)?$", kept[stream], re.MULTILINE)]
            lost = set(range(1, last + 1)) - set(numbers)
            self.counts["lines that a killed engine did not keep"] += len(lost)
            if lost and not killed:
                self.wrong("lost", job.id, f"{stream}: the engine did not keep {len(lost)} lines, such as {sorted(lost)[:3]}")
            if any(what == "end" and of == host for what, of, *_ in notes) and not killed and not kept[stream].endswith(LAST):
                self.wrong("lost", job.id, f"{stream}: the engine did not keep the end: {kept[stream][-60:]!r}")
            if any(later <= one for one, later in itertools.pairwise(numbers)):
                self.counts["runs whose lines the engine itself has in another order"] += 1
