# shellcheck shell=bash
# Base images of the build: pulled, or stood in for where no registry can be reached. Sourced by `docker/test`.
#
# A stand-in has the tag of the image that it stands for, so that the Dockerfile builds unchanged. It is a fresh
# Debian made by debootstrap; the builder's also holds this machine's Rust toolchain and the crates of the lock
# file, fetched with this machine's cargo, so that its build needs no network.

DEBIAN_SUITE=bookworm

# Images that were not there before and have to go at the end.
new_base_images=()

# base_image TAG MAKE: provides TAG, by calling MAKE with TAG if it can neither be found nor pulled.
base_image() {
    local tag=$1 make=$2
    if "${docker[@]}" image inspect "$tag" >/dev/null 2>&1; then
        return 0
    fi
    new_base_images+=("$tag")
    say "pulling $tag"
    if "${docker[@]}" pull --quiet "$tag" >"$work/pull" 2>&1; then
        return 0
    fi
    say "cannot pull $tag ($(tail -n 1 "$work/pull")); making a stand-in"
    [ "$(id -u)" -eq 0 ] || fail "making a stand-in needs root"
    "$make" "$tag"
}

# Stands in for debian:bookworm-slim.
make_runtime_base() {
    debian_root "$work/runtime" tzdata
    import_root "$work/runtime" "$1" --change 'CMD ["bash"]'
}

# Stands in for the official Rust image, laid out like it.
make_build_base() {
    local root=$work/build cargo_home=/usr/local/cargo
    debian_root "$root" ca-certificates gcc libc6-dev
    install_toolchain "$root/usr/local/rustup/toolchains/host"
    mkdir -p "$root$cargo_home/bin"
    ln -s ../../rustup/toolchains/host/bin/{cargo,rustc} "$root$cargo_home/bin/"
    vendor_crates "$root" "$cargo_home"
    import_root "$root" "$1" \
        --change "ENV CARGO_HOME=$cargo_home PATH=$cargo_home/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
}

# debian_root DIR PACKAGE...: a minimal Debian in DIR. Made once and kept, for it takes most of a minute.
debian_root() {
    local dir=$1 packages=("${@:2}") cache=${XDG_CACHE_HOME:-$HOME/.cache}/nuthatch-docker
    local IFS=,
    local list="${packages[*]}"
    local archive=$cache/$DEBIAN_SUITE-$list.tar
    mkdir -p "$dir" "$cache"
    if [ ! -e "$archive" ]; then
        command -v debootstrap >/dev/null || install_packages debootstrap
        say "making a Debian with $list"
        debootstrap --variant=minbase --include="$list" "$DEBIAN_SUITE" "$dir" >"$work/debootstrap" 2>&1 || {
            tail -n 20 "$work/debootstrap" >&2
            fail "debootstrap failed"
        }
        # The official slim images lack the same; so the size of what is built on a stand-in tells something.
        rm -rf "$dir"/var/cache/apt/* "$dir"/var/lib/apt/lists/* \
            "$dir"/usr/share/{doc,groff,info,linda,lintian,locale,man}/*
        tar --create --file "$archive.part" --directory "$dir" .
        mv "$archive.part" "$archive"
    else
        tar --extract --file "$archive" --directory "$dir"
    fi
}

# Copies this machine's toolchain, which must be of the version that the Dockerfile asks for.
install_toolchain() {
    local sysroot version
    version=$(cd "$top" && rustc --version | cut -d ' ' -f 2)
    [[ $version == "$rust_version"* ]] ||
        fail "a stand-in needs Rust $rust_version on this machine, here is ${version:-none}"
    sysroot=$(cd "$top" && rustc --print sysroot)
    [ "$sysroot" != /usr ] || fail "a stand-in needs a Rust toolchain that stands apart, such as rustup's"
    mkdir -p "$1"
    cp --archive "$sysroot/bin" "$sysroot/lib" "$1/"
}

# Puts all crates of the lock file below cargo's home in the root, and tells cargo there to use them.
vendor_crates() {
    local root=$1 cargo_home=$2
    (cd "$top" && cargo vendor --quiet --locked --versioned-dirs "$root$cargo_home/vendor" >/dev/null) ||
        fail "cargo vendor failed"
    cat >"$root$cargo_home/config.toml" <<END
[source.crates-io]
replace-with = "vendored"
[source.vendored]
directory = "$cargo_home/vendor"
END
}

# import_root DIR TAG [OPTION...]: makes an image of a directory, and removes the directory.
import_root() {
    tar --create --numeric-owner --directory "$1" . | "${docker[@]}" import "${@:3}" - "$2" >/dev/null
    rm -rf --one-file-system "$1"
}

remove_base_images() {
    [ "${#new_base_images[@]}" -eq 0 ] || "${docker[@]}" image rm --force "${new_base_images[@]}" >/dev/null 2>&1 || true
}
