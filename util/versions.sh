# Other versions of nginx and LMDB than the machine's own, built privately;
# sourced by util/test.sh, never run. A version is a number or the start of
# one (1.26), "sid" for what is newest in Debian, or a directory with a source
# tree. Sources come from the Debian mirror that apt uses already, through
# lists of their own: apt's own configuration stays as it is.

versions_suites=(bookworm trixie sid)

# set by nginx_use and lmdb_use
nginx_tree=
lmdb_version=

# everything from here on is built and run with another nginx
nginx_use() {
    nginx_tree=$(version_tree nginx "$1")
    version_place "nginx-$(version_label "$1")"
    nginx=$build/objs/nginx
    with_lock nginx nginx_build
    say "nginx: $("$nginx" -v 2>&1)"
}


# or with another LMDB: compiler and loader look there before elsewhere
lmdb_use() {
    local tree

    tree=$(version_tree lmdb "$1")
    version_place "lmdb-$(version_label "$1")"
    lmdb_build "$tree"

    export CPATH=$build/lmdb LIBRARY_PATH=$build/lmdb
    export LD_LIBRARY_PATH=$build/lmdb

    lmdb_version=$(lmdb_told)
    say "LMDB: $lmdb_version"
    "$root/build.sh" build
}


version_label() {
    basename "$1"
}


# a directory of its own for each version, with what is the same for all
version_place() {
    local shared=$build

    export BUILD_DIR=$shared/$1
    mkdir -p "$BUILD_DIR"
    build=$(cd "$BUILD_DIR" && pwd)
    logs=$build/test
    sources=$build/source
    module=$build/${module##*/}
    mkdir -p "$logs"

    if [ -d "$shared/promtool" ]; then
        ln -sfn "$shared/promtool" "$build/promtool"
    fi
}


# prints where the source tree of a version lies: version_tree PACKAGE VERSION
version_tree() {
    local package=$1 version=$2 tree=$build/versions/$1-$2 candidate

    if [ -d "$version" ]; then
        (cd "$version" && pwd)
        return
    fi

    if [ ! -d "$tree" ]; then
        packages_install dpkg-dev

        with_lock versions version_fetch "$package" "$version" "$tree" \
            >"$build/versions.log" 2>&1 \
            || { tail -n 5 "$build/versions.log" >&2
                 die "no source of $package $version to be had," \
                     "see $build/versions.log"; }
    fi

    printf '%s\n' "$tree"
}


# the newest that matches; a mirror may lack the source of what is newest
version_fetch() {
    local package=$1 version=$2 tree=$3 candidate

    mkdir -p "$build/versions/get"
    version_lists
    cd "$build/versions/get"

    for candidate in $(version_candidates "$package" "$version"); do
        if version_apt apt-get -q source --download-only "$package=$candidate"
        then
            rm -rf "$tree.new"
            dpkg-source -x "${package}_${candidate#*:}.dsc" "$tree.new"
            mv "$tree.new" "$tree"
            return
        fi
    done

    return 1
}


# of sid that is one; of a number it may be any update of that version
version_candidates() {
    local all

    all=$(version_apt apt-cache showsrc "$1" | sed -n 's/^Version: //p' \
              | sort -rVu)

    if [ "$2" = sid ]; then
        head -n 1 <<<"$all"
    else
        grep -E "^${2//./\\.}[-.]" <<<"$all"
    fi
}


version_lists() {
    local apt=$build/versions/apt suite uri secure

    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    [ -n "$(archive_uri bookworm)" ] || apt_update
    uri=$(archive_uri bookworm)
    secure=$(archive_uri bookworm-security)

    for suite in "${versions_suites[@]}"; do
        version_line "$uri" "$suite"

        if [ -n "$secure" ] && [ "$suite" != sid ]; then
            version_line "$secure" "$suite-security"
        fi
    done >"$apt/sources.list"

    # a suite that the mirror does not have is no reason to do without the rest
    version_apt apt-get -q update || true
}


version_line() {
    local keys=/usr/share/keyrings/debian-archive-keyring.gpg

    printf 'deb-src [signed-by=%s] %s %s main\n' "$keys" "$1" "$2"
}


version_apt() {
    local command=$1 apt=$build/versions/apt

    shift
    "$command" -o Dir::Etc::SourceList="$apt/sources.list" \
               -o Dir::Etc::SourceParts=/dev/null \
               -o Dir::Etc::PreferencesParts=/dev/null \
               -o Dir::State::Lists="$apt/lists" -o Dir::Cache="$apt/cache" \
               -o APT::Sandbox::User=root "$@"
}


# nginx and the module as it would be loaded, by Debian's own flags
nginx_build() {
    local objs=$build/objs

    if ! nginx_inputs | cmp -s - "$objs/inputs"; then
        say "configuring $nginx_tree"
        nginx_configure >"$build/configure.log" 2>&1 || {
            tail -n 5 "$build/configure.log" >&2
            die "configure failed, see $build/configure.log"
        }
        nginx_inputs >"$objs/inputs"
    fi

    make -s -j "$(nproc)" -C "$nginx_tree" -f "$objs/Makefile" build \
        >"$build/make.log" 2>&1 || {
            grep -m 5 -E 'error|warning' "$build/make.log" >&2
            die "it does not build, see $build/make.log"
        }

    cmp -s "$objs/${module##*/}" "$module" \
        || cp "$objs/${module##*/}" "$module"
}


nginx_configure() {
    local objs=$build/objs flags

    mapfile -t flags < <(cd "$root" && version_flags)
    rm -rf "$objs"
    cd "$nginx_tree"
    . "$nginx_dev/conf_flags"
    "$(configure_path)" --with-cc-opt="${flags[0]}" \
        --with-ld-opt="${flags[1]}" "${NGX_CONF_FLAGS[@]}" \
        --builddir="$objs" --add-dynamic-module="$root"
}


# a checkout has its configure script in auto/, a release at the top
configure_path() {
    if [ -e configure ]; then
        echo ./configure
    else
        echo auto/configure
    fi
}


version_flags() {
    printf '%s -fPIC %s\n' "$(dpkg-buildflags --get CFLAGS)" \
           "$(dpkg-buildflags --get CPPFLAGS)"
    printf '%s -fPIC\n' "$(dpkg-buildflags --get LDFLAGS)"
}


nginx_inputs() {
    printf '%s\n' "$nginx_tree"
    cat "$root/config" "$root/config.make" "$root/util/exports.map" \
        "$root/util/versions.sh" "$nginx_dev/conf_flags"
    (cd "$root" && ls ngx_module/*.[ch] ngx_module/ledger/*.[ch])
}


# the library alone, named as Debian names it
lmdb_build() {
    local tree=$1 dir=$build/lmdb

    if [ -e "$dir/liblmdb.so" ]; then
        return
    fi

    if [ -d "$tree/libraries/liblmdb" ]; then
        tree=$tree/libraries/liblmdb
    fi

    rm -rf "$dir.new"
    mkdir -p "$dir.new"
    gcc -O2 -g -fPIC -shared -pthread -Wl,-soname,liblmdb.so.0 \
        -o "$dir.new/liblmdb.so.0" "$tree/mdb.c" "$tree/midl.c"
    ln -s liblmdb.so.0 "$dir.new/liblmdb.so"
    cp "$tree/lmdb.h" "$dir.new"
    rm -rf "$dir"
    mv "$dir.new" "$dir"
}


# the version of the library that the loader gives a program, "0.9.24"
lmdb_told() {
    local program=$build/lmdb/version

    gcc -o "$program" -x c - -llmdb <<'END'
#include <lmdb.h>
#include <stdio.h>

int
main(void)
{
    int  major, minor, patch;

    mdb_version(&major, &minor, &patch);
    printf("%d.%d.%d\n", major, minor, patch);

    return 0;
}
END
    "$program"
}


# which libraries nginx does not start with: the one that is there, by its
# own number, and others by what a preloaded mdb_version() tells

stage_lmdb() {
    local version

    lmdb_told_build
    unset LMDB_VERSION_TOLD

    if lmdb_bad "$lmdb_version"; then
        check "LMDB $lmdb_version is refused" lmdb_refused "$lmdb_version"
        return
    fi

    check "the LMDB that is there is taken" lmdb_taken guard

    for version in 0.9.24 0.9.25 0.9.32 0.9.35; do
        check "LMDB $version is taken" lmdb_telling $version lmdb_taken guard
    done

    for version in 0.9.23 0.9.26 0.9.29 0.9.31 0.9.70 1.0.0; do
        check "LMDB $version is refused" \
              lmdb_telling $version lmdb_refused $version
    done

    check "a configuration without the gateway starts with any" \
          lmdb_telling 0.9.31 lmdb_taken bare
}


# what a default run of the stages may expect of a version
lmdb_bad() {
    [[ $1 =~ ^0\.9\.(2[6-9]|3[01])$ ]]
}


lmdb_told_build() {
    gcc -Wall -Wextra -Werror -fPIC -shared -o "$build/lmdb_version.so" \
        "$root/t/preload/lmdb_version.c"
}


lmdb_telling() {
    export LD_PRELOAD=$build/lmdb_version.so LMDB_VERSION_TOLD=$1

    shift
    "$@"
}


lmdb_refused() {
    local out

    if out=$(lmdb_nginx guard 2>&1); then
        echo "nginx -t accepted it"
        return 1
    fi

    printf '%s\n' "$out"
    [[ $out == *"[emerg]"*"needs LMDB 0.9.24"*"runs with \"LMDB $1"* ]]
}


lmdb_taken() {
    lmdb_nginx "$1"
}


lmdb_nginx() {
    local dir=$build/lmdb-check gateway=

    if [ "$1" = guard ]; then
        gateway="oauth_store $dir/store;
                 oauth_provider p { user \$arg_u; }
                 server {
                     listen unix:$dir/sock;
                     location / { oauth_guard p; return 204; }
                 }"
    fi

    conf_test "$dir" "$gateway"
}
