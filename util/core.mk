# The core and what tests it, without nginx. BUILD is the output directory,
# VARIANT one of plain, asan, tsan, fuzz, gcov.

VARIANT ?= plain
OUT := $(BUILD)/$(VARIANT)

# a file in t/unit with a main() is a program; the others are linked to each
CORE := $(wildcard ngx_module/ledger/*.c)
UNIT := $(shell grep -lsw 'main(.*)$$' t/unit/*.c)
HELP := $(filter-out $(UNIT),$(wildcard t/unit/*.c))
FUZZ := $(wildcard t/fuzz/fuzz_*.c)
FAULT := $(OUT)/t/fault/power
SHIM := $(OUT)/t/fault/shim.so
NTH := $(addprefix $(OUT)/t/fault/nth/,$(addprefix test_,alias apply event \
    kept lent list sweep tenant))
NTH_CALLS := ledger_apply ledger_judge malloc calloc realloc $(addprefix mdb_, \
    txn_begin txn_renew txn_commit get put del cursor_open cursor_get) \
    $(addprefix EVP_,MD_CTX_new DigestInit_ex DigestUpdate DigestFinal_ex)
BENCH := $(shell grep -lsw '^main(.*)$$' bench/*.c)
BENCH_HELP := $(filter-out $(BENCH),$(wildcard bench/*.c))

objects = $(patsubst %.c,$(OUT)/%.o,$(1))
programs = $(patsubst %.c,$(OUT)/%,$(1))

comma := ,
SANITIZE := address,undefined
CC_plain := gcc
CC_asan := gcc
CC_tsan := gcc
CC_gcov := gcc
CC_fuzz := clang
FLAGS_plain := -O2
FLAGS_asan := -O1 -fno-omit-frame-pointer -fsanitize=$(SANITIZE) \
    -fno-sanitize-recover=all
FLAGS_tsan := -O1 -fno-omit-frame-pointer -fsanitize=thread
FLAGS_gcov := -O0 --coverage
FLAGS_fuzz := -O1 -fno-omit-frame-pointer \
    -fsanitize=fuzzer-no-link,$(SANITIZE) -fno-sanitize-recover=all
LINK_plain :=
LINK_asan := -fsanitize=$(SANITIZE)
LINK_tsan := -fsanitize=thread
LINK_gcov := --coverage
LINK_fuzz := -fsanitize=fuzzer,$(SANITIZE)

CC := $(CC_$(VARIANT))
CFLAGS := -std=c11 -g -Wall -Wextra -Wconversion -Werror $(FLAGS_$(VARIANT)) \
    -I ngx_module/ledger -I t/unit -I t/fault -MMD -MP
LIBS := -llmdb -ljansson -lcrypto -lz -lpthread

# this one makes its records as a unit test does
LEDGER := $(OUT)/t/fuzz/fuzz_ledger
$(LEDGER): $(call objects,t/unit/oracle.c t/unit/scene.c)
$(LEDGER): LIBS += -lcmocka

# cmocka's macros convert between integer types; and what is tested guides the
# fuzzer, not the test
$(OUT)/t/%.o: CFLAGS += -Wno-conversion -Wno-sign-conversion \
    $(if $(filter fuzz,$(VARIANT)),-fno-sanitize=fuzzer-no-link)

unit: $(call programs,$(UNIT))

unit-names:
	@printf '%s\n' $(call programs,$(UNIT))

fuzz: $(call programs,$(FUZZ))

bench: $(call programs,$(BENCH))

fault: $(FAULT) $(SHIM)

nth: $(NTH)

nth-names:
	@printf '%s\n' $(NTH)

$(OUT)/%.o: %.c util/core.mk
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -c -o $@ $<

$(call programs,$(UNIT)): $(OUT)/%: $(OUT)/%.o $(call objects,$(CORE) $(HELP))
	$(CC) -g $(LINK_$(VARIANT)) $(WRAP) -o $@ $^ -lcmocka $(LIBS)

# it breaks the writer, to see that it would find out
$(OUT)/t/unit/test_stale: WRAP := -Wl,--wrap=ledger_versions_touch \
    -Wl,--wrap=ledger_store_commit

$(NTH): $(OUT)/t/fault/nth/%: $(OUT)/t/unit/%.o $(OUT)/t/fault/nth_call.o \
    $(call objects,$(CORE) $(HELP))
	@mkdir -p $(@D)
	$(CC) -g $(LINK_$(VARIANT)) $(addprefix -Wl$(comma)--wrap=,$(NTH_CALLS)) \
	    -o $@ $^ -lcmocka $(LIBS)

$(call programs,$(BENCH)): $(OUT)/%: $(OUT)/%.o $(call objects,$(BENCH_HELP))

$(call programs,$(FUZZ) $(BENCH)): $(OUT)/%: $(OUT)/%.o $(call objects,$(CORE))
	$(CC) -g $(LINK_$(VARIANT)) -o $@ $^ $(LIBS)

$(FAULT): %: %.o $(call objects,t/fault/power_image.c t/unit/scene.c $(CORE))
	$(CC) -g $(LINK_$(VARIANT)) -o $@ $^ $(LIBS)

$(SHIM): t/fault/shim.c t/fault/shim.h util/core.mk
	@mkdir -p $(@D)
	$(CC) $(filter-out -M%,$(CFLAGS)) -fPIC -shared -o $@ $< -lpthread

.PHONY: unit unit-names fuzz bench fault nth nth-names
.SECONDARY:

-include $(shell find $(OUT) -name '*.d' 2>/dev/null)
