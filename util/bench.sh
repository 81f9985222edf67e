#!/bin/bash
#
# Measures the gateway beside what else there is. ./build.sh bench --help

set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

packages=(wrk nghttp2-client valgrind perl util-linux libnginx-mod-http-lua
          libnginx-mod-http-js redis-server)


usage() {
    cat <<'END'
usage: ./build.sh bench [OPTION ...]

Installs what it needs, builds, and measures on this machine, against plain
proxy_pass in the same nginx:

  instructions  instructions per guarded request, by callgrind; fails when
                the guard adds more than bench/instructions.txt says, by 0.5 %
                of a plain request
  guard         requests per second, CPU time per request and latency, by the
                number of tokens, their popularity, and workers
  http2         the same for runners that speak HTTP/2, without TLS
  alternatives  the same beside auth_request, a Lua shared dictionary, Lua
                with Redis, and njs
  beside        guarded calls while tokens are exchanged, 100 a second
  sweep         guarded calls while a million ended connections are swept
  lists         guarded calls while the API's lists are read
  exchanges     token exchanges, 1 and 64 in parallel, beside a durable commit
  growth        whether a store grows under months of refreshes
  size          start-up, reload, disk and memory by the number of connections

Every round measures everything once, in random order. Each part has plain
proxy_pass twice: where the two differ by more than 7 % the run is thrown
away. Prints tables, and leaves bench.json and plots in build/bench/result/.
Exit status 1: a check failed, or the run was thrown away. Of fewer than six
rounds the range stands where the 95 % interval does.

  --quick                two minutes, to try it: few rounds, few tokens
  --parts=PART,...       these parts only
  --rounds=N             rounds (default 41)
  --seconds=N            length of one slice (default 1)
  --tokens=N,...         sizes of the ledger (default 1e3,1e5,1e6)
  --workers=N,...        default 1,2
  --ended=N              connections for the sweep (default 1e6)
  --minutes=N            no round begins when it would end later (default 60)
  --out=DIR              where the result goes
  --port=N               first of about 30 ports on 127.0.0.1 (default 18700)
  --update-instructions  write bench/instructions.txt anew

It wants a machine that does nothing else, root, and two CPUs.
END
}


# Debian's lua-nginx-redis is one file, and wants nginx-extras beside it
redis_client() {
    local dir=$build/bench/lua

    if [ ! -e "$dir/usr/share/lua/5.1/nginx/redis.lua" ]; then
        mkdir -p "$dir"
        (cd "$dir" && apt-get -q -o APT::Sandbox::User=root \
               download lua-nginx-redis/bookworm \
            && dpkg-deb -x lua-nginx-redis_*.deb .) >"$build/apt.log" 2>&1 \
            || die "lua-nginx-redis cannot be had, see $build/apt.log"
    fi

    printf '%s\n' "$dir/usr/share/lua/5.1"
}


bench() {
    local lua

    # the nginx that is there must stay, whatever releases apt knows
    apt_options=(-t bookworm --no-remove --no-upgrade)
    packages_install "${packages[@]}"
    mkdir -p "$build/bench"
    lua=$(redis_client)

    "$root/build.sh" build
    make -s -j "$(nproc)" -C "$root" -f util/core.mk BUILD="$build/core" bench

    BENCH_DIR=$build/bench BENCH_NGINX=$nginx BENCH_MODULE=$module \
    BENCH_PROGRAMS=$build/core/plain/bench BENCH_LUA=$lua \
        exec "$root/bench/run" "$@"
}


case ${1:-} in
    -h|--help) usage ;;
    *) bench "$@" ;;
esac
