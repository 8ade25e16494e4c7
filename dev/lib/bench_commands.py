"""Measures for dev/bench how long whole commands take, in turn with `java -version`, which shows what Java itself takes."""

import os
import statistics
import subprocess
import time

ROUNDS = 20
CALL_SECONDS = 60


class Commands:
    """The commands of one user of an agent."""

    def __init__(self, agent, user, tree, java):
        self.environment = {
            **os.environ, "JAVA_HOME": str(java), "GPURUNNER_URL": f"http://127.0.0.1:{agent.port}",
            "GPURUNNER_TOKEN": agent.token(user),
        }
        self.launcher = tree / "bin/gpurunner"
        self.commands = {
            "java": [java / "bin/java", "-version"],
            "whoami": [self.launcher, "whoami"],
            "ls": [self.launcher, "ls"],
            "ls_all": [self.launcher, "ls", "-a"],
        }

    def run(self, command, **more):
        return subprocess.run(
            [str(word) for word in command], check=True, capture_output=True, text=True, timeout=CALL_SECONDS,
            env={**self.environment, **more},
        ).stdout

    def measure(self, say):
        """Returns the median of each command in milliseconds, and which classes a command loads."""
        rounds = {name: [] for name in self.commands}
        for number in range(ROUNDS + 1):
            for name, command in self.commands.items():
                began = time.monotonic()
                self.run(command)
                if number > 0:  # the first calls read the files from the disk
                    rounds[name].append(round((time.monotonic() - began) * 1e3))
        result = {name: statistics.median(of_one) for name, of_one in rounds.items()}
        say(f"  {result}")
        return {**result, "classes": self.classes(), "rounds": rounds}

    def classes(self):
        """Counts classes that a command loads: all, those that come from no cache, and those that only the agent needs."""
        log = self.run(self.commands["ls"], GPURUNNER_JAVA_OPTS="-Xlog:class+load:stdout")
        loaded = [line for line in log.splitlines() if " source: " in line]
        own = [line for line in loaded if "shared objects file" not in line]
        return {
            "loaded": len(loaded), "from_no_cache": len(own),
            "picocli_from_no_cache": sum(" picocli." in line for line in own),
            "of_the_agent_only": sum(f" {name}." in line for line in loaded for name in ("io.vertx", "io.netty", "ch.qos.logback")),
        }
