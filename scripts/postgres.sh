#!/bin/sh
# Prints the folder of PostgreSQL's programs. With --install, installs PostgreSQL first where apt-get can, and prints
# nothing. With --serve, runs a server that is thrown away: it prints the folder of its socket when it is ready, and
# ends when its standard input does, however its caller ended. On such a server, --create FOLDER NAME makes a database,
# and --stop FOLDER and --start FOLDER break it off at once and start it again.
set -eu

find_postgres() {
    for folder in "$(dirname "$(command -v pg_ctl || echo /none/pg_ctl)")" \
        /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin; do
        if [ -x "$folder/pg_ctl" ] && [ -x "$folder/initdb" ] && [ -x "$folder/createdb" ]; then
            found=$folder
        fi
    done
    [ -n "${found:-}" ] && echo "$found"
}

install_postgres() {
    if ! command -v apt-get >/dev/null; then
        echo "The tests need PostgreSQL; install it so that 'pg_ctl', 'initdb' and 'createdb' are on the PATH." >&2
        exit 1
    fi
    echo '• Installing PostgreSQL for the tests'
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        as_root=sudo
    fi
    $as_root apt-get update -qq
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends postgresql-common >/dev/null
    # The tests start servers of their own; one that the machine starts would only be in somebody's way.
    if [ -f /etc/postgresql-common/createcluster.conf ]; then
        $as_root sed -i -E 's/^#? *create_main_cluster *=.*/create_main_cluster = false/' \
            /etc/postgresql-common/createcluster.conf
    fi
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends postgresql >/dev/null
    find_postgres >/dev/null
}

# PostgreSQL refuses to run as root.
as_owner() {
    if [ "$(id -u)" -ne 0 ]; then
        "$@"
    elif id postgres >/dev/null 2>&1; then
        setpriv --reuid=postgres --regid="$(id -g postgres)" --clear-groups "$@"
    else
        setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups "$@"
    fi
}

# Nobody else reaches the socket's folder, so nobody is asked for a password. What the machine's own failure would do
# is not tried, so nothing waits for the disk.
serve() {
    folder=$(as_owner mktemp -d "${TMPDIR:-/tmp}/signalbox-postgres.XXXXXX")
    # Neither a key press nor a caller that is gone may end this before it has cleared away.
    trap '' INT PIPE
    trap clear_away EXIT
    # A server that sorts as English does, where that can be had: our tables must not depend on it.
    initialise --locale-provider=icu --icu-locale=en-US || initialise || { cat "$folder.log" >&2; exit 1; }
    start || { cat "$folder/log" >&2; exit 1; }
    echo "$folder"
    cat >/dev/null
}

initialise() {
    as_owner "$programs/initdb" --pgdata="$folder/data" --username=signalbox --auth=trust --encoding=UTF8 \
        --no-locale --no-sync "$@" >"$folder.log" 2>&1
}

start() {
    as_owner "$programs/pg_ctl" start --pgdata="$folder/data" --log="$folder/log" --silent --wait \
        --options="-c listen_addresses= -c unix_socket_directories=$folder -c fsync=off -c max_connections=300" \
        >/dev/null
}

stop() {
    as_owner "$programs/pg_ctl" stop --pgdata="$folder/data" --silent --mode=immediate
}

# Again if need be: a caller that was killed may have been starting the server anew.
clear_away() {
    for _ in 1 2 3 4 5; do
        stop >/dev/null 2>&1 || true
        rm -rf "$folder" "$folder.log" 2>/dev/null && break
        sleep 1
    done
}

need_postgres() {
    programs=$(find_postgres) || {
        echo "The tests need PostgreSQL; 'scripts/postgres.sh --install' installs it." >&2
        exit 1
    }
    # The owner of the server may not be able to look into this folder.
    cd /
}

case "${1:-}" in
--install)
    find_postgres >/dev/null || install_postgres
    ;;
--serve)
    need_postgres
    serve
    ;;
--create)
    need_postgres
    "$programs/createdb" --host="$2" --username=signalbox "$3"
    ;;
--stop)
    need_postgres
    folder=$2
    stop
    ;;
--start)
    need_postgres
    folder=$2
    start
    ;;
*)
    find_postgres
    ;;
esac
