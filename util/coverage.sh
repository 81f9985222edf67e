#!/bin/bash
#
# Which lines and branches the unit tests take. ./build.sh coverage --help

set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

out=$build/core/gcov


usage() {
    cat <<'END'
usage: ./build.sh coverage [FILE ...]

Builds the core with gcov, runs its unit tests, also with each call that can
fail failing in turn, and prints for each file of
ngx_module/ledger, or those named, how many of its lines and branches they
took. build/coverage/ has the annotated sources; a branch that was never taken
stands there as "never executed" or "taken 0".
END
}


run_tests() {
    local program

    for program in $(core_make unit-names) $(core_make nth-names); do
        (cd "$scratch" && TMPDIR=$scratch timeout 900 "$program") \
            >"$scratch/out" 2>&1 \
            || { tail "$scratch/out" >&2; die "${program##*/} failed"; }
    done
}


core_make() {
    make -s -j "$(nproc)" -C "$root" -f util/core.mk BUILD="$build/core" \
         VARIANT=gcov "$@"
}


# gcov tells of each file: File, Lines executed, Branches, Taken at least once
report() {
    local dir=$build/coverage

    rm -rf "$dir"
    mkdir -p "$dir"
    cd "$dir"

    # as the compiler was told them, gcov looks for the sources from here
    ln -s "$root/ngx_module" ngx_module
    gcov -b -c -s "$root" "$out"/ngx_module/ledger/*.gcda 2>/dev/null \
        | awk -v wanted="$*" '
        /^File / { file = $2; gsub(/\x27|.*\//, "", file) }
        /^$/ { file = "" }       # what comes last is of all files
        /^Lines executed/ {
            split($2, part, ":"); lines[file] = part[2]; n[file] = $4
        }
        /^Taken at least/ {
            split($4, part, ":"); taken[file] = part[2]; m[file] = $6
        }
        function row(name, line, of, branch, branches) {
            return sprintf("%-28s %7.2f%% of %5d lines  " \
                           "%7.2f%% of %5d branches",
                           name, line, of, branch, branches)
        }
        END {
            for (file in taken) {
                if (file !~ /^ledger_.*\.c$/)
                    continue
                if (wanted != "" && index(wanted, file) == 0)
                    continue
                print row(file, lines[file], n[file], taken[file],
                          m[file]) | "sort"
                all += n[file]; got += lines[file] * n[file] / 100
                every += m[file]; took += taken[file] * m[file] / 100
            }
            close("sort")
            if (all && every) {
                print row("all", 100 * got / all, all,
                          100 * took / every, every)
            }
        }'
}


main() {
    case ${1:-} in
        -h|--help) usage; exit ;;
    esac

    packages_install gcc libcmocka-dev libjansson-dev liblmdb-dev libssl-dev \
                     zlib1g-dev make
    with_lock core core_make unit nth
    find "$out" -name '*.gcda' -delete

    scratch=$(mktemp -d "$build/coverage.XXXXXX")
    trap 'rm -rf "$scratch"' EXIT
    run_tests
    (report "$@")
}


main "$@"
