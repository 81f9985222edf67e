#!/bin/bash
#
# The long forms of tests whose short forms CI runs. ./build.sh soak --help

set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# each is a function soak_NAME below
soaks=(power io alloc kill reload upgrade stuck mixed
       fuzz ledger module tsan valgrind leak stale deb)


usage() {
    cat <<'END'
usage: ./build.sh soak [NAME [ARGUMENT ...]]

Runs one soak, or all. Each is bounded, prints what it counted, and ends with
status 1 if it found anything. Those that search at random (fuzz, ledger,
module, tsan) begin with builds that are broken on purpose, and must catch them.

  power [IMAGES]   power loss: images of the disk at every moment of random
                   writes (default 1000000)
  io               a disk that fails, in each way, at each call in turn
  alloc            no memory, at each allocation in turn
  kill [KILLS]     SIGKILL of random workers under load (default 10000)
  reload [RELOADS] reloads under load (default 200)
  upgrade [UPGRADES]
                   upgrades of the binary under load (default 50)
  stuck [WAITERS]  slow and stuck disk, writer and provider, and callers that
                   wait for one refresh (default 10000)
  mixed [MINUTES]  mixed load, with memory and descriptors watched (default 30)
  fuzz [RUNS]      each fuzz target of the core (default 20000000 inputs), one
                   for each CPU side by side
  ledger [STEPS]   random histories of records, told to the ledger and to its
                   oracle (default 10000000 records)
  module [REQUESTS]
                   random requests to a gateway under ASan and UBSan (default
                   1000000)
  tsan [REQUESTS]  the same under ThreadSanitizer (default 100000), and the
                   core's threads
  valgrind [FILE ...]
                   unit tests and suites under memcheck
  leak [FILE ...]  suites, each request again and again
  stale [SECONDS]  what guards remember: processes judge while others
                   supersede and are killed (default 120)
  deb              the Debian package: built, installed, used, purged
END
}


# end_to_end FILE NAME=VALUE ...
end_to_end() {
    local file=$1

    shift
    "$root/build.sh" build
    env "$@" E2E_MODULE="$module" E2E_NGINX="$nginx" "$root/t/e2e/run" "$file"
}


# first of all a broken build must be caught: caught NAME WORDS COMMAND ...
caught() {
    "$root/t/broken/caught" "$@"
}


soak_power() {
    "$root/util/fault.sh" power "${1:-1000000}"
}


soak_io() {
    "$root/util/fault.sh" io long
}


soak_alloc() {
    "$root/util/fault.sh" alloc long
}


soak_reload() {
    end_to_end reload.test.js E2E_RELOADS="${1:-200}"
}


soak_upgrade() {
    end_to_end upgrade.test.js E2E_UPGRADES="${1:-50}"
}


soak_stuck() {
    end_to_end stuck.test.js E2E_STALL=5000 E2E_WAITERS="${1:-10000}"
}


soak_mixed() {
    end_to_end mixed.test.js E2E_MIXED_SECONDS=$((${1:-30} * 60))
}


soak_fuzz() {
    FUZZ_RUNS=4000000 caught one-too-many ' in compare_' \
        util/fuzz.sh ledger 300

    FUZZ_RUNS=${1:-20000000} FUZZ_JOBS=${FUZZ_JOBS:-$(nproc)} \
        "$root/util/fuzz.sh" 86400
}


soak_ledger() {
    caught one-too-many 'ledger and oracle differ' \
        util/soak.sh histories 20000

    soak_histories "$@"
}


# a process for each CPU, with seeds of its own, which begin at LEDGER_SEED
soak_histories() {
    local program=$build/core/plain/t/unit/test_oracle length=1000 part
    local parts=${LEDGER_JOBS:-$(nproc)} seed=${LEDGER_SEED:-$RANDOM}
    local runs=$(((${1:-10000000} - 1) / length / parts + 1)) start=$SECONDS

    make -s -j "$(nproc)" -C "$root" -f util/core.mk BUILD="$build/core" \
         "$program"
    mkdir -p "$build/soak"
    rm -f "$build/soak/ledger.failed"

    for ((part = 0; part < parts; part++)); do
        "$program" $((seed + part * runs)) $runs $length \
            >"$build/soak/ledger.$part" 2>&1 \
            || echo $part >>"$build/soak/ledger.failed" &
    done

    wait

    if [ -e "$build/soak/ledger.failed" ]; then
        for part in $(cat "$build/soak/ledger.failed"); do
            tail -n 30 "$build/soak/ledger.$part"
        done
        die "ledger and oracle differ, see the last seed above"
    fi

    echo "ledger: $((parts * runs * length)) records, seeds from $seed," \
         "$((SECONDS - start)) s, 0 findings"
}


soak_module() {
    MODULE_SECONDS=120 caught short-of-a-byte 'heap-buffer-overflow' \
        util/test.sh module
    MODULE_SECONDS=120 caught lets-through \
        'superseded (token was answered 200|canary-.* came through)' \
        util/test.sh module

    MODULE_REQUESTS=${1:-1000000} MODULE_SECONDS=86400 \
        "$root/util/test.sh" module
}


soak_tsan() {
    THREADS_COMMITS=600 caught plain-store 'ThreadSanitizer: data race' \
        util/test.sh threads

    THREADS_COMMITS=2000 MODULE_REQUESTS=${1:-100000} MODULE_SECONDS=86400 \
        "$root/util/test.sh" threads tsan
}


soak_valgrind() {
    T_FILES=${*:-t/scenario1.t t/refresh.t} "$root/util/test.sh" valgrind
}


soak_leak() {
    T_FILES=${*:-t/scenario1.t t/refresh.t} "$root/util/test.sh" leak
}


soak_kill() {
    end_to_end kill.test.js E2E_KILLS="${1:-10000}"
}


soak_stale() {
    make -s -j "$(nproc)" -C "$root" -f util/core.mk BUILD="$build/core" \
         "$build/core/plain/t/unit/test_stale"

    "$build/core/plain/t/unit/test_stale" "${1:-120}"
}


soak_deb() {
    "$root/util/test.sh" deb
}


main() {
    local name=${1:-}

    case $name in
        -h|--help) usage; exit ;;
    esac

    if [ -z "$name" ]; then
        for name in "${soaks[@]}"; do
            "soak_$name"
        done
        return
    fi

    [ "$(type -t "soak_$name")" = function ] \
        || die "there is no soak \"$name\", see ./build.sh soak --help"

    shift
    "soak_$name" "$@"
}


main "$@"
