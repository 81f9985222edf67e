#!/bin/bash
#
# Fuzzes the core's parsers with libFuzzer. ./build.sh fuzz --help

set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

out=$build/fuzz


# An input of the ledger's target is a whole history: as many are never needed.
ledger_share=400

# What was freed is kept long enough to find its later use, and for no longer:
# with ASan's own 256 MB most of the time goes into fresh pages.
asan_options=quarantine_size_mb=8:malloc_context_size=5


usage() {
    cat <<'END'
usage: ./build.sh fuzz [TARGET] [SECONDS]

Fuzzes one target, or all, for SECONDS each (default 60) with libFuzzer under
ASan and UBSan, or until FUZZ_RUNS inputs if that is set (the ledger's target:
a 400th of them, as its inputs are histories), FUZZ_JOBS targets side by side
(default 1). Targets are the files t/fuzz/fuzz_TARGET.c; each starts from
t/fuzz/corpus/TARGET/. Prints for each target its executions, seconds and
findings. What is found lands in build/fuzz/TARGET/: crash-* files, the log,
and new inputs in corpus/. Ends with status 1 if anything was found.

  --list  print the targets
END
}


targets() {
    local file

    for file in "$root"/t/fuzz/fuzz_*.c; do
        [ -e "$file" ] || continue
        file=$(basename "$file" .c)
        printf '%s\n' "${file#fuzz_}"
    done
}


fuzz() {
    local target=$1 seconds=$2 runs=${FUZZ_RUNS:--1} start=$SECONDS status=0
    local dir=$out/$target seeds=$root/t/fuzz/corpus/$target

    [ -n "$(ls "$seeds" 2>/dev/null)" ] \
        || die "t/fuzz/corpus/$target is empty: a target starts from examples"

    if [ "$target" = ledger ] && [ "$runs" -gt 0 ]; then
        runs=$((runs / ledger_share + 1))
    fi

    mkdir -p "$dir/corpus"

    ASAN_OPTIONS=$asan_options${ASAN_OPTIONS:+:$ASAN_OPTIONS} \
        "$build/core/fuzz/t/fuzz/fuzz_$target" -max_total_time="$seconds" \
        -runs="$runs" -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=1 -verbosity=0 \
        -artifact_prefix="$dir/" "$dir/corpus" "$seeds" \
        >"$dir/log" 2>&1 || status=1

    printf '%s: %s executions, %d s, %d findings%s\n' "$target" \
           "$(fuzz_stat number_of_executed_units)" $((SECONDS - start)) \
           $status "$(fuzz_stat ledger_steps | sed 's/.*/, & steps/')"

    if [ $status != 0 ]; then
        tail -n 60 "$dir/log" >&2
        say "$target failed, its input and log are in $dir/"
    fi

    return $status
}


# a number that the target's log ends with
fuzz_stat() {
    sed -n "s/^stat::$1: *//p" "$dir/log"
}


# fuzz_all SECONDS TARGET ...: FUZZ_JOBS at a time
fuzz_all() {
    local seconds=$1 target

    shift
    rm -f "$out/failed"

    for target; do
        while [ "$(jobs -rp | wc -l)" -ge "${FUZZ_JOBS:-1}" ]; do
            wait -n || true
        done

        { fuzz "$target" "$seconds" || echo "$target" >>"$out/failed"; } &
    done

    wait
    [ ! -e "$out/failed" ]
}


main() {
    local target=${1:-} seconds=${2:-60}

    case $target in
        -h|--help) usage; exit ;;
        --list) targets; exit ;;
    esac

    # SECONDS alone means all targets
    if [[ $target =~ ^[0-9]+$ ]]; then
        seconds=$target
        target=
    fi

    [[ $seconds =~ ^[1-9][0-9]*$ ]] || die "\"$seconds\" is no time in seconds"

    if [ -n "$target" ] && [ ! -e "$root/t/fuzz/fuzz_$target.c" ]; then
        die "no fuzz target \"$target\", there are:" $(targets)
    fi

    packages_install clang libclang-rt-14-dev libjansson-dev liblmdb-dev \
                     libssl-dev zlib1g-dev make
    with_lock core make -s -j "$(nproc)" -C "$root" -f util/core.mk \
              BUILD="$build/core" VARIANT=fuzz fuzz

    mkdir -p "$out"

    # shellcheck disable=SC2046
    fuzz_all "$seconds" ${target:-$(targets)}
}


main "$@"
