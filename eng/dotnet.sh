# Sourced by the root scripts. find_dotnet sets DOTNET to a host whose SDK builds this tree, or says what is missing.
find_dotnet() {
  local candidate old=""
  for candidate in "$(command -v dotnet 2>/dev/null)" "${DOTNET_ROOT:-/nowhere}/dotnet" /usr/share/dotnet/dotnet /usr/lib/dotnet/dotnet \
    /usr/local/share/dotnet/dotnet /opt/homebrew/bin/dotnet "${HOME:-/nowhere}/.dotnet/dotnet"; do
    [ -n "$candidate" ] && [ -x "$candidate" ] || continue
    if "$candidate" --list-sdks 2>/dev/null | grep -qE '^([1-9][0-9])\.'; then
      DOTNET=$candidate
      return 0
    fi
    old="$candidate ($("$candidate" --list-sdks 2>/dev/null | tail -n 1 | cut -d' ' -f1))"
  done
  if [ -n "$old" ]; then
    echo "Lockstep needs the .NET SDK 10 or newer; found only $old." >&2
  else
    echo "Lockstep needs the .NET SDK 10, and there is none on PATH, in /usr/share/dotnet, /usr/lib/dotnet or ~/.dotnet." >&2
  fi
  echo "Install it: https://dot.net/download, or: curl -sSL https://dot.net/v1/dotnet-install.sh | bash -s -- --channel 10.0" >&2
  return 1
}

# One build at a time in this tree. File descriptor 9 is the lock; a build must not hand it to what stays behind it: run it with 9>&-.
lock_build() {
  mkdir -p "$ROOT/.cache" && exec 9>"$ROOT/.cache/build.lock"
  if command -v flock >/dev/null; then flock 9; fi
}

unlock_build() { exec 9>&-; }

export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 MSBUILDDISABLENODEREUSE=1
