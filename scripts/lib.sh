# Shared by demo.sh and test.sh: packages, build, messages. Sourced, not run.

say() { printf '\033[1m== %s\033[0m\n' "$*" >&2; }
die() { printf 'phaseguard: %s\n' "$*" >&2; exit 1; }

missing_packages() {
  local name
  while read -r name; do
    dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || echo "$name"
  done < <(grep -v '^#' "$1")
}

# Installs what packages.txt names and the machine lacks. Needs root or sudo only when something is missing.
install_missing() {
  local list="$1" missing sudo=""
  command -v dpkg-query >/dev/null || die "this script installs Debian packages; on another system install what $list names and build with cmake --preset release"
  missing=$(missing_packages "$list")
  [ -z "$missing" ] && return 0
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "packages are missing and there is neither root nor sudo; install: $(echo $missing)"
    sudo="sudo"
  fi
  say "installing $(echo "$missing" | wc -l) packages"
  $sudo apt-get update -q >/dev/null || die "apt-get update failed; check the machine's package sources"
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -q --no-install-recommends $missing >/dev/null ||
    die "apt-get install failed for: $(echo $missing)"
}

# Configures and builds a preset; the compiler's words go to a file, shown when it fails.
build_preset() {
  local preset="$1"; shift
  local log="build/$preset-build.log"
  mkdir -p build
  say "building ($preset, $(nproc) jobs; log: $log)"
  cmake --preset "$preset" >"$log" 2>&1 || { tail -n 30 "$log" >&2; die "configuration failed; whole log: $log"; }
  cmake --build --preset "$preset" -j "$(nproc)" "$@" >>"$log" 2>&1 || { tail -n 60 "$log" >&2; die "build failed; whole log: $log"; }
}
