#!/usr/bin/env bash
# A real S3 server on loopback for tests, without containers: Ceph's RADOS Gateway over one monitor and one in-memory OSD.
#   apt-get install --no-install-recommends radosgw ceph-mon ceph-osd ceph-common
#   eval "$(scripts/rgw.sh start)"   starts it (about 15 s) and sets CLIPPY_TEST_S3_*, also written to DIR/env; starting twice is fine
#   scripts/rgw.sh stop              ends it and removes its folder
# CLIPPY_RGW_DIR (default /tmp/clippy-rgw) and CLIPPY_RGW_PORT (7480; the monitor takes the port below it) choose another place.
set -euo pipefail

dir=${CLIPPY_RGW_DIR:-/tmp/clippy-rgw}
port=${CLIPPY_RGW_PORT:-7480}
monitor=127.0.0.1:$((port - 1))
key=clippytest
secret=clippytestsecret
conf=$dir/ceph.conf

say() { echo "rgw: $*" >&2; }

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }

environment() {
  echo "export CLIPPY_TEST_S3_ENDPOINT=http://127.0.0.1:$port CLIPPY_TEST_S3_BUCKET=clippy-test"
  echo "export CLIPPY_TEST_S3_ACCESS_KEY=$key CLIPPY_TEST_S3_SECRET_KEY=$secret"
}

# until LIMIT_SECONDS WHAT COMMAND...
until_ok() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    if ((SECONDS > deadline)); then
      say "$what did not come up; see $dir/log"
      exit 1
    fi
    sleep 0.2
  done
}

stop() {
  local file pid
  for file in "$dir"/{client.rgw,osd.0,mon.a}.pid; do
    [[ -f $file ]] || continue
    pid=$(<"$file")
    # a pid may have been given to another program since
    [[ -r /proc/$pid/cmdline ]] && tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q -- "$conf" || continue
    kill "$pid"
    for _ in {1..50}; do [[ -d /proc/$pid ]] || break; sleep 0.1; done
    if [[ -d /proc/$pid ]]; then kill -9 "$pid"; fi
  done
  rm -rf "$dir"
}

write_conf() {
  local classes
  classes=$(echo /usr/lib/*/rados-classes)
  cat >"$conf" <<CONF
[global]
fsid = $1
mon_initial_members = a
mon_host = v1:$monitor
public_addr = 127.0.0.1
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
ms_bind_msgr2 = false
run_dir = $dir
admin_socket = $dir/\$name.asok
log_file = $dir/log/\$name.log
pid_file = $dir/\$name.pid
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
mon_data = $dir/mon

[osd]
osd_data = $dir/osd
osd_objectstore = memstore
memstore_device_bytes = 2147483648
osd_class_dir = $classes
osd_op_num_shards = 2

[client.rgw]
rgw_data = $dir/rgw
rgw_frontends = beast endpoint=127.0.0.1:$port
rgw_thread_pool_size = 32
CONF
}

start() {
  local program cluster osd
  for program in monmaptool ceph ceph-mon ceph-osd radosgw radosgw-admin; do
    command -v "$program" >/dev/null || { say "$program is missing: apt-get install radosgw ceph-mon ceph-osd ceph-common"; exit 1; }
  done
  if answers; then
    [[ -f $conf ]] || { say "port $port is taken; set CLIPPY_RGW_PORT"; exit 1; }
    return
  fi
  stop
  mkdir -p "$dir"/{mon,osd,rgw,log}
  cluster=$(</proc/sys/kernel/random/uuid)
  osd=$(</proc/sys/kernel/random/uuid)
  write_conf "$cluster"
  export CEPH_CONF=$conf
  {
    monmaptool --create --addv a "[v1:$monitor]" --fsid "$cluster" "$dir/monmap"
    ceph-mon -c "$conf" -i a --mkfs --monmap "$dir/monmap"
    ceph-mon -c "$conf" -i a
    timeout 30 ceph -c "$conf" osd new "$osd"
    ceph-osd -c "$conf" -i 0 --mkfs --osd-uuid "$osd"
    ceph-osd -c "$conf" -i 0
  } >>"$dir/log/start.log" 2>&1 || { say "could not start; see $dir/log/start.log"; exit 1; }
  osd_is_up() { timeout 10 ceph -c "$conf" osd stat 2>/dev/null | grep -q '1 up'; }
  until_ok 60 'the OSD' osd_is_up
  {
    radosgw -c "$conf" -n client.rgw
    timeout 60 radosgw-admin -c "$conf" user create --uid=clippy --display-name=clippy --access-key="$key" --secret-key="$secret"
  } >>"$dir/log/start.log" 2>&1 || { say "could not start; see $dir/log/start.log"; exit 1; }
  until_ok 60 'the gateway' answers
}

case ${1:-} in
  start) start; environment | tee "$dir/env" ;;
  stop) stop ;;
  env) environment ;;
  *) say "usage: $0 start | stop | env"; exit 2 ;;
esac
