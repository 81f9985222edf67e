#!/bin/bash
#
# Faults of disk and memory. util/fault.sh --help

set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

out=$build/fault
programs=$build/core/plain/t/fault

# commits of one store whose power fails: few, so that it stays small
commits=40

tests=0
failed=0


usage() {
    cat <<'END'
usage: util/fault.sh power [IMAGES [SEED]]

  power  random exchanges are written to small stores, and the power fails
         at every moment of that: at least IMAGES (default 3000) images of
         the disk, in each of which any part of what was not yet flushed is
         missing. Every acknowledged record must be in each of them.

Before each it is shown that a broken build is caught. Prints TAP.
END
}


# check NAME COMMAND ...
check() {
    local name=$1

    shift
    tests=$((tests + 1))

    if "$@"; then
        echo "ok $tests - $name"
    else
        echo "not ok $tests - $name"
        failed=$((failed + 1))
    fi
}


programs_build() {
    packages_install gcc make libssl-dev libjansson-dev liblmdb-dev zlib1g-dev
    with_lock core make -s -j "$(nproc)" -C "$root" -f util/core.mk \
              BUILD="$build/core" fault
}


# Memory is fast, and what a disk would do is in the log.
scratch_make() {
    local parent=/dev/shm

    [ -w "$parent" ] || parent=${TMPDIR:-/tmp}
    scratch=$(mktemp -d "$parent/oauth-fault.XXXXXX")
    trap 'rm -rf "$scratch"' EXIT
}


# The shim's word number 8 is "swallow": power_images MODE SEED COMMITS IMAGES
power_images() {
    local mode=$1 seed=$2 n=$3 images=$4 dir status=0

    dir=$scratch/$mode.$seed
    mkdir "$dir"
    truncate -s 112 "$dir/control"

    if [ "$mode" = swallow ]; then
        printf '\1' | dd of="$dir/control" bs=1 seek=64 conv=notrunc \
                         status=none
        mode=durable
    fi

    env FAULT_CONTROL="$dir/control" FAULT_DIR="$dir/store" \
        FAULT_LOG="$dir/log" LD_PRELOAD="$programs/shim.so" \
        "$programs/power" record "$dir/store" "$seed" "$n" "$mode" \
        || die "no log could be made"
    "$programs/power" check "$dir/log" "$dir/image" "$seed" "$images" \
        || status=$?
    rm -rf "$dir"

    return $status
}


# A build that cannot survive must be found out: power_catches MODE WORD ...
power_catches() {
    local mode=$1 log=$out/$1.log word

    shift
    ! power_images "$mode" 1 30 1000 >"$log" 2>&1 || return 1
    tail -n 1 "$log" | sed "s/^/# $mode: /"

    for word; do
        tail -n 1 "$log" | grep -q "[1-9][0-9]* $word" || return 1
    done
}


# Stores one after the other, on each processor, until there are enough.
power_run() {
    local images=$1 seed=$2 workers i pids=() status=0

    workers=$(nproc)

    for ((i = 0; i < workers; i++)); do
        power_worker $((images / workers + 1)) $((seed * 1000000 + i)) \
                     "$workers" >"$out/power.$i" 2>&1 &
        pids+=($!)
    done

    for i in "${pids[@]}"; do
        wait "$i" || status=1
    done

    grep -hv ' images, ' "$out"/power.? | head -n 20 | sed 's/^/# /' || true
    cat "$out"/power.? | awk '
        / images, / { n += $1; l += $3; c += $5; w += $7; u += $10; s++ }
        END { printf "# %d stores, %d images: %d lost, %d corrupt; %d were " \
                     "written to, %d had no store yet\n", s, n, l, c, w, u }'

    return $status
}


power_worker() {
    local images=$1 seed=$2 step=$3 line n=0 status=0 part=20000

    [ "$images" -gt "$part" ] || part=$images

    while [ $n -lt "$images" ]; do
        line=$(power_images durable "$seed" $commits "$part") || status=1
        printf '%s\n' "$line"
        n=$((n + ${line%% *}))
        seed=$((seed + step))
    done

    return $status
}


fault_power() {
    local images=${1:-3000} seed=${2:-$RANDOM}

    scratch_make
    echo "# power: seed $seed"

    check "syncs that do nothing are found out" \
          power_catches swallow lost corrupt
    check "sync=off is found out" power_catches nosync lost corrupt
    check "an acknowledgement before the commit is found out" \
          power_catches early lost

    rm -f "$out"/power.?
    check "power loss: $images images" power_run "$images" $((seed + 1))
}


main() {
    local name=${1:-}

    case $name in
        power) ;;
        *) usage; exit ;;
    esac

    shift
    mkdir -p "$out"
    programs_build
    "fault_$name" "$@"

    echo "1..$tests"
    [ $failed = 0 ]
}


main "$@"
