# Runs a server as its child and ends it when nobody needs it any more.
#
#   sh supervise.sh FOLDER LOG SIGNAL PROGRAM [ARGUMENT…]
#
# It makes FOLDER where there is none, says "folder", and waits for a line before it starts the program: a caller who
# made the folder itself and was killed before this script ran would leave it behind.
# Standard input is a pipe whose other end only the test process holds. The kernel closes it however that
# process ends: return, panic, exit, SIGTERM, SIGKILL. At its end the server gets SIGNAL, five seconds
# later SIGKILL, and FOLDER goes. Where the server ends by itself FOLDER stays, for a restart.
# The server is a child that has not been waited for, so its process id cannot belong to anyone else.
folder=$1 log=$2 signal=$3
shift 3
# Ctrl-C in a terminal goes to the test; a reader that is gone must not end this shell before the server.
trap '' HUP INT PIPE TERM
exec 3<&0 </dev/null
[ -d "$folder" ] || mkdir -m 700 "$folder" || exit
cd "$folder" || exit
exec 2>>"$log"
echo folder
if ! read -r _ <&3; then
  rm -rf "$folder"
  exit 1
fi

"$@" 3<&- >>"$log" &
server=$!

children() {
  ps -A -o pid= -o ppid= | while read -r pid parent; do
    if [ "$parent" = "$server" ]; then echo "$pid"; fi
  done
}

{
  while read -r _; do :; done
  : >"$folder/orphaned"
  # A frozen process hears nothing but CONT and KILL. Before the server there may be a shell that waits for
  # its child and does not hear SIGQUIT, so children are told as well, and those that come too.
  # shellcheck disable=SC2046 # the list is meant to be split
  kill -CONT "$server" $(children)
  tries=0
  while [ "$tries" -lt 50 ] && kill -0 "$server"; do
    # shellcheck disable=SC2046
    kill -"$signal" "$server" $(children)
    sleep 0.1
    tries=$((tries + 1))
  done
  # shellcheck disable=SC2046
  kill -KILL "$server" $(children)
} <&3 >/dev/null &
watcher=$!

echo "$server"
exec >/dev/null
wait "$server"
status=$?
kill -KILL "$watcher"
# Something that was just killed may still have made a file.
if [ -e "$folder/orphaned" ]; then rm -rf "$folder" || { sleep 0.2; rm -rf "$folder"; }; fi
exit "$status"
