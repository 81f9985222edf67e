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
       util/fault.sh io|alloc [long]

  power  random exchanges are written to small stores, and the power fails
         at every moment of that: at least IMAGES (default 3000) images of
         the disk, in each of which any part of what was not yet flushed is
         missing. Every acknowledged record must be in each of them.
  io     a real gateway on a disk that fails at each of its calls in turn,
         is full, or slow; `long` takes every way to fail
  alloc  a real gateway whose worker gets no memory, at each of its
         allocations in turn

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
    truncate -s 120 "$dir/control"

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
        / images, / { n += $1; l += $3; c += $5; w += $7; s++ }
        END { printf "# %d stores, %d images: %d lost, %d corrupt; %d were " \
                     "written to\n", s, n, l, c, w }'

    return $status
}


power_worker() {
    local images=$1 seed=$2 step=$3 line n=0 status=0 part=20000

    [ "$images" -gt "$part" ] || part=$images

    while [ $n -lt "$images" ]; do
        line=$(power_images durable "$seed" $commits "$part") || status=1
        printf '%s\n' "$line"
        [[ $line == *images* ]] || return 1
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


# A module that was spoilt: broken NAME FILE SCRIPT, where SCRIPT is sed's
broken() {
    local dir=$out/$1 file=$2 script=$3

    rm -rf "$dir"
    mkdir -p "$dir"
    cp -a "$root/ngx_module" "$build/objs" "$dir"
    sed -i "s#$build/objs#$dir/objs#g; s#$root/ngx_module#$dir/ngx_module#g
            s# -Werror # #" "$dir/objs/Makefile"
    sed -i "$script" "$dir/ngx_module/$file"
    ! cmp -s "$root/ngx_module/$file" "$dir/ngx_module/$file" \
        || die "$file is not what t/fault knows how to break"

    make -s -C "$nginx_dev" -f "$dir/objs/Makefile" modules \
        >"$out/$1.log" 2>&1 \
        || { tail "$out/$1.log" >&2; die "$file does not compile"; }
}


# an answer goes out while its record is on the way
broken_early() {
    broken early ngx_http_oauth_capture.c '
        /^    ctx->commit = ngx_http_oauth_commit(record,/i \
            if (ngx_http_oauth_commit(record, NULL, NULL)) {\
                return NGX_DECLINED;\
            }
    '
}


# all workers share the store that the master has opened; it has no threads
broken_fork() {
    broken fork ngx_http_oauth_store.c '
        /^ngx_http_oauth_store_init_module/,/^}/ {
            /^    return NGX_OK;/i \
            {\
                ngx_cycle_t *was = (ngx_cycle_t *) ngx_cycle;\
                ngx_cycle = cycle;\
                ngx_http_oauth_worker_store.mcf = mcf;\
                ngx_http_oauth_store_open(&ngx_http_oauth_worker_store,\
                                          cycle->log);\
                ngx_cycle = was;\
            }
        }
        /^ngx_http_oauth_store_init_process/,/^}/ {
            /ngx_memzero(store/d
            /ngx_http_oauth_store_open(store/d
        }
        /^ngx_http_oauth_store_open/,/^}/ {
            /ngx_http_oauth_warm(/d
        }
    '
}


# Runs a test in NAME.test.js: node_run NAME MODULE PATTERN ...
node_run() {
    local name=$1 so=$2 pattern patterns=()

    shift 2

    for pattern; do
        patterns+=(--test-name-pattern="$pattern")
    done

    env E2E_MODULE="$so" E2E_NGINX="$nginx" FAULT_SHIM="$programs/shim.so" \
        node --test --test-reporter=tap "${patterns[@]}" \
        "$root/t/fault/$name.test.js"
}


# The gateway itself: all that node's report says is shown.
node_passes() {
    node_run "$1" "$module" | sed 's/^ *\(not \)\?ok/# &/; s/^1\.\./# &/'
}


# A broken one must fail with these words: node_catches NAME BROKEN WORDS ...
node_catches() {
    local name=$1 broken=$2 words=$3 log=$out/$2.caught

    shift 3

    ! node_run "$name" "$out/$broken/objs/${module##*/}" "$@" >"$log" 2>&1 \
        || return 1
    grep -q "$words" "$log"
}


fault_io() {
    broken_early
    check "an answer that is not on record is found out" \
          node_catches io early 'not on record' 'every call' 'connect: EIO$'
    check "an answer before its commit is found out" \
          node_catches io early 'before the disk' 'a sync'
    broken_fork
    check "a store opened before the fork is found out" \
          node_catches io fork 'before the fork' 'store of its own'
    check "the disk fails" node_passes io
}


fault_alloc() {
    broken_early
    check "a failed commit that nobody hears of is found out" \
          node_catches alloc early 'not on record' 'connect: no memory$'
    check "there is no memory" node_passes alloc
}


main() {
    local name=${1:-}

    if [ "${2:-}" = long ]; then
        export FAULT_LONG=1
    fi

    case $name in
        power|io|alloc) ;;
        *) usage; exit ;;
    esac

    shift
    mkdir -p "$out"
    programs_build
    [ "$name" = power ] || "$root/build.sh" build
    "fault_$name" "$@"

    echo "1..$tests"
    [ $failed = 0 ]
}


main "$@"
