#!/usr/bin/env bash
# A real S3 server on loopback for tests, without containers: Ceph's RADOS Gateway over one monitor and one in-memory OSD.
#   apt-get install --no-install-recommends radosgw ceph-mon ceph-osd ceph-common
#   eval "$(scripts/rgw.sh start)"   starts it (about 12 s) and sets CLIPPY_TEST_S3_*, also written to DIR/env; starting twice is fine
#   scripts/rgw.sh stop              ends it and removes its folder
# CLIPPY_RGW_DIR (default /tmp/clippy-rgw) chooses the folder. The gateway listens at 7480 and the monitor at 7479, or elsewhere
# when those are taken; CLIPPY_RGW_PORT forces the gateway's.
# The `ceph` command is not used: it is Python, and the one thing it was needed for (making an OSD known) a prepared map does.
set -euo pipefail

dir=$(realpath -m "${CLIPPY_RGW_DIR:-/tmp/clippy-rgw}")
conf=$dir/ceph.conf
key=clippytest
secret=clippytestsecret
failure=

say() { echo "rgw: $*" >&2; }
fail() { failure=$*; return 1; }

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
answers() { timeout 5 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1" && printf "GET / HTTP/1.0\r\n\r\n" >&3 && grep -q ListAllMyBuckets <&3' - "$1" 2>/dev/null; }

free_port() { # free_port PREFERRED
  local port=$1
  while listens "$port"; do port=$((20000 + RANDOM % 12000)); done # below the ports that outgoing connections get
  echo "$port"
}

# Ours are told by the configuration they were started with.
daemons() {
  local process args at
  for process in /proc/[0-9]*; do
    mapfile -d '' args 2>/dev/null <"$process/cmdline" || continue
    for at in "${!args[@]}"; do [[ ${args[at]} == -c && ${args[at + 1]:-} == "$conf" ]] && echo "${process#/proc/}"; done
  done 2>/dev/null
  return 0
}

stop() {
  local pids
  pids=$(daemons)
  # nothing they hold is kept, so there is nothing to end in order
  [[ -z $pids ]] || kill -KILL $pids 2>/dev/null || true
  while [[ -n $(daemons) ]]; do sleep 0.1; done
  if [[ -L $dir/data ]]; then rm -rf "$(readlink "$dir/data")"; fi
  rm -rf "$dir"
}

write_conf() { # write_conf FSID MONITOR GATEWAY_PORT
  cat >"$conf" <<CONF
[global]
fsid = $1
mon_initial_members = a
mon_host = v1:$2
public_addr = 127.0.0.1
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
ms_bind_msgr2 = false
run_dir = $dir
admin_socket =
log_file = $dir/log/\$name.log
pid_file = $dir/\$name.pid
log_max_recent = 1
debug_rocksdb = 1/1
# a nearly full disk is none of the tests' business: the monitor needs about 10 MB
mon_data_avail_warn = 0
mon_data_avail_crit = 0
mon_rocksdb_options = write_buffer_size=2097152,compression=kNoCompression
# one disk holds everything once
mon_allow_pool_size_one = true
mon_warn_on_pool_no_redundancy = false
mon_max_pg_per_osd = 4000
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pgp_num = 8
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
rgw_rados_pool_pg_num_min = 8

[mon.a]
mon_data = $dir/data/mon

[osd]
osd_data = $dir/data/osd
osd_objectstore = memstore
memstore_device_bytes = 2147483648
# The map already says where the OSD is and what it is. It would tell the monitor all the same, sometimes before it knows the
# cluster's id, and end with "wrong fsid" and status 250: about one start in six.
osd_crush_update_on_start = false
osd_class_update_on_start = false
osd_class_dir = $(echo /usr/lib/*/rados-classes)
osd_op_num_shards = 2

[client.rgw]
rgw_data = $dir/data/rgw
rgw_frontends = beast endpoint=127.0.0.1:$3
rgw_thread_pool_size = 32
CONF
}

run() { # run LIMIT_SECONDS COMMAND…
  local limit=$1 began=$SECONDS status=0
  shift
  echo "\$ $*" >>"$dir/log/start.log"
  timeout -k 5 "$limit" "$@" </dev/null >>"$dir/log/start.log" 2>&1 || status=$?
  case $status in
    0) ;;
    124 | 137) fail "$1 did not end within $limit s: $*" ;;
    *) fail "$1 ended with status $status after $((SECONDS - began)) s: $*" ;;
  esac
}

gateway_answers() { # gateway_answers PORT
  local deadline=$((SECONDS + 30))
  until answers "$1"; do
    ((SECONDS < deadline)) || fail "radosgw runs and does not answer at port $1" || return
    sleep 0.2
  done
}

attempt() { # attempt NUMBER: runs inside a condition, where errexit is off, so that every command is joined by &&
  local cluster osd monitor port data=$dir/data shm
  stop && mkdir -p "$dir/log" || fail "$dir cannot be made" || return
  # a file system the monitor cannot use is not met twice
  if (($1 > 1)) && shm=$(mktemp -d /dev/shm/clippy-rgw.XXXXXX 2>/dev/null); then ln -s "$shm" "$data" || return; fi
  port=${CLIPPY_RGW_PORT:-$(free_port 7480)}
  if listens "$port"; then fail "port $port is taken; set CLIPPY_RGW_PORT to another one"; return; fi
  monitor=127.0.0.1:$(free_port $((port - 1)))
  cluster=$(</proc/sys/kernel/random/uuid)
  osd=$(</proc/sys/kernel/random/uuid)
  { mkdir -p "$data"/{mon,osd,rgw} && write_conf "$cluster" "$monitor" "$port"; } || fail "$dir cannot be written" || return
  export CEPH_CONF=$conf
  run 20 monmaptool --create --addv a "[v1:$monitor]" --fsid "$cluster" "$dir/monmap" \
    && run 20 osdmaptool -c "$conf" --createsimple 1 "$dir/osdmap" \
    && run 30 ceph-mon -c "$conf" -i a --mkfs --monmap "$dir/monmap" --osdmap "$dir/osdmap" \
    && run 30 ceph-mon -c "$conf" -i a \
    && run 30 ceph-osd -c "$conf" -i 0 --mkfs --osd-uuid "$osd" \
    && run 60 ceph-osd -c "$conf" -i 0 \
    && run 60 radosgw-admin -c "$conf" user create --uid=clippy --display-name=clippy --access-key="$key" --secret-key="$secret" \
    && run 60 radosgw -c "$conf" -n client.rgw \
    && gateway_answers "$port" \
    && cat >"$dir/env" <<ENV
export CLIPPY_TEST_S3_ENDPOINT=http://127.0.0.1:$port CLIPPY_TEST_S3_BUCKET=clippy-test
export CLIPPY_TEST_S3_ACCESS_KEY=$key CLIPPY_TEST_S3_SECRET_KEY=$secret
ENV
}

logs() { # the end of each, 45 lines at most; a crash's dump of events says less than what came before it
  local file lines=20
  for file in "$dir"/log/{start,mon.a,osd.0,client.rgw}.log; do
    [[ -s $file ]] || continue
    echo "-- ${file##*/}"
    sed '/^--- begin dump of recent events/,/^--- end dump/d; /^[ {}]/d; /^$/d' "$file" | tail -n "$lines" | cut -c 1-240
    lines=7
  done
}

runs() { [[ -f $dir/env ]] && answers "$(sed -n 's/.*ENDPOINT=[^ ]*:\([0-9]*\) .*/\1/p' "$dir/env")"; }

start() {
  local program number
  for program in timeout monmaptool osdmaptool ceph-mon ceph-osd radosgw radosgw-admin; do
    command -v "$program" >/dev/null || { say "$program is missing: apt-get install radosgw ceph-mon ceph-osd ceph-common"; exit 1; }
  done
  if runs; then return; fi
  for number in 1 2 3; do
    if attempt "$number"; then return; fi
    say "attempt $number: $failure"
    ((SECONDS < 100)) || break # time is better spent on another server
  done
  say "could not start"
  logs >&2
  exit 1
}

case ${1:-} in
  start) start; cat "$dir/env" ;;
  stop) stop ;;
  env) cat "$dir/env" ;;
  *) say "usage: $0 start | stop | env"; exit 2 ;;
esac
