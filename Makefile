# A thin front for Maven and the scripts in dev/. Plain `make` lists the targets.

PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR    ?=
STORE      ?= local
IMAGE      ?= busybox
SEEDS      ?= 100000

DIST   := target/dist/gpurunner
# The tree that `make install` installs. If there is one, it is installed as it is.
TREE   ?= $(DIST)
LIBDIR := $(PREFIX)/lib/gpurunner
SHARE  := $(PREFIX)/share/gpurunner
CONFIG := $(SYSCONFDIR)/gpurunner/gpurunner.yaml

SOURCES := $(shell find pom.xml */pom.xml */src/main systemd -type f -not -path '*/target/*')

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help build test test-quota test-unit simulate soak file-work stop-torch kill-campaign log-campaign cut-ledger kill-ledger mutate demo bench \
  bench-logs dist format install uninstall clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

build: ## compile, with all checks, and run the tests that need no server
	dev/prepare
	dev/maven package

test: ## run every test, beside a real Docker engine and a real S3 server
	dev/prepare
	dev/as-root dev/test

test-quota: ## test volumes on project quota, in a virtual machine; not part of `make test`
	dev/prepare machine
	dev/as-root dev/test-quota

test-unit: $(TREE)/bin/gpurunner ## test the systemd units in a virtual machine that is booted; not part of `make test`
	dev/prepare machine
	dev/as-root dev/test-unit $(TREE)

simulate: ## run the agent in SEEDS=n simulated worlds full of faults, or in one (SEED=n), whose story is printed
	dev/prepare
	dev/one-test SimulationCampaign -Dsimulation.seeds=$(SEEDS) $(if $(SEED),-Dsimulation.seed=$(SEED))

soak: ## let 200 jobs wait for their upload for N=60 minutes, and check that memory stays flat; not part of `make test`
	dev/prepare
	dev/one-test --it UploadSoakCampaign -Dgpurunner.soak-minutes=$(or $(N),60)

file-work: ## check that an agent answers while it publishes 3 x 4 GB, copies 4 x 4 GB, removes 200,000 files and a library hangs; needs 45 GB
	dev/prepare
	dev/as-root dev/with-docker dev/one-test --it FileWorkIT \
	  -Dgpurunner.file-work.megabytes=4000 -Dgpurunner.file-work.files=200000 -Dgpurunner.file-work.ahead=12 \
	  -Dgpurunner.file-work.status-millis=50 -Dgpurunner.file-work.stop-millis=1000

stop-torch: ## stop trainers of PyTorch, torchrun and mpirun in an image of Debian's packages; not part of `make test`
	dev/prepare torch
	dev/as-root dev/with-docker dev/one-test --it TorchStopCampaign

kill-campaign: $(DIST)/bin/gpurunner ## kill real agents N=1000 times while jobs flow, and the engine now and then; half an hour
	dev/as-root dev/with-s3 dev/kill-campaign --kills=$(or $(N),1000)

log-campaign: $(DIST)/bin/gpurunner ## kill an agent N=200 times, and the engine now and then, while ten jobs print; compare their logs with the engine's
	dev/as-root dev/kill-campaign --logs --kills=$(or $(N),200)

cut-ledger: ## cut the power under the ledger N times (100000); not part of `make test`
	dev/prepare
	dev/one-test PowerLossTest -Dgpurunner.cuts=$(or $(N),100000)

kill-ledger: ## kill a process that writes the ledger N times (2000); not part of `make test`
	dev/prepare
	dev/one-test --it LedgerKillCampaign -Dgpurunner.kills=$(or $(N),2000)

mutate: ## make small changes to the code, and list those that no test notices; GROUP=parser for one group
	dev/prepare
	dev/mutate $(GROUP)

demo: $(DIST)/bin/gpurunner ## run a real training job end to end and check every step; STORE=s3, IMAGE=torch
	dev/as-root dev/demo --store=$(STORE) --image=$(IMAGE)

bench: $(DIST)/bin/gpurunner ## measure submissions (beside Slurm's sbatch), status queries, starts, logs and commands; figures in target/bench.json
	dev/prepare bench
	dev/as-root dev/with-docker dev/bench

bench-logs: $(DIST)/bin/gpurunner ## measure logs (beside docker logs -f) and commands (beside java -version) alone
	dev/prepare
	dev/as-root dev/with-docker env BENCH='logs commands' dev/bench

dist: $(DIST)/bin/gpurunner ## leave a runnable tree in target/dist/gpurunner

$(DIST)/bin/gpurunner: $(SOURCES)
	dev/prepare
	rm -rf $(DIST)
	dev/maven -q package -Pdist -Dmaven.test.skip=true -pl agent -am
	install -D -m 644 systemd/gpurunner.yaml $(DIST)/share/gpurunner/gpurunner.yaml
	install -D -m 644 LICENSE $(DIST)/share/gpurunner/LICENSE
	install -D -m 755 agent/src/main/dist/bin/gpurunner $@
	$$(dev/find-jdk)/bin/java -cp '$(DIST)/lib/*' io.gpurunner.agent.aot.NewerClasses $(DIST)/lib/picocli-*.jar
	JAVA_HOME=$$(dev/find-jdk) $@ generate-docs $(DIST)/share
	dev/check-sbom $(DIST)
	chmod -R a+rX $(DIST)/share
	-$@ prepare-start

format: ## rewrite the sources as the checks want them
	dev/prepare
	dev/maven spotless:apply

# The configuration is installed only if there is none. The unit goes below PREFIX, because systemd reads /usr/local and /usr.
install: $(TREE)/bin/gpurunner ## install to DESTDIR and PREFIX (/usr/local), with the systemd unit
	rm -rf $(DESTDIR)$(LIBDIR)
	install -d $(DESTDIR)$(LIBDIR)
	cp -R $(TREE)/bin $(TREE)/lib $(DESTDIR)$(LIBDIR)/
	@if [ -z '$(DESTDIR)' ]; then $(LIBDIR)/bin/gpurunner prepare-start || true; fi
	install -d $(DESTDIR)$(PREFIX)/bin
	ln -sfn ../lib/gpurunner/bin/gpurunner $(DESTDIR)$(PREFIX)/bin/gpurunner
	install -D -m 644 systemd/gpurunner.yaml $(DESTDIR)$(SHARE)/gpurunner.yaml
	install -D -m 644 LICENSE $(DESTDIR)$(SHARE)/LICENSE
	@test ! -e $(TREE)/share/gpurunner/sbom.cdx.json || \
	  install -D -m 644 $(TREE)/share/gpurunner/sbom.cdx.json $(DESTDIR)$(SHARE)/sbom.cdx.json
	@for file in $$(cd $(TREE) && find share/bash-completion share/zsh share/fish share/man -type f 2>/dev/null); do \
	  install -D -m 644 $(TREE)/$$file $(DESTDIR)$(PREFIX)/$$file || exit 1; done
	install -D -m 644 systemd/gpurunner.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/gpurunner.conf
	install -D -m 644 systemd/gpurunner.tmpfiles $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/gpurunner.conf
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|/usr/local/lib/gpurunner/|$(LIBDIR)/|; s|/etc/gpurunner/|$(SYSCONFDIR)/gpurunner/|' systemd/gpurunner.service \
	  > $(DESTDIR)$(PREFIX)/lib/systemd/system/gpurunner.service
	chmod 644 $(DESTDIR)$(PREFIX)/lib/systemd/system/gpurunner.service
	install -m 644 systemd/gpurunner-gpu-nodes.service $(DESTDIR)$(PREFIX)/lib/systemd/system/
	test -e $(DESTDIR)$(CONFIG) || install -D -m 644 systemd/gpurunner.yaml $(DESTDIR)$(CONFIG)
	@if [ -z '$(DESTDIR)' ] && [ -d /run/systemd/system ]; then \
	  systemd-sysusers gpurunner.conf && systemd-tmpfiles --create gpurunner.conf && systemctl daemon-reload && \
	  echo 'installed; start it with: systemctl enable --now gpurunner'; fi

# Keeps what people changed or made: the configuration, the state directory and the libraries.
uninstall: ## remove what install installed; a changed configuration and all state stay
	@if [ -z '$(DESTDIR)' ] && [ -d /run/systemd/system ]; then systemctl disable --now gpurunner.service || true; fi
	@if cmp -s $(DESTDIR)$(CONFIG) $(DESTDIR)$(SHARE)/gpurunner.yaml; then rm -f $(DESTDIR)$(CONFIG); fi
	@if [ -e $(DESTDIR)$(CONFIG) ]; then echo 'kept, since it was changed: $(DESTDIR)$(CONFIG)'; fi
	rm -rf $(DESTDIR)$(LIBDIR) $(DESTDIR)$(SHARE)
	rm -f $(DESTDIR)$(PREFIX)/bin/gpurunner
	cd $(DESTDIR)$(PREFIX)/share 2>/dev/null && rm -f bash-completion/completions/gpurunner zsh/site-functions/_gpurunner \
	  fish/vendor_completions.d/gpurunner.fish man/man1/gpurunner.1 man/man1/gpurunner-*.1 || true
	rm -f $(DESTDIR)$(PREFIX)/lib/sysusers.d/gpurunner.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/gpurunner.conf
	rm -f $(DESTDIR)$(PREFIX)/lib/systemd/system/gpurunner.service $(DESTDIR)$(PREFIX)/lib/systemd/system/gpurunner-gpu-nodes.service
	@rmdir $(DESTDIR)$(SYSCONFDIR)/gpurunner 2>/dev/null || true
	@if [ -z '$(DESTDIR)' ] && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi

clean: ## remove what building made
	rm -rf target */target
