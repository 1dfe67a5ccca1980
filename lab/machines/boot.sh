#!/bin/bash
# Runs one machine until it is halted; a reboot inside of it (exit status 133) starts it again.
# Arguments: name of its control group, then the systemd-nspawn command line.
# The machine outlives whatever started this, so that the lab's services can be restarted.
set -u
group=$1
shift

# Where PID 1 is not systemd, each machine needs a control group of its own in every hierarchy,
# entered before nspawn starts. /proc/self/cgroup is read in one go: it changes while we move.
enter_group() {
  local lines line id controllers path base directory
  mapfile -t lines </proc/$BASHPID/cgroup
  for line in "${lines[@]}"; do
    IFS=: read -r id controllers path <<<"$line"
    path=${path%/}
    if [ -z "$controllers" ]; then
      base=/sys/fs/cgroup
      [ -d $base/unified ] && base+=/unified
    else
      base=/sys/fs/cgroup/${controllers#name=}
    fi
    [ -d "$base" ] || continue
    directory=$base$path/$group
    mkdir -p "$directory"
    if [ "$controllers" = cpuset ]; then
      cat "$base$path/cpuset.cpus" >"$directory/cpuset.cpus"
      cat "$base$path/cpuset.mems" >"$directory/cpuset.mems"
    fi
    echo $BASHPID >"$directory/cgroup.procs"
  done
}

# Control groups that a machine left behind slow its next boot.
clear_groups() {
  find /sys/fs/cgroup -depth -type d -path "*/$group/*" -exec rmdir {} \; 2>/dev/null
}

stopped=
trap 'stopped=1; kill -TERM "$child" 2>/dev/null' TERM INT
export SYSTEMD_NSPAWN_API_VFS_WRITABLE=1
[ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] && export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
while :; do
  (
    [ -d /run/systemd/system ] || enter_group
    exec "$@"
  ) &
  child=$!
  wait "$child"
  status=$?
  if [ -n "$stopped" ]; then
    wait "$child" 2>/dev/null
    break
  fi
  [ "$status" = 133 ] || break
  clear_groups
done
