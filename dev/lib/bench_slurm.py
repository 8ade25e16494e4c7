"""Runs Debian's Slurm, with which dev/bench compares the agent: on loopback, one node with one GPU, all files in one directory.

Jobs are submitted in two ways: by sbatch, a process for each job, as people and scripts do; and by Slurm's library, in
long-lived processes. Each of those connects again for every job, because Slurm keeps no connection.
"""

import os
import pathlib
import shutil
import socket
import subprocess
import time

from bench_agent import free_port, wait_until

START_SECONDS = 30
STOP_SECONDS = 30
SUBMIT_SECONDS = 300
SUBMIT = pathlib.Path(__file__).with_name("slurm_submit.c")

CONFIG = """ClusterName=bench
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={work}/munge.socket
CredType=cred/munge
StateSaveLocation={work}/state
SlurmdSpoolDir={work}/spool
SlurmctldPidFile={work}/slurmctld.pid
SlurmdPidFile={work}/slurmd.pid
SlurmctldLogFile={work}/slurmctld.log
SlurmdLogFile={work}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
GresTypes=gpu
MpiDefault=none
MaxJobCount=200000
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} Gres=gpu:rtx3090:1 State=UNKNOWN
PartitionName=bench Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


class Slurm:
    """The processes munged, slurmctld and slurmd, and a job that holds the GPU."""

    def __init__(self, work):
        self.work = work / "slurm"
        self.processes = []

    def start(self):
        (self.work / "state").mkdir(parents=True)
        (self.work / "spool").mkdir()
        self.work.chmod(0o755)
        (self.work / "munge.key").write_bytes(os.urandom(1024))
        (self.work / "munge.key").chmod(0o400)
        host = socket.gethostname().split(".")[0]
        (self.work / "slurm.conf").write_text(
            CONFIG.format(work=self.work, host=host, cpus=os.cpu_count(), controller_port=free_port(),
                          node_port=free_port()))
        # Any character device can be the GPU: Slurm checks no more than that.
        os.mknod(self.work / "gpu0", 0o20600, os.makedev(1, 3))
        (self.work / "gres.conf").write_text(f"Name=gpu Type=rtx3090 File={self.work}/gpu0\n")
        (self.work / "job").write_text("#!/bin/sh\nsleep 86400\n")
        self.daemon("munged", "--foreground", "--force", f"--key-file={self.work}/munge.key",
                    f"--socket={self.work}/munge.socket", f"--pid-file={self.work}/munged.pid",
                    f"--log-file={self.work}/munged.log", f"--seed-file={self.work}/munged.seed")
        wait_until("munged to start", START_SECONDS, (self.work / "munge.socket").exists)
        self.daemon("slurmctld", "-D", "-f", self.work / "slurm.conf")
        self.daemon("slurmd", "-D", "-f", self.work / "slurm.conf")
        wait_until("Slurm's node to be idle", START_SECONDS, lambda: self.ask("sinfo", "-h", "-o", "%t") == "idle")
        subprocess.run(self.sbatch(), env=self.environment(), check=True, capture_output=True, timeout=SUBMIT_SECONDS)
        wait_until("Slurm to start a job", START_SECONDS, lambda: self.ask("squeue", "-h", "-o", "%t") == "R")
        return self

    def daemon(self, program, *arguments):
        path = shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        log = (self.work / f"{program}.out").open("wb")
        self.processes.append(subprocess.Popen(
            [path, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment(),
            start_new_session=True))

    def environment(self):
        return {**os.environ, "SLURM_CONF": str(self.work / "slurm.conf")}

    def sbatch(self):
        return ["sbatch", "--quiet", "--gres=gpu:1", "--ntasks=1", "--output=/dev/null", str(self.work / "job")]

    def ask(self, *command):
        answer = subprocess.run(command, env=self.environment(), capture_output=True, text=True, timeout=SUBMIT_SECONDS)
        return answer.stdout.strip()

    def submit(self, count, clients, by):
        """Submits jobs by some clients at a time, each of which submits again and again, by "sbatch" or by the "library"."""
        if by == "library":
            command, numbers = [self.library(), str(count), str(clients), self.work / "job"], ""
        else:
            command = ["xargs", "-P", str(clients), "-n", "1", *self.sbatch()]
            numbers = "".join(f"{number}\n" for number in range(count))
        load_before = os.getloadavg()[0]
        before = self.queued()
        started = time.monotonic()
        subprocess.run(command, input=numbers, text=True, env=self.environment(), check=True, capture_output=True,
                       timeout=SUBMIT_SECONDS)
        seconds = time.monotonic() - started
        queued = self.queued() - before
        if queued != count:
            raise SystemExit(f"bench: Slurm has {queued} of {count} jobs")
        return {"requests": count, "seconds": round(seconds, 3), "per_second": round(count / seconds, 1),
                "load_before": round(load_before, 2)}

    def queued(self):
        return len(self.ask("squeue", "-h", "-t", "PENDING", "-o", "%i").split())

    def library(self):
        """Returns the program that submits by Slurm's library. Compiles it if it is absent."""
        program = self.work / "slurm_submit"
        if not program.exists():
            subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", program, SUBMIT, "-lslurm"], check=True)
        return program

    def stop(self):
        try:
            if self.ask("squeue", "-h", "-t", "RUNNING", "-o", "%i"):
                self.ask("scontrol", "update", "PartitionName=bench", "State=DOWN")  # so that no other job starts
                self.ask("scancel", "--state=RUNNING", "--user=root")
                wait_until("Slurm's job to end", STOP_SECONDS,
                           lambda: self.ask("squeue", "-h", "-t", "RUNNING,COMPLETING", "-o", "%i") == "")
        finally:
            for process in reversed(self.processes):
                process.terminate()
                try:
                    process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            self.processes = []
            shutil.rmtree(self.work, ignore_errors=True)
