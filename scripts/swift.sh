#!/usr/bin/env bash
# A second real S3 server on loopback for tests, for when Ceph (rgw.sh) cannot start: OpenStack Swift with its S3 API.
#   apt-get install --no-install-recommends python3-swift      the library alone: no daemons, nothing in /etc, 5 MB
#   eval "$(scripts/swift.sh start)"   starts it (about 1 s) and sets CLIPPY_TEST_S3_*, also written to DIR/env; starting twice is fine
#   scripts/swift.sh stop              ends it and removes its folder
# CLIPPY_SWIFT_DIR (default /tmp/clippy-swift) and CLIPPY_SWIFT_PORT (default: any free one) choose another place.
set -euo pipefail

dir=$(realpath -m "${CLIPPY_SWIFT_DIR:-/tmp/clippy-swift}")
server=$(realpath "$(dirname "$0")/swift-server.py")
python=/usr/bin/python3 # Debian's, which has Debian's packages; another one may come first on PATH
key=clippy:test
secret=clippytestsecret

say() { echo "swift: $*" >&2; }

answers() { timeout 5 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1" && printf "GET /healthcheck HTTP/1.0\r\n\r\n" >&3 && grep -q "^OK" <&3' - "$1" 2>/dev/null; }

# Ours is told by its arguments: the server's name, then its folder.
process() {
  local entry args
  for entry in /proc/[0-9]*; do
    mapfile -d '' args 2>/dev/null <"$entry/cmdline" || continue
    if [[ ${args[2]:-} == */swift-server.py && ${args[3]:-} == "$dir" ]]; then echo "${entry#/proc/}"; fi
  done 2>/dev/null
}

stop() {
  local pids
  pids=$(process)
  [[ -z $pids ]] || kill -KILL $pids 2>/dev/null || true # nothing it holds is kept
  while [[ -n $(process) ]]; do sleep 0.1; done
  rm -rf "$dir"
}

start() {
  local pid deadline port
  "$python" -I -c 'import swift, eventlet, lxml' 2>/dev/null || { say "Swift is missing: apt-get install python3-swift"; exit 1; }
  if [[ -f $dir/env ]] && answers "$(<"$dir/port")"; then return; fi
  stop
  mkdir -p "$dir"
  setsid "$python" -I "$server" "$dir" "${CLIPPY_SWIFT_PORT:-0}" "$key" "$secret" </dev/null >"$dir/log" 2>&1 &
  pid=$!
  deadline=$((SECONDS + 30))
  until [[ -f $dir/port ]] && answers "$(<"$dir/port")"; do
    if ! kill -0 "$pid" 2>/dev/null || ((SECONDS >= deadline)); then
      say "could not start within 30 s; the log ends with"
      tail -n 40 "$dir/log" | cut -c 1-240 >&2
      exit 1
    fi
    sleep 0.1
  done
  port=$(<"$dir/port")
  cat >"$dir/env" <<ENV
export CLIPPY_TEST_S3_ENDPOINT=http://127.0.0.1:$port CLIPPY_TEST_S3_BUCKET=clippy-test
export CLIPPY_TEST_S3_ACCESS_KEY=$key CLIPPY_TEST_S3_SECRET_KEY=$secret
ENV
}

case ${1:-} in
  start) start; cat "$dir/env" ;;
  stop) stop ;;
  env) cat "$dir/env" ;;
  *) say "usage: $0 start | stop | env"; exit 2 ;;
esac
