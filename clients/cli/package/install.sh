#!/bin/sh
# Installs PizzaPi for you, without root, and pairs this machine with a relay. Run it again to update.
# A script that arrives in part does nothing: its last line runs it.
set -eu

RELAY='@RELAY@' # the relay that sent this script writes its address here
HELP="Usage: curl -fsSL $RELAY/install.sh | sh -s -- [--prefix <folder>] [--name <name>] [--no-pair] [--help]
  --prefix <folder>  where to install (default: ~/.local/share/pizzapi); the command is linked in ~/.local/bin
  --name <name>      the name of this host (default: its host name)
  --no-pair          install or update only
PIZZAPI_CA names a file with the certificate of an own authority; HTTPS_PROXY and NO_PROXY are respected."

say() { printf '%s\n' "$*" >&2; }
fail() { say "pizzapi: $*" && exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }
check_node() {
  get='Install it from https://nodejs.org or with the package manager of this machine, then run this line again.'
  has node && has npm || fail "Node 20.19 or newer is needed, with npm. $get"
  node -e 'const [a, b] = process.versions.node.split("."); process.exit(+a > 20 || (+a === 20 && +b >= 19) ? 0 : 1)' ||
    fail "Node $(node -v) is too old: 20.19 or newer is needed. $get"
}
fetch() {
  if has curl; then curl -fsSL ${PIZZAPI_CA:+--cacert "$PIZZAPI_CA"} -o "$2" "$1"
  elif has wget; then wget -q ${PIZZAPI_CA:+--ca-certificate="$PIZZAPI_CA"} -O "$2" "$1"
  else fail 'curl or wget is needed. Install one of them, then run this line again.'; fi
}
# Each version has a folder of its own, and `current` moves at once: running sessions keep the files that they use.
install_package() {
  mkdir -p "$prefix" "$HOME/.local/bin" && prefix=$(cd "$prefix" && pwd -P) && link=$HOME/.local/bin/pizzapi
  [ -L "$link" ] || [ ! -e "$link" ] || fail "$link is another program. Move it away, then run this line again."
  work=$(mktemp -d "$prefix/.new-XXXXXX") && trap 'rm -rf "$work"' EXIT
  fetch "$RELAY/install/pizzapi.tgz" "$work/pizzapi.tgz" ||
    fail "$RELAY/install/pizzapi.tgz cannot be downloaded. Check the network, PIZZAPI_CA and HTTPS_PROXY."
  sha256='crypto.createHash("sha256").update(fs.readFileSync(process.argv[1])).digest("hex")'
  id=pizzapi-$(node -p "$sha256.slice(0, 16)" "$work/pizzapi.tgz")
  if [ ! -d "$prefix/$id" ]; then
    say "Installing PizzaPi and its dependencies in $prefix"
    npm install --global --prefix "$work/$id" --ignore-scripts --omit=dev --no-audit --no-fund --loglevel=error \
      "$work/pizzapi.tgz" >&2 || fail 'npm could not install it; its message is above. Then run this line again.'
    mv "$work/$id" "$prefix/$id"
  fi
  before=$(readlink "$prefix/current" || true)
  ln -s "$id" "$work/current" && node -e 'fs.renameSync(process.argv[1], process.argv[2])' "$work/current" "$prefix/current"
  ln -sf "$prefix/current/bin/pizzapi" "$link"
  for old in "$prefix"/pizzapi-????????????????; do
    case $old in "$prefix/$id" | "$prefix/$before") continue ;; esac
    case $(ps -A -o args= 2>/dev/null || printf %s "$old/") in *"$old/"*) ;; *) rm -rf "$old" ;; esac
  done
  say "PizzaPi $("$link" --version) is installed."
  case ":$PATH:" in *":$HOME/.local/bin:"*) ;; *) say "$HOME/.local/bin is not in PATH: add it, or use $link." ;; esac
}

start_runner() {
  if "$link" runner status --json 2>/dev/null | grep -q '"installed":true'; then "$link" runner install && return; fi
  if (: </dev/tty) 2>/dev/null; then
    printf 'Start the runner now, and at every start of this machine? [Y/n] ' >/dev/tty
    read -r answer </dev/tty || answer=n
    case $answer in [Nn]*) ;; *) "$link" runner install && return ;; esac
  fi
  say "Start it with: $link runner. At every start of this machine: $link runner install"
}
main() {
  prefix=${HOME:?names no home folder}/.local/share/pizzapi name='' pairs=yes
  while [ $# -gt 0 ]; do
    case $1 in
      --help | -h) printf '%s\n' "$HELP" && return ;;
      --no-pair) pairs=no && shift && continue ;;
      --prefix | --name) [ -n "${2:-}" ] || fail "$1 needs a value. --help lists the options." ;;
      *) fail "There is no option $1. --help lists the options." ;;
    esac
    if [ "$1" = --prefix ]; then prefix=$2; else name=$2; fi && shift 2
  done
  [ -z "${PIZZAPI_CA:-}" ] || export NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-$PIZZAPI_CA}"
  [ -z "${HTTPS_PROXY:-}" ] || export https_proxy="${https_proxy:-$HTTPS_PROXY}"
  check_node && install_package
  [ "$pairs" = no ] || { "$link" runner pair --relay-url "$RELAY" --if-unpaired ${name:+--name "$name"} && start_runner; }
}

{ main "$@"; exit; }
