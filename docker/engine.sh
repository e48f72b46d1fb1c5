# shellcheck shell=bash
# Finds a Docker engine and the clients for it, and starts an engine where none answers. Sourced by `docker/test`.
#
# Sets `docker` and `compose` (arrays: the commands to call) and `build_options` (an array, too), and exports
# DOCKER_HOST when the engine is our own.

# The engine's own files: data, sockets, log. Empty while no engine of ours runs.
engine_dir=
engine_pid=
build_options=()
# Which of `engine_traces` were there before, each between two blanks.
engine_found_traces=

# Makes an engine answer, or fails with the reason.
engine_up() {
    if ! { find_clients && "${docker[@]}" info >/dev/null 2>&1; }; then
        say "no Docker engine answers; starting one"
        install_engine
        start_engine
        find_clients || fail "the packages are installed, but 'docker' and a compose command are not found"
    fi
    say "engine: $("${docker[@]}" version --format '{{.Server.Version}}'), compose: $("${compose[@]}" version --short)"
}

# Stops what `engine_up` has started and removes all of its files, images and containers with them.
engine_down() {
    [ -n "$engine_dir" ] || return 0
    if [ -n "$engine_pid" ] && kill -TERM "$engine_pid" 2>/dev/null; then
        wait "$engine_pid" || true
    fi
    # The engine unmounts what it has mounted; should it have been killed, removing must not reach into a mount.
    awk -v dir="$engine_dir/" 'index($2, dir) == 1 { print $2 }' /proc/self/mounts | sort -r | while read -r mount; do
        umount "$mount" || true
    done
    rm -rf --one-file-system "$engine_dir"
    remove_engine_traces
    engine_dir= engine_pid=
    unset DOCKER_HOST
}

# What an engine and its helpers make in fixed places outside their own directory, and leave there.
engine_traces() {
    local trace
    for trace in /etc/docker/key.json /run/docker /run/containerd /run/runc \
        /sys/fs/cgroup/docker /sys/fs/cgroup/*/docker /sys/class/net/docker0; do
        [ ! -e "$trace" ] || printf '%s ' "$trace"
    done
}

# Removes the traces that were not there before. Only empty directories: another engine may have begun to use them.
remove_engine_traces() {
    local trace
    for trace in $(engine_traces); do
        case " $engine_found_traces" in *" $trace "*) continue ;; esac
        case $trace in
        /sys/class/net/*) ip link delete "${trace##*/}" ;;
        *.json) rm -f "$trace" ;;
        *) find "$trace" -depth -type d -exec rmdir {} \; ;;
        esac
    done 2>/dev/null || true
}

# Several clients may be installed: takes one that knows BuildKit if there is one, for only BuildKit reads
# `Dockerfile.dockerignore`. Clients before version 23 have it built in, later ones need their plugin.
find_clients() {
    local candidate
    docker=() compose=() buildkit=
    for candidate in $(type -ap docker); do
        if "$candidate" buildx version >/dev/null 2>&1 || [ "$(client_major "$candidate")" -lt 23 ]; then
            docker=("$candidate") buildkit=1
            break
        fi
        [ "${#docker[@]}" -gt 0 ] || docker=("$candidate")
    done
    for candidate in $(type -ap docker); do
        if "$candidate" compose version >/dev/null 2>&1; then
            compose=("$candidate" compose)
            break
        fi
    done
    if [ "${#compose[@]}" -eq 0 ] && command -v docker-compose >/dev/null; then
        compose=(docker-compose)
    fi
    [ "${#docker[@]}" -gt 0 ] && [ "${#compose[@]}" -gt 0 ]
}

client_major() {
    local version
    version=$("$1" version --format '{{.Client.Version}}' 2>/dev/null | head -n 1)
    version=${version%%.*}
    echo "${version:-99}"
}

install_engine() {
    if ! command -v dockerd >/dev/null || ! find_clients; then
        install_packages docker.io docker-compose iproute2
    fi
}

# Starts an engine of our own beside anything that may be configured on this machine: own socket, own data.
start_engine() {
    [ "$(id -u)" -eq 0 ] || fail "starting a Docker engine needs root"
    engine_dir=$(mktemp -d /var/tmp/nuthatch-engine.XXXXXX)
    engine_found_traces=$(engine_traces)
    # It changes neither packet filter nor forwarding: both would outlast it, and drop what others forward. Published
    # ports work without, through the engine's proxy; only the build needs a way out and gets the host's network.
    build_options=(--network host)
    local options
    # The last resort works without a layered file system.
    for options in "" --storage-driver=vfs; do
        if try_engine "$options"; then
            return 0
        fi
        say "the engine does not start with options '${options:-none}'"
    done
    tail -n 20 "$engine_dir/log" >&2
    fail "no Docker engine could be started"
}

# Starts the engine and waits until it answers or ends.
try_engine() {
    export DOCKER_HOST="unix://$engine_dir/docker.sock"
    # shellcheck disable=SC2086 # The options are words.
    setsid dockerd --host "$DOCKER_HOST" --data-root "$engine_dir/data" --exec-root "$engine_dir/exec" \
        --pidfile "$engine_dir/pid" --iptables=false --ip6tables=false --ip-forward=false $1 >>"$engine_dir/log" 2>&1 &
    engine_pid=$!
    if wait_until 60 engine_answers_or_ended && engine_answers; then
        return 0
    fi
    kill -TERM "$engine_pid" 2>/dev/null || true
    wait "$engine_pid" || true
    engine_pid=
    rm -rf --one-file-system "$engine_dir/data"
    return 1
}

engine_answers() { docker info >/dev/null 2>&1; }

engine_answers_or_ended() { engine_answers || ! kill -0 "$engine_pid" 2>/dev/null; }
