#!/bin/bash
#
# Everything that CI runs, stage by stage. ./build.sh test --help

set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$root/util/versions.sh"

stages=(style core unit threads fuzz build symbols docs conf run t hup asan
        module static config lmdb fault e2e)
nginx_stages=(symbols t hup asan static e2e)

# not run unless named: ./build.sh soak runs them
long_stages=(deb tsan valgrind leak)

logs=$build/test
sources=$build/source
fuzz_seconds=${FUZZ_SECONDS:-7}
t_jobs=${T_JOBS:-$((2 * $(nproc)))}

# what the last stage counted, and all stages so far
passed=0
failed=0
passed_all=0
failed_all=0


usage() {
    cat <<'END'
usage: ./build.sh test [--nginx=VERSION | --lmdb=VERSION] [STAGE ...]

Installs what the tests need and runs all stages, or those named:

  style    house style, layers and the list of sources, by util/check-*
  core     the core alone: C11, all warnings, no nginx in sight
  unit     unit tests of the core, plain, under ASan and UBSan, and with each
           call of LMDB, libcrypto and the heap failing in turn
  threads  the core's look-ups beside its commits, under ThreadSanitizer
  fuzz     each fuzz target for FUZZ_SECONDS (default 7) from its corpus
  build    the loadable module, loaded by Debian's nginx
  symbols  what the module exports
  docs     the README's reference against the tables in the code
  conf     nginx -t of every file in conf/, without a network; the playground;
           alert rules and dashboard, by promtool
  run      ./build.sh run, and the commands it prints (ports 8080, 8081)
  t        the Test::Nginx suites t/*.t; T_FILES names some of them, T_JOBS
           how many run side by side
  hup      the same, reloading nginx between tests
  asan     the same, with a static nginx under ASan and UBSan
  module   random requests to that nginx, with every directive, for
           MODULE_SECONDS (default 20) from MODULE_SEED (default: a new one)
  static   --add-module into nginx's source tree, with clang
  config   what the config script refuses
  lmdb     which LMDB libraries the module refuses
  fault    power loss, disks that fail, no memory
  e2e      real OAuth servers and clients

Of these only those that are named:

  deb      the Debian package: built, read by lintian, installed, used, removed
           and purged in a copy of this system (as root); LINTIAN names
           another lintian
  tsan     random requests to a static nginx under ThreadSanitizer
  valgrind unit tests, and the suites T_FILES, under memcheck
  leak     the suites T_FILES, each request again and again, for memory that
           grows

With another nginx (symbols and t, or those stages named that build no other)
or another LMDB (unit, lmdb and t, or those named) everything is built from
Debian's source in build/nginx-VERSION/ or build/lmdb-VERSION/. VERSION is a
number or its start (1.26), "sid", or a directory with a source tree.

Logs are left in build/test/. The last line counts all: "N passed, N failed".
END
}


# one check is one command: check NAME COMMAND ...
check() {
    local name=$1 status

    shift
    run "$@" >>"$log" 2>&1

    if [ $status = 0 ]; then
        passed=$((passed + 1))
        printf 'ok - %s\n' "$name" >>"$log"
        return
    fi

    failed=$((failed + 1))
    printf 'not ok - %s\n' "$name" >>"$log"
    say "  failed: $name, see $log"
}


# sets status; a plain call, since bash heeds no set -e inside a condition
run() {
    set +e
    (set -e; "$@") </dev/null
    status=$?
    set -e
}


# counts the TAP that a command prints; one that fails without saying which
# test did, or that runs no test, is a failure of its own
check_tap() {
    local name=$1 out good bad status

    shift
    out=$(mktemp "$logs/tap.XXXXXX")
    run "$@" >"$out" 2>&1

    good=$(grep -a -c '^ *ok [0-9]' "$out" || true)
    bad=$(grep -a -c '^ *not ok [0-9]' "$out" || true)

    if [ $bad = 0 ] && { [ $status != 0 ] || [ "$good" = 0 ]; }; then
        bad=1
    fi

    if [ $bad != 0 ]; then
        say "  failed: $name (exit status $status)"
        { grep -a -E '^ *not ok [0-9]|^#' "$out" || tail "$out"; } \
            | cut -c 1-400 | sed -n 1,60p >&2
    fi

    { printf '# %s\n' "$name"; cat "$out"; } >>"$log"
    rm -f "$out"

    passed=$((passed + good))
    failed=$((failed + bad))
}


run_stage() {
    local stage=$1 start=$SECONDS

    log=$logs/$stage.log
    passed=0
    failed=0
    : >"$log"

    "stage_$stage"

    if [ $((passed + failed)) = 0 ]; then
        failed=1
        say "  failed: $stage ran no test"
    fi

    printf '%-8s %5d passed, %d failed (%d s)\n' \
           "$stage:" $passed $failed $((SECONDS - start))

    passed_all=$((passed_all + passed))
    failed_all=$((failed_all + failed))
}


stage_style() {
    local checker file

    for checker in style layers config symbols docs run; do
        check "check-$checker catches what it should" \
              "$root/util/check-$checker" --self-test
    done

    check "the bench counts right" "$root/bench/run" --self-test

    for checker in style layers config; do
        check "check-$checker" "$root/util/check-$checker"
    done

    for file in "$root"/build.sh "$root"/.ci/run "$root"/util/*.sh; do
        check "${file#"$root"/} parses" bash -n "$file"
    done

    # found here, and not only by the test that breaks something
    for file in "$root"/t/broken/*.patch; do
        check "${file#"$root"/} applies" \
              patch --dry-run -s -p1 -d "$root" -i "$file"
    done
}


core_make() {
    make -s -k -j "$(nproc)" -C "$root" -f util/core.mk \
         BUILD="$build/core" "$@"
}


stage_core() {
    local file

    for file in "$root"/ngx_module/ledger/*.h; do
        check "${file##*/} stands alone" core_compile -fsyntax-only \
              -include "$file" -x c /dev/null
    done

    for file in "$root"/ngx_module/ledger/*.c; do
        check "${file##*/} compiles alone" core_compile \
              -c "$file" -o "$build/core/alone.o"
        check "${file##*/} hides its symbols" \
              "$root/util/check-symbols" --hidden "$build/core/alone.o"
    done
}


core_compile() {
    mkdir -p "$build/core"
    gcc -std=c11 -Wall -Wextra -Wconversion -Werror -O2 \
        -I "$root/ngx_module/ledger" "$@"
}


stage_unit() {
    local variant program programs

    for variant in plain asan; do
        check "unit tests build ($variant)" core_make unit VARIANT=$variant
        programs=$(core_make unit-names VARIANT=$variant)
        check "there are unit tests ($variant)" test -n "$programs"

        for program in $programs; do
            check_tap "${program##*/} ($variant)" unit_run "$program"
        done
    done

    check "unit tests with calls that fail build" core_make nth

    for program in $(core_make nth-names); do
        check_tap "${program##*/}, each n-th call failing" unit_run "$program"
    done
}


unit_run() {
    # not local: the trap outlives the function
    scratch=$(mktemp -d "$build/unit.XXXXXX")
    trap 'rm -rf "$scratch"' EXIT
    cd "$scratch"
    CMOCKA_MESSAGE_OUTPUT=TAP TMPDIR=$scratch ASAN_OPTIONS=detect_leaks=1 \
        timeout 900 "$@"
}


stage_threads() {
    local program=$build/core/tsan/t/unit/test_threads

    check "test_threads builds (tsan)" core_make "$program" VARIANT=tsan
    check_tap "test_threads (tsan)" unit_run "$program" \
              "${THREADS_COMMITS:-150}" 2
}


stage_fuzz() {
    local target

    for target in $("$root/util/fuzz.sh" --list); do
        check "fuzz $target, $fuzz_seconds s" \
              "$root/util/fuzz.sh" "$target" "$fuzz_seconds"
    done
}


stage_build() {
    check "build.sh build" "$root/build.sh" build
    check "build.sh build again" "$root/build.sh" build
    check "build.sh build as another user" build_unprivileged
}


# the checkout may lie where only root can go: then this proves nothing more
build_unprivileged() {
    local dir

    if ! setpriv --reuid nobody --clear-groups test -r "$root/build.sh"; then
        echo "nobody cannot read $root"
        return
    fi

    dir=$(mktemp -d "${TMPDIR:-/tmp}/oauth-gateway.XXXXXX")
    chown nobody "$dir"
    setpriv --reuid nobody --clear-groups \
        env BUILD_DIR="$dir" HOME="$dir" "$root/build.sh" build
    test -s "$dir/${module##*/}"
    rm -rf "$dir"
}


stage_symbols() {
    check "exports of the module" "$root/util/check-symbols" "$module"
}


stage_docs() {
    check_tap "check-docs" "$root/util/check-docs"
}


stage_conf() {
    check_tap "nginx -t of conf/" "$root/util/check-conf" "$module"
    check_tap "the printed commands" "$root/util/check-playground" "$module"
    check_tap "conf/monitoring" env PROMTOOL="$(promtool_path)" \
              "$root/util/check-monitoring"
}


stage_run() {
    check_tap "./build.sh run" "$root/util/check-run"
}


# Test::Nginx waits more than it works, so several runs go side by side, each
# with a port and a directory of its own: suites_run NGINX [SETTING ...]
suites_run() {
    local files=(${T_FILES:-$root/t/*.t}) pids=() part pid status=0

    rm -rf "$build"/servroot.*

    for ((part = 0; part < t_jobs; part++)); do
        suites_part $part "$@" >"$logs/part.$part" 2>&1 &
        pids+=($!)
    done

    for pid in "${pids[@]}"; do
        wait "$pid" || status=1
    done

    cat "$logs"/part.*
    rm "$logs"/part.*
    return $status
}


# every t_jobs-th of the files
suites_part() {
    local part=$1 binary=$2 mine=() i

    shift 2

    for ((i = part; i < ${#files[@]}; i += t_jobs)); do
        mine+=("${files[i]}")
    done

    if [ ${#mine[@]} = 0 ]; then
        return
    fi

    cd "$root"
    env TEST_NGINX_BINARY="$binary" \
        TEST_NGINX_SERVROOT="$build/servroot.$part" \
        TEST_NGINX_PORT=$((${TEST_NGINX_PORT:-20100} + 10 * part)) \
        PERL5LIB="$root/t${PERL5LIB:+:$PERL5LIB}" "$@" \
        timeout 2400 prove -v "${mine[@]}"
}


stage_t() {
    check_tap "t/" suites_run "$nginx" TEST_NGINX_LOAD_MODULES="$module"
}


stage_hup() {
    check_tap "t/ with HUP" suites_run "$nginx" TEST_NGINX_USE_HUP=1 \
              TEST_NGINX_LOAD_MODULES="$module"
}


stage_asan() {
    local dir=$build/asan

    check "static nginx under ASan and UBSan" with_lock asan asan_build

    rm -f "$dir"/report.*
    check_tap "t/ under ASan and UBSan" suites_run "$dir/nginx" \
              TEST_NGINX_LOAD_MODULES= TEST_NGINX_TIMEOUT=10
    check "no report of ASan or UBSan" no_reports "$dir"
}


stage_module() {
    local dir=$build/module seed=${MODULE_SEED:-$RANDOM}

    check "static nginx under ASan and UBSan" with_lock asan asan_build

    check "every directive stands in the configuration" module_directives
    check "random requests, seed $seed" module_run "$build/asan/objs/nginx" \
          "$dir" "$seed"
    say "  $(grep '^{' "$log" | tail -n 1)"
}


module_directives() {
    local name missing=0

    for name in $(sed -n '/^## Variables/q; s/^###*# \([a-z_]*\)$/\1/p' \
                      "$root/README.md")
    do
        grep -Eq "[ {]$name[ ;]" "$root/t/fuzz/module/conf.js" \
            || { echo "$name is not in conf.js"; missing=1; }
    done

    return $missing
}


# module_run NGINX DIR SEED: ends with 1 if it finds anything
module_run() {
    local binary=$1 dir=$2 seed=$3

    rm -rf "$dir"
    mkdir -p "$dir"
    node "$root/t/fuzz/module/run.js" --nginx "$binary" --dir "$dir" \
         --seed "$seed" --seconds "${MODULE_SECONDS:-20}" \
         --requests "${MODULE_REQUESTS:-1000000}"
}


no_reports() {
    local report found=0

    for report in "$1"/report.*; do
        if [ -e "$report" ] && ! refusal_only "$report"; then
            head -n 60 "$report"
            found=1
        fi
    done

    return "$found"
}


# nginx that does not start ends without freeing the pools it began with: its
# first one, and that of the cycle when a module could not be initialised
refusal_only() {
    # LSan warns of itself where a signal comes while it tries ptrace at exit
    grep -Eq 'ERROR: |runtime error' "$1" || return 0

    ! grep -Eq 'runtime error|ERROR: Addr' "$1" || return 1

    if grep -q ': 1024 byte(s) leaked in 1 allocation(s)' "$1"; then
        ! grep -Eq 'ngx_http_oauth_|ledger_' "$1"
        return
    fi

    grep -A 2 ' in ngx_create_pool ' "$1" | tr '\n' ' ' \
        | grep -q ' in ngx_init_cycle [^ ]* *#[0-9]* [^ ]* in main '
}


# Debian's nginx source with its patches, unpacked once. A mirror may lack the
# source of the latest security update: the update before it serves as well.
source_fetch() {
    local version candidate

    if [ -d "$(source_dir)/auto" ]; then
        return
    fi

    version=$(dpkg-query -W -f '${Version}' nginx-dev)
    mkdir -p "$sources"
    cd "$sources"

    for candidate in "$version" $(source_versions "$version"); do
        if apt-get -q -o APT::Sandbox::User=root source --download-only \
                   "nginx=$candidate"
        then
            rm -rf unpacked
            dpkg-source -x "nginx_$candidate.dsc" unpacked
            mv unpacked "$version"
            return
        fi
    done

    echo "no source of nginx ${version%%-*} to be had"
    return 1
}


source_versions() {
    apt-cache showsrc nginx | sed -n "s/^Version: \\(${1%%-*}-.*\\)/\\1/p" \
        | sort -rV
}


# nginx with the module inside: static_configure DIR CC CFLAGS LDFLAGS
static_configure() {
    local dir=$1 cc=$2 cflags=$3 ldflags=$4

    source_fetch

    if static_inputs "$@" | cmp -s - "$dir/inputs"; then
        return
    fi

    rm -rf "$dir"
    mkdir -p "$dir"
    cd "$(source_dir)"
    . "$nginx_dev/conf_flags"
    "$(configure_path)" --with-cc="$cc" --with-cc-opt="$cflags" \
        --with-ld-opt="$ldflags" "${NGX_CONF_FLAGS[@]}" \
        --builddir="$dir/objs" --add-module="$root"
    static_inputs "$@" >"$dir/inputs"
}


static_make() {
    make -s -j "$(nproc)" -C "$(source_dir)" -f "$1/objs/Makefile" \
         "$1/objs/nginx"
}


source_dir() {
    local version

    if [ -n "$nginx_tree" ]; then
        printf '%s\n' "$nginx_tree"
        return
    fi

    version=$(dpkg-query -W -f '${Version}' nginx-dev)
    printf '%s\n' "${source_tree:-$sources/$version}"
}


static_inputs() {
    printf '%s\n' "$@"
    dpkg-query -W nginx-dev
    cat "$root/config" "$root/config.make" "${BASH_SOURCE[0]}"
    (cd "$root" && ls ngx_module/*.[ch] ngx_module/ledger/*.[ch])
}


# UBSan watches our files only: nginx's own are not clean under it
asan_build() {
    local dir=$build/asan flags

    flags="-O1 -g1 -fno-omit-frame-pointer -fsanitize=address"
    static_configure "$dir" gcc "$flags -DNGX_DEBUG_PALLOC=1" \
                     "-fsanitize=address,undefined"

    if ! grep -q fsanitize=undefined "$dir/objs/Makefile"; then
        printf '%s\n' "$dir/objs/addon/%.o: CFLAGS += -fsanitize=undefined" \
               >>"$dir/objs/Makefile"
    fi

    static_make "$dir"

    # Test::Nginx has ideas of its own about ASAN_OPTIONS: not through it. The
    # exit status is nginx's own; what LSan finds stands in its report.
    cat >"$dir/nginx" <<END
#!/bin/sh
export ASAN_OPTIONS=log_path=$dir/report:fast_unwind_on_malloc=0
export LSAN_OPTIONS=suppressions=$root/util/lsan.txt
LSAN_OPTIONS=\$LSAN_OPTIONS:exitcode=0:print_suppressions=0
export UBSAN_OPTIONS=log_path=$dir/report:print_stacktrace=1
exec $dir/objs/nginx "\$@"
END
    chmod +x "$dir/nginx"
    "$dir/nginx" -V
}


stage_deb() {
    local deb=$build/libnginx-mod-http-oauth-gateway.deb

    check "the package is built" "$root/build.sh" deb
    check "lintian finds nothing" "${LINTIAN:-lintian}" --allow-root \
          --fail-on error,warning "$deb"
    check_tap "the package, installed" "$root/util/deb-check" "$deb"
}


stage_tsan() {
    check "static nginx under TSan" with_lock tsan tsan_build
    check "random requests" module_run "$build/tsan/objs/nginx" \
          "$build/module-tsan" "${MODULE_SEED:-$RANDOM}"
    say "  $(grep '^{' "$log" | tail -n 1)"
}


# TSan has to see nginx's spin lock let go, or it takes what the lock guards
# for unguarded: this store is the same machine instruction
tsan_build() {
    local dir=$build/tsan source_tree=
    local release='__atomic_store_n(lock, 0, __ATOMIC_RELEASE)'

    source_fetch

    if [ ! -e "$build/tsan-source/configure" ]; then
        cp -a "$(source_dir)" "$build/tsan-source.new"
        sed -i '/^#define ngx_unlock/s/ \*(.*/ '"$release"'/' \
            "$build/tsan-source.new/src/os/unix/ngx_atomic.h"
        mv "$build/tsan-source.new" "$build/tsan-source"
    fi

    source_tree=$build/tsan-source
    static_configure "$dir" gcc \
                     "-O1 -g1 -fno-omit-frame-pointer -fsanitize=thread" \
                     "-fsanitize=thread"
    static_make "$dir"
}


# the unit tests that take a length get a short one: memcheck is slow. The
# processes of test_stale end with their stores open, which looks like a leak.
stage_valgrind() {
    local program programs

    check "unit tests build" core_make unit VARIANT=plain
    programs=$(core_make unit-names VARIANT=plain)

    for program in $programs; do
        case ${program##*/} in
            test_oracle) set -- 20240229 60 120 ;;
            test_meetings) set -- 7 20 ;;
            test_threads) set -- 60 2 ;;
            test_stale) continue ;;
            *) set -- ;;
        esac

        check_tap "${program##*/} (valgrind)" unit_run valgrind -q \
                  --error-exitcode=99 --leak-check=full \
                  --errors-for-leak-kinds=definite --trace-children=no \
                  "$program" "$@"
    done

    if [ -n "${T_FILES:-}" ]; then
        check_tap "t/ (valgrind)" suites_run "$nginx" \
                  TEST_NGINX_LOAD_MODULES="$module" TEST_NGINX_TIMEOUT=30 \
                  TEST_NGINX_USE_VALGRIND="--error-exitcode=0"
        check "nothing was found by valgrind" valgrind_silent
    fi
}


valgrind_silent() {
    ! grep -E 'Invalid (read|write)|uninitialised|definitely lost: [1-9]' \
        "$log"
}


stage_leak() {
    check_tap "t/ (leaks)" suites_run "$nginx" TEST_NGINX_CHECK_LEAK=1 \
              TEST_NGINX_LOAD_MODULES="$module"
}


stage_static() {
    check "static nginx with clang" with_lock static static_build
    check "it loads its configuration" static_loads
}


static_build() {
    static_configure "$build/static" clang "-g -O2 -fPIC" ""
    static_make "$build/static"
}


static_loads() {
    local dir=$build/static

    printf '%s\n' "pid $dir/nginx.pid;" "error_log stderr;" "events { }" \
           >"$dir/nginx.conf"
    "$dir/objs/nginx" -e stderr -t -p "$dir" -c "$dir/nginx.conf"
    "$dir/objs/nginx" -V 2>&1 | grep -e "--add-module=$root"
}


# config: what a tree lacks is said, and named

stage_config() {
    local header

    check "a tree without threads" config_refuses \
          "Add --with-threads" --without-http_rewrite_module
    config_break lmdb.h "LMDB 0.9.24 or newer (liblmdb-dev on Debian)"
    config_break jansson.h "jansson 2.12 or newer (libjansson-dev on Debian)"
    config_break openssl/kdf.h "OpenSSL 3 or newer (libssl-dev on Debian)"
    config_break zlib.h "zlib (zlib1g-dev on Debian)"
}


# a header that cannot be used stands for a library that is not there
config_break() {
    local dir

    dir=$(mktemp -d "$build/config.XXXXXX")
    mkdir -p "$dir/$(dirname "$1")"
    echo '#error not here' >"$dir/$1"
    check "a system without $1" config_refuses "$2" --with-threads \
          --with-cc-opt="-I $dir" --without-http_rewrite_module \
          --without-http_gzip_module
    rm -rf "$dir"
}


config_refuses() {
    local words=$1 dir out

    shift
    dir=$(mktemp -d "$build/config.XXXXXX")

    if out=$(cd "$nginx_dev" && ./configure --builddir="$dir/objs" \
                 --add-module="$root" "$@" 2>&1)
    then
        echo "configure accepted it"
        return 1
    fi

    rm -rf "$dir"
    printf '%s\n' "$out" | tail -n 3
    [[ $out == *"$words"* ]]
}


# the long forms are soaks, see util/soak.sh
stage_fault() {
    check_tap "power loss" "$root/util/fault.sh" power
    check_tap "a disk that fails" "$root/util/fault.sh" io
    check_tap "no memory" "$root/util/fault.sh" alloc
}


# t/e2e/run ends with "N passed, N failed, N skipped"
stage_e2e() {
    local out=$logs/e2e.out status counts

    run env E2E_MODULE="$module" E2E_NGINX="$nginx" "$root/t/e2e/run" \
        >"$out" 2>&1
    cat "$out" >>"$log"

    counts=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed.*/\1 \2/p' "$out")
    read -r passed failed <<<"${counts:-0 1}"

    if [ "$failed" = 0 ] && { [ $status != 0 ] || [ "$passed" = 0 ]; }; then
        failed=1
    fi

    if [ "$failed" != 0 ]; then
        tail -n 60 "$out" >&2
    fi
}


# packages: what a stage needs beyond `deps`

test_deps() {
    local packages=(perl) stage

    for stage; do
        case $stage in
            unit|threads) packages+=(libcmocka-dev) ;;
            fuzz)   packages+=(clang libclang-rt-14-dev) ;;
            static) packages+=(clang) ;;
            conf)   packages+=(util-linux openssl) ;;
            fault)  packages+=(util-linux) ;;
            deb)    packages+=(util-linux curl)
                    [ -n "${LINTIAN:-}" ] || packages+=(lintian) ;;
            valgrind) packages+=(libcmocka-dev valgrind) ;;
            e2e)    packages+=(openssl iproute2 git) ;;
        esac
    done

    packages_install $(printf '%s\n' "${packages[@]}" | sort -u)

    for stage; do
        case $stage in
            t|hup|asan|valgrind|leak) suites_deps ;;&
            t|hup|asan|conf) promtool_deps ;;&
            asan|module|tsan|static) source_deps ;;&
            module|tsan|fault|e2e) node_deps ;;
        esac
    done
}


# Test::Nginx is packaged in Debian's sid only: that one package is taken
# from there, and the pin keeps apt from ever choosing sid by itself
suites_deps() {
    if [ -z "$(packages_missing libtest-nginx-perl)" ]; then
        return
    fi

    apt_source sid deb sid
    cat >/etc/apt/preferences.d/oauth-gateway-sid <<'END'
Package: *
Pin: release n=sid
Pin-Priority: 50
END
    packages_install libtest-nginx-perl
}


# promtool alone: its package would bring a service and a web page with it
promtool_deps() {
    local dir=$build/promtool

    if command -v promtool >/dev/null || [ -x "$dir/usr/bin/promtool" ]; then
        return
    fi

    rm -rf "$dir"
    mkdir -p "$dir"
    {
        promtool_download "$dir" || { apt_update && promtool_download "$dir"; }
    } >"$build/apt.log" 2>&1 \
        || die "there is no promtool to be had, see $build/apt.log"
}


promtool_path() {
    command -v promtool || printf '%s\n' "$build/promtool/usr/bin/promtool"
}


promtool_download() {
    cd "$1" \
        && apt-get -q -o APT::Sandbox::User=root download prometheus/bookworm \
        && dpkg-deb -x prometheus_*.deb . \
        && rm prometheus_*.deb \
        && cd "$root"
}


source_deps() {
    if [ -d "$(source_dir)/auto" ]; then
        return
    fi

    apt_source src deb-src bookworm bookworm-security
}


# writes a source in deb822 form for each of the suites named and reads it
apt_source() {
    local name=$1 type=$2 suite uri
    local file=/etc/apt/sources.list.d/oauth-gateway-$1.sources

    shift 2
    [ "$(id -u)" = 0 ] || die "package sources are added by root only"

    # apt tells its mirrors only once it has read them
    [ -n "$(archive_uri bookworm)" ] || apt_update

    for suite; do
        uri=$(archive_uri "$suite")
        [ -n "$uri" ] || continue
        printf '%s\n' "Types: $type" "URIs: $uri" "Suites: $suite" \
               "Components: main" \
               "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg" ""
    done >"$file.new"

    [ -s "$file.new" ] || die "apt has no Debian 12 among its sources"

    if cmp -s "$file.new" "$file"; then
        rm "$file.new"
    else
        mv "$file.new" "$file"
    fi

    apt_update
}


apt_update() {
    apt_get update >"$build/apt.log" 2>&1 \
        || { tail "$build/apt.log" >&2; die "apt-get update failed"; }
}


# the mirror that this machine already uses for a suite; nothing: it uses none
archive_uri() {
    local like=bookworm

    [ "$1" != bookworm-security ] || like=$1

    apt-get indextargets --format '$(RELEASE) $(REPO_URI)' \
        'Created-By: Packages' 2>/dev/null \
        | awk -v like="$like" '$1 == like && !n++ { print $2 }'
}


# any node from 18 on will do; Debian's is taken where there is none
node_deps() {
    if command -v npm >/dev/null && command -v node >/dev/null; then
        return
    fi

    packages_install nodejs npm
}


# the stages that another version is tried with when none is named
version_stages() {
    if [ -n "$1" ]; then
        echo symbols t
    elif lmdb_bad "$lmdb_version"; then
        echo lmdb
    else
        echo unit lmdb t
    fi
}


main() {
    local stage other_nginx= other_lmdb=

    while [[ ${1:-} == -* ]]; do
        case $1 in
            -h|--help) usage; exit ;;
            --nginx=?*) other_nginx=${1#*=} ;;
            --lmdb=?*) other_lmdb=${1#*=} ;;
            *) die "unknown option \"$1\", see ./build.sh test --help" ;;
        esac
        shift
    done

    for stage; do
        [[ " ${stages[*]} ${long_stages[*]} " == *" $stage "* ]] \
            || die "unknown stage \"$stage\", see ./build.sh test --help"

        [[ -z $other_nginx || " ${nginx_stages[*]} " == *" $stage "* ]] \
            || die "\"$stage\" knows no other nginx"
    done

    if [ -n "$other_lmdb" ]; then
        lmdb_use "$other_lmdb"
    fi

    if [ -n "$other_nginx" ]; then
        nginx_use "$other_nginx"
    fi

    if [ $# = 0 ] && [ -z "$other_nginx$other_lmdb" ]; then
        set -- "${stages[@]}"
    elif [ $# = 0 ]; then
        set -- $(version_stages "$other_nginx")
    fi

    mkdir -p "$logs"
    test_deps "$@"

    for stage; do
        run_stage "$stage"
    done

    printf '%d passed, %d failed\n' $passed_all $failed_all
    [ $failed_all = 0 ]
}


main "$@"
