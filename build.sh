#!/bin/bash
#
# The OAuth gateway: install, build, run, test, measure. ./build.sh --help

set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/util/lib.sh"

deps_build=(gcc libc6-dev make dpkg-dev nginx nginx-dev libssl-dev
            libpcre2-dev libjansson-dev liblmdb-dev zlib1g-dev)
deps_deb=(build-essential debhelper)
deps_run=(ca-certificates curl libnginx-mod-http-perl)

# what of the sources the package is built from
deb_parts=(CHANGES.md LICENSE README.md conf config config.make dashboard
           debian docs ngx_module util)


usage() {
    cat <<'END'
usage: ./build.sh COMMAND [ARGUMENT ...]

  deps    install what build and run need (Debian 12, as root)
  build   build build/ngx_http_oauth_gateway_module.so for Debian's nginx
  deb     build the Debian package of the module
  run     install, build and start a gateway with a playground provider
  test    install the test tools and run everything that CI runs
  bench   measure the gateway beside plain proxy_pass and alternatives
  fuzz    fuzz the core's parsers
  soak    the long forms of some tests
  coverage  which lines and branches the unit tests take
  clean   remove what was built

./build.sh COMMAND --help tells more. BUILD_DIR names another directory than
build/, NGINX another nginx than /usr/sbin/nginx.
END
}


usage_deps() {
    cat <<'END'
usage: ./build.sh deps

Installs the packages of Debian 12 that build and run need: a C compiler,
nginx and nginx-dev, OpenSSL, jansson, LMDB, zlib, PCRE2, curl, and nginx's
Perl module for the playground. Does nothing when they are there. Debian's
nginx service, if it is installed by this, stays disabled and stopped.
END
}


cmd_deps() {
    packages_install "${deps_build[@]}" "${deps_run[@]}"
}


usage_build() {
    cat <<'END'
usage: ./build.sh build

Builds the module against Debian's nginx-dev, leaves it in
build/ngx_http_oauth_gateway_module.so and checks that nginx loads it. What
has not changed is not built again. Needs no root once `deps` has run.
END
}


cmd_build() {
    packages_install "${deps_build[@]}"
    with_lock build module_build
}


module_build() {
    local objs=$build/objs so

    if ! module_configured; then
        module_configure
    fi

    make -s -j "$(nproc)" -C "$nginx_dev" -f "$objs/Makefile" modules >&2

    so=$objs/${module##*/}

    if ! cmp -s "$so" "$module"; then
        # a running nginx has the old file mapped: replace it, never write it
        cp "$so" "$module.new"
        mv "$module.new" "$module"
    fi

    module_loads
    say "built ${module#"$root"/}"
}


# what the makefile depends on without knowing it: the configuration script,
# the list of files, nginx and its flags
module_inputs() {
    cat "$root/config" "$root/config.make" "$root/util/exports.map" \
        "$nginx_dev/conf_flags"
    (cd "$root" && ls ngx_module/*.[ch] ngx_module/ledger/*.[ch])
    dpkg-query -W -f '${Package} ${Version}\n' "${deps_build[@]}"
    (cd "$root" && module_flags)
}


module_flags() {
    printf '%s\n' "$(dpkg-buildflags --get CFLAGS) -fPIC" \
                  "$(dpkg-buildflags --get CPPFLAGS)" \
                  "$(dpkg-buildflags --get LDFLAGS) -fPIC"
}


module_configured() {
    [ -e "$build/objs/Makefile" ] \
        && module_inputs | cmp -s - "$build/objs/inputs"
}


module_configure() {
    local flags

    say "configuring for nginx $(dpkg-query -W -f '${Version}' nginx-dev)"
    mapfile -t flags < <(cd "$root" && module_flags)
    rm -rf "$build/objs"

    (
        cd "$nginx_dev" && . ./conf_flags &&
        ./configure --with-cc-opt="${flags[0]} ${flags[1]}" \
                    --with-ld-opt="${flags[2]}" "${NGX_CONF_FLAGS[@]}" \
                    --add-dynamic-module="$root" --builddir="$build/objs"
    ) >"$build/configure.log" || {
        tail -n 5 "$build/configure.log" >&2
        die "configure failed, see $build/configure.log"
    }

    module_inputs >"$build/objs/inputs"
}


module_loads() {
    conf_test "$build/load" "" || die "nginx does not load the module"
}


usage_deb() {
    cat <<'END'
usage: ./build.sh deb

Builds the package libnginx-mod-http-oauth-gateway for the nginx-dev that is
installed, from a copy of the sources in build/deb/, and leaves it in
build/libnginx-mod-http-oauth-gateway.deb. Needs no root once debhelper is
there. Install it with apt-get install ./FILE: it enables the module for the
next start of nginx. Removing it leaves stores, keys and configuration alone.
END
}


cmd_deb() {
    packages_install "${deps_build[@]}" "${deps_deb[@]}"
    with_lock deb deb_build
}


deb_build() {
    local dir=$build/deb package=libnginx-mod-http-oauth-gateway file

    rm -rf "$dir"
    mkdir -p "$dir/source"
    tar -C "$root" -c "${deb_parts[@]}" | tar -C "$dir/source" -x

    (
        cd "$dir/source"
        DEB_BUILD_OPTIONS="parallel=$(nproc) noautodbgsym" \
            dpkg-buildpackage -b -us -uc
    ) >"$dir/log" 2>&1 || {
        tail -n 20 "$dir/log" >&2
        die "the package is not built, see $dir/log"
    }

    file=$(echo "$dir/${package}"_*.deb)
    cp "$file" "$build/$package.deb"
    say "built build/$package.deb: ${file##*/}"
}


usage_run() {
    cat <<'END'
usage: ./build.sh run

Installs what is missing, builds, and starts the gateway on 127.0.0.1:8080
with its ledger in build/run/ and a playground provider inside the same
nginx. Prints the commands that show an invalidated connection. Ctrl-C stops
it; the ledger stays until `clean`. RUN_DIR names another directory for it.
END
}


cmd_run() {
    cmd_deps
    cmd_build
    run_playground
}


run_playground() {
    local dir=${RUN_DIR:-$build/run} conf=$root/conf/playground pid

    mkdir -p "$dir/logs"
    rm -f "$dir/nginx.pid"

    "$nginx" -e stderr -p "$dir/" -c "$conf/nginx.conf" \
             -g "load_module $module; daemon off;" &
    pid=$!
    trap 'kill -TERM $pid 2>/dev/null' INT TERM

    # nginx writes its pid once it listens
    while [ ! -s "$dir/nginx.pid" ]; do
        kill -0 $pid 2>/dev/null || die "the playground did not start"
        sleep 0.1
    done

    cat "$conf/welcome.txt"

    # a signal ends the first wait before nginx has ended
    wait $pid || true
    wait $pid || true
    say "stopped"
}


usage_clean() {
    cat <<'END'
usage: ./build.sh clean

Removes everything that was built, downloaded or recorded below build/, and
the packages that the end-to-end tests installed.
END
}


cmd_clean() {
    rm -rf "$build" "$root/t/e2e/node_modules" "$root/t/servroot"
}


usage_test() {
    exec "$root/util/test.sh" --help
}


cmd_test() {
    cmd_deps
    exec "$root/util/test.sh" "$@"
}


usage_bench() {
    exec "$root/util/bench.sh" --help
}


cmd_bench() {
    exec "$root/util/bench.sh" "$@"
}


usage_coverage() {
    exec "$root/util/coverage.sh" --help
}


cmd_coverage() {
    exec "$root/util/coverage.sh" "$@"
}


usage_fuzz() {
    exec "$root/util/fuzz.sh" --help
}


cmd_fuzz() {
    exec "$root/util/fuzz.sh" "$@"
}


usage_soak() {
    exec "$root/util/soak.sh" --help
}


cmd_soak() {
    exec "$root/util/soak.sh" "$@"
}


main() {
    local command=${1:---help}

    case $command in
        deps|build|deb|run|test|bench|fuzz|soak|coverage|clean) shift ;;
        -h|--help|help) usage; exit ;;
        *) usage >&2; die "unknown command \"$command\"" ;;
    esac

    case ${1:-} in
        -h|--help) "usage_$command"; exit ;;
    esac

    case $command in
        deps|build|deb|run|clean)
            [ $# = 0 ] || die "\"$command\" takes no argument"
    esac

    "cmd_$command" "$@"
}


main "$@"
