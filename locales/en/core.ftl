# What the core says: states, reasons, what is wrong with a setting, what happened to a message.

## Notifications

announce-many = { $count ->
    [one] 1 message while you were away
   *[other] { $count } messages while you were away
}
announce-burst = { $count } new messages
burst-title = { $count } messages: { $title }
announce-many-body = From { $feeds }
announce-hidden = New message
# A line of the tray's menu. what: “New message” or “3 new messages”.
latest-hidden = { $what } · { $feed }
announce-action-open = Open
# The title of several messages that belong together.
announce-group = { $count } messages: { $title }
announce-two-actors = { $first } and { $second }
announce-actors = { $others ->
    [one] { $first }, { $second } and 1 other
   *[other] { $first }, { $second } and { $others } others
}
announce-action-read = Mark read
announce-action-snooze = Snooze 1 hour
announce-action-mute = Mute feed

## What messages offer to do

act-gone = The message does not offer this any more. Open it again.
act-off-feed = { $feed } may not send requests. Allow it in the feed’s settings, under Notifications.
act-off-address = { $host } is not a public address, and requests of messages go to public addresses alone.
act-bad-address = The address { $address } cannot be used. It has to begin with http:// or https://.
act-bad-request = The message asks for a request that cannot be sent: { $why }
act-busy = Other requests are still on their way. Try again in a moment.
act-answered = { $host } did it (status { $status }).
act-refused = { $host } refused (status { $status }). See there what is wrong.
act-unknown-host = The name { $host } has no address. Check whether you are online.
act-no-answer = { $host } did not answer within 10 seconds. Try again later.
act-unsent = { $host } could not be reached: { $why }. Try again later.

## Event names that read as words

event-like = Like
event-favorite = Favorite
event-favourite = Favorite
event-notify = Notification
event-comment = Comment
event-follow = New follower
event-mention = Mention
event-message = Message

## Why a message made no notification

silenced-paused = Kept silently, notifications are paused
    .lead = Kept silently
silenced-paused-until = Kept silently, paused until { $until }
    .lead = Kept silently
silenced-hours = Kept silently, quiet hours until { $until }
    .lead = Kept silently
silenced-system = Kept silently, do not disturb is on
    .lead = Kept silently
silenced-muted = Kept silently, { $feed } is muted
    .lead = Kept silently
silenced-muted-until = Kept silently, { $feed } is muted until { $until }
    .lead = Kept silently
silenced-keep = Kept silently, as the rule says
    .lead = Kept silently
silenced-history = Kept silently, it was there before you subscribed
    .lead = Kept silently

## Moments

moment-tomorrow = tomorrow { $time }
moment-yesterday = yesterday { $time }
moment-date = { $day } { $month ->
    [1] January
    [2] February
    [3] March
    [4] April
    [5] May
    [6] June
    [7] July
    [8] August
    [9] September
    [10] October
    [11] November
   *[12] December
} { $time }
moment-date-year = { $day } { $month ->
    [1] January
    [2] February
    [3] March
    [4] April
    [5] May
    [6] June
    [7] July
    [8] August
    [9] September
    [10] October
    [11] November
   *[12] December
} { $year } { $time }

## The life of a message

# lead: the words of the line that say the most. code: what of it is set in a fixed width.
ledger-received = Received, stored as { NUMBER($id, useGrouping: "false") }
    .lead = Received, stored as
    .code = { NUMBER($id, useGrouping: "false") }
ledger-default = No rule, so it may notify
    .lead = No rule
ledger-rule = Rule { $number } said { $verdict ->
    [keep] keep
    [drop] drop
   *[notify] notify
}
    .lead = Rule { $number }
ledger-rule-named = Rule { $number } “{ $name }” said { $verdict ->
    [keep] keep
    [drop] drop
   *[notify] notify
}
    .lead = Rule { $number }
ledger-preset-rule = The preset’s rule “{ $name }” said { $verdict ->
    [keep] keep
    [drop] drop
   *[notify] notify
}
    .lead = The preset’s rule
ledger-facts = The list is longer than { $count } entries: only the newest were taken
ledger-gap = The server said that events were lost
ledger-shown = Shown as a notification
    .lead = Shown
ledger-read = Marked read
    .lead = Marked read
ledger-opened = Opened from its notification
    .lead = Opened
ledger-done = Marked done
    .lead = Marked done

## Gaps

gap-title = Some events of { $feed } could not be recovered

## Settings

settings-syntax = The settings file is not valid TOML (line { $why }). Correct it; until then the settings before it stay in force and nothing is written.
settings-newer = The settings file was written by a newer Feedbell. Update Feedbell; the file stays as it is.
settings-io = The settings file { $path } could not be used: { $why }.
settings-left-out = { $name } is left out: { $why }
settings-wrong = { $field } in the settings is wrong. { $why }

field-wrong = Something in it is wrong.
field-type-text = { $field } should be a text in quotes, not { $found }.
field-type-flag = { $field } should be true or false, not { $found }.
field-type-number = { $field } should be a whole number, zero or more, not { $found }.
field-type-list = { $field } should be a list of texts like ["a", "b"], not { $found }.
field-type-table = { $field } should be a table, not { $found }.
field-type-tables = { $field } should be a list of tables, not { $found }.
field-type-secret = { $field } should be a text, or a table with “keyring” or “command”.
field-language = Choose auto, en or zh-CN.
field-theme = “{ $value }” should be system, light or dark.
field-sound = “{ $value }” is not the name of a sound. Write “system”, “silent” or a name like “message-new-instant”.
field-breakthrough = “{ $value }” should be none, low, normal, high or urgent.
field-days = Choose at least one day: mon, tue, wed, thu, fri, sat or sun.
field-clock = “{ $value }” is not a time of day. Write it like “22:00”.
field-clock-missing = Enter a time of day like 22:00.
field-shortcut = “{ $value }” is not a key combination. Write it like Ctrl+Alt+B.
field-too-much = That is too much. The most is { $most }.
hint-unknown-key = Feedbell does not know { $field }. It stays in the file and has no effect.
hint-unknown-key-like = Feedbell does not know { $field }. It has no effect; perhaps “{ $like }” is meant.
field-id-twice = The id “{ $id }” is used twice. Give each feed its own.
field-url-missing = Enter the address of the feed.
field-url = “{ $value }” is not an address: { $why }.
field-url-scheme = “{ $value }” should start with http:// or https://.
field-url-credentials = Put the user name and password into the access fields, not into the address.
field-preset = There is no preset “{ $value }”. Known are { $known }.
field-header = “{ $value }” is not a header name.
field-header-ours = Feedbell sets the header { $value } itself. Remove it.
field-username-colon = A user name cannot contain a colon.
field-password-missing = Enter the password.
field-resume = Write “header”, “off”, {"{"} query = "since" {"}"} or {"{"} field = "time", query = "since" {"}"}.
field-resume-name = Enter the name of the parameter, and of the field if there is one.
field-proxy = “{ $value }” is not a proxy. Write it like http://proxy.example:8080 or socks5://127.0.0.1:1080, or “none”.
field-proxy-credentials = A proxy with a user name and password cannot be used. Choose one that asks for none.
field-key-alone = A key needs a client certificate too.
field-pin = A fingerprint begins with sha256: and has 64 hexadecimal digits.
field-query-name = Enter the name of the parameter.
field-cookie-name = Enter the name of the cookie, without spaces or “=”.
field-then = “{ $value }” should be notify, keep or drop.
field-listen = “{ $value }” should be an address and a port, like 127.0.0.1:2355.
field-tls = “{ $value }” should be off, on or required.
field-token-name = Give the token a name, so that you know it again.
field-token-rights = Choose at least one thing that the token may do.
field-origin = “{ $value }” should be an exact origin like http://localhost:3000.

rule-pattern = “{ $value }” is not a pattern: { $why }.
rule-condition = The condition does not compile: { $why }.
rule-template = The template does not compile: { $why }.

secret-missing = The stored secret is gone. Enter it again.
secret-command = The command for the secret failed: { $why }.
secret-store = The file of secrets could not be used: { $why }.
secret-needed = Enter the secret.

refused-form = Some fields need a change.
refused-unknown-message = There is no message { $id }. It may have been deleted.
refused-unknown-feed = This feed is no longer in the settings.
refused-no-inbox = The inbox cannot be used, so nothing can be stored.
refused-inbox = The inbox could not be written: { $why }.
refused-hub-off = The hub is off. Switch it on to send.
refused-token = The token was not made: see the fields below.
refused-subscriber-gone = This listener is gone already, and with it the users it listened as.
refused-hub = The hub did not take it: { $why }.
refused-empty = Enter a text to send.
refused-link = This message has no link to open.
refused-stopping = Feedbell is shutting down.
refused-busy = Much is being done already. Try again in a moment.
refused-export = Nothing was exported, because { $path } could not be written: { $why }. Choose another folder.
refused-command = “{ $command }” is not a command this Feedbell knows.

## Troubles that need a person

trouble-inbox-damaged = The inbox was damaged. It was set aside as { $path }, and a new one was started.
trouble-inbox-newer = The inbox was written by a newer Feedbell. Update Feedbell; the inbox stays as it is and no feed is connected until then.
trouble-inbox-unavailable = The inbox cannot be written: { $why }. New events wait at their servers until it can.
trouble-inbox-found-damaged = The inbox is damaged. Start Feedbell again: it sets the file aside and starts a new one.
trouble-data = The folder { $path } cannot be used: { $why }.
trouble-running = Feedbell is already running with this inbox.
trouble-feed = { $name }: { $why }
trouble-notifications = Notifications cannot be shown: { $why }. Messages are kept in the inbox.

## Feeds

feed-left-out = This feed cannot be used: { $why }

## The feed check

check-name = The name was found: { $addresses }
check-connect = The host accepts connections
check-tls = The connection is secure
check-answer = The server answered
check-answer-redirected = The server answered, redirected to { $location }
check-content-type = It is an event stream ({ $type })
check-first-byte = The first bytes arrived after { $ms } ms
check-keep-alive = The server keeps the connection alive
check-first-event = The first event arrived
check-access = The secrets may be sent there
check-proxy = Through the proxy { $proxy }
check-resumed = The server goes on where a connection ended
check-no-ids = The events carry no ids: what is sent while nobody listens cannot be asked for again
check-not-resumed = Asked to go on after an event, the server did not send the next one: what is sent while nobody listens is lost

## The hub

hub-port-taken = Port { NUMBER($port, useGrouping: "false") } is taken by another program. Choose another port for the hub.
hub-bind = The hub cannot listen on { $address }: { $why }.
hub-open = The hub could not start: { $why }.
hub-in-use = Another hub uses { $path }. Stop it, then switch the hub on again.
hub-newer = The hub’s log { $path } was written by a newer Feedbell. Update Feedbell; the log stays as it is.
hub-own-history = The folder of { $path } holds a history that the other nodes do not have. Start once with --import to make it that of all, or name another folder with --data.
hub-other-hub = { $path } is a node’s copy of another hub than the one at this engine. Name another folder with --data, or another --backplane-prefix.
hub-is-copy = { $path } is a node’s copy of a hub with a backplane. Start with --backplane, or name another folder with --data.
hub-not-imported = The history was not imported: { $why }.
hub-damaged = The hub’s log { $path } is damaged. Move it away to start with an empty history.
hub-tls = The hub cannot speak HTTPS: { $why }.
hub-token = Other computers cannot use the hub yet: it needs a token. Create one on the page of the hub, or with “feedbell token create”.
hub-token-unusable = The token in the settings cannot be used: it may have letters, digits and signs, and no spaces. Change “token” under [hub] in the settings file.

## Presets

preset-hub = Feedbell hub
preset-hub-about = Another Feedbell, or this one: named events with replay.
preset-likes = Likes
preset-likes-about = Site messages for one user: likes, favorites and notes.
preset-board = Board
preset-board-about = Sends everything so far as one list, then each new entry.
preset-counter = Counter
preset-counter-about = Counts up each second. For trying things out.
preset-pause = Pause
preset-pause-about = Measurements that end with a pause event; then Feedbell stays away.
preset-clock = Clock
preset-clock-about = Tells the time every few seconds. For trying things out.
preset-ntfy = ntfy
preset-ntfy-about = Topics of ntfy.sh or of your own ntfy server: missed messages come later, updates replace, tags become emoji.
preset-mercure = Mercure
preset-mercure-about = Updates of a hub of the Mercure protocol, draft 8 and later: topics with “match”.
preset-mercure-classic = Mercure (classic)
preset-mercure-classic-about = Updates of a Mercure hub as most are: topics with “topic”.
preset-mastodon = Mastodon
preset-mastodon-about = Favorites, boosts, mentions and followers of your account. Needs a token with read:notifications.
preset-home-assistant = Home Assistant
preset-home-assistant-about = Events of the bus, like “desktop_notify” from an automation. Needs a long-lived token of an administrator.
preset-wikimedia = Wikimedia
preset-wikimedia-about = Recent changes of all wikis, as a sample: a trickle of the flood, muted.
preset-json = JSON
preset-json-about = Any JSON: title, message, link and the like are understood, the rest is listed.
preset-text = Text
preset-text-about = Plain text: the first line is the title.
preset-own = { $words }
preset-own-about = { $words }
preset-taken = The id “{ $id }” is taken. Choose another one
preset-id = It needs an “id” of letters, digits, “-” and “_”
preset-large = It is too large for a preset
trouble-presets = Some of your presets are left out: { $files }.

event-announcement = Announcement
event-reblog = Boost
event-left-out = Left out

mastodon-mention = { $who } mentioned you
mastodon-status = { $who } posted
mastodon-reblog = { $who } boosted your post
mastodon-favourite = { $who } favorited your post
mastodon-follow = { $who } follows you
mastodon-follow-request = { $who } asks to follow you
mastodon-poll = A poll by { $who } has ended
mastodon-update = { $who } edited a post
mastodon-quote = { $who } quoted your post
mastodon-quoted-update = { $who } edited a post you quoted
mastodon-admin-sign-up = { $who } signed up
mastodon-admin-report = { $who } filed a report
mastodon-severed-relationships = Some of your follow relations were severed
mastodon-moderation-warning = The moderators sent you a warning

left-out = { $count ->
    [one] 1 event was left out
   *[other] { $count } events were left out
}
left-out-about = This feed brings more than { $most } messages in { $seconds } seconds. Rules that drop what you do not need leave room for the rest.
ledger-left-out = More than { $most } messages in { $seconds } seconds, so the rest was counted only
    .lead = counted only

token-expired = The token expired at { $when }. Enter a new one, or let a command print it; without it a server may send public updates only.

try-feed = Try it
try-title = Ada liked “Hello, Feedbell”
try-body = This came through the hub on this computer.

## Bursts: several messages of one kind as one

burst-like = { $count } likes
burst-like-on = { $count } likes on “{ $what }”
burst-favorite = { $count } favorites
burst-favorite-on = { $count } favorites of “{ $what }”
burst-favourite = { burst-favorite }
burst-favourite-on = { burst-favorite-on }
burst-reblog = { burst-boost }
burst-reblog-on = { burst-boost-on }
burst-repost = { burst-boost }
burst-repost-on = { burst-boost-on }
burst-boost = { $count } boosts
burst-boost-on = { $count } boosts of “{ $what }”
burst-share = { $count } shares
burst-share-on = { $count } shares of “{ $what }”
burst-reaction = { $count } reactions
burst-reaction-on = { $count } reactions to “{ $what }”
burst-follow = { $count } new followers
burst-follow-on = { $count } new followers of “{ $what }”
burst-vote = { $count } votes
burst-vote-on = { $count } votes for “{ $what }”
burst-star = { $count } stars
burst-star-on = { $count } stars for “{ $what }”
burst-change-on = { $count } changes of “{ $what }”

mastodon-burst-favourite = { $count } people favorited your post
mastodon-burst-favourite-on = { $count } favorites of “{ $what }”
mastodon-burst-reblog = { $count } people boosted your post
mastodon-burst-reblog-on = { $count } boosts of “{ $what }”
mastodon-burst-quote = { $count } people quoted your post
mastodon-burst-quote-on = { $count } quotes of “{ $what }”
mastodon-burst-follow = { $count } new followers
mastodon-burst-admin-sign-up = { $count } people signed up

## Rules and forms

rule-pattern-empty = An event name is empty. Remove it, or write “*” for any.
rule-burst-count = The title of a burst can show and compare “count”, but not compute with it.
rule-urgency = “{ $value }” is no urgency. Write low, normal, high or urgent, or a template.
rule-link = “{ $value }” is no link. It should start with http://, https:// or mailto:, or be a template.
rule-icon = “{ $value }” is no icon. Write an icon name, an address that starts with https://, or a template.
field-header-twice = The header { $value } is there twice. Remove one.
field-long = This is too long. At most { $most } characters fit.
field-most = This number is too large. The most is { NUMBER($most, useGrouping: "false") }.
field-many = These are too many. At most { $most } fit.

## Tests

ledger-test = A test that you sent. { $why }
    .lead = A test
test-body = This message was made up to try the rules of this feed.
refused-test-dropped = The rules of this feed drop the test event, so there is nothing to show. { $why }

## Feeds in and out

export-io = { $path } could not be written: { $why }.
export-none = There are no feeds to export.
import-large = This is too large for a file of feeds.
import-syntax = This is no file of feeds (line { $why }). Choose one that Feedbell exported.
import-newer = This file was written by a newer Feedbell. Update Feedbell to import it.
import-none = There are no feeds in this file. Choose one that Feedbell exported.
import-many = There are more than { $most } feeds in this file. Split it.
import-duplicate = { $name } is there already, with the same address and rules.
import-wrong = { $name } was left out. { $why }
import-permissions = { $name } was allowed more where it comes from (icons from the web, requests by buttons, or secrets over plain http). Allow it again in its settings if you want it.

## Erasing

erase-file = { $path } could not be erased: { $why }.
