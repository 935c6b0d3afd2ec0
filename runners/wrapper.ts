/**
 * What runs beside a job, in POSIX shell because compute nodes have no Node: the wrapper, which runs the job's script
 * and says how it is, and `seneschal-message`, which a job calls to say something.
 *
 * Files in the job's directory, each written whole and once (the first one stays):
 * `.pid` PID STARTTIME BOOT · `.started` MS · `.ended` OUTCOME EXIT MS NOTE. They are the truth; events only hurry.
 */

export const wrapperScript = `#!/bin/sh
# Usage: wrapper DIRECTORY EVENTS LIMIT GRACE (seconds; no limit = 0). It must lead its own session.
set -u
umask 027
dir=$1 events=$2 limit=$3 grace=$4
tag=wrapper
incarnation=\${SENESCHAL_INCARNATION:+",\\"incarnation\\":\\"$SENESCHAL_INCARNATION\\""}
# The job may have any PATH; the tools used here come from the system.
job_path=$PATH
PATH=/usr/local/bin:/usr/bin:/bin

now() {
  ms=$(date +%s%3N)
  case $ms in *[!0-9]*) ms=$(date +%s)000 ;; esac
  printf %s "$ms"
}

note() {
  printf '%s %s\\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1" >>"$dir/job-activity.log"
}

# keep NAME CONTENT: fails if there is one already.
keep() {
  printf '%s\\n' "$2" >"$dir/$1.$tag.$$" && ln "$dir/$1.$tag.$$" "$dir/$1" 2>/dev/null
  kept=$?
  rm -f "$dir/$1.$tag.$$"
  return "$kept"
}

# say EVENT MEMBERS
say() {
  file=$SENESCHAL_WORKFLOW.$SENESCHAL_CYCLE.$SENESCHAL_TASK.$SENESCHAL_SUBMIT.$1.json
  if ! {
    printf '{"v":1,"workflow":"%s","cycle":"%s","task":"%s","submit":%s%s,"event":"%s","time":%s%s}\\n' \\
      "$SENESCHAL_WORKFLOW" "$SENESCHAL_CYCLE" "$SENESCHAL_TASK" "$SENESCHAL_SUBMIT" "$incarnation" "$1" "$(now)" "$2" \\
      >"$events/.$file.$tag" && mv -f "$events/.$file.$tag" "$events/$file"
  } 2>/dev/null; then
    note "the event $1 could not be written"
  fi
}

# end OUTCOME EXIT NOTE
end() {
  # It failed because there is one already: another was first. For want of room: the event still says it.
  if ! keep .ended "$1 $2 $(now) $3" && [ -e "$dir/.ended" ]; then return 0; fi
  note "$1, exit $2\${3:+, $3}"
  say "$1" ",\\"exit\\":$2\${3:+,\\"text\\":\\"$3\\"}"
}

read -r stat <"/proc/$$/stat"
read -r boot </proc/sys/kernel/random/boot_id
set -- \${stat##*) }
# Exactly one wrapper runs a job, however often it was submitted.
keep .pid "$$ \${20} $boot" || exit 0
# Killed before it began.
[ ! -e "$dir/.ended" ] || exit 0

child=
caught=
catch() {
  caught=$1
  [ -z "$child" ] || kill -s "$1" "$child" 2>/dev/null
}
trap 'catch TERM' TERM
trap 'catch INT' INT
trap 'catch HUP' HUP

keep .started "$(now)"
note "started as process $$ on $(uname -n)"
say started ''

if [ -n "$caught" ]; then
  end failed 143 "ended by SIG$caught before it began"
  exit 0
fi
read -r first <"$dir/job" || first=
case $first in
  '#!'*) PATH=$job_path "$dir/job" >"$dir/job.out" 2>"$dir/job.err" </dev/null & ;;
  *) PATH=$job_path /bin/sh -e "$dir/job" >"$dir/job.out" 2>"$dir/job.err" </dev/null & ;;
esac
child=$!
[ -z "$caught" ] || kill -s "$caught" "$child" 2>/dev/null

watchdog=
if [ "$limit" -gt 0 ]; then
  (
    tag=watchdog
    nap=
    trap '[ -z "$nap" ] || kill "$nap" 2>/dev/null; exit 0' TERM
    sleep "$limit" &
    nap=$!
    wait "$nap"
    trap '' TERM
    keep .limit "$limit"
    note "time limit of $limit s reached"
    kill -s TERM -- "-$$"
    sleep "$grace"
    end failed 137 "time limit of $limit s, killed"
    kill -s KILL -- "-$$"
  ) </dev/null >/dev/null 2>&1 &
  watchdog=$!
fi

# A signal interrupts wait although the job goes on; 127 = it had been waited for already.
wait "$child"
code=$?
while [ -n "$caught" ]; do
  caught=
  before=$code
  wait "$child"
  code=$?
  [ "$code" -ne 127 ] || code=$before
done
[ -z "$watchdog" ] || kill "$watchdog" 2>/dev/null

why=
[ "$code" -le 128 ] || why="ended by SIG$(kill -l "$code" 2>/dev/null)"
[ ! -e "$dir/.limit" ] || why="time limit of $limit s"
if [ "$code" -eq 0 ]; then
  end succeeded 0 ''
else
  end failed "$code" "$why"
fi
`

export const messageScript = `#!/bin/sh
# seneschal-message TEXT...: shows TEXT as the latest message of the job that calls it.
if [ $# -eq 0 ]; then
  echo 'usage: seneschal-message TEXT...' >&2
  exit 2
fi
PATH=/usr/local/bin:/usr/bin:/bin
umask 027
text=$(printf '%s' "$*" | tr '\\n\\r\\t' '   ' | tr -d '\\000-\\037\\177' | cut -c1-500 | sed 's/\\\\/\\\\\\\\/g; s/"/\\\\"/g')
now=$(date +%s%3N)
case $now in *[!0-9]*) now=$(date +%s)000 ;; esac
name=$SENESCHAL_WORKFLOW.$SENESCHAL_CYCLE.$SENESCHAL_TASK.$SENESCHAL_SUBMIT.message.$now.$$.json
incarnation=\${SENESCHAL_INCARNATION:+",\\"incarnation\\":\\"$SENESCHAL_INCARNATION\\""}
printf '{"v":1,"workflow":"%s","cycle":"%s","task":"%s","submit":%s%s,"event":"message","time":%s,"text":"%s"}\\n' \\
  "$SENESCHAL_WORKFLOW" "$SENESCHAL_CYCLE" "$SENESCHAL_TASK" "$SENESCHAL_SUBMIT" "$incarnation" "$now" "$text" \\
  >"$SENESCHAL_EVENTS_DIR/.$name" &&
  mv -f "$SENESCHAL_EVENTS_DIR/.$name" "$SENESCHAL_EVENTS_DIR/$name"
`
