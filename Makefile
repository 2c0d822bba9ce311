# ngx_rum: `make help` lists the targets.
#
# Everything built goes to $(BUILD).  The sanitizer pass is this same file
# with BUILD=build/asan and other flags, so each rule is written once.

BUILD ?= build

# Debian's nginx-dev, unless NGINX_SRC=DIR names another nginx source tree
NGINX_SRC   ?=
NGINX_FLAGS ?=

PREFIX  ?= /usr
DESTDIR ?=

CC      ?= cc
OPT     ?= -O2 -g -fstack-protector-strong -D_FORTIFY_SOURCE=2
HARDEN  ?= -Wl,-z,relro -Wl,-z,now
WARN     = -W -Wall -Wextra -Werror
SAN     ?=
CFLAGS   = -std=gnu11 $(OPT) $(WARN) $(SAN) -Icore -Iaggregator

LIBS     = -lhiredis -lssl -lcrypto -lyajl -lmsgpackc -lconfuse -lz -lm

MODULE     = $(BUILD)/ngx_http_rum_module.so
AGGREGATOR = $(BUILD)/rum-aggregator

FUZZ_RUNS    ?= 20000
FUZZ_SECONDS ?= 60
CHAOS_SEEDS  ?= 30
JOBS         ?= $(shell nproc)

MAKEFLAGS += --no-print-directory

# V=1 shows the commands
Q = $(if $(V),,@)

# nothing is thrown away that the next make would build again
.SECONDARY:


.PHONY: all
all: module aggregator agent dashboard

.PHONY: help
help:
	@echo 'make            build module, aggregator, agent and dashboard into'
	@echo '                $(BUILD)/'
	@echo 'make run        show it working: Redis, nginx and the aggregator,'
	@echo '                fed with beacons; PORT=8080, Ctrl-C ends it'
	@echo 'make agent-size, make dashboard-size'
	@echo '                how large the browser agent and the dashboard are'
	@echo 'make replay     send beacons to URL=http://127.0.0.1:8080/rum/beacon'
	@echo 'make test       all tests, then the same under ASan and UBSan'
	@echo 'make test-plain, make asan'
	@echo '                the two halves of it; TESTS="t/unit.t ..." picks'
	@echo 'make chaos      everything fails at random under load, with'
	@echo '                CHAOS_SEEDS=$(CHAOS_SEEDS); CHAOS_SEED=7 for one'
	@echo 'make leak       1,000,000 beacons, and no memory kept of them'
	@echo 'make valgrind   tests of the programs under memcheck; VALGRIND_TESTS='
	@echo 'make visits     200 visits by Chromium, and how many have arrived'
	@echo 'make fuzz       each fuzzer for FUZZ_SECONDS=$(FUZZ_SECONDS)'
	@echo 'make fuzz-coverage, make agent-cost'
	@echo '                lines that the corpora reach; the longest tasks of'
	@echo '                the agent on a slowed processor'
	@echo 'make bench      cost of a beacon against "return 204"'
	@echo 'make geoip      a country and ASN database from Debian'\''s libloc'
	@echo 'make deps       install the Debian packages all this needs'
	@echo 'make install    into DESTDIR=$(DESTDIR) PREFIX=$(PREFIX)'
	@echo 'make clean      remove $(BUILD)/'
	@echo
	@echo 'NGINX_SRC=DIR   build the module for another nginx source tree,'
	@echo 'NGINX_FLAGS=... configured with these flags'

.PHONY: deps
deps:
	@tools/deps

# plain `make` installs nothing, but says what is missing
$(BUILD)/deps.ok: tools/deps
	@mkdir -p $(@D)
	@tools/deps --check build
	@touch $@


# ---------------------------------------------------------------- module
#
# nginx's own make builds it, in a copy of the configured source tree.  That
# make knows what a change touches, so it is always asked.

NGINX_TREE = $(BUILD)/nginx-src
MODULE_C   = $(sort $(wildcard ngx_rum_module/*.c core/*.c))
MODULE_H   = $(sort $(wildcard ngx_rum_module/*.h core/*.h))

# changes when the tree or the set of files does
TREE_KEY := $(PREFIX) $(NGINX_SRC) $(NGINX_FLAGS) $(CC) $(OPT) $(SAN) \
            $(MODULE_C) $(MODULE_H)

$(BUILD)/tree.key: FORCE
	@mkdir -p $(@D)
	@echo '$(TREE_KEY)' | cmp -s - $@ || echo '$(TREE_KEY)' > $@

$(NGINX_TREE)/objs/Makefile: config tools/nginx-tree $(BUILD)/tree.key \
    | $(BUILD)/deps.ok
	@CC='$(CC)' CC_OPT='$(OPT) $(SAN)' LD_OPT='$(HARDEN) $(SAN)' \
	    NGINX_FLAGS='$(NGINX_FLAGS)' RUM_PREFIX='$(PREFIX)' \
	    tools/nginx-tree '$(NGINX_SRC)' $(NGINX_TREE)

$(NGINX_TREE)/objs/ngx_http_rum_module.so: $(NGINX_TREE)/objs/Makefile FORCE
	@echo '  nginx $@'
	@$(MAKE) $(if $(V),,-s) -C $(NGINX_TREE) -f objs/Makefile modules

# by rename: a running nginx may have the old one mapped
$(MODULE): $(NGINX_TREE)/objs/ngx_http_rum_module.so
	@echo '  copy  $@'
	@cp $< $@.new
	@mv $@.new $@

.PHONY: module
module: $(MODULE) ; @:


# ------------------------------------------------- aggregator, unit tests

OBJ          = $(BUILD)/obj
CORE_O       = $(patsubst %.c,$(OBJ)/%.o,$(sort $(wildcard core/*.c)))
AGGREGATOR_O = $(patsubst %.c,$(OBJ)/%.o,$(sort $(wildcard aggregator/*.c)))
PARTS_O      = $(filter-out %/main.o,$(CORE_O) $(AGGREGATOR_O))
UNITS        = $(patsubst t/unit/%.c,$(BUILD)/unit/%, \
                 $(sort $(wildcard t/unit/test_*.c)))

$(OBJ)/%.o: %.c Makefile | $(BUILD)/deps.ok
	@mkdir -p $(@D)
	@echo '  cc    $@'
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

$(AGGREGATOR): $(CORE_O) $(AGGREGATOR_O)
	@echo '  link  $@'
	$(Q)$(CC) $(CFLAGS) $(HARDEN) -o $@ $^ $(LIBS)

# all but main(), for the programs that try the parts
$(OBJ)/parts.a: $(PARTS_O)
	@rm -f $@
	$(Q)ar rcs $@ $^

$(BUILD)/unit/test_%: $(OBJ)/t/unit/test_%.o $(OBJ)/parts.a
	@mkdir -p $(@D)
	@echo '  link  $@'
	$(Q)$(CC) $(CFLAGS) -o $@ $^ -lcmocka $(LIBS)

.PHONY: aggregator units
aggregator: $(AGGREGATOR) ; @:
units: $(UNITS) ; @:

-include $(shell find $(OBJ) -name '*.d' 2>/dev/null)


# ----------------------------------------------------------------- agent
#
# npm works in a copy, so that agent/ holds sources only.  What it installs
# there is what package-lock.json says, by its checksums.

AGENT_NPM  = $(BUILD)/agent-npm
AGENT_SRC := $(shell find agent -type f)

$(AGENT_NPM)/node_modules: agent/package.json agent/package-lock.json \
    agent/.npmrc | $(BUILD)/deps.ok
	@mkdir -p $(@D)
	@echo '  npm   $@'
	@cp $^ $(@D)
	$(Q)cd $(@D) && npm ci --ignore-scripts --loglevel=error
	@touch $@

$(BUILD)/agent/rum.js: $(AGENT_SRC) $(AGENT_NPM)/node_modules
	@echo '  node  $@'
	@rm -rf $(AGENT_NPM)/src $(AGENT_NPM)/test $(AGENT_NPM)/dist
	@cp -r agent/. LICENSE $(AGENT_NPM)
	$(Q)cd $(AGENT_NPM) && npm run -s check && npm run -s build
	@mkdir -p $(@D)
	@cp $(AGENT_NPM)/dist/* $(@D)

.PHONY: agent agent-size agent-cost
agent: $(BUILD)/agent/rum.js ; @:

agent-size: agent
	@cd $(AGENT_NPM) && npm run -s size

agent-cost: agent
	@cd $(AGENT_NPM) && npm run -s cost


# ------------------------------------------------------------- dashboard
#
# as the agent

DASHBOARD_NPM  = $(BUILD)/dashboard-npm
DASHBOARD_SRC := $(shell find dashboard -type f)

$(DASHBOARD_NPM)/node_modules: dashboard/package.json \
    dashboard/package-lock.json dashboard/.npmrc | $(BUILD)/deps.ok
	@mkdir -p $(@D)
	@echo '  npm   $@'
	@cp $^ $(@D)
	$(Q)cd $(@D) && npm ci --ignore-scripts --loglevel=error
	@touch $@

$(BUILD)/dashboard/index.html: $(DASHBOARD_SRC) $(DASHBOARD_NPM)/node_modules
	@echo '  node  $@'
	@rm -rf $(DASHBOARD_NPM)/src $(DASHBOARD_NPM)/test $(DASHBOARD_NPM)/dist
	@cp -r dashboard/. $(DASHBOARD_NPM)
	$(Q)cd $(DASHBOARD_NPM) && npm run -s check && npm run -s build
	@rm -rf $(@D)
	@cp -r $(DASHBOARD_NPM)/dist $(@D)

.PHONY: dashboard dashboard-size
dashboard: $(BUILD)/dashboard/index.html ; @:

dashboard-size: dashboard
	@cd $(DASHBOARD_NPM) && npm run -s size


# --------------------------------------------------------------- fuzzers

FUZZ_DIR = $(BUILD)/fuzz
FUZZ_SAN = -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_OBJ = $(FUZZ_DIR)/obj
FUZZ_O   = $(patsubst $(OBJ)/%,$(FUZZ_OBJ)/%,$(PARTS_O))
FUZZERS  = $(patsubst fuzz/%.c,$(FUZZ_DIR)/%,$(sort $(wildcard fuzz/fuzz_*.c)))

$(FUZZ_OBJ)/%.o: %.c Makefile | $(BUILD)/deps.ok
	@mkdir -p $(@D)
	@echo '  clang $@'
	$(Q)clang -std=gnu11 -O1 -g $(WARN) -Icore -Iaggregator \
	    -fsanitize=fuzzer-no-link $(FUZZ_SAN) -MMD -MP -c -o $@ $<

$(FUZZ_OBJ)/parts.a: $(FUZZ_O)
	@rm -f $@
	$(Q)ar rcs $@ $^

$(FUZZ_DIR)/fuzz_%: $(FUZZ_OBJ)/fuzz/fuzz_%.o $(FUZZ_OBJ)/parts.a
	@echo '  link  $@'
	$(Q)clang -fsanitize=fuzzer $(FUZZ_SAN) -o $@ $^ $(LIBS)

.PHONY: fuzzers fuzz
fuzzers: $(FUZZERS) ; @:

-include $(shell find $(FUZZ_OBJ) -name '*.d' 2>/dev/null)

fuzz: deps
	@$(MAKE) -j$(JOBS) fuzzers
	@tools/fuzz $(FUZZ_DIR) $(FUZZ_SECONDS)
	@$(MAKE) fuzz-coverage

# what the corpora reach, those of the repository and what make fuzz has found
.PHONY: fuzz-coverage
fuzz-coverage:
	@$(MAKE) -j$(JOBS) FUZZ_DIR=$(BUILD)/fuzz-coverage \
	    FUZZ_SAN='-fprofile-instr-generate -fcoverage-mapping' fuzzers
	@tools/fuzz-coverage $(BUILD)/fuzz-coverage $(FUZZ_DIR)/corpus


# ----------------------------------------------------------------- tests

# the long ones first, so that none of them is what all wait for in the end
LONG_TESTS = $(patsubst %,t/%.t,chaos sentinel dashboard_views spool \
               cluster dashboard_use browser_loss tls fuzz_smoke)
TESTS     ?= $(LONG_TESTS) \
             $(filter-out $(LONG_TESTS),$(sort $(wildcard t/*.t)))
PROVE  = tools/prove $(BUILD)/prove.state

.PHONY: test test-plain leak asan asan-build
test: deps
	@$(MAKE) test-plain TESTS='$(TESTS)'
	@$(MAKE) asan TESTS='$(TESTS)'

test-plain:
	@$(MAKE) -j$(JOBS) all units fuzzers geoip
	@echo '== tests'
	@RUM_BUILD=$(BUILD) FUZZ_RUNS=$(FUZZ_RUNS) $(PROVE) $(TESTS)

.PHONY: chaos
chaos: deps
	@$(MAKE) -j$(JOBS) all
	@RUM_BUILD=$(BUILD) CHAOS_SEEDS=$(CHAOS_SEEDS) $(PROVE) t/chaos.t

.PHONY: visits
visits: deps
	@$(MAKE) -j$(JOBS) all
	@RUM_BUILD=$(BUILD) RUM_VISITS=200 $(PROVE) -v t/browser_loss.t

leak: deps
	@$(MAKE) -j$(JOBS) all
	@RUM_BUILD=$(BUILD) RUM_LEAK_BEACONS=1000000 $(PROVE) -v t/leak.t

# not the ones whose point is time, nor those that have no server
VALGRIND_TESTS ?= $(filter-out t/00_build.t t/abuse.t t/agent% t/browser% \
                    t/chaos.t t/config.t t/dash% \
                    t/fuzz_smoke.t t/geoip_build.t t/leak.t t/run.t t/unit.t, \
                    $(sort $(wildcard t/*.t)))

.PHONY: valgrind
valgrind: deps
	@tools/deps bench
	@$(MAKE) -j$(JOBS) all geoip
	@tools/valgrind $(BUILD) $(VALGRIND_TESTS)

# The same with everything sanitized: nginx itself is built from Debian's
# source, with each pool allocation on its own so that ASan can see it.

ASAN_NGINX = $(BUILD)/asan-nginx
ASAN_SAN   = -fsanitize=address,undefined -fno-sanitize-recover=all

$(ASAN_NGINX)/nginx: tools/asan-nginx
	@tools/asan-nginx $(ASAN_NGINX)

asan-build: $(ASAN_NGINX)/nginx
	@$(MAKE) -j$(JOBS) BUILD=$(BUILD)/asan CC=clang \
	    OPT='-O1 -g -fno-omit-frame-pointer' SAN='$(ASAN_SAN)' \
	    NGINX_SRC=$(ASAN_NGINX)/src \
	    NGINX_FLAGS="$$(cat $(ASAN_NGINX)/flags)" all units

asan: asan-build
	@echo '== tests under AddressSanitizer and UndefinedBehaviorSanitizer'
	@RUM_BUILD=$(BUILD)/asan RUM_SANITIZED=1 \
	    RUM_NGINX=$(abspath $(ASAN_NGINX))/nginx $(PROVE) $(TESTS)


# ------------------------------------------------------------------- use

PORT ?= 8080
URL  ?= http://127.0.0.1:$(PORT)/rum/beacon
MMDB  = $(BUILD)/geoip/country-asn.mmdb

$(MMDB): tools/geoip-mmdb.pl tools/geoip-networks.py
	@tools/deps geoip
	@mkdir -p $(@D)
	@echo 'building a country and ASN database (about half a minute)'
	@tools/geoip-mmdb.pl $@

.PHONY: geoip run replay bench
geoip: $(MMDB) ; @:

run: deps
	@$(MAKE) -j$(JOBS) all geoip
	@tools/run --build $(BUILD) --port $(PORT)

replay:
	@tools/replay --url $(URL) $(REPLAY)

bench: deps
	@$(MAKE) -j$(JOBS) all
	@bench/run


# --------------------------------------------------------------- install

MODULES_PATH ?= $(shell PATH=$$PATH:/usr/sbin nginx -V 2>&1 | \
                  sed -n 's/.*--modules-path=\([^ ]*\).*/\1/p')
INSTALL = install -D

.PHONY: install install-files clean
install: all
	@$(MAKE) install-files

install-files:
	$(INSTALL) -m 644 $(MODULE) \
	    $(DESTDIR)$(or $(MODULES_PATH),$(PREFIX)/lib/nginx/modules)/$(notdir $(MODULE))
	$(INSTALL) -m 755 $(AGGREGATOR) $(DESTDIR)$(PREFIX)/bin/rum-aggregator
	$(INSTALL) -m 644 -t $(DESTDIR)$(PREFIX)/share/ngx_rum/agent \
	    $(BUILD)/agent/*
	$(INSTALL) -m 644 -t $(DESTDIR)$(PREFIX)/share/ngx_rum/dashboard \
	    $(BUILD)/dashboard/*
	$(INSTALL) -m 644 -t $(DESTDIR)$(PREFIX)/share/ngx_rum/prometheus \
	    conf/prometheus/*
	$(INSTALL) -m 644 -t $(DESTDIR)$(PREFIX)/share/ngx_rum/grafana \
	    conf/grafana/*
	$(INSTALL) -m 644 conf/mod-http-rum.conf \
	    $(DESTDIR)/usr/share/nginx/modules-available/mod-http-rum.conf
	$(INSTALL) -m 644 conf/rum-aggregator.service \
	    $(DESTDIR)/lib/systemd/system/rum-aggregator.service
	test -e $(DESTDIR)/etc/ngx_rum/aggregator.conf \
	    || $(INSTALL) -m 644 conf/aggregator.conf \
	        $(DESTDIR)/etc/ngx_rum/aggregator.conf

clean:
	rm -rf $(BUILD)

.PHONY: FORCE
FORCE:
