#!/bin/bash
#
# The long forms of tests whose short forms CI runs. ./build.sh soak --help

set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# each is a function soak_NAME below
soaks=(power io alloc)


usage() {
    cat <<'END'
usage: ./build.sh soak [NAME [ARGUMENT ...]]

Runs one soak, or all. Each is bounded, prints what it counted, and ends with
status 1 if it found anything.

  power [IMAGES]   power loss: images of the disk at every moment of random
                   writes (default 1000000)
  io               a disk that fails, in each way, at each call in turn
  alloc            no memory, at each allocation in turn
END
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
