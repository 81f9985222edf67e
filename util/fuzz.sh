#!/bin/bash
#
# Fuzzes the core's parsers with libFuzzer. ./build.sh fuzz --help

set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

out=$build/fuzz


usage() {
    cat <<'END'
usage: ./build.sh fuzz [TARGET] [SECONDS]

Fuzzes one target, or all, for SECONDS each (default 60) with libFuzzer under
ASan and UBSan, or until FUZZ_RUNS inputs if that is set. Targets are the
files t/fuzz/fuzz_TARGET.c; each starts from t/fuzz/corpus/TARGET/. What is
found lands in build/fuzz/TARGET/: crash-* files, and new inputs in corpus/.

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
    local target=$1 seconds=$2
    local dir=$out/$target seeds=$root/t/fuzz/corpus/$target

    [ -n "$(ls "$seeds" 2>/dev/null)" ] \
        || die "t/fuzz/corpus/$target is empty: a target starts from examples"

    mkdir -p "$dir/corpus"
    say "fuzzing $target for $seconds s"

    "$build/core/fuzz/t/fuzz/fuzz_$target" -max_total_time="$seconds" \
        -runs="${FUZZ_RUNS:--1}" -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=1 -verbosity=0 \
        -artifact_prefix="$dir/" "$dir/corpus" "$seeds" \
        || die "$target failed, its input is in $dir/"
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

    for target in ${target:-$(targets)}; do
        fuzz "$target" "$seconds"
    done
}


main "$@"
