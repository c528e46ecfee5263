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

## doctor

doctor-ok = ok: { $text }
doctor-unknown = unknown: { $text }
doctor-warning = warning: { $text }
doctor-error = error: { $text }
doctor-server = { $name } { $version } answers at { $address }.
doctor-server-old = { $name } { $version } at { $address } is too old: it takes Redis 7.0 or Valkey 7.2, or newer ones.
doctor-primary = It takes writes. { $replicas ->
    [0] No replica copies from it.
    [one] One replica copies from it.
   *[other] { $replicas } replicas copy from it.
}
doctor-replica = It is a replica of { $of } and takes no writes. Name that one; or Sentinels, which know who takes them.
doctor-sentinel = This is a Sentinel. Write redis-sentinel://host:26379?sentinelServiceName=NAME.
doctor-cluster = It is a node of a cluster. The log lies on one of its nodes, and moves for nobody: better use a server of its own.
doctor-persistence-always = What it acknowledges is on its disk (appendonly yes, appendfsync always).
doctor-persistence-everysec = It writes each change down (appendonly yes, appendfsync everysec). When its machine dies, up to a second of what was acknowledged can be lost; when its program dies, nothing.
doctor-persistence-some = It writes each change down (appendonly yes), and does not say how soon to the disk.
doctor-persistence-no-fsync = It writes each change down, but the system chooses when to the disk (appendfsync no). When its machine dies, half a minute of what was acknowledged can be lost. Set appendfsync everysec.
doctor-persistence-none = It does not write each change down (appendonly no). When it stops, what was acknowledged can be lost, and everyone who listens is told of a gap. Set appendonly yes.
doctor-persistence-unknown = It does not say what it writes down. Look that appendonly is yes.
doctor-clock = Its clock and the one of this machine differ by { $ms } ms.
doctor-clock-ahead = Its clock is { $seconds } s ahead of the one of this machine. The hub goes by the engine’s clock, so this only confuses who reads logs. Set both by NTP.
doctor-clock-behind = Its clock is { $seconds } s behind the one of this machine. The hub goes by the engine’s clock, so this only confuses who reads logs. Set both by NTP.
doctor-memory = It uses { $used } of memory, at most { $max }, and deletes no keys for room (noeviction).
doctor-memory-unlimited = It uses { $used } of memory, without a limit.
doctor-memory-full = It uses { $used } of memory, at most { $max }. With more it takes nothing that is published. Raise maxmemory, or keep less with --keep-events, --keep-bytes and --keep-days.
doctor-memory-evicts = With { $max } of memory it deletes keys (maxmemory-policy { $policy }), those of the hub too; { $used } are in use. Set maxmemory-policy noeviction.
doctor-memory-policy-unknown = It uses { $used } of memory, at most { $max }, and does not say what it does then. Look that maxmemory-policy is noeviction.
doctor-memory-unknown = It does not say how much memory it uses. Look that maxmemory-policy is noeviction.
doctor-functions = This user may use the hub’s keys, and load and call functions.
doctor-functions-refused = This user may not use the hub’s keys, or not load and call functions: { $why }
doctor-hub-none = No hub is there yet with the prefix { $prefix }.
doctor-hub = A hub is there with the prefix { $prefix }, at { $position }, { $nodes ->
    [0] without a node now.
    [one] with one node.
   *[other] with { $nodes } nodes.
}
doctor-away = Nothing usable answers at { $address }: { $why }
doctor-password = The engine at { $address } refuses the user or the password: { $why }. Write them like redis://user:password@host:6379, or redis://:password@host:6379 where there are no users.
doctor-untrusted = The certificate of { $address } is not trusted: { $why }. Name the authority that signed it with --backplane-ca.

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
