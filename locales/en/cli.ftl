# The command line.

## listen, check

listen-live = Connected
check-quiet = No event came. That is fine if nothing happened meanwhile.
check-no-byte = Not a single byte came, not even a keep-alive. Something in between may hold the stream back, often a proxy that buffers; if nothing happened meanwhile it may be fine. Asking at intervals (--poll) works either way.
listen-waiting = { $why } Trying again in { $seconds } s.
check-no-answer = No answer within { $seconds } s. Some servers answer only with their first event: try a longer --wait.

## send

send-not-text = Standard input is not UTF-8 text.
send-too-long = The text is longer than { $kib } KiB. Send a shorter one, or a link to it.
send-no-hub = No hub answers at { $address }. Switch it on in Feedbell, start one with “feedbell serve”, or name another with --hub or FEEDBELL_HUB.

## serve

serve-port-taken = { $address } is taken by another program. Choose another port with --listen, or 0 for a free one.
serve-token = { $address } can be reached from other machines. Make a token with “feedbell token create”, set one with --token or FEEDBELL_TOKEN, or listen on 127.0.0.1.
serve-bad-token = A token is letters, digits and signs without spaces. Choose another one.
serve-weak-token = { $address } can be reached from other machines, and a token of less than 16 characters is soon guessed. Make one with “feedbell token create”, or set a longer one.
send-nothing = There is nothing to send: the text is empty.
serve-tls = There is no https: { $why }.
serve-tls-half = A certificate needs its key. Name both, --tls-cert and --tls-key.
serve-socket = The socket { $path } cannot be made: { $why }. Choose another with --socket, or none.
serve-socket-taken = Another hub listens on { $path }, so “feedbell send” goes there. Choose another socket with --socket, or none.
serve-config-order = What counts: the command line, then the environment, then the file, then the default.
serve-config-default = default
serve-config-unset = { $name } is not set
serve-config-unread = { $path } cannot be read: { $why }.
serve-config-syntax = { $path }, line { $line }: this is not TOML: { $why }.
serve-config-unknown = { $path }, line { $line }: there is no option “{ $key }”. Known are { $known }.
serve-config-value = { $path }, line { $line }: { $key } cannot be this: { $why }.
serve-config-variable = { $name } cannot be this: { $why }.

## backplane

serve-backplane-memory = A hub with a backplane keeps a copy of the log on disk. Leave out --memory or --backplane.
serve-import-alone = There is nothing to import into: name the backplane with --backplane.
backplane-scheme = An engine’s address begins with redis:// or valkey://, with TLS with rediss:// or valkeys://, and where Sentinel watches with redis-sentinel://.
backplane-cluster = One log lies on one server, so a cluster adds nothing. Name one server, like redis://host:6379.
backplane-host = The backplane’s address names no host. Write it like redis://host:6379, and in a password @ : / ? # % as %40 %3A %2F %3F %23 %25.
backplane-port = The port in the backplane’s address is no number from 1 to 65535. In a password write @ : / ? # % as %40 %3A %2F %3F %23 %25.
backplane-credentials = In the password of the backplane’s address write @ : / ? # % as %40 %3A %2F %3F %23 %25.
backplane-database = A database is a number from 0 to 255, like redis://host:6379/0.
backplane-parameters = A backplane’s address has no parameters, except with Sentinel: sentinelServiceName, node, sentinelUsername and sentinelPassword.
backplane-sentinel = With Sentinel, write redis-sentinel://host:26379?sentinelServiceName=NAME, and &node=host:26379 for each further one.
backplane-prefix = A prefix has 1 to 64 of the characters A-Z a-z 0-9 _ - . and :. Choose another --backplane-prefix.
backplane-unencrypted = --backplane-ca is for TLS. Begin the backplane’s address with rediss://, or leave it out.
backplane-certificates = No certificate can be read from { $path }: { $why }.
backplane-wrong = There is no backplane: { $why }.

## backup

backup-file = { $name } ({ $kib } KiB)
backup-done = The backup is in { $folder }
backup-taken = { $path } is not empty, or not a folder. Choose a new folder for the backup.
backup-nothing = There is nothing to back up in { $path }. Say with --data where the hub keeps its log.
backup-not-copied = { $path } could not be copied: { $why }
backup-damaged = { $path } is damaged, and so would be its copy: { $why }
## token

token-made = Token “{ $name }” ({ $id }) may: { $rights }. It is shown this once and counts at { $at }.
token-used = used { $time }
token-unused = never used
token-none = There are no tokens at { $at }. Make one with “feedbell token create”.
token-no-log = No hub has its log in { $path }. Name the folder of “feedbell serve --data”.
token-unknown = There is no token “{ $name }” at { $at }. “feedbell token list” shows them.
token-ambiguous = Several tokens are called “{ $name }”. Name one by its id; “feedbell token list” shows it.
token-revoked = Token “{ $name }” no longer opens { $at }.
token-wrong = No token was made: { $why }.

## run

run-hub = The hub listens on { $url }
run-try = Send yourself a like from another terminal:
run-no-feeds = No feeds yet. Add one to { $path }
run-no-window = This Feedbell runs in a terminal and has no window. “feedbell open --message” prints a message here.
run-no-control = “feedbell status”, “pause” and “open” cannot reach this notifier: { $why }

## status, pause, resume, reconnect, open

status-not-running = Feedbell is not running. Start it with “feedbell run”, or open the app.
status-failed = Feedbell is running but cannot be asked: { $why }
status-slow = Feedbell is running but does not answer. Try again, or start it anew.
status-version = Feedbell { $version } is running
status-unread = { $count ->
    [0] No unread messages
    [one] 1 unread message
   *[other] { $count } unread messages
}
status-hub-off = The hub is off
status-hub-starting = The hub is starting
status-hub-on = The hub listens on { $url } ({ $count } listening)
status-no-feeds = No feeds yet
reconnect-unknown = There is no feed “{ $name }”. “feedbell status” lists them.
status-paused = Notifications are paused until you resume. Messages are kept.
status-paused-until = Notifications are paused until { $time }. Messages are kept.
status-resumed = Notifications are on
status-hours = Quiet hours until { $time }. Messages are kept.
status-hours-next = Next quiet hours: { $time }
status-system = The system’s do not disturb is on. Messages are kept.
status-breakthrough-urgent = Urgent messages ring all the same.
status-breakthrough-high = Messages of high urgency and urgent ones ring all the same.
status-breakthrough-normal = Messages of normal urgency or more ring all the same.
status-breakthrough-low = All messages ring all the same.
mute-done = { $name } is muted. Its messages are kept.
mute-until = { $name } is muted until { $time }. Its messages are kept.
mute-over = { $name } is not muted
open-done = Feedbell was asked to show its window
open-message = Feedbell was asked to show message { $id }
reconnect-done = Reconnecting

status-feed-off = { $name }: off
status-feed-connecting = { $name }: connecting
status-feed-live = { $name }: live
status-feed-waiting = { $name }: reconnecting. { $why }
status-feed-muted = { $feed } (muted)
status-feed-muted-until = { $feed } (muted until { $time })
status-feed-stopped = { $name }: stopped. { $why }
