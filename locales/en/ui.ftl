# The window's own texts. What the notifier says to it is in core.ftl.

## Times

ui-day-today = Today
ui-day-yesterday = Yesterday
# Within a sentence. time: 14:36.
ui-day-tomorrow-at = tomorrow at { $time }
# day: one of the above, or a date. time: 14:36.
ui-day-at = { $day } at { $time }
ui-ago-seconds = { $n } s ago
ui-ago-minutes = { $n } min ago
ui-ago-hours = { $n } h ago
ui-ago-days = { $n ->
    [one] { $n } day ago
   *[other] { $n } days ago
}

## Rail

ui-rail-all = All
ui-rail-unread = Unread
ui-rail-pinned = Pinned
ui-rail-feeds = Feeds
ui-rail-no-feeds = No feeds yet
ui-rail-hub = Hub
ui-rail-settings = Settings
ui-rail-trying = Trying
ui-rail-trying-hint = Started to try things out: the hub and its feed stay until you quit. Messages and settings are kept.
ui-look-live = Live
ui-look-wait = Reconnecting
ui-look-off = Not connected
ui-look-bad = Needs you

## Actions

ui-action-open = Open
ui-action-mark-read = Mark read
ui-action-mark-unread = Mark unread
ui-action-mark-all = Mark all read
ui-action-mark-all-done = Mark all done
ui-action-done = Done
ui-action-not-done = Back to inbox
ui-action-export-json = Export as JSON
ui-action-export-csv = Export as CSV
ui-action-show-in-folder = Show in folder
ui-action-copy-text = Copy text
ui-action-copy-raw = Copy raw event
ui-action-copy-link = Copy link
ui-action-ok = OK
ui-action-change = Change
# host: the server that a message asks us to ask.
ui-action-http-ask = Send a request to { $host }?
ui-action-http-send = Send request
ui-action-pin = Pin
ui-action-unpin = Unpin
ui-action-delete = Delete
ui-action-undo = Undo
ui-action-copy = Copy
ui-action-close = Close
ui-action-back = Back
ui-action-menu = Menu
ui-action-cancel = Cancel
ui-action-pause = Pause
ui-action-resume = Resume
ui-action-fix = Fix

## Top bar

ui-search = Search messages
ui-status-live = All feeds live
# ago: 3 s ago
ui-status-heard = last heard { $ago }
ui-status-off = All feeds are off
ui-status-bad = { $n ->
    [one] { $n } feed needs you
   *[other] { $n } feeds need you
}
ui-status-wait-one = { $name } is reconnecting
ui-status-wait = { $n } feeds are reconnecting
ui-status-paused = Notifications are paused
ui-status-paused-until = Paused until { $time }
ui-status-hours = Quiet hours until { $time }
ui-status-system = The system is on do not disturb
ui-pause-menu = How long to pause
ui-pause-hour = For 1 hour
ui-pause-until-note = until { $time }
ui-pause-tomorrow = Until tomorrow
ui-pause-open = Until I resume
ui-strip-more = { $n } more
ui-strip-hours = Quiet hours until { $time }. Messages are kept silently.
ui-strip-system = The system is on do not disturb. Messages are kept silently.
ui-no-tray = This desktop shows no tray icons. Closing the window minimises it.
ui-newcomer = Feedbell stays in the tray when closed.
ui-mute-hour = Mute for 1 hour
ui-mute-tomorrow = Mute until tomorrow
ui-mute-for-good = Mute for good
ui-mute-off = Unmute
ui-feed-menu = More for { $name }
ui-feed-muted-until = Muted until { $time }
ui-feed-reconnect-now = Reconnect now
ui-feed-test = Send a test

## Message list

ui-filter-unread = Unread
ui-filter-done = Done
ui-filter-show-done = Show what is done
ui-filter-feed = Feed
ui-filter-feeds = { $n } feeds
ui-filter-event = Event
ui-filter-events = { $n } events
ui-filter-urgency = Urgency
ui-filter-urgency-low = All
ui-filter-urgency-normal = Normal or more
ui-filter-urgency-high = High or more
ui-filter-urgency-urgent = Urgent
# what: Event. which: the names that are chosen.
ui-filter-is = { $what }: { $which }
ui-filter-clear = Clear { $what }
ui-list-menu = More for this list
ui-list-found = { $n ->
    [one] { $n } message
   *[other] { $n } messages
}
ui-list-found-more = More than { $n } messages
ui-list-new = { $n ->
    [one] { $n } new message
   *[other] { $n } new messages
}
ui-row-unread = Unread
# Between the parts of a row's name for screen readers.
ui-row-comma = , { "" }
ui-urgency-high = High
ui-urgency-urgent = Urgent
# names: Ada, Lin Wei. n: how many more.
ui-row-actors = { $names } and { $n ->
    [one] { $n } other
   *[other] { $n } others
}
ui-row-names-comma = , { "" }
ui-gap = Some events between { $from } and { $to } could not be recovered
ui-gap-before = Some events before { $to } could not be recovered
ui-gap-about = The server no longer had them when Feedbell came back. Messages before and after are complete.
ui-live-new = { $n ->
    [one] { $n } new message
   *[other] { $n } new messages
}

## Empty lists

ui-empty-search = Nothing matches “{ $words }”
ui-empty-unread = Nothing unread here
ui-empty-unread-on = Unread is on and hides messages you have read.
ui-empty-filtered = Nothing matches the filters
ui-empty-done = Nothing is done yet
ui-empty-feeds-on = Only messages of { $names } are shown.
ui-empty-events-on = Only events named { $names } are shown.
ui-empty-urgency-on = Messages that are less urgent are not shown.
ui-empty-clear = Clear filters
ui-empty-all-read = Everything is read
ui-empty-pinned = Nothing is pinned
ui-empty-pinned-hint = Pin a message to find it here again.
ui-empty-messages = No messages yet
ui-empty-messages-hint = They appear here as soon as an event arrives.

## Message

ui-detail = Message
ui-detail-none = Choose a message to read it
ui-detail-keys = to move, all keys with
ui-detail-why = Why you see this
ui-detail-menu = More for this message
ui-detail-actions = What this message offers
ui-burst-all = All messages of this burst
ui-burst-back = Back to all of them
ui-burst-more = Show older, { $n } more
ui-detail-raw = Raw event
ui-detail-bytes = { $n ->
    [one] { $n } byte
   *[other] { $n } bytes
}

## Toasts

ui-toast-deleted = { $n ->
    [one] { $n } message deleted
   *[other] { $n } messages deleted
}
ui-toast-done = { $n ->
    [one] { $n } message done
   *[other] { $n } messages done
}
ui-toast-not-done = { $n ->
    [one] { $n } message is back in the inbox
   *[other] { $n } messages are back in the inbox
}
ui-toast-all-read = { $n ->
    [one] { $n } message marked read
   *[other] { $n } messages marked read
}
ui-toast-all-done = { $n ->
    [one] { $n } message done
   *[other] { $n } messages done
}
ui-toast-all-read-none = Everything here is read.
ui-toast-all-done-none = There is nothing here to be done.
# name: the file.
ui-toast-exported = { $n ->
    [one] { $n } message is in { $name }
   *[other] { $n } messages are in { $name }
}
# what: the toast of what was taken back.
ui-toast-undone = Taken back: { $what }
ui-toast-paused = Notifications are paused
ui-toast-resumed = Notifications are on again
ui-toast-muted = { $name } is muted
ui-toast-muted-until = { $name } is muted until { $time }
ui-toast-unmuted = { $name } is no longer muted
ui-toast-reconnecting = { $name } is reconnecting
ui-toast-copied = Copied
ui-toast-copy-refused = The system did not allow copying. Select the text and copy it by hand.
ui-toast-settings-saved = Settings saved
ui-toast-feed-added = { $name } added
ui-toast-feed-deleted = { $name } deleted
ui-error-unexpected = This did not work: { $detail }. Try again, or start Feedbell anew.

## First start

ui-welcome-title = A bell for any event feed
ui-welcome-lead = Likes, builds, doors. Point Feedbell at a server that streams events and it rings when something you care about happens.
ui-welcome-try = Try it now
ui-welcome-try-about = Starts a hub on this computer and sends you one like. Works offline.
ui-welcome-try-running = The hub on this computer is running. It sends you one like. Works offline.
ui-welcome-send-like = Send me a like
ui-welcome-add-about = Paste an address. Feedbell recognises ntfy, Mercure, Mastodon and more.
ui-welcome-import = Import
ui-welcome-import-about = Bring feeds from a file, or drop it here. Secrets are left out, so you add those afterwards.
ui-welcome-import-choose = Choose a file
ui-welcome-autostart = Start Feedbell when I log in
ui-welcome-autostart-note = It lives in the tray and opens no window.
ui-welcome-hello = Hello from the terminal
ui-import-too-large = { $name } is too large for a file of feeds. Choose one that Feedbell exported.
ui-import-came = { $n ->
    [one] { $n } feed imported
   *[other] { $n } feeds imported
}
ui-import-nothing = No feeds were imported
ui-import-secrets = Switched off until their token or password is entered: { $names }
ui-import-enter = Enter it for { $name }
ui-welcome-or = Or send an event yourself

## Settings

ui-settings-at-once = Changes apply at once
ui-settings-feeds = Feeds
ui-settings-notifications = Notifications
ui-settings-quiet = Quiet
ui-settings-inbox = Inbox
ui-settings-hub = Hub
ui-settings-appearance = Appearance
ui-settings-system = System
ui-settings-advanced = Advanced
ui-settings-errors = The settings file has mistakes

## Settings: feeds

ui-settings-no-feeds = There are no feeds yet. Add one by its address, or import a list.
ui-settings-more-feeds = More feeds
ui-feed-connect = { $name }: connected
ui-feed-mute-now = Mute
ui-feed-unmute = Unmute
ui-presets = Presets
ui-presets-note = { $n ->
    [one] Feedbell knows { $n } kind of server and what its events mean.
   *[other] Feedbell knows { $n } kinds of servers and what their events mean.
}
ui-presets-show = Show presets
ui-import = Import feeds
ui-import-note = From a list that Feedbell exported, here or on another computer.
ui-import-do = Import
ui-import-choose = Choose a file
ui-import-drop = or drop it here
ui-import-paste = Or paste the list here
ui-import-too-long = { $name } is too long for a list of feeds. Choose a file that Feedbell exported.
ui-imported-came = { $n ->
    [one] { $n } feed came:
   *[other] { $n } feeds came:
}
ui-imported-nothing = No feeds came.
ui-imported-secrets = Lists carry no tokens or passwords. These feeds wait for theirs and are off until then:
ui-imported-enter = Enter it
ui-import-left-out = Left out:
ui-export-feeds = Export feeds
ui-export-feeds-note = Writes a list without tokens and passwords to your downloads.
ui-export-do = Export
ui-toast-exported-feeds = { $n ->
    [one] { $n } feed is in { $path }
   *[other] { $n } feeds are in { $path }
}
ui-toast-imported = { $n ->
    [one] { $n } feed imported
   *[other] { $n } feeds imported
}

## Settings: notifications

ui-sound = Sound
ui-sound-note = For feeds that have none of their own, where the desktop plays sounds.
ui-sound-system = As the desktop
ui-sound-silent = None
ui-sound-message-new-instant = Message
ui-sound-bell = Bell
ui-sound-complete = Done
ui-sound-dialog-information = Notice
ui-sound-dialog-warning = Warning
ui-sound-alarm-clock-elapsed = Alarm clock
ui-sound-phone-incoming-call = Phone
ui-hide-content = Hide content
ui-hide-content-note = Notifications say only that something came. For shared screens.
ui-test-notification = Send a test
ui-test-note = Goes through the feed’s rules and the inbox to a real notification.
ui-test-quiet = It is quiet now: the test goes to the inbox, silently.
ui-test-muted = This feed is muted: the test goes to the inbox, silently.
ui-test-no-feed = A test goes through a feed’s rules. Add a feed first.
ui-test-send = Send test
ui-toast-test-sent = Test sent. It is in the inbox, too.
ui-per-feed = For each feed alone
ui-per-feed-about = Sound, hidden content, icons from other servers and buttons that send requests are set in each feed. Icons and requests are off until you allow them there.

## Settings: quiet

ui-quiet-off = Notifications are on
ui-quiet-kept = Silenced messages always stay in the inbox.
# Between two sentences.
ui-quiet-join = { " " }
ui-quiet-starts-tonight = Quiet hours start tonight at { $time }.
ui-quiet-starts-today = Quiet hours start at { $time }.
# time: 22:00, or with its day: tomorrow at 22:00.
ui-quiet-starts = Quiet hours start { $time }.
ui-quiet-now = Quiet hours until { $time }
ui-quiet-paused-until = Paused until { $time }
ui-quiet-system = The system’s do not disturb is on
ui-pause-for-off = Off
ui-pause-for-hour = 1 hour
ui-pause-for-tomorrow = Until tomorrow
ui-pause-for-open = Until I resume
ui-pause-note = Feeds stay connected.
ui-quiet-hours = Quiet hours
ui-quiet-hours-none = There are no quiet hours. Add some, or turn them on for every night.
ui-quiet-hint = Drag an edge, or select a bar and use the arrow keys: left and right move its edge, up and down go to another day. Shift moves by 5 minutes.
ui-quiet-until = until { $time }
ui-quiet-from-until = { $from } until { $until }
ui-quiet-edge-start = Quiet begins
ui-quiet-edge-end = Quiet ends
ui-quiet-edge-at = { $day }, { $time }
# Between two times.
ui-quiet-to = until
ui-quiet-next-day = on the next day
ui-quiet-every-day = Same every day
ui-quiet-remove = Remove
ui-quiet-add = Add
ui-quiet-days = Days on which they begin
ui-quiet-no-day = Choose a day.
ui-breakthrough = What gets through
ui-breakthrough-lowest = Lowest urgency that rings
ui-breakthrough-note = Counts during pause and quiet hours.
ui-breakthrough-none = Nothing
ui-breakthrough-high = High
ui-breakthrough-urgent = Urgent
ui-follow-system = Follow the system’s do not disturb
ui-follow-system-note = When it is on, Feedbell is quiet too.
ui-muted-feeds = Muted feeds
ui-muted-none = None. Mute a feed in its menu.
ui-muted-until = Muted until { $time }
ui-muted-for-good = Muted until you unmute it

## Settings: inbox

ui-retention = How long messages stay
ui-retention-own = A feed can have its own number of days: open it under Feeds.
ui-keep-days = Days to keep read messages
ui-keep-days-hint = { $n ->
    [one] Read messages go after { $n } day. Unread and pinned ones stay.
   *[other] Read messages go after { $n } days. Unread and pinned ones stay.
}
ui-keep-for-ever = 0 keeps them for ever.
ui-kept-for-ever = Its messages stay for ever.
ui-kept-days = { $n ->
    [one] Its read messages go after { $n } day.
   *[other] Its read messages go after { $n } days.
}
ui-messages = Messages
ui-export-messages = Export messages
ui-export-messages-note = Writes the inbox to a file in your downloads. Messages that are done are not in it.
ui-erase-messages = Erase all messages
ui-erase-messages-note = Read, unread and pinned ones, for good.
ui-erase-do = Erase…
ui-erase-messages-ask = Every message goes, also unread and pinned ones. Feeds go on from where they are. This cannot be undone.
ui-erase-messages-yes = Erase all messages
ui-toast-erased-messages = All messages are erased

## Settings: appearance

ui-theme = Theme
ui-theme-system = System
ui-theme-light = Light
ui-theme-dark = Dark
ui-language = Language
ui-language-auto = As the system
ui-language-hint = Applies at once, here and in notifications.
ui-tray-count = Number on the tray icon
ui-tray-count-note = How many messages are unread. Without it the icon has a dot.

## Settings: system

ui-autostart = Start at login
ui-autostart-note = Starts in the tray, without a window.
ui-shortcut = Keys that show the window
ui-shortcut-note = From anywhere, also while another program is in front.
ui-shortcut-none = None
ui-shortcut-press = Press the keys…
ui-shortcut-clear = No keys
ui-shortcut-bare = { $keys } alone would be taken from every program. Hold Ctrl, Alt or Super with it.
ui-shortcut-unknown = This key cannot be used. Choose another one.
ui-window-minutes = Minutes to keep a closed window ready
ui-window-minutes-note = Until then it comes back at once. After that its memory is freed.
ui-window-minutes-none = 0 frees its memory when it closes.
ui-tray = Tray icon
ui-tray-shown = Closing the window leaves Feedbell there.
ui-tray-missing = Nothing on this desktop shows tray icons. Closing the window minimises it instead.
ui-tray-yes = Shown
ui-tray-no = Not shown
ui-network = Network
ui-proxy-note = For feeds that name none of their own.
ui-proxy-at-note = With http://, https:// or socks5:// in front.
ui-updates = Updates
ui-updates-about = Feedbell connects only to your feeds and never asks for updates by itself. New versions come from where you got this one: your package manager, or the release page.

## Settings: advanced

ui-help = Find out what is wrong
ui-diagnostics = Diagnostics
ui-diagnostics-note = Version, system, feeds and the last log lines, without secrets and without messages.
ui-diagnostics-show = Show
ui-logs = Log folder
ui-data-folder = Data folder
ui-folder-open = Open folder
ui-settings-file = Settings file
ui-export = Export
ui-export-note = Feeds and messages, to take along.
ui-start-over = Start over
ui-reset = Reset settings
ui-reset-note = Everything on these pages as on the first day. Feeds and messages stay.
ui-reset-do = Reset settings
ui-reset-ask = Notifications, quiet hours, appearance, hub and the rest go back to how they were at first. Feeds and messages stay. The old settings file is kept beside the new one.
ui-toast-reset = Settings are as on the first day
ui-erase-everything = Erase everything
ui-erase-everything-note = Feedbell as on the first day.
ui-erase-everything-ask = These go for good:
ui-erase-goes-messages = all messages, also unread and pinned ones
ui-erase-goes-feeds = all feeds with their rules, and all settings
ui-erase-goes-secrets = tokens and passwords in the keyring
ui-erase-goes-hub = the hub’s events and tokens: who uses them is cut off
ui-erase-goes-files = presets of your own, stored icons and logs
ui-erase-everything-stays = Files that you exported stay. This cannot be undone.
ui-erase-everything-yes = Erase everything
ui-toast-erased-everything = Everything is erased
ui-about = About
ui-about-licence = Free software under the MIT licence or the Apache licence 2.0, as you like. Each library in it keeps its own licence.

## Feed editor

ui-feed-add = Add a feed
ui-feed-save = Add feed
ui-feed-edit = Edit feed
ui-feed-delete = Delete feed
ui-feed-muted = Muted
ui-feed-reconnect = Reconnect
ui-feed-url = Address
ui-feed-url-hint = Of the event stream itself, not of the page that shows it.
ui-offer = This looks like { $name }.
ui-offer-muted = This looks like { $name }, which starts muted.
ui-offer-use = Use its preset
ui-feed-name = Name
ui-feed-name-hint = As it appears in the list
ui-feed-preset = Preset
ui-feed-preset-none = None
ui-feed-preset-hint = A preset knows the events of a kind of server. Without one, every event becomes a message.
ui-feed-access = Access
ui-access-none = None
ui-access-bearer = Token
ui-access-basic = User name and password
ui-access-query = Query parameter
ui-access-cookie = Cookie
ui-access-token = Token
ui-access-username = User name
ui-access-password = Password
ui-access-query-name = Parameter name
ui-access-query-value = Value
ui-access-cookie-name = Cookie name
ui-access-cookie-value = Value
ui-plain-http = Allow plain http on this private network
ui-plain-http-note = The token or password would travel unencrypted. To a public address it never does.
ui-secret-stored = Stored. Type to replace it
ui-secret-hint = Kept in the system’s keyring, never in the settings file.
ui-secret-command-hint = The first line that this command prints.
ui-secret-source = { $label }: where it comes from
ui-secret-typed = Typed in
ui-secret-command = From a command
ui-feed-enabled = Connected
ui-feed-enabled-note = Off: nothing is received.
ui-feed-mute = Muted
ui-feed-mute-note = Messages go to the inbox without a notification.
ui-feed-mute-preset = The preset starts muted, because its events come often. They go to the inbox without a notification.
ui-feed-history = Load history
ui-feed-history-note = Starts with what the server still has, silently. Off: only what comes from now on.
ui-feed-itself = This feed
ui-feed-notifications = Notifications and messages
ui-sound-named = A sound of the desktop
ui-sound-name = Name of the sound
ui-sound-name-hint = As the desktop’s sound theme calls it.
ui-hide-content-general = The general settings hide the content of all feeds already.
ui-remote-icons = Load icons from the web
ui-remote-icons-note = The server that an icon comes from sees when a message arrived, and your address.
ui-http-actions = Let buttons send requests
ui-http-actions-note = A button of a message can then send a request to any public server, in the way that the message says. Turn it on only for feeds you trust.
ui-feed-keep = Keep read messages
ui-feed-keep-hint = Unread and pinned ones stay.
ui-feed-keep-general = As in the settings, { $n ->
    [one] { $n } day
   *[other] { $n } days
}
ui-feed-keep-general-ever = As in the settings, for ever
ui-feed-keep-days = For some days
ui-feed-keep-ever = For ever
ui-feed-keep-number = Days
ui-saved-now = Saved just now
# ago: 3 min ago
ui-saved-ago = Saved { $ago }
ui-draft-restored = This is what you began before.
ui-draft-over = Start over
ui-toast-draft-kept = What you began is kept until you come back
ui-toast-draft-discarded = New feed discarded
ui-optional = Optional
ui-rules = Rules
ui-rules-note = First match wins
ui-rules-none = No rules: every event notifies.
ui-rules-none-preset = No rules of your own: the preset’s apply.
ui-rule-add = Add rule
ui-rule-every = Every event
ui-rule-up = Move { $name } up
ui-rule-down = Move { $name } down
ui-rule-remove = Remove { $name }
ui-rule-name = Name
ui-rule-events = When the event is
ui-rule-events-all = like, user-*
ui-rule-when = And this is true
ui-rule-then = Then
ui-verdict-notify = Notify
ui-verdict-keep = Keep
ui-verdict-drop = Drop
ui-verdict-notify-about = Goes to the inbox and makes a notification.
ui-verdict-keep-about = Goes to the inbox, silently.
ui-verdict-drop-about = Leaves no trace.
ui-rule-title = Title
ui-rule-body = Body
ui-rule-link = Link
ui-rule-icon = Icon
ui-rule-icon-hint = An icon name
ui-rule-urgency = Urgency
ui-rule-urgency-hint = low, normal, high or urgent
ui-rule-group = Group
ui-rule-group-hint = Messages of one group, close in time, become one
ui-rule-key = Key
ui-rule-key-hint = Same key, same message
ui-rule-empty-hint = A field left empty uses the default.
ui-rule-drag = Drag to another place, or press Alt and an arrow key
# For screen readers.
ui-rule-moved = { $name } is now rule { $place } of { $all }
ui-rule-takes = Takes the selected event
ui-rule-more = More
ui-rule-event-add = Add
ui-rule-event-remove = Remove { $name }
ui-rule-event-seen = Add { $name }, which came lately
ui-toast-rule-removed = Rule deleted
ui-rule-actor = Actor
ui-rule-actor-hint = Who did it, for bursts
ui-rule-burst = Title of a burst
ui-rule-burst-hint = With the number in count. Empty: the number of new messages
ui-rule-link-hint = Opens with a click: http, https or mailto
ui-headers = Request headers
ui-headers-none = None besides those that Feedbell sends.
ui-header-add = Add header
ui-header-name = Name
ui-header-value = Value
ui-header-remove = Remove header
ui-advanced = Advanced
ui-advanced-about = Silence, resuming, polling, proxy, certificates
ui-watchdog = Reconnect after seconds of silence
ui-watchdog-learned = learned
ui-watchdog-hint = Empty: learned from the server’s keep-alives.
ui-stop-on = Stop after these events
ui-stop-on-hint = The feed then waits until you reconnect.
ui-resume = Resume after a break
ui-resume-preset = As the preset says
ui-resume-preset-none = Without a preset: the Last-Event-ID header.
ui-resume-header = Last-Event-ID header
ui-resume-query = Event id as a query parameter
ui-resume-field = Data field as a query parameter
ui-resume-off = Not at all
ui-data-field = Data field
ui-parameter = Parameter name
ui-delivery = Delivery
ui-delivery-stream = Hold a stream
ui-delivery-poll = Ask at intervals
ui-poll-seconds = Seconds between requests
ui-proxy = Proxy
ui-proxy-system = As the system
ui-proxy-none = None
ui-proxy-address = This address
ui-proxy-at = Proxy address
ui-authority = Also trust this authority
ui-authority-hint = A PEM file. Empty: only those of the system.
ui-pin = Trust this certificate alone
ui-pin-hint = Its fingerprint, as a hub on the LAN shows it. Empty: as the authorities say.
ui-certificate = Client certificate
ui-certificate-hint = A PEM file.
ui-certificate-key = Its key
ui-certificate-key-hint = A PEM file. Empty: in the certificate’s file.

## Mapper

ui-arrivals-time = Time
ui-arrivals-event = Event
# ago: 3 s ago
ui-arrivals-live = Live, last heard { $ago }
ui-arrivals-listening = Listening
ui-arrivals-idle = The check has ended
ui-arrivals-newer = { $n ->
    [one] { $n } newer
   *[other] { $n } newer
}
ui-arrivals-none = Nothing has come yet. The next event appears here.
ui-arrivals-dropped = A rule drops this event
ui-fields = Fields of this event
ui-fields-note = Choose what each one becomes
ui-fields-keys = Choose what each one becomes: click it, or press 1 to 7, and 0 to clear
ui-fields-all = Show all { $n } fields
ui-role-choose = Choose
ui-role-title = Title
ui-role-body = Body
ui-role-link = Link
ui-role-icon = Icon
ui-role-urgency = Urgency
ui-role-group = Group
ui-role-key = Key
ui-role-none = Not used
ui-role-usual = By default, as long as no rule says otherwise
# For screen readers: a field, its value and what it becomes.
ui-role-of = { $field }, { $value }: { $role }
ui-words-comma = , { "" }
ui-preview = Preview
ui-preview-last = Last real event
# time: 14:36:02
ui-preview-of = Event of { $time }
ui-preview-none = The notification is drawn here once there is an event.
ui-preview-refused = This is how it was before the mistake below.
ui-preview-muted = Goes to the inbox, silently: the feed is muted.
ui-preview-many = As one of a burst
ui-preview-others = { $name } and { $n } others
ui-urgent-high = High urgency
ui-urgent-urgent = Urgent
ui-send-test = Send a test
ui-send-test-about = Goes the whole way: rules, inbox, quiet hours and a real notification.
ui-send-test-add = Add the feed first. Then a test can go the whole way.
ui-send-test-waiting = On its way through rules, inbox and quiet hours
ui-send-test-nothing = It reached no inbox: a rule may drop it. Look at the rules above.
ui-send-test-there = It went through.
# why: Kept silently, quiet hours
ui-send-test-silent = It went through without a notification: { $why }.
ui-send-test-open = Open the message
ui-presets-browse = Browse presets
ui-presets-search = Search presets
ui-presets-none = No preset matches “{ $words }”. Choose None, and map the events yourself.
ui-presets-muted = starts muted
ui-presets-used = In use

## Feed test

ui-test = Test
ui-test-again = Test again
ui-test-stop = Stop
ui-test-title = Connection check
ui-test-about = Connects once with these settings and shows each step, then the events that arrive and what they become. Nothing is stored.
ui-test-passed = Passed
ui-test-failed = Failed
ui-test-noted = Noted
ui-test-waiting = Waiting
ui-test-waiting-second = Waiting for a second event
ui-test-ahead = Not reached
ui-test-unreached = Not reached
# time: 48 ms, or 0.2 s
ui-test-progress = { $done } of { $all } steps, { $time }
ui-test-since = Since the check began
ui-test-ms = { $n } ms
ui-test-s = { $n } s
ui-test-add-token = Add a token
ui-test-retry = Try again
ui-test-copy = Copy report
ui-test-copy-note = Tokens and cookies are left out.
ui-test-steps = Show the steps
ui-test-steps-hide = Hide the steps
ui-test-report = Connection check by Feedbell { $version }
ui-step-access = Access
ui-step-name = Find the server
ui-step-connect = Connect
ui-step-tls = Secure
ui-step-proxy = Proxy
ui-step-answer = Answer
ui-step-content_type = Event stream
ui-step-first_byte = First byte
ui-step-keep_alive = Keep-alive
ui-step-first_event = First event
ui-step-resume = Resume after a break
ui-test-events = Arriving events
ui-test-verdict-notify = notification
ui-test-verdict-keep = inbox only
ui-test-verdict-drop = dropped

## Hub

ui-hub-sub = Send events to people around you
ui-hub-off = Off
ui-hub-local = This computer
ui-hub-lan = LAN
ui-hub-starting = Starting
ui-hub-failed = Did not start
ui-hub-listening = { $n } listening
# days: how long events are kept at the most.
ui-hub-kept = { $n ->
    [one] { $n } event kept, up to { $days } days
   *[other] { $n } events kept, up to { $days } days
}
ui-hub-where = Programs on this computer use
ui-hub-where-lan = People on your network open
ui-hub-where-nowhere = No network: for now, programs on this computer use
ui-hub-no-network = Connect this computer to a network. The address for others then appears here.
ui-hub-also = This computer has more addresses, in case that one does not answer:
ui-hub-fingerprint-only = Encrypted. The fingerprint of its certificate:
ui-hub-fingerprint = Also over https. The fingerprint of its certificate:
ui-hub-plain = Not encrypted: others on the network can read along.
ui-hub-plain-fix = Use https
ui-hub-local-note = Nobody else reaches it, so no token is asked.
ui-hub-sent = Sent
ui-hub-anywhere = Send from anywhere
ui-hub-page = Listen in a page
ui-hub-page-hint = A page from another address may listen once its origin is allowed:
ui-hub-now = Listening now
ui-hub-places = { $n } of { $max }
ui-hub-places-full = { $n } of { $max }, all places are taken
ui-hub-nobody = Nobody is listening. Open the lines above in a page, or add this hub as a feed on another computer.
ui-hub-user = User
ui-hub-device = Device
ui-hub-from = Address
ui-hub-since = Since
# For who listens without a name.
ui-hub-anyone = Without a name
ui-hub-no-device = Unknown
ui-hub-here = This computer
ui-hub-on-topics = Topics: { $topics }
ui-hub-with-token = Token: { $name }
ui-hub-disconnect = Disconnect
ui-hub-disconnect-ban = Disconnect and keep away
ui-hub-more = More for { $name }
ui-hub-all = Show all { $n }
ui-hub-bans = Kept away
ui-hub-unban = Let back in
ui-hub-is-off = The hub is off
ui-hub-is-off-about = With it, scripts and web pages on this computer can send and receive events. Nothing leaves the computer.
ui-hub-start = Start the hub
ui-hub-starting-now = The hub is starting
ui-hub-starting-about = It waits for its token. If the system asks to unlock the keyring, answer it.
ui-hub-failed-about = Nothing can be sent or received through the hub until it runs. Your feeds go on.
ui-hub-again = Try again
ui-hub-change-address = Change address
ui-hub-on = Run the hub
ui-hub-note = Programs on this computer can send events to it.
ui-hub-address = Listen address
ui-hub-address-hint = 127.0.0.1 keeps it on this computer, 0.0.0.0 opens it to your network.
ui-hub-origins = Web pages that may use it
ui-hub-origins-hint = One origin a line, exactly as in the browser. Programs need none.
ui-hub-tls = Encryption
ui-hub-tls-hint = The hub makes its own certificate. Programs that use it pin the fingerprint on its page.
ui-hub-tls-off = http
ui-hub-tls-on = http and https
ui-hub-tls-required = Only https
ui-hub-show = Show the hub
ui-send = Send
ui-send-event = Event
ui-send-to = To
ui-send-everyone = Everyone
ui-send-users = Listening
ui-send-topics = Topics
ui-send-user = Another user…
ui-send-topic = Another topic…
ui-send-user-name = Name of the user
ui-send-topic-name = Name of the topic
ui-send-text = Text
ui-send-text-hint = Coffee is ready
ui-send-reaches = { $n ->
    [0] Nobody is listening now. It is kept for later.
    [one] Reaches { $n } person
   *[other] Reaches { $n } people
}
ui-send-reaches-later = Not listening now. It is kept for later.
ui-send-now = Send

## Tokens

ui-tokens = Tokens
ui-tokens-none = There are no tokens yet. Other computers need one.
ui-tokens-none-local = None are needed on this computer. Other computers need one.
ui-token-new = New token
ui-token-new-about = One for each program or person: then one can be taken back alone.
ui-token-first = One more step: a token
ui-token-first-about = Who opens the hub from another computer has to show a token. Until there is one, the hub serves this computer alone.
ui-token-first-name = Family
ui-token-name = Name
ui-token-rights = May
ui-token-right-read = Listen
ui-token-right-write = Send
ui-token-right-admin = Manage
ui-token-uids = Only these users
ui-token-topics = Only these topics
ui-token-any = Any
ui-token-create = Create token
ui-token-stay-local = Stay on this computer
ui-token-made = Token “{ $name }” is ready
ui-token-made-about = Copy it now: it is shown only this once.
ui-token-done = Done
ui-token-may-r = Listen
ui-token-may-w = Send
ui-token-may-a = Manage
ui-token-may-rw = Listen, send
ui-token-may-ra = Listen, manage
ui-token-may-wa = Send, manage
ui-token-may-rwa = Listen, send, manage
ui-token-may-none = Nothing
# may: what it may do. who: users and topics.
ui-token-only = { $may } · only { $who }
# ago: 3 s ago
ui-token-used = used { $ago }
ui-token-unused = not used yet
ui-token-revoke = Revoke
ui-token-revoke-ask = Revoke “{ $name }”? What uses it is disconnected at once. This cannot be undone.

## Commands

ui-palette = Commands
ui-palette-hint = What would you like to do?
ui-palette-none = No command matches “{ $words }”. Try fewer letters.
ui-command-go = Go to { $name }
# span: one of the ui-pause texts, “For 1 hour”.
ui-command-pause = Pause notifications: { $span }
ui-command-resume = Resume notifications
ui-command-settings = Settings: { $name }
ui-command-theme-system = Look as the system does
ui-command-theme-light = Light look
ui-command-theme-dark = Dark look
ui-command-language = Language: { $name }
ui-command-test = Send a test through { $name }
ui-command-edit = Edit { $name }
ui-command-mute-hour = Mute { $name } for 1 hour
ui-command-mute = Mute { $name } for good
ui-command-unmute = Unmute { $name }
ui-command-reconnect = Reconnect { $name } now

## Keys

ui-key-help = Keys
ui-key-move = Next, previous message
ui-key-ends = Newest, oldest message
ui-key-open = Open the message
ui-key-link = Open its link
ui-key-done = Done, or back
ui-key-unread = Mark read or unread
ui-key-pin = Pin or unpin
ui-key-delete = Delete
ui-key-undo = Undo
ui-key-search = Search
ui-key-palette = Commands
ui-key-all = Go to All
ui-key-go-unread = Go to Unread
ui-key-hub = Go to the hub
ui-key-pause = Pause or resume
ui-key-menu = Menu of the focused feed
ui-key-back = Back
