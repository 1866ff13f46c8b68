# What ./run and ./test share: the packages that the build needs, and how they are installed. To be sourced.
# shellcheck shell=bash disable=SC2034  # used by those who source it

packages=(g++ meson ninja-build ccache pkg-config python3 python3-venv capnproto libcapnp-dev doctest-dev libdnnl-dev
  libssl-dev libxxhash-dev libcaf-dev libyaml-cpp-dev nlohmann-json3-dev zlib1g-dev libboost1.81-dev libsqlite3-dev libsimdjson-dev curl)

# install PACKAGE...: those of them that are missing.
install() {
  local missing=()
  local package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  echo "installing ${missing[*]}"
  local sudo=
  [ "$(id -u)" -eq 0 ] || sudo=sudo
  $sudo apt-get update -q >/dev/null && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -qy --no-install-recommends \
    "${missing[@]}" >/dev/null
}
