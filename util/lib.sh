# Shared by build.sh and util/*.sh; sourced, never run.
#
# Sets: root (the repository), build (what is built, BUILD_DIR or
# root/build), module (the loadable module), nginx (Debian's nginx).

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$(mkdir -p "${BUILD_DIR:-$root/build}" \
        && cd "${BUILD_DIR:-$root/build}" && pwd)
module=$build/ngx_http_oauth_gateway_module.so
nginx=${NGINX:-/usr/sbin/nginx}
nginx_dev=/usr/share/nginx/src

# what apt-get gets besides
apt_options=()


say() {
    printf '%s\n' "$*" >&2
}


die() {
    say "build.sh: $*"
    exit 1
}


# prints those of the named packages that are not installed
packages_missing() {
    local package

    for package; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null \
            | grep -qx installed || printf '%s\n' "$package"
    done
}


# installs what is missing of the named packages; asks apt only then
packages_install() {
    local missing

    command -v dpkg-query >/dev/null \
        || die "packages come from Debian 12's apt, which is not here"

    missing=$(packages_missing "$@")

    if [ -z "$missing" ]; then
        return
    fi

    [ "$(id -u)" = 0 ] \
        || die "not installed:" $missing "(as root: ./build.sh deps)"

    say "installing" $missing

    # package lists may be absent or old: a second try asks for new ones
    services_hold

    # shellcheck disable=SC2086
    apt_get --no-remove install $missing >"$build/apt.log" 2>&1 \
        || { apt_get update && apt_get --no-remove install $missing; } \
               >"$build/apt.log" 2>&1 \
        || { tail -n 20 "$build/apt.log" >&2; services_release; \
             die "apt-get failed"; }

    services_release
}


apt_get() {
    DEBIAN_FRONTEND=noninteractive apt-get -y -q --no-install-recommends \
        -o Dpkg::Options::=--force-confold -o DPkg::Lock::Timeout=300 \
        "${apt_options[@]}" "$@"
}


# Debian starts and enables a service when it installs one: nginx would take
# port 80. services_hold forbids that until services_release.

services_hold() {
    policy=
    nginx_was=$(packages_missing nginx)

    if [ ! -e /usr/sbin/policy-rc.d ]; then
        policy=/usr/sbin/policy-rc.d
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        trap services_release EXIT
    fi
}


services_release() {
    if [ -n "$policy" ]; then
        rm -f "$policy"
        policy=
    fi

    if [ -n "$nginx_was" ] && [ -z "$(packages_missing nginx)" ]; then
        nginx_was=
        deb-systemd-helper disable nginx.service >/dev/null 2>&1 || true
        update-rc.d nginx disable >/dev/null 2>&1 || true
        say "Debian's nginx service was left disabled and stopped"
    fi
}


# runs a command under a lock, so that two builds never share a directory
with_lock() {
    local name=$1

    shift
    (
        flock 9
        "$@" 9>&-
    ) 9>"$build/$name.lock"
}


# nginx -t of the smallest configuration with the module: conf_test DIR HTTP,
# HTTP being what stands in the http block; nothing outside DIR is written
conf_test() {
    local dir=$1 http=$2

    mkdir -p "$dir"
    cat >"$dir/nginx.conf" <<END
load_module $module;
pid $dir/nginx.pid;
error_log stderr;
events { }
http {
    access_log off;
    client_body_temp_path $dir/body;
    proxy_temp_path $dir/proxy;
    fastcgi_temp_path $dir/fastcgi;
    uwsgi_temp_path $dir/uwsgi;
    scgi_temp_path $dir/scgi;
    $http
}
END
    "$nginx" -e stderr -q -t -p "$dir" -c "$dir/nginx.conf"
}
